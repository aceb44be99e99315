//! What the table of states costs for 5,000 nodes, and how long it takes to probe 5,000 kubelets on loopback.
//!
//! `cargo bench -p host --bench posture`. Linux only, as it asks /proc for memory.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be set up has no figure")]
use host::{
    inventory::Inventory,
    judge::{Judge, Reach},
    paths::{Names, classify},
    plugins::{Plugins, Spec, builtin},
    posture::{Found, NodeEntry, Options, Posture, TlsFound},
    probe::{Prober, Target},
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{
    hint::black_box,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use wire::{Decision, Door, Path, Request, Resource, Target as Asked, Verdict};

const NODES: u32 = 5_000;
const NOW: u64 = 1_800_000_000_000;

fn main() {
    table();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(probes());
    println!("resident at most: {}", peak());
}

fn table() {
    let before = peak();
    let mut posture = Posture::new(Options { probes: true, ..Options::default() });
    posture.set_nodes((0..NODES).map(|at| NodeEntry { name: format!("n{at:04}"), pool: format!("p{}", at % 8) }), NOW);
    let leases: Vec<_> = (0..NODES).map(|at| lease(&format!("n{at:04}"))).collect();
    leases.iter().for_each(|it| posture.apply_decision(it));
    let begin = Instant::now();
    for _ in 0..20 {
        leases.iter().for_each(|it| posture.apply_decision(it));
    }
    println!("apply_decision: {:?}", begin.elapsed() / (20 * NODES));
    let time = |what: &str, act: &dyn Fn()| {
        let times: Vec<_> = (0..50)
            .map(|_| {
                let begin = Instant::now();
                act();
                begin.elapsed()
            })
            .collect();
        println!("{what}: at best {:?}, at worst {:?}", times.iter().min().unwrap(), times.iter().max().unwrap());
    };
    time("lanes", &|| drop(black_box(posture.lanes(NOW + 1))));
    time("lanes, all evidence run out and not settled", &|| drop(black_box(posture.lanes(NOW + 3_600_000))));
    time("named", &|| drop(black_box(posture.named(NOW + 1))));
    time("todo", &|| drop(black_box(posture.todo(NOW + 1))));
    time("verdict", &|| drop(black_box(posture.verdict(posture.counts(NOW + 1), NOW + 1))));
    let begin = Instant::now();
    posture.settle(NOW + 3_600_000);
    println!("settle, all evidence run out: {:?}", begin.elapsed());
    println!("resident before {before}, after {}", peak());
}

fn lease(node: &str) -> Decision {
    let target = Resource {
        verb: "update".into(),
        group: "coordination.k8s.io".into(),
        resource: "leases".into(),
        namespace: "kube-node-lease".into(),
        name: node.into(),
        ..Resource::default()
    };
    let request = Request {
        user: format!("system:node:{node}"),
        groups: vec!["system:nodes".into(), "system:authenticated".into()],
        extra: vec![("authentication.kubernetes.io/credential-id".into(), vec!["X509SHA256=aa".into()])],
        target: Asked::Resource(Box::new(target)),
        ..Request::default()
    };
    let class = classify(&request, &Names::default());
    Decision {
        id: "01JD0000000000000000000000".into(),
        at: NOW,
        door: Door::Webhook,
        peer: String::new(),
        request,
        source: class.source,
        traversal: class.traversal,
        path: class.path,
        facts: vec![],
        verdict: Verdict::NoOpinion,
        rule: String::new(),
        reason: String::new(),
        opinions: vec![],
        engine: String::new(),
        micros: 1,
    }
}

/// Each kubelet has an address of its own on loopback; all share a certificate, so that its making is not measured. The
/// plugin finds nothing wrong with it but the address, which it looks at last.
async fn probes() {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    ca.distinguished_name.push(DnType::CommonName, "kubelet-ca");
    let ca_key = KeyPair::generate().unwrap();
    let anchor = ca.self_signed(&ca_key).unwrap().pem();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "system:node:n");
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let reach = Reach::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let mut kubelets = JoinSet::new();
    let mut targets = Vec::new();
    for at in 0..NODES {
        let ip = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + at);
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let (server, path) = (reach.permit(address).unwrap(), Path::ApiserverToKubelet);
        let (node, addresses) = (Some("n".into()), Vec::new());
        targets.push(Target { path, server, name: None, node, addresses, read_only: None });
        kubelets.spawn(kubelet(listener, acceptor.clone()));
    }
    let plugins = Arc::new(Plugins::new(None).unwrap());
    let name = "apiserver_to_kubelet";
    let spec = Spec::new(name, builtin().remove(name).unwrap(), serde_json::json!({"servers": {"anchors": [anchor]}}));
    plugins.activate(plugins.prepare(vec![spec]).unwrap());
    let prober = Arc::new(Prober::new(Arc::new(Judge::new(plugins, None, Inventory::default()))).unwrap());
    let begin = Instant::now();
    let mut running = JoinSet::new();
    let (mut answered, mut slowest) = (0_u32, Duration::ZERO);
    let mut next = targets.into_iter();
    loop {
        while running.len() < 64
            && let Some(target) = next.next()
        {
            let prober = prober.clone();
            running.spawn(async move {
                let begin = Instant::now();
                (prober.look(&target, NOW).await, begin.elapsed())
            });
        }
        let Some(done) = running.join_next().await else { break };
        let (report, took) = done.unwrap();
        let is_verified = |it: &TlsFound| {
            let findings = it.certificate.iter().flat_map(|it| &it.verified).flat_map(|it| &it.findings);
            findings.map(|it| it.code.as_str()).collect::<Vec<_>>() == ["name-mismatch", "node-names"]
        };
        answered += u32::from(matches!(report.found, Found::Tls(it) if it.stranger == Some(401) && is_verified(&it)));
        slowest = slowest.max(took);
    }
    println!("probed {answered} of {NODES} kubelets in {:?}, the slowest in {slowest:?}", begin.elapsed());
}

async fn kubelet(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut request = [0; 512];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\n").await;
        let _ = stream.shutdown().await;
    }
}

/// The most memory that this process held, kubelets of the measurement included.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|it| it.starts_with("VmHWM:")).unwrap_or("VmHWM: not known here");
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}
