//! A stand-in cluster on loopback: real sockets, real TLS, real certificates, and no containers.
//!
//! It owns a set of certificate authorities, kubelets good and bad, pods, an apiserver's front, the client side of
//! kube-apiserver, and the files that such a cluster has. It knows nothing of the gate: who asks and who is asked meet on
//! sockets only. What it holds follows from the number of nodes and a seed; ports, keys and certificates are new each time.
//!
//! Everything ends with the [`World`]: tasks, sockets, files. Only addresses of 127.0.0.0/8 are used.

mod apiserver;
mod authority;
mod bootstrap;
mod cast;
mod door;
mod facts;
mod files;
mod kubelet;
mod population;
mod review;
mod tasks;
mod traffic;

pub use apiserver::{Apiserver, AskError, CallError, Heard, Http, Verdict};
pub use authority::{Authorities, Authority, Identity};
pub use bootstrap::certificate_request;
pub use cast::{Cast, Manner, Node, Pod, Pool, Service, Speaks};
pub use files::Files;
pub use review::{Caller, Deed, Review};
pub use traffic::{Scene, Traffic, alice, delegated, kubelet, kubelet_client, pod};

use apiserver::Credentials;
use population::Population;
use std::{io, net::SocketAddr, sync::Arc};
use tasks::Tasks;
use tokio::task;

/// A running cluster.
pub struct World {
    seed: u64,
    verifies_kubelets: bool,
    shared: Arc<Shared>,
    population: Population,
    /// Of the client side.
    tasks: Tasks,
}

/// What stays when the number of nodes changes.
pub(crate) struct Shared {
    authorities: Authorities,
    /// By which kube-apiserver asks its webhook.
    webhook_client: Identity,
    /// By which it calls kubelets.
    kubelet_client: Identity,
    apiserver: Identity,
    components: Vec<(&'static str, Identity)>,
    files: Files,
}

/// What a world shall be like.
#[derive(Clone, Debug)]
pub struct Builder {
    nodes: usize,
    seed: u64,
    verifies_kubelets: bool,
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("a world has {} to {} nodes, not {asked}", NODES.start(), NODES.end())]
    Nodes { asked: usize },
    #[error("{needed} files must be open at once, and {allowed} may; raise the hard limit (`ulimit -Hn`)")]
    Limit { needed: u64, allowed: u64 },
    #[error("{doing}")]
    Io { doing: &'static str, source: io::Error },
    #[error("issue certificates")]
    Issue(#[from] rcgen::Error),
    #[error("set TLS up")]
    Tls(#[from] rustls::Error),
    #[error("issue certificates: the work broke off")]
    Broken(#[from] task::JoinError),
}

impl Builder {
    /// How many; 5 to 5,000, in three pools.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Builder {
        Builder { nodes, ..self }
    }

    /// The same seed makes the same names, places and traffic.
    #[must_use]
    pub fn seed(self, seed: u64) -> Builder {
        Builder { seed, ..self }
    }

    /// Whether kube-apiserver checks kubelets' certificates; kubeadm leaves that out.
    #[must_use]
    pub fn verifies_kubelets(self, verifies_kubelets: bool) -> Builder {
        Builder { verifies_kubelets, ..self }
    }

    /// Opens every socket and writes every file.
    ///
    /// # Errors
    /// When the machine gives too few files, keys or addresses.
    pub async fn start(self) -> Result<World, StartError> {
        let Builder { nodes, seed, verifies_kubelets } = self;
        let shared = Arc::new(task::spawn_blocking(Shared::new).await??);
        let population = Population::start(&shared, nodes, seed, verifies_kubelets).await?;
        Ok(World { seed, verifies_kubelets, shared, population, tasks: Tasks::default() })
    }
}

impl World {
    /// A world of 60 nodes whose kube-apiserver checks kubelets, unless told otherwise.
    pub fn builder() -> Builder {
        Builder { nodes: 60, seed: 0, verifies_kubelets: true }
    }

    /// Nodes, pods and services.
    pub fn cast(&self) -> &Arc<Cast> {
        &self.population.cast
    }

    /// Where its files are.
    pub fn files(&self) -> &Files {
        &self.shared.files
    }

    /// Its certificate authorities.
    pub fn authorities(&self) -> &Authorities {
        &self.shared.authorities
    }

    /// Where kube-apiserver's front is: its certificate, its health, and 401 or 403 for the rest.
    pub fn front(&self) -> SocketAddr {
        self.population.front
    }

    /// Whether kube-apiserver checks kubelets' certificates.
    pub fn verifies_kubelets(&self) -> bool {
        self.verifies_kubelets
    }

    /// The client side of kube-apiserver, for a webhook at that address. It writes the AuthorizationConfiguration that says
    /// so.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn apiserver(&self, webhook: SocketAddr, http: Http) -> Result<Apiserver, StartError> {
        let Shared { authorities, webhook_client, kubelet_client, files, .. } = &*self.shared;
        files
            .write_authorization(webhook, &authorities.webhook.pem(), webhook_client)
            .map_err(io("write kube-apiserver's authorization"))?;
        let credentials = Credentials { authorities, webhook: webhook_client, kubelet: kubelet_client };
        Ok(Apiserver::new(&self.tasks, &credentials, webhook, http, self.verifies_kubelets)?)
    }

    /// Normal traffic, from the start.
    pub fn traffic(&self) -> Traffic {
        Traffic::new(self.cast().clone(), self.seed)
    }

    /// Another number of nodes; authorities and clients stay.
    ///
    /// # Errors
    /// As [`Builder::start`]; then the old nodes stay, but for their files.
    pub async fn resize(&mut self, nodes: usize) -> Result<(), StartError> {
        let population = Population::start(&self.shared, nodes, self.seed, self.verifies_kubelets).await?;
        let old = std::mem::replace(&mut self.population, population);
        old.tasks.stop();
        old.tasks.ended().await;
        Ok(())
    }

    /// Ends everything, and waits until it has ended. Dropping the world ends it too, and waits for nothing but its files.
    pub async fn stop(self) {
        let tasks = [self.tasks.clone(), self.population.tasks.clone()];
        drop(self);
        for tasks in tasks {
            tasks.ended().await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.stop();
        self.population.tasks.stop();
    }
}

impl Shared {
    fn new() -> Result<Shared, StartError> {
        let authorities = Authorities::new()?;
        let cluster = &authorities.cluster;
        let webhook_client = authorities.webhook.client("kube-apiserver", None)?;
        let kubelet_client = cluster.client(kubelet::KUBELET_CLIENT, Some("kubeadm:cluster-admins"))?;
        let webhook = authorities.webhook.server("pathgate", None, &["localhost"], &[LOCALHOST])?;
        let apiserver = cluster.server("kube-apiserver", None, &population::NAMES, &population::ADDRESSES)?;
        let components = [SCHEDULER, CONTROLLER_MANAGER]
            .map(|user| cluster.client(user, None).map(|identity| (user, identity)))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let files = Files::new().map_err(io("make a folder for the world's files"))?;
        let write = || {
            files.write_authorities(&authorities)?;
            files.write_identity("webhook", &webhook)?;
            files.write_identity("apiserver", &apiserver)?;
            files.write_identity("apiserver-webhook-client", &webhook_client)?;
            files.write_identity("apiserver-kubelet-client", &kubelet_client)
        };
        write().map_err(io("write certificates"))?;
        Ok(Shared { authorities, webhook_client, kubelet_client, apiserver, components, files })
    }
}

fn io(doing: &'static str) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::Io { doing, source }
}

/// Fewer have no place for every kind of kubelet; Kubernetes supports no more.
const NODES: std::ops::RangeInclusive<usize> = 5..=5_000;
/// What nodes report, and what the static pod runs.
const KUBERNETES: &str = "v1.36.3";
const LOCALHOST: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;
const SCHEDULER: &str = "system:kube-scheduler";
const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";

#[cfg(test)]
mod tests;
