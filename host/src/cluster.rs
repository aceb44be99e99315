//! The cluster's own API: what it holds, watched, and the few things that a gate writes there.
//!
//! A watch resumes where it broke off, backs off, and lists in pages; what it missed is told as a whole list. It decides
//! nothing, and knows nothing of plugins.

mod approval;
mod lease;
mod looked;
mod watch;

pub use approval::{APPROVED, Condition, DENIED, Events, Teller, Written};
pub use lease::{Hold, Lease, Memory};
pub use looked::Seen;
pub use watch::{Change, Kind};

use crate::config;
use kube::{
    Client, Config,
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::{path::PathBuf, time::Duration};

/// The API of one cluster, by one identity. Clones share their connections.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

/// Why nothing can be asked of a cluster. That it does not answer is no reason: it may start after the gate.
#[derive(Debug, thiserror::Error)]
pub enum Connect {
    #[error("read kubeconfig `{path}`")]
    Kubeconfig { path: PathBuf, source: Box<KubeconfigError> },
    #[error("the gate runs in no pod, or in one without a service account's token; name a kubeconfig")]
    InCluster(#[source] InClusterError),
    #[error(
        "the connection would prove nothing: name an `https://` server and its authority, without `insecure-skip-tls-verify`"
    )]
    Insecure,
    #[error("use these credentials")]
    Client(#[source] Box<kube::Error>),
}

impl Cluster {
    /// Reads the credentials; nothing is asked yet.
    pub async fn connect(from: &Credentials) -> Result<Cluster, Connect> {
        let mut config = match from {
            Credentials::Kubeconfig(path) => {
                let fault = |source| Connect::Kubeconfig { path: path.clone(), source: Box::new(source) };
                let file = Kubeconfig::read_from(path).map_err(fault)?;
                let is_proxied = file.clusters.iter().flat_map(|it| &it.cluster).any(|it| it.proxy_url.is_some());
                let mut config =
                    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(fault)?;
                // The environment's proxy is for the world outside.
                config.proxy_url = config.proxy_url.filter(|_| is_proxied);
                config
            }
            Credentials::InCluster => Config::incluster().map_err(Connect::InCluster)?,
        };
        if config.accept_invalid_certs || config.cluster_url.scheme_str() != Some("https") {
            return Err(Connect::Insecure);
        }
        // The watch has its own pauses, and a write is repeated by who knows what it means.
        config.default_retry = false;
        config.read_timeout = Some(SILENCE);
        config.reset_reader_on_write = true;
        let client = Client::try_from(config).map_err(|source| Connect::Client(Box::new(source)))?;
        Ok(Cluster { client })
    }
}

/// Where the credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Kubeconfig(PathBuf),
    InCluster,
}

impl Credentials {
    /// Of what is configured; none for a list on disk.
    pub fn of(cluster: &config::Cluster) -> Option<Credentials> {
        match cluster {
            config::Cluster::Kubeconfig(path) => Some(Credentials::Kubeconfig(path.clone())),
            config::Cluster::InCluster => Some(Credentials::InCluster),
            config::Cluster::Facts(_) => None,
        }
    }
}

/// A watch that tells nothing is closed by kube-apiserver before this; what is silent for longer is a dead connection.
const SILENCE: Duration = Duration::from_secs(60);
