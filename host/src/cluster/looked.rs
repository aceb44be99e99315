//! One look at the API, for a person: what is there now, and what could not be read.

use super::Cluster;
use k8s_openapi::api::core::v1::{Node, Pod, Secret};
use kube::{Api, api::ListParams, core::Resource};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::fmt::Debug;
use tokio::time::timeout;

/// What was found: each object as a manifest of its own would be.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What runs on control planes, as the kubelets there mirror it.
    pub pods: Vec<Value>,
    pub nodes: Vec<Value>,
    /// Secrets with bootstrap tokens.
    pub tokens: Vec<Value>,
    /// What was asked for, and why it is not known.
    pub unseen: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Reads what tells about the paths of a cluster. What may not be read is told, and no reason to end.
    pub async fn look(&self) -> Seen {
        let client = || self.client.clone();
        let nodes = Api::<Node>::all(client());
        let (pods, secrets) = (Api::<Pod>::namespaced(client(), SYSTEM), Api::<Secret>::namespaced(client(), SYSTEM));
        let control_plane = ListParams::default().labels("tier=control-plane");
        let bootstrap = ListParams::default().fields("type=bootstrap.kubernetes.io/token");
        let (pods, nodes, tokens) =
            tokio::join!(all(&pods, control_plane), all(&nodes, ListParams::default()), all(&secrets, bootstrap),);
        let mut unseen = Vec::new();
        let mut keep = |what, found: Result<Vec<Value>, String>| {
            found.unwrap_or_else(|why| {
                unseen.push((what, why));
                Vec::new()
            })
        };
        let pods = keep("pods of kube-system", pods);
        let nodes = keep("nodes", nodes);
        let tokens = keep("secrets of kube-system with bootstrap tokens", tokens);
        Seen { pods, nodes, tokens, unseen }
    }
}

/// Page by page, as far as a cluster may reach.
async fn all<K>(api: &Api<K>, mut params: ListParams) -> Result<Vec<Value>, String>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    let mut objects = Vec::new();
    params.limit = Some(PAGE);
    for _ in 0..MOST_PAGES {
        let page = timeout(super::SILENCE, api.list(&params)).await.map_err(|_| "no answer in time".to_owned())?;
        let page = page.map_err(|error| error.to_string())?;
        for object in page.items {
            let mut object = serde_json::to_value(object).map_err(|error| error.to_string())?;
            // Those of a list do not say what they are.
            if let Some(fields) = object.as_object_mut() {
                fields.insert("apiVersion".into(), json!(K::api_version(&())));
                fields.insert("kind".into(), json!(K::kind(&())));
            }
            objects.push(object);
        }
        match page.metadata.continue_.filter(|it| !it.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
    Err(format!("there are more than {} of them", objects.len()))
}

const SYSTEM: &str = "kube-system";
/// As `kubectl` reads them.
const PAGE: u32 = 500;
/// Twice the nodes that Kubernetes supports.
const MOST_PAGES: usize = 20;
