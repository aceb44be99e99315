//! The configuration of a gate: what is open, who may connect, which plugins decide.
//!
//! Parsed once, here; what comes out is checked. It reads no file and no clock. It refuses what it does not know or cannot
//! do yet, and names every fault at once, each with its key, line and column.

mod network;
pub(crate) mod raw;
mod sections;
mod units;

pub use network::Network;

use raw::Faults;
use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

/// A whole configuration. A section that is absent is a door closed; the default has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Where the inventory comes from; without it there is none.
    pub cluster: Option<Cluster>,
    /// What tells about the safety of paths, besides reviews.
    pub posture: Option<PostureConfig>,
    pub webhook: Option<Webhook>,
    pub egress: Option<Egress>,
    pub admission: Option<Admission>,
    pub approver: Option<Approver>,
    pub dashboard: Option<Dashboard>,
    pub admin: Option<Admin>,
    pub journal: Option<JournalConfig>,
    /// Without it, the built-in plugins with their defaults.
    pub plugins: Option<Vec<PluginConfig>>,
    pub lock_out_guard: LockOutGuard,
    /// Without it, only the plugin's own lists revoke.
    pub revocation: Option<Revocation>,
    /// Without it, nobody passes.
    pub break_glass: Option<BreakGlass>,
}

/// How to reach the cluster that the inventory shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cluster {
    Kubeconfig(PathBuf),
    InCluster,
    /// A Kubernetes `List` on disk, read again when it changes.
    Facts(PathBuf),
}

/// What tells about the safety of paths, besides reviews.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostureConfig {
    /// What the dashboard calls the cluster; empty if nobody named it.
    pub name: String,
    /// Manifests, configurations of kubelets, kubeconfigs: files, or folders of them.
    pub files: Vec<PathBuf>,
    /// Without it nothing is dialled.
    pub probes: Option<Probes>,
}

/// How kubelets are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probes {
    pub every: Duration,
    /// Who issues kubelets' serving certificates; without it, no certificate counts as the cluster's.
    pub kubelet_ca: Option<PathBuf>,
    /// For nodes whose status names none.
    pub kubelet_port: u16,
    /// For nodes without the annotation `pathgate.io/read-only-port`; 0 looks at none.
    pub read_only_port: u16,
    /// Addresses that may be dialled although they are refused otherwise, as those of loopback.
    pub allow: Vec<Network>,
    /// Kubelets that are probed at once.
    pub concurrency: usize,
}

/// The authorization webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub listen: SocketAddr,
    pub tls: Tls,
}

/// The egress proxy of kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    pub listen: EgressListen,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressListen {
    Unix(PathBuf),
    Tcp(SocketAddr, Tls),
}

/// The admission webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    pub listen: SocketAddr,
    pub tls: Tls,
}

/// The approver of certificate signing requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    pub signers: Vec<String>,
}

/// The dashboard and its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    pub listen: SocketAddr,
}

/// Health and metrics, on loopback only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub listen: SocketAddr,
}

/// A listener's certificate, and the clients it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Who issues the clients' certificates.
    pub client_ca: PathBuf,
    /// The names of clients that may connect; never empty.
    pub client_names: Vec<String>,
}

/// Where decisions are kept, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    pub url: String,
    pub retention: Duration,
    /// Decisions that may wait to be written.
    pub queue: usize,
    /// Deny when the queue is full, in place of deciding unrecorded.
    pub strict: bool,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginConfig {
    pub name: String,
    pub module: Module,
    pub sha256: Option<[u8; 32]>,
    pub role: Role,
    /// Asked and recorded, never counted.
    pub shadow: bool,
    pub failure: OnFailure,
    pub limits: Limits,
    /// Always an object; the plugin's own schema checks it.
    pub config: serde_json::Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    Builtin,
    File(PathBuf),
}

/// What a plugin may answer besides no opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Deny.
    Restrict,
    /// Allow.
    Grant,
}

/// What it means that a plugin gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    Deny,
    NoOpinion,
}

/// What one call of a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub deadline: Duration,
    /// In bytes.
    pub memory: u64,
    pub fuel: u64,
}

/// A way past one path's plugin, signed and for a short time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlass {
    /// The signed grant; as a rule there is none.
    pub grant: PathBuf,
    /// Whose signature counts: Ed25519, in PEM.
    pub public_key: PathBuf,
}

/// A signed list of credentials that must no longer work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub list: PathBuf,
    /// Whose signature counts: Ed25519, in PEM.
    pub public_key: PathBuf,
    /// Where the serial of the newest list is remembered; without it, only while the gate runs.
    pub state: Option<PathBuf>,
}

/// Somebody of this cluster, by name and groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: String,
    pub groups: Vec<String>,
}

/// Identities that no plugin may lock out, and that differ from cluster to cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockOutGuard {
    /// By which the gate itself asks kube-apiserver.
    pub gate: Identity,
    /// Who repairs the cluster when the gate refuses too much.
    pub break_glass: Vec<Identity>,
    /// Whether the gate approves certificate requests, as the section `approver` says.
    pub approves: bool,
}

/// What is wrong in a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as the operator named it.
    pub origin: String,
    /// The key path, as `plugins[2].limits.deadline`; empty for the file as a whole.
    pub key: String,
    /// From 1; 0 if it is about the file as a whole.
    pub line: u64,
    pub column: u64,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Config {
    /// The file that says who issues kubelets' serving certificates.
    pub fn kubelet_ca(&self) -> Option<&PathBuf> {
        self.posture.as_ref()?.probes.as_ref()?.kubelet_ca.as_ref()
    }

    /// Reads a configuration; or every fault in it, in the order of the file.
    pub fn parse(text: &str, origin: &str) -> Result<Config, Vec<Fault>> {
        let document = raw::read(text, origin).map_err(|fault| vec![fault])?;
        let mut faults = Faults::new(origin);
        let config = document
            .root()
            .section(sections::SECTIONS, &mut faults)
            .and_then(|root| sections::gate(&root, &mut faults));
        let faults = faults.into_sorted();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            Some(_) | None => Err(faults),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { deadline: Duration::from_millis(20), memory: 8 << 20, fuel: 2_000_000 }
    }
}

impl Default for LockOutGuard {
    /// The gate as its own deployment names it, and the administrator that kubeadm makes.
    fn default() -> LockOutGuard {
        let identity = |user: &str, groups: &[&str]| Identity {
            user: user.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        LockOutGuard {
            gate: identity("pathgate", &[]),
            break_glass: vec![identity("kubernetes-admin", &["kubeadm:cluster-admins"])],
            approves: false,
        }
    }
}

impl Fault {
    fn new(origin: &str, key: String, line: u64, column: u64, message: String) -> Fault {
        Fault { origin: origin.to_owned(), key, line, column, message }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        f.write_str(":")?;
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests;
