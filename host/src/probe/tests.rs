use super::*;
use crate::{
    inventory::Inventory,
    judge::Reach,
    plugins::{Plugins, Spec, builtin},
    posture::Shown,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use std::{
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;
use wire::{Severity, State};

/// The CA of a test's cluster.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

/// A chain and its key, for a server.
struct Identity(Vec<CertificateDer<'static>>, KeyPair);

impl Ca {
    fn new(name: &str) -> Ca {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).unwrap();
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Ca { issuer: Issuer::new(params, key), der, pem }
    }

    fn issue(&self, subject: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = named(subject);
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity(vec![params.signed_by(&key, &self.issuer).unwrap().der().clone()], key)
    }
}

impl Identity {
    fn server(self, change: impl FnOnce(&mut Vec<CertificateDer<'static>>)) -> ServerConfig {
        self.with(rustls::ALL_VERSIONS, None, change)
    }

    fn with(
        self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        clients: Option<&Ca>,
        change: impl FnOnce(&mut Vec<CertificateDer<'static>>),
    ) -> ServerConfig {
        let Identity(mut chain, key) = self;
        change(&mut chain);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
        let builder = match clients {
            Some(ca) => {
                let mut roots = RootCertStore::empty();
                roots.add(ca.der.clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider).allow_unauthenticated();
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
            None => builder.with_no_client_auth(),
        };
        builder.with_single_cert(chain, key).unwrap()
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

fn permit(address: SocketAddr) -> Permit {
    Reach::new(vec!["127.0.0.0/8".parse().unwrap()]).permit(address).unwrap()
}

/// What a server says instead of TLS.
enum Speaks {
    Tls(Box<ServerConfig>, &'static str),
    Bytes(&'static [u8]),
    Nothing,
}

/// Serves until the set is dropped.
async fn serve(tasks: &mut JoinSet<()>, speaks: Speaks) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        match speaks {
            Speaks::Tls(config, answer) => {
                let acceptor = TlsAcceptor::from(Arc::new(*config));
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
            Speaks::Bytes(bytes) => {
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(bytes).await;
            }
            Speaks::Nothing => std::future::pending().await,
        }
    });
    address
}

/// Who issues kubelets' certificates here.
static CA: LazyLock<Ca> = LazyLock::new(|| Ca::new("kubelet-ca"));
static WITH_CA: LazyLock<Arc<Judge>> = LazyLock::new(|| judge(&[&CA.pem], &[]));
static WITHOUT_CA: LazyLock<Arc<Judge>> = LazyLock::new(|| judge(&[], &[]));

/// Asks the real plugin, with these of its rules changed.
fn judge(anchors: &[&str], rules: &[(&str, &str)]) -> Arc<Judge> {
    let plugins = Arc::new(Plugins::for_tests());
    let name = "apiserver_to_kubelet";
    let rules: serde_json::Map<_, _> = rules.iter().map(|(rule, mode)| ((*rule).to_owned(), (*mode).into())).collect();
    let spec = Spec::new(name, builtin()[name], serde_json::json!({"servers": {"anchors": anchors}, "rules": rules}));
    plugins.activate(plugins.prepare(vec![spec]).unwrap());
    Arc::new(Judge::new(plugins, None, Inventory::default()))
}

fn prober(judge: &Arc<Judge>) -> Prober {
    Prober { limit: Duration::from_millis(1_500), ..Prober::new(judge.clone()).unwrap() }
}

fn target(address: SocketAddr, read_only: Option<Permit>) -> Target {
    let (path, node) = (Path::ApiserverToKubelet, Some("n1".into()));
    Target { path, server: permit(address), name: None, node, addresses: Vec::new(), read_only }
}

async fn look(judge: &Arc<Judge>, speaks: Speaks) -> Found {
    let mut tasks = JoinSet::new();
    let prober = prober(judge);
    let address = serve(&mut tasks, speaks).await;
    prober.look(&target(address, None), now()).await.found
}

async fn shown(judge: &Arc<Judge>, server: ServerConfig) -> (Option<Shown>, String) {
    match look(judge, Speaks::Tls(server.into(), "HTTP/1.1 401 Unauthorized\r\n\r\n")).await {
        Found::Tls(tls) => (tls.shown, tls.note),
        other => panic!("{other:?}"),
    }
}

const NODE: &str = "system:node:n1";

#[tokio::test]
async fn a_certificate_of_the_cluster_for_this_node_and_address_is_genuine() {
    let ca = &*CA;
    let server = ca.issue(NODE, &["127.0.0.1", "n1"], |_| {}).server(|_| {});
    let found = look(&WITH_CA, Speaks::Tls(server.into(), "HTTP/1.1 401 Unauthorized\r\n\r\n")).await;
    let Found::Tls(tls) = found else { panic!("{found:?}") };
    let certificate = tls.certificate.unwrap();
    assert_eq!(tls.shown, Some(Shown::Genuine), "{}", tls.note);
    assert_eq!(tls.note, "issued by kubelet-ca, for system:node:n1 and 127.0.0.1, n1");
    assert_eq!((tls.version.as_str(), tls.asks_for_certificate, tls.stranger), ("TLS 1.3", false, Some(401)));
    assert_eq!(
        (certificate.subject.as_str(), certificate.names),
        ("CN=system:node:n1, O=system:nodes", vec!["ip:127.0.0.1".into(), "dns:n1".into()])
    );
    let verified = certificate.verified.unwrap();
    let told: Vec<_> = verified.findings.iter().filter(|it| it.severity == Severity::High).collect();
    assert_eq!((verified.by.as_str(), verified.state, told), ("apiserver_to_kubelet", State::Safe, vec![]));
    assert_eq!((verified.path.len(), verified.chain.len(), verified.at > 0), (2, 1, true));
    assert_eq!((&verified.path[0], &verified.chain[0].sha256), (&certificate.sha256, &certificate.sha256));
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_apart() {
    let (ca, other) = (&*CA, Ca::new("somebody"));
    let past = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let client =
        |params: &mut CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let kubelet = Ca::new("n1-ca@1700000000");
    let servers = [
        ("of another node", ca.issue("system:node:n2", &["127.0.0.1"], |_| {}), Shown::OtherNode),
        ("of a person", ca.issue("alice", &["127.0.0.1"], |_| {}), Shown::OtherNode),
        ("for another address", ca.issue(NODE, &["10.0.0.1"], |_| {}), Shown::OtherAddress),
        ("for another address and node", ca.issue("system:node:n2", &["10.0.0.1"], |_| {}), Shown::OtherNode),
        ("run out", ca.issue(NODE, &["127.0.0.1"], past), Shown::Outdated),
        ("for clients", ca.issue(NODE, &["127.0.0.1"], client), Shown::Refused),
        ("for a service too", ca.issue(NODE, &["127.0.0.1", "a.b.svc"], |_| {}), Shown::Refused),
        ("of another issuer", other.issue(NODE, &["127.0.0.1"], |_| {}), Shown::Untrusted),
        ("a kubelet made itself", kubelet.issue("n1@1700000000", &["n1"], |_| {}), Shown::SelfSigned),
    ];
    for (what, identity, expected) in servers {
        let (shown, note) = shown(&WITH_CA, identity.server(|_| {})).await;
        assert_eq!(shown, Some(expected), "{what}: {note}");
    }
}

#[tokio::test]
async fn a_rule_that_is_softened_makes_nobody_genuine() {
    for (mode, expected) in [("shadow", State::Unverified), ("off", State::Safe)] {
        let judge = judge(&[&CA.pem], &[("node-mismatch", mode), ("node-organization", mode)]);
        // Its organization reads like the common name that is wanted.
        let like = |params: &mut CertificateParams| {
            params.distinguished_name = named("system:node:n2");
            params.distinguished_name.push(DnType::OrganizationName, "a, CN=system:node:n1");
        };
        let server = CA.issue("system:node:n2", &["127.0.0.1"], like).server(|_| {});
        let found = look(&judge, Speaks::Tls(server.into(), "HTTP/1.1 401 Unauthorized\r\n\r\n")).await;
        let Found::Tls(tls) = found else { panic!("{found:?}") };
        assert_eq!(tls.shown, Some(Shown::OtherNode), "{mode}: {}", tls.note);
        assert_eq!(tls.certificate.unwrap().verified.unwrap().state, expected, "{mode}");
    }
}

#[tokio::test]
async fn without_a_ca_nothing_is_genuine_and_what_is_wrong_is_told_all_the_same() {
    let ca = &*CA;
    let good = shown(&WITHOUT_CA, ca.issue(NODE, &["127.0.0.1"], |_| {}).server(|_| {})).await.0;
    let bad = shown(&WITHOUT_CA, ca.issue("system:node:n2", &["127.0.0.1"], |_| {}).server(|_| {})).await.0;
    assert_eq!((good, bad), (None, Some(Shown::OtherNode)));
}

#[tokio::test]
async fn an_old_server_that_asks_for_a_certificate_is_seen_to() {
    let ca = &*CA;
    let server = ca.issue(NODE, &["127.0.0.1"], |_| {}).with(&[&rustls::version::TLS12], Some(ca), |_| {});
    let found = look(&WITH_CA, Speaks::Tls(server.into(), "HTTP/1.1 403 Forbidden\r\n\r\n")).await;
    let Found::Tls(tls) = found else { panic!("{found:?}") };
    assert_eq!((tls.version.as_str(), tls.asks_for_certificate, tls.stranger), ("TLS 1.2", true, Some(403)));
}

#[tokio::test]
async fn a_copied_certificate_without_its_key_is_no_tls() {
    let ca = &*CA;
    let Identity(stolen, _) = ca.issue(NODE, &["127.0.0.1"], |_| {});
    let Identity(_, own) = ca.issue("system:node:n2", &["127.0.0.1"], |_| {});
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let signer = provider.key_provider.load_private_key(key).unwrap();
    #[derive(Debug)]
    struct Forger(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Forger {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(self.0.clone())
        }
    }
    let forged = Arc::new(Forger(Arc::new(rustls::sign::CertifiedKey::new(stolen, signer))));
    let server = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(forged);
    let found = look(&WITH_CA, Speaks::Tls(server.into(), "HTTP/1.1 401 Unauthorized\r\n\r\n")).await;
    assert!(matches!(&found, Found::Foreign(why) if why.contains("no TLS")), "{found:?}");
}

#[tokio::test]
async fn what_is_no_tls_is_told_from_silence_and_from_plain_http() {
    let plain = look(&WITHOUT_CA, Speaks::Bytes(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request")).await;
    assert_eq!(plain, Found::Plaintext);
    let ssh = look(&WITHOUT_CA, Speaks::Bytes(b"SSH-2.0-OpenSSH_9.9\r\n")).await;
    assert!(matches!(&ssh, Found::Foreign(why) if why.contains("it began with 5353482d322e302d")), "{ssh:?}");
    let closed = look(&WITHOUT_CA, Speaks::Bytes(b"")).await;
    assert!(matches!(&closed, Found::Foreign(why) if why.contains("no byte came back")), "{closed:?}");
    let silent = look(&WITHOUT_CA, Speaks::Nothing).await;
    assert!(matches!(&silent, Found::Silent(why) if why.contains("said nothing")), "{silent:?}");
}

#[tokio::test]
async fn a_chain_without_end_is_refused_and_not_kept() {
    let ca = &*CA;
    let junk = ca.issue("junk", &["junk"], |_| {}).0.remove(0);
    let server = ca.issue(NODE, &["127.0.0.1"], |_| {}).server(|chain| chain.extend(vec![junk.clone(); 2_000]));
    let found = look(&WITH_CA, Speaks::Tls(server.into(), "HTTP/1.1 401 Unauthorized\r\n\r\n")).await;
    assert!(matches!(found, Found::Foreign(_)), "{found:?}");
    let server = ca.issue(NODE, &["127.0.0.1"], |_| {}).server(|chain| chain.extend(vec![junk; 40]));
    let found = look(&WITH_CA, Speaks::Tls(server.into(), "HTTP/1.1 401 Unauthorized\r\n\r\n")).await;
    assert!(matches!(&found, Found::Tls(tls) if links(tls) == MOST_CHAIN), "{found:?}");
}

fn links(tls: &TlsFound) -> usize {
    tls.certificate.iter().filter_map(|it| it.verified.as_ref()).map(|it| it.chain.len()).sum()
}

#[tokio::test]
async fn an_answer_that_is_no_status_is_none() {
    let ca = &*CA;
    for answer in ["", "HTTP/1.1 4", "HTTP/9 401 ok!", "HTTP/1.1 999 \r\n", "\u{1f980}\u{1f980}\u{1f980}\u{1f980}"] {
        let server = ca.issue(NODE, &["127.0.0.1"], |_| {}).server(|_| {});
        let found = look(&WITH_CA, Speaks::Tls(server.into(), answer)).await;
        assert!(matches!(&found, Found::Tls(tls) if tls.stranger.is_none()), "{answer}: {found:?}");
    }
}

#[tokio::test]
async fn a_port_that_answers_anyone_is_told_from_one_that_is_closed() {
    let mut tasks = JoinSet::new();
    let open = serve(&mut tasks, Speaks::Bytes(b"HTTP/1.1 200 OK\r\n\r\nok")).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let prober = prober(&WITHOUT_CA);
    let look = async |port| prober.look(&target(closed, Some(permit(port))), 7).await;
    let report = look(open).await;
    assert_eq!(report.read_only, Some(ReadOnly::Open { address: open.to_string() }));
    assert!(matches!(&report.found, Found::Silent(why) if why.contains("refused")), "{:?}", report.found);
    assert_eq!(look(closed).await.read_only, Some(ReadOnly::Closed { address: closed.to_string() }));
}
