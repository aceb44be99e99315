//! The nodes and pods of a world at one size: their sockets, their certificates, their files.

use crate::{
    LOCALHOST, NODES, Shared, StartError,
    cast::{Cast, Manner, Node, Pod, Speaks},
    door::{self, Answer},
    io, kubelet,
    tasks::Tasks,
};
use hyper::StatusCode;
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier, sign::CertifiedKey};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    sync::Arc,
    thread,
};
use tokio::{net::TcpListener, task};

/// Everything that goes when the number of nodes changes.
pub(crate) struct Population {
    pub cast: Arc<Cast>,
    pub front: SocketAddr,
    pub tasks: Tasks,
}

/// The sockets of a node.
struct Sockets {
    secure: TcpListener,
    read_only: Option<TcpListener>,
}

impl Population {
    pub(crate) async fn start(
        shared: &Arc<Shared>,
        nodes: usize,
        seed: u64,
        verifies_kubelets: bool,
    ) -> Result<Population, StartError> {
        if !NODES.contains(&nodes) {
            return Err(StartError::Nodes { asked: nodes });
        }
        allow_files(nodes)?;
        let mut cast = Cast::new(nodes, seed);
        let bound = async {
            let mut sockets = Vec::with_capacity(nodes);
            for node in &mut cast.nodes {
                sockets.push(bind(node).await?);
            }
            let mut pods = Vec::new();
            for pod in cast.pods.iter_mut().filter(|it| it.speaks != Speaks::Nothing) {
                pods.push(bind_pod(pod).await?);
            }
            Ok((sockets, pods, door::bind(FRONT).await?))
        };
        let (sockets, pods, front) = bound.await.map_err(io("take free ports of 127.0.0.0/8"))?;
        cast.certificates = shared.components.iter().map(|(user, it)| (*user, it.fingerprint())).collect();
        cast.certificates.insert(kubelet::KUBELET_CLIENT, shared.kubelet_client.fingerprint());
        let (keys, cast) = {
            let shared = shared.clone();
            task::spawn_blocking(move || equip(&shared, cast, front.1, verifies_kubelets)).await??
        };
        let cast = Arc::new(cast);
        let population = Population { cast, front: front.1, tasks: Tasks::default() };
        population.open(shared, sockets, keys, pods, front.0)?;
        Ok(population)
    }

    fn open(
        &self,
        shared: &Shared,
        sockets: Vec<Sockets>,
        keys: Vec<Arc<CertifiedKey>>,
        pods: Vec<TcpListener>,
        front: TcpListener,
    ) -> Result<(), StartError> {
        let Population { cast, tasks, .. } = self;
        let common = Arc::new(kubelet::Common::new(&shared.authorities, cast.clone())?);
        for (at, (Sockets { secure, read_only }, key)) in sockets.into_iter().zip(keys).enumerate() {
            door::open(tasks, secure, Some(common.tls(key)), common.secure(at));
            if let Some(socket) = read_only {
                door::open(tasks, socket, None, common.read_only(at));
            }
        }
        let listening = cast.pods.iter().filter(|it| it.speaks != Speaks::Nothing);
        for (pod, socket) in listening.zip(pods) {
            let tls = match pod.speaks {
                Speaks::Tls => Some(tls_of_pod(shared, pod)?),
                Speaks::Plaintext | Speaks::Nothing => None,
            };
            let greeting = format!("{} of {}\n", pod.name, pod.namespace);
            let answer: Answer = Arc::new(move |_, _| door::text(StatusCode::OK, greeting.clone()));
            door::open(tasks, socket, tls, answer);
        }
        let config = server(shared.apiserver.certified()?, Some(shared))?;
        door::open(
            tasks,
            front,
            Some(config),
            Arc::new(|shown, request| match (request.uri().path(), shown.is_empty()) {
                ("/livez" | "/readyz" | "/healthz", _) => door::text(StatusCode::OK, "ok"),
                ("/version", _) => door::json(&serde_json::json!({"gitVersion": crate::KUBERNETES})),
                (_, true) => door::text(StatusCode::FORBIDDEN, "forbidden: User \"system:anonymous\""),
                (_, false) => door::text(StatusCode::NOT_FOUND, "this world serves no objects"),
            }),
        );
        Ok(())
    }
}

/// Two sockets a node, and as many connections at once as one prober opens; the rest of the program needs some too.
fn allow_files(nodes: usize) -> Result<(), StartError> {
    let fault = |source| StartError::Io { doing: "read the limit of open files", source };
    let needed = u64::try_from(nodes).unwrap_or(u64::MAX).saturating_add(1_024);
    let (soft, _) = rlimit::Resource::NOFILE.get().map_err(fault)?;
    if soft >= needed {
        return Ok(());
    }
    let allowed = rlimit::increase_nofile_limit(needed).map_err(fault)?;
    if allowed >= needed { Ok(()) } else { Err(StartError::Limit { needed, allowed }) }
}

async fn bind(node: &mut Node) -> std::io::Result<Sockets> {
    let (secure, address) = door::bind(node.address).await?;
    node.port = address.port();
    let read_only = match node.manner {
        Manner::ReadOnlyPort => {
            let (socket, address) = door::bind(node.address).await?;
            node.read_only_port = Some(address.port());
            Some(socket)
        }
        Manner::Signed | Manner::SelfSigned | Manner::Stolen(_) => None,
    };
    Ok(Sockets { secure, read_only })
}

async fn bind_pod(pod: &mut Pod) -> std::io::Result<TcpListener> {
    let (socket, address) = door::bind(pod.address).await?;
    pod.port = address.port();
    Ok(socket)
}

/// Issues two certificates a node and writes its files, on every processor; then the files of the whole.
fn equip(
    shared: &Shared,
    mut cast: Cast,
    front: SocketAddr,
    verifies_kubelets: bool,
) -> Result<(Vec<Arc<CertifiedKey>>, Cast), StartError> {
    let folder = shared.files.folder().join("nodes");
    fs::remove_dir_all(&folder).and_then(|()| fs::create_dir(&folder)).map_err(io("empty the folder of nodes"))?;
    let server = format!("https://{front}");
    let ca = shared.authorities.cluster.pem();
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = cast.nodes.len().div_ceil(workers).max(1);
    let keys: Result<Vec<_>, StartError> = thread::scope(|scope| {
        let work = |nodes| scope.spawn(|| equip_nodes(shared, nodes, &server, &ca));
        let workers: Vec<_> = cast.nodes.chunks_mut(share).map(work).collect();
        let done = workers.into_iter().map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        done.collect::<Result<Vec<_>, _>>()
    });
    let keys = keys?.into_iter().flatten().collect();
    let write = || {
        shared.files.write_facts(&cast)?;
        shared.files.write_apiserver(verifies_kubelets, front)
    };
    write().map_err(io("write the cluster's files"))?;
    Ok((keys, cast))
}

fn equip_nodes(
    shared: &Shared,
    nodes: &mut [Node],
    server: &str,
    ca: &str,
) -> Result<Vec<Arc<CertifiedKey>>, StartError> {
    let mut keys = Vec::with_capacity(nodes.len());
    for node in nodes {
        let user = format!("system:node:{}", node.name);
        let client = shared.authorities.cluster.client(&user, Some("system:nodes"))?;
        node.fingerprint = client.fingerprint();
        shared.files.write_node(node, &client, server, ca).map_err(io("write a node's files"))?;
        keys.push(kubelet::identity(&shared.authorities, node)?.certified()?);
    }
    Ok(keys)
}

fn tls_of_pod(shared: &Shared, pod: &Pod) -> Result<Arc<ServerConfig>, StartError> {
    let service = format!("{}.{}.svc", pod.app, pod.namespace);
    let identity = shared.authorities.cluster.server(&service, None, &[&service], &[pod.address])?;
    server(identity.certified()?, None)
}

fn server(key: Arc<CertifiedKey>, asks_for_certificates: Option<&Shared>) -> Result<Arc<ServerConfig>, StartError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match asks_for_certificates {
        None => builder.with_no_client_auth(),
        Some(shared) => {
            let mut roots = RootCertStore::empty();
            roots.add(shared.authorities.cluster.certificate())?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).allow_unauthenticated();
            builder
                .with_client_cert_verifier(verifier.build().map_err(|error| rustls::Error::General(error.to_string()))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

const FRONT: Ipv4Addr = Ipv4Addr::new(127, 10, 0, 1);
/// What nodes and pods call kube-apiserver.
pub(crate) const NAMES: [&str; 5] =
    ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"];
/// Its own, the service's, and the local one.
pub(crate) const ADDRESSES: [Ipv4Addr; 3] = [FRONT, Ipv4Addr::new(10, 96, 0, 1), LOCALHOST];
