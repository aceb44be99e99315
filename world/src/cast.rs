//! Who plays in the cluster: nodes in three pools, the pods on them, the services before those. All of it follows from the
//! number of nodes and the seed, but for ports and certificates, which are new in every world.

use crate::review::Caller;
use fastrand::Rng;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::Ipv4Addr,
};

/// Nodes, pods and services of one world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cast {
    pub nodes: Vec<Node>,
    pub pods: Vec<Pod>,
    pub services: Vec<Service>,
    /// Fingerprints of the control plane's client certificates, by the user that they name.
    pub certificates: BTreeMap<&'static str, String>,
}

/// A machine, and the kubelet on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// As `gen-07`.
    pub name: String,
    pub pool: Pool,
    pub uid: String,
    /// Of its own, on loopback.
    pub address: Ipv4Addr,
    /// Where its kubelet serves TLS.
    pub port: u16,
    /// Where its kubelet answers anybody, if it does.
    pub read_only_port: Option<u16>,
    pub manner: Manner,
    /// Of the certificate by which its kubelet calls kube-apiserver.
    pub fingerprint: String,
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pool {
    General,
    Memory,
    Gpu,
}

/// How a kubelet shows who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// By a certificate of the kubelets' authority, for this node.
    Signed,
    /// By a certificate that it made itself, as kubeadm leaves it.
    SelfSigned,
    /// By a certificate of the kubelets' authority that is good for this address, and names another node.
    Stolen(String),
    /// As it should; and it answers anybody, in plaintext, on its read-only port.
    ReadOnlyPort,
}

/// A pod. Its address is its node's for those on the host's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub namespace: &'static str,
    pub name: String,
    /// Its label `app`.
    pub app: &'static str,
    pub account: &'static str,
    pub account_uid: String,
    pub uid: String,
    /// Which of the nodes it runs on.
    pub node: usize,
    pub address: Ipv4Addr,
    pub port: u16,
    pub speaks: Speaks,
}

/// What a pod serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Nothing,
    Plaintext,
    Tls,
}

/// A service, and the pods behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub namespace: &'static str,
    pub name: &'static str,
    pub app: &'static str,
    pub port_name: &'static str,
    pub port: u16,
    pub cluster_ip: Ipv4Addr,
}

impl Pool {
    /// The value of the label `pathgate.io/pool`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Pool::General => "general",
            Pool::Memory => "memory",
            Pool::Gpu => "gpu",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Pool::General => "gen",
            Pool::Memory => "mem",
            Pool::Gpu => "gpu",
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Cast {
    /// Everybody, for that many nodes.
    pub(crate) fn new(nodes: usize, seed: u64) -> Cast {
        let mut rng = Rng::with_seed(seed);
        let nodes = machines(nodes, &mut rng);
        let mut accounts = Accounts(HashMap::new());
        let mut pods: Vec<Pod> = DEPLOYED
            .iter()
            .zip(0..)
            .map(|(&(namespace, app, count, speaks), place)| (namespace, app, count, speaks, place))
            .flat_map(|(namespace, app, count, speaks, place)| {
                (0..count).map(move |copy| (namespace, app, speaks, place, copy))
            })
            .map(|(namespace, app, speaks, place, copy)| {
                let address = Ipv4Addr::new(127, 40, place, copy + 1);
                let node = rng.usize(..nodes.len());
                let name = format!("{app}-{}", suffix(&mut rng));
                let account_uid = accounts.uid(namespace, app, &mut rng);
                let account = app;
                Pod { namespace, name, app, account, account_uid, uid: uid(&mut rng), node, address, port: 0, speaks }
            })
            .collect();
        for (at, node) in nodes.iter().enumerate() {
            for (namespace, app) in ON_EVERY_NODE {
                pods.push(Pod {
                    namespace,
                    name: format!("{app}-{}", suffix(&mut rng)),
                    app,
                    account: app,
                    account_uid: accounts.uid(namespace, app, &mut rng),
                    uid: uid(&mut rng),
                    node: at,
                    address: node.address,
                    port: 0,
                    speaks: Speaks::Nothing,
                });
            }
        }
        Cast { nodes, pods, services: SERVICES.to_vec(), certificates: BTreeMap::new() }
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|it| it.name == name)
    }

    /// The node that a pod runs on.
    pub fn node_of(&self, pod: &Pod) -> Option<&Node> {
        self.nodes.get(pod.node)
    }

    /// Somebody of the control plane, by their client certificate.
    pub fn component(&self, user: &str) -> Caller {
        Caller::by_certificate(user, &[], self.certificates.get(user).map_or("", String::as_str))
    }

    /// The first pod with that label `app`.
    pub fn pod(&self, app: &str) -> Option<&Pod> {
        self.pods.iter().find(|it| it.app == app)
    }
}

/// Three fifths are for all, a quarter has memory, the rest has graphics processors; some do not show who they are.
fn machines(count: usize, rng: &mut Rng) -> Vec<Node> {
    let general = count * 3 / 5;
    let memory = (count * 4 / 15).max(1);
    let pools = [(Pool::General, general), (Pool::Memory, memory), (Pool::Gpu, count - general - memory)];
    let width = general.to_string().len().max(2);
    let mut nodes = Vec::with_capacity(count);
    for (pool, size) in pools {
        for at in 1..=size {
            nodes.push(Node {
                name: format!("{}-{at:0width$}", pool.prefix()),
                pool,
                uid: uid(rng),
                address: address(nodes.len()),
                port: 0,
                read_only_port: None,
                manner: Manner::Signed,
                fingerprint: String::new(),
            });
        }
    }
    // One of each, at places that the seed chooses.
    let lone = rng.usize(..general);
    let thief = (lone + 1 + rng.usize(..general - 1)) % general;
    let victim = if thief + 1 < general { thief + 1 } else { 0 };
    let victim = nodes.get(victim).map(|it| it.name.clone()).unwrap_or_default();
    let open = general + rng.usize(..memory);
    for (at, manner) in [(lone, Manner::SelfSigned), (thief, Manner::Stolen(victim)), (open, Manner::ReadOnlyPort)] {
        if let Some(node) = nodes.get_mut(at) {
            node.manner = manner;
        }
    }
    nodes
}

/// 127.20.0.1 and on, without the bytes 0 and 255 at the end.
fn address(at: usize) -> Ipv4Addr {
    let byte = |it: usize| u8::try_from(it).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, 20, byte(at / 250), byte(at % 250 + 1))
}

/// The uid of each service account, made once.
struct Accounts(HashMap<(&'static str, &'static str), String>);

impl Accounts {
    fn uid(&mut self, namespace: &'static str, name: &'static str, rng: &mut Rng) -> String {
        self.0.entry((namespace, name)).or_insert_with(|| uid(rng)).clone()
    }
}

/// A version 4 UUID.
pub(crate) fn uid(rng: &mut Rng) -> String {
    let bits = (rng.u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default().to_owned());
    parts.join("-")
}

/// As Kubernetes ends the names of pods: letters and digits that spell nothing.
pub(crate) fn suffix(rng: &mut Rng) -> String {
    const LETTERS: [char; 27] = [
        'b', 'c', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'z', '2', '4',
        '5', '6', '7', '8', '9',
    ];
    (0..5).filter_map(|_| rng.choice(LETTERS)).collect()
}

/// Namespace, app and account, how many, what they serve.
const DEPLOYED: [(&str, &str, u8, Speaks); 5] = [
    ("shop", "web", 3, Speaks::Plaintext),
    ("shop", "api", 2, Speaks::Tls),
    ("shop", "worker", 3, Speaks::Nothing),
    ("monitoring", "prom", 1, Speaks::Nothing),
    ("kube-system", "metrics-server", 1, Speaks::Tls),
];

const ON_EVERY_NODE: [(&str, &str); 2] = [("kube-system", "kube-proxy"), ("monitoring", "node-exporter")];

const SERVICES: [Service; 4] = [
    service("default", "kubernetes", "", "https", 443, 1),
    service("shop", "web", "web", "http", 80, 20),
    service("shop", "api", "api", "https", 443, 21),
    service("kube-system", "metrics-server", "metrics-server", "https", 443, 22),
];

const fn service(
    namespace: &'static str,
    name: &'static str,
    app: &'static str,
    port_name: &'static str,
    port: u16,
    last: u8,
) -> Service {
    Service { namespace, name, app, port_name, port, cluster_ip: Ipv4Addr::new(10, 96, 0, last) }
}
