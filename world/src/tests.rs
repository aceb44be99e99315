use super::*;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    collections::HashSet,
    convert::Infallible,
    error::Error,
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    sync::Mutex,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer};

type Outcome = Result<(), Box<dyn Error>>;

async fn small() -> World {
    World::builder().nodes(5).seed(7).start().await.unwrap()
}

fn of(world: &World, wanted: fn(&Manner) -> bool) -> &Node {
    world.cast().nodes.iter().find(|it| wanted(&it.manner)).unwrap()
}

/// Subject, issuer, names and addresses of the first certificate that an address shows.
async fn shown_by(address: SocketAddr) -> (String, String, Vec<String>) {
    let chain = chain_of(address).await;
    let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap().value.general_names.iter();
    let names = names.map(|name| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => Ipv4Addr::from(<[u8; 4]>::try_from(*bytes).unwrap()).to_string(),
        other => panic!("{other}"),
    });
    (leaf.subject().to_string(), leaf.issuer().to_string(), names.collect())
}

async fn chain_of(address: SocketAddr) -> Vec<CertificateDer<'static>> {
    let stream = tls(address, None, None).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap().iter().map(|it| it.clone().into_owned()).collect()
}

/// A connection that trusts an authority, or anybody.
async fn tls(
    address: SocketAddr,
    trusted: Option<&Authority>,
    client: Option<&Identity>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()?;
    let builder = match trusted {
        Some(authority) => {
            roots.add(authority.certificate())?;
            builder.with_root_certificates(roots)
        }
        None => builder.dangerous().with_custom_certificate_verifier(apiserver::anybody()),
    };
    let config = match client {
        Some(it) => builder.with_client_auth_cert(it.chain.clone(), it.key_der())?,
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::IpAddress(address.ip().into());
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}

/// The status line of an answer.
async fn get(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: kubelet\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A peer may end without the farewell of TLS.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap().lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_signed_kubelet_shows_its_own_name_and_address() {
    let world = small().await;
    let node = of(&world, |it| *it == Manner::Signed);
    let expected = (
        format!("CN=system:node:{}, O=system:nodes", node.name),
        "CN=kubelet-serving".to_owned(),
        vec![node.name.clone(), node.address.to_string()],
    );
    assert_eq!(shown_by((node.address, node.port).into()).await, expected);
}

#[tokio::test]
async fn a_lone_kubelet_shows_what_it_made_itself() {
    let world = small().await;
    let node = of(&world, |it| *it == Manner::SelfSigned);
    let (subject, issuer, names) = shown_by((node.address, node.port).into()).await;
    let (name, at) = subject.strip_prefix("CN=").unwrap().split_once('@').unwrap();
    assert_eq!((name, names.as_slice()), (node.name.as_str(), [node.name.clone()].as_slice()));
    assert_eq!(issuer, format!("CN={}-ca@{at}", node.name));
    assert_eq!(chain_of((node.address, node.port).into()).await.len(), 2);
}

#[tokio::test]
async fn a_stolen_identity_is_good_for_the_address_and_names_another_node() {
    let world = small().await;
    let node = of(&world, |it| matches!(it, Manner::Stolen(_)));
    let Manner::Stolen(victim) = &node.manner else { panic!("{node:?}") };
    let (subject, _, names) = shown_by((node.address, node.port).into()).await;
    assert_eq!(subject, format!("CN=system:node:{victim}, O=system:nodes"));
    assert_eq!(names, [victim.clone(), node.address.to_string()]);
    assert_ne!(*victim, node.name);
    assert!(world.cast().node(victim).is_some());
}

#[tokio::test]
async fn only_the_open_kubelet_answers_anybody() {
    let world = small().await;
    let mut answers = Vec::new();
    for node in &world.cast().nodes {
        let stream = tls((node.address, node.port).into(), None, None).await.unwrap();
        let secure = get(stream, "/pods").await;
        let open = match node.read_only_port {
            Some(port) => get(TcpStream::connect((node.address, port)).await.unwrap(), "/pods").await,
            None => String::new(),
        };
        answers.push((node.manner == Manner::ReadOnlyPort, secure, open));
    }
    let expected = |it: &(bool, String, String)| {
        it.1 == "HTTP/1.1 401 Unauthorized" && it.2 == if it.0 { "HTTP/1.1 200 OK" } else { "" }
    };
    assert!(answers.iter().all(expected) && answers.iter().any(|it| it.0), "{answers:?}");
}

#[tokio::test]
async fn a_kubelet_serves_the_apiserver_and_nobody_else() {
    let world = small().await;
    let node = of(&world, |it| *it == Manner::Signed);
    let node_client = world.authorities().cluster.client("system:node:gpu-01", Some("system:nodes")).unwrap();
    let stranger = Authority::new("kubernetes").unwrap().client("kube-apiserver-kubelet-client", None).unwrap();
    let own = &world.shared.kubelet_client;
    let mut answers = Vec::new();
    for client in [own, &node_client, &stranger] {
        let kubelets = &world.authorities().kubelets;
        let stream = tls((node.address, node.port).into(), Some(kubelets), Some(client)).await.unwrap();
        answers.push(get(stream, "/healthz").await);
    }
    assert_eq!(answers, ["HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden", "HTTP/1.1 401 Unauthorized"]);
}

#[tokio::test]
async fn an_apiserver_that_verifies_calls_only_who_has_a_certificate_for_the_address() {
    let world = small().await;
    let apiserver = world.apiserver((LOCALHOST, 1).into(), Http::Two).unwrap();
    let careless = World::builder().nodes(5).seed(7).verifies_kubelets(false).start().await.unwrap();
    let takes_all = careless.apiserver((LOCALHOST, 1).into(), Http::Two).unwrap();
    let lone = |world: &World| of(world, |it| *it == Manner::SelfSigned).clone();
    let refused = apiserver.call(&lone(&world), "/healthz").await.unwrap_err();
    let taken = takes_all.call(&lone(&careless), "/healthz").await.unwrap();
    let good = apiserver.call(of(&world, |it| *it == Manner::Signed), "/healthz").await.unwrap();
    // Kubernetes looks at the address only, so a stolen identity passes.
    let stolen = apiserver.call(of(&world, |it| matches!(it, Manner::Stolen(_))), "/healthz").await.unwrap();
    let ok = (StatusCode::OK, "ok".to_owned());
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    assert_eq!([taken, good, stolen], [ok.clone(), ok.clone(), ok]);
}

#[tokio::test]
async fn logs_are_read_from_the_kubelet_of_the_pod() {
    let world = small().await;
    let apiserver = world.apiserver((LOCALHOST, 1).into(), Http::Two).unwrap();
    let is_good = |pod: &&Pod| world.cast().nodes[pod.node].manner == Manner::Signed;
    let pod = world.cast().pods.iter().find(is_good).unwrap();
    let path = format!("/containerLogs/{}/{}/{}", pod.namespace, pod.name, pod.app);
    let answer = apiserver.call(&world.cast().nodes[pod.node], &path).await.unwrap();
    assert_eq!(answer, (StatusCode::OK, format!("{0} started\n{0} ready\n", pod.name)));
}

#[tokio::test]
async fn files_say_what_the_servers_do() -> Outcome {
    for verifies in [true, false] {
        let world = World::builder().nodes(5).verifies_kubelets(verifies).start().await?;
        let manifest = fs::read_to_string(world.files().apiserver_manifest())?;
        assert_eq!(manifest.contains("--kubelet-certificate-authority="), verifies);
        for node in &world.cast().nodes {
            let config: serde_json::Value =
                serde_saphyr::from_str(&fs::read_to_string(world.files().kubelet_configuration(&node.name))?)?;
            let said = (&config["port"], &config["readOnlyPort"], &config["serverTLSBootstrap"]);
            let lone = node.manner == Manner::SelfSigned;
            assert_eq!(said, (&node.port.into(), &node.read_only_port.unwrap_or(0).into(), &(!lone).into()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_facts_list_every_node_with_its_pool_address_and_port() -> Outcome {
    let world = small().await;
    let facts: serde_json::Value = serde_json::from_slice(&fs::read(world.files().facts())?)?;
    let nodes = facts["items"].as_array().ok_or("no items")?.iter().filter(|it| it["kind"] == "Node");
    let listed: Vec<_> = nodes
        .map(|it| {
            let port = &it["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"];
            let pool = &it["metadata"]["labels"]["pathgate.io/pool"];
            let address = &it["status"]["addresses"][0]["address"];
            (it["metadata"]["name"].clone(), pool.clone(), address.clone(), port.clone())
        })
        .collect();
    let expected: Vec<(serde_json::Value, serde_json::Value, serde_json::Value, serde_json::Value)> = world
        .cast()
        .nodes
        .iter()
        .map(|it| (it.name.clone().into(), it.pool.as_str().into(), it.address.to_string().into(), it.port.into()))
        .collect();
    assert_eq!(listed, expected);
    Ok(())
}

#[tokio::test]
async fn a_nodes_kubeconfig_holds_a_certificate_in_its_name() -> Outcome {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let world = small().await;
    let node = &world.cast().nodes[0];
    let config: serde_json::Value =
        serde_saphyr::from_str(&fs::read_to_string(world.files().kubelet_kubeconfig(&node.name))?)?;
    let data = config["users"][0]["user"]["client-certificate-data"].as_str().ok_or("no certificate")?;
    let certificate = CertificateDer::from_pem_slice(&BASE64_STANDARD.decode(data)?)?;
    let (_, parsed) = X509Certificate::from_der(&certificate)?;
    let ca = config["clusters"][0]["cluster"]["certificate-authority-data"].as_str().ok_or("no authority")?;
    assert_eq!(parsed.subject().to_string(), format!("CN=system:node:{}, O=system:nodes", node.name));
    assert_eq!(BASE64_STANDARD.decode(ca)?, world.authorities().cluster.pem().as_bytes());
    Ok(())
}

#[tokio::test]
async fn keys_are_for_their_owner_only() -> Outcome {
    let world = small().await;
    let mut keys: Vec<_> =
        fs::read_dir(world.files().folder().join("pki"))?.map(|it| it.map(|it| it.path())).collect::<Result<_, _>>()?;
    keys.retain(|it| it.extension().is_some_and(|it| it == "key"));
    keys.extend(world.cast().nodes.iter().map(|it| world.files().kubelet_kubeconfig(&it.name)));
    let modes: HashSet<_> =
        keys.iter().map(|it| fs::metadata(it).map(|it| it.permissions().mode() & 0o777)).collect::<Result<_, _>>()?;
    assert_eq!((modes, keys.len()), (HashSet::from([0o600]), 7 + 5));
    Ok(())
}

#[tokio::test]
async fn sixty_nodes_stand_in_three_pools_each_at_an_address_of_its_own() {
    let world = World::builder().nodes(60).start().await.unwrap();
    let nodes = &world.cast().nodes;
    let count = |pool| nodes.iter().filter(|it| it.pool == pool).count();
    let addresses: HashSet<_> = nodes.iter().map(|it| it.address).collect();
    assert_eq!([Pool::General, Pool::Memory, Pool::Gpu].map(count), [36, 16, 8]);
    assert_eq!((addresses.len(), addresses.iter().all(Ipv4Addr::is_loopback)), (60, true));
    assert_eq!(
        (nodes[0].name.as_str(), nodes[36].name.as_str(), nodes[59].name.as_str()),
        ("gen-01", "mem-01", "gpu-08")
    );
}

#[test]
fn every_size_has_one_kubelet_of_each_bad_kind() {
    for nodes in (5..=120).chain([999, 5_000]) {
        let cast = Cast::new(nodes, 3);
        let bad = |wanted: fn(&Manner) -> bool| cast.nodes.iter().filter(|it| wanted(&it.manner)).count();
        let kinds: [fn(&Manner) -> bool; 3] =
            [|it| *it == Manner::SelfSigned, |it| *it == Manner::ReadOnlyPort, |it| matches!(it, Manner::Stolen(_))];
        assert_eq!((cast.nodes.len(), kinds.map(bad)), (nodes, [1, 1, 1]));
        let own_name = cast.nodes.iter().any(|it| it.manner == Manner::Stolen(it.name.clone()));
        assert!(!own_name, "{nodes} nodes");
    }
}

#[tokio::test]
async fn fewer_than_five_nodes_are_refused() {
    let refused = World::builder().nodes(4).start().await.err().map(|it| it.to_string());
    assert_eq!(refused.as_deref(), Some("a world has 5 to 5000 nodes, not 4"));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_traffic_and_another_seed_another() {
    let traffic = async |seed| {
        let world = World::builder().nodes(5).seed(seed).start().await.unwrap();
        let scenes: Vec<_> = world.traffic().take(300).collect();
        // Certificates are new in every world.
        let mut text = serde_json::to_string(&scenes.iter().map(|it| &it.reviews).collect::<Vec<_>>()).unwrap();
        let fingerprints =
            world.cast().certificates.values().chain(world.cast().nodes.iter().map(|it| &it.fingerprint));
        for fingerprint in fingerprints {
            text = text.replace(fingerprint, "");
        }
        text
    };
    let (first, second, other) = (traffic(7).await, traffic(7).await, traffic(8).await);
    assert!(first == second, "the traffic of two worlds differs");
    assert!(first != other, "the seed makes no difference");
}

#[tokio::test]
async fn traffic_takes_every_way_within_its_first_round() {
    let world = small().await;
    let traffic = world.traffic();
    let round = traffic.round();
    let mut lanes: Vec<_> = traffic.take(round).map(|it| it.lane).collect();
    lanes.dedup();
    let expected =
        ["nodes", "pods", "components", "people", "anonymous", "kubelet", "bootstrap", "pod-proxy", "service-proxy"];
    assert_eq!(lanes, expected);
}

#[tokio::test]
async fn a_world_that_is_dropped_leaves_no_socket_and_no_file() {
    let world = small().await;
    let node = world.cast().nodes[0].clone();
    let folder = world.files().folder().to_owned();
    assert!(folder.exists() && TcpStream::connect((node.address, node.port)).await.is_ok());
    let tasks = world.population.tasks.clone();
    drop(world);
    time::timeout(SOON, tasks.ended()).await.unwrap();
    assert!(!folder.exists() && TcpStream::connect((node.address, node.port)).await.is_err());
}

#[tokio::test]
async fn another_number_of_nodes_takes_the_place_of_the_first() -> Outcome {
    let mut world = small().await;
    let old = world.cast().nodes[0].clone();
    world.resize(12).await?;
    let facts: serde_json::Value = serde_json::from_slice(&fs::read(world.files().facts())?)?;
    let listed = facts["items"].as_array().ok_or("no items")?.iter().filter(|it| it["kind"] == "Node").count();
    assert_eq!((world.cast().nodes.len(), listed), (12, 12));
    assert!(TcpStream::connect((old.address, old.port)).await.is_err());
    Ok(())
}

/// A webhook that denies, and keeps what it was sent.
struct Webhook {
    address: SocketAddr,
    /// Version of HTTP, path with query, body.
    heard: Arc<Mutex<Vec<(String, String, String)>>>,
    connections: Arc<Mutex<usize>>,
    _tasks: task::JoinSet<()>,
}

impl Webhook {
    async fn start(world: &World) -> Webhook {
        let socket = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let acceptor = TlsAcceptor::from(webhook_tls(world));
        let mut tasks = task::JoinSet::new();
        let (log, count) = (heard.clone(), connections.clone());
        tasks.spawn(async move {
            let mut open = task::JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                let (acceptor, log) = (acceptor.clone(), log.clone());
                *count.lock().unwrap() += 1;
                open.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request: Request<hyper::body::Incoming>| {
                        let log = log.clone();
                        async move {
                            let version = format!("{:?}", request.version());
                            let path = request.uri().path_and_query().unwrap().to_string();
                            let body = request.into_body().collect().await.unwrap().to_bytes();
                            log.lock().unwrap().push((version, path, String::from_utf8(body.to_vec()).unwrap()));
                            Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from(DENIES)))
                        }
                    });
                    let _ = auto::Builder::new(hyper_util::rt::TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Webhook { address, heard, connections, _tasks: tasks }
    }
}

fn webhook_tls(world: &World) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(world.authorities().webhook.certificate()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build().unwrap();
    let chain = CertificateDer::pem_file_iter(world.files().certificate("webhook")).unwrap().map(Result::unwrap);
    let key = PrivateKeyDer::from_pem_file(world.files().key("webhook")).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain.collect(), key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

#[tokio::test]
async fn a_review_is_sent_as_kube_apiserver_sends_it() {
    let world = small().await;
    let webhook = Webhook::start(&world).await;
    let caller = Caller::by_certificate("system:node:gen-01", &["system:nodes"], "ab");
    let deed = Deed::core("watch", "pods").where_field("spec.nodeName", "gen-01");
    let review = Review::new(&caller, &deed);
    for http in [Http::One, Http::Two] {
        let apiserver = world.apiserver(webhook.address, http).unwrap();
        for _ in 0..3 {
            let heard = apiserver.ask(&review).await.unwrap();
            assert_eq!((heard.verdict, heard.reason.as_str()), (Verdict::Deny, "no"));
        }
    }
    let sent = |version: &str| (version.to_owned(), "/authorize?timeout=30s".to_owned(), SENT.to_owned());
    let mut expected = vec![sent("HTTP/1.1"); 3];
    expected.extend(vec![sent("HTTP/2.0"); 3]);
    assert_eq!(*webhook.heard.lock().unwrap(), expected);
    // Each keeps its connection.
    assert_eq!(*webhook.connections.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_tokens_holder_is_named_with_pod_and_node() {
    let world = small().await;
    let prom = world.cast().pod("prom").unwrap();
    let node = world.cast().node_of(prom).unwrap();
    let caller = pod(world.cast(), prom);
    let groups = ["system:serviceaccounts", "system:serviceaccounts:monitoring", "system:authenticated"];
    let key = |name: &str, value: &str| (format!("authentication.kubernetes.io/{name}"), vec![value.to_owned()]);
    let extra = [
        key("credential-id", &format!("JTI={}", prom.uid)),
        key("pod-name", &prom.name),
        key("pod-uid", &prom.uid),
        key("node-name", &node.name),
        key("node-uid", &node.uid),
    ];
    let expected = Caller {
        user: "system:serviceaccount:monitoring:prom".into(),
        uid: prom.account_uid.clone(),
        groups: groups.map(String::from).into(),
        extra: extra.into(),
    };
    assert_eq!(caller, expected);
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_an_error_and_no_verdict() {
    let world = small().await;
    let gone = TcpListener::bind((LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let apiserver = world.apiserver(gone, Http::Two).unwrap();
    let error = apiserver.ask(&Review::new(&Caller::anonymous(), &Deed::path("/livez"))).await.unwrap_err();
    assert!(matches!(error, AskError::Send(_)), "{error}");
}

const DENIES: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":false,"denied":true,"reason":"no"}}"#;
const SENT: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"resourceAttributes":{"verb":"watch","version":"v1","resource":"pods","fieldSelector":{"requirements":[{"key":"spec.nodeName","operator":"In","values":["gen-01"]}]}},"user":"system:node:gen-01","groups":["system:nodes","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=ab"]}},"status":{"allowed":false}}"#;
/// Far longer than the end of some tasks takes.
const SOON: Duration = Duration::from_secs(30);
