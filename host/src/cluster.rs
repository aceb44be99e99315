//! The cluster's own API: what it holds, watched, and the few things that a gate writes there.
//!
//! A watch resumes where it broke off, backs off, and lists in pages; what it missed is told as a whole list. It decides
//! nothing, and knows nothing of plugins.

mod approval;
mod lease;
mod watch;

pub use approval::{APPROVED, Condition, DENIED, Teller, Written};
pub use lease::{Hold, Lease};
pub use watch::{Change, Kind};

use crate::config;
use kube::{
    Client, Config,
    config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use std::path::PathBuf;

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
    #[error("use these credentials")]
    Client(#[source] Box<kube::Error>),
}

impl Cluster {
    /// Reads the credentials; nothing is asked yet.
    pub async fn connect(from: &From) -> Result<Cluster, Connect> {
        let config = match from {
            From::Kubeconfig(path) => {
                let fault = |source| Connect::Kubeconfig { path: path.clone(), source: Box::new(source) };
                let file = Kubeconfig::read_from(path).map_err(fault)?;
                let is_proxied = file.clusters.iter().flat_map(|it| &it.cluster).any(|it| it.proxy_url.is_some());
                let mut config =
                    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(fault)?;
                // The environment's proxy is for the world outside.
                config.proxy_url = config.proxy_url.filter(|_| is_proxied);
                config
            }
            From::InCluster => Config::incluster().map_err(Connect::InCluster)?,
        };
        let client = Client::try_from(config).map_err(|source| Connect::Client(Box::new(source)))?;
        Ok(Cluster { client })
    }
}

/// Where the credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    Kubeconfig(PathBuf),
    InCluster,
}

impl From {
    /// Of what is configured; none for a list on disk.
    pub fn of(cluster: &config::Cluster) -> Option<From> {
        match cluster {
            config::Cluster::Kubeconfig(path) => Some(From::Kubeconfig(path.clone())),
            config::Cluster::InCluster => Some(From::InCluster),
            config::Cluster::Facts(_) => None,
        }
    }
}
