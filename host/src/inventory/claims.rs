//! Who in the cluster has which name and address: nodes, pods, services, and what stands behind them. No judgement: a
//! node may well have what an endpoint has, and the plugin says when.

use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// By what is claimed.
    holders: HashMap<String, Vec<Claim>>,
    /// What each object claims, so that its next version takes the place of this one.
    claimed: HashMap<String, Vec<String>>,
    control_plane: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    kind: &'static str,
    who: String,
    /// The object that it comes from.
    object: String,
    /// The Node that it is on, if it says so.
    node: Option<String>,
}

impl Claims {
    /// Takes in an object, over an older one of its kind and name; other kinds are left out.
    pub fn apply(&mut self, object: &Value) -> Result<(), String> {
        let claims = match object.get("kind").and_then(Value::as_str) {
            Some("Node") => self.node(read(object)?),
            Some("Pod") => pod(read(object)?),
            Some("Service") => service(read(object)?),
            Some("EndpointSlice") => slice(read(object)?),
            Some(_) | None => return Ok(()),
        };
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let key = format!("{kind}/{}/{}", text("/metadata/namespace"), text("/metadata/name"));
        self.forget(&key);
        let mut claimed = Vec::new();
        for (what, kind, who, node) in claims {
            let what = canonical(what);
            if !what.is_empty() && !claimed.contains(&what) {
                let claim = Claim { kind, who, object: key.clone(), node };
                self.holders.entry(what.clone()).or_default().push(claim);
                claimed.push(what);
            }
        }
        if !claimed.is_empty() {
            self.claimed.insert(key, claimed);
        }
        Ok(())
    }

    /// Lets go of what objects of a kind claim that are not to be kept, by namespace and name.
    pub fn retain(&mut self, kind: &str, keep: impl Fn(&str, &str) -> bool) {
        let is_gone = |key: &&String| {
            let mut parts = key.splitn(3, '/');
            let (its_kind, namespace, name) = (parts.next(), parts.next(), parts.next());
            its_kind == Some(kind) && !keep(namespace.unwrap_or_default(), name.unwrap_or_default())
        };
        for key in self.claimed.keys().filter(is_gone).cloned().collect::<Vec<_>>() {
            self.forget(&key);
        }
        if kind == "Node" {
            self.control_plane.retain(|name| keep("", name));
        }
    }

    /// Lets go of what one object claims.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        self.forget(&format!("{kind}/{namespace}/{name}"));
        if kind == "Node" {
            self.control_plane.remove(name);
        }
    }

    fn forget(&mut self, key: &str) {
        for old in self.claimed.remove(key).unwrap_or_default() {
            if let Some(all) = self.holders.get_mut(&old) {
                all.retain(|it| it.object != key);
                if all.is_empty() {
                    self.holders.remove(&old);
                }
            }
        }
    }

    /// Kind, name and holder of every one of these names that something other than this Node has; at most [`MOST`].
    pub fn of_others<'a>(
        &'a self,
        node: &'a str,
        names: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        let all = names.iter().flat_map(move |name| {
            let holders = self.holders.get(&canonical(name.clone())).map(Vec::as_slice).unwrap_or_default();
            let others = holders.iter().filter(move |it| it.node.as_deref() != Some(node));
            others.map(move |it| (it.kind, name.as_str(), it.who.as_str()))
        });
        all.take(MOST)
    }

    /// Whether the Node is labelled as one of the control plane's, which a kubelet cannot do to itself.
    pub fn is_control_plane(&self, node: &str) -> bool {
        self.control_plane.contains(node)
    }

    fn node(&mut self, node: NodeObject) -> Vec<Claimed> {
        let name = node.metadata.name;
        let is_control_plane = ["control-plane", "master"]
            .iter()
            .any(|role| node.metadata.labels.contains_key(&format!("node-role.kubernetes.io/{role}")));
        if is_control_plane {
            self.control_plane.insert(name.clone())
        } else {
            self.control_plane.remove(&name)
        };
        let addresses = node.status.addresses.into_iter().map(|it| it.address);
        let own = [name.clone()].into_iter().chain(addresses);
        own.map(|what| (what, "node", name.clone(), Some(name.clone()))).collect()
    }
}

/// What, kind, who, and on which Node.
type Claimed = (String, &'static str, String, Option<String>);

fn pod(pod: PodObject) -> Vec<Claimed> {
    let is_over = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    if is_over || pod.spec.host_network {
        return Vec::new();
    }
    let who = pod.metadata.full();
    let ips = pod.status.pod_ips.into_iter().map(|it| it.ip).filter(|ip| *ip != pod.status.host_ip);
    ips.map(|ip| (ip, "pod", who.clone(), None)).collect()
}

fn service(service: ServiceObject) -> Vec<Claimed> {
    let (name, namespace) = (&service.metadata.name, &service.metadata.namespace);
    let who = service.metadata.full();
    let mut claims: Vec<Claimed> =
        [name.clone(), format!("{name}.{namespace}")].map(|what| (what, "service", who.clone(), None)).into();
    let addresses = service.spec.cluster_ips.into_iter().chain(service.spec.cluster_ip).filter(|it| it != "None");
    claims.extend(addresses.map(|ip| (ip, "service-address", who.clone(), None)));
    let ingress = service.status.load_balancer.ingress.into_iter().flat_map(|it| [it.ip, it.hostname]).flatten();
    let outer = service.spec.external_ips.into_iter().chain(ingress);
    claims.extend(outer.map(|what| (what, "load-balancer", who.clone(), None)));
    claims
}

fn slice(slice: SliceObject) -> Vec<Claimed> {
    let service = slice.metadata.labels.get("kubernetes.io/service-name").cloned().unwrap_or_default();
    let is_api = slice.metadata.namespace == "default" && service == "kubernetes";
    let kind = if is_api { "api-server" } else { "endpoint" };
    let who = format!("{}/{service}", slice.metadata.namespace);
    let endpoints = slice.endpoints.unwrap_or_default().into_iter().flat_map(|endpoint| {
        let target = endpoint.target_ref.filter(|it| it.kind == "Node").map(|it| it.name);
        let node = endpoint.node_name.or(target);
        endpoint.addresses.into_iter().map(move |what| (what, node.clone()))
    });
    endpoints.map(|(what, node)| (what, kind, who.clone(), node)).collect()
}

/// One spelling of an address; names as they are.
fn canonical(what: String) -> String {
    what.parse::<IpAddr>().map_or(what, |it| it.to_canonical().to_string())
}

fn read<T: for<'de> Deserialize<'de>>(object: &Value) -> Result<T, String> {
    T::deserialize(object).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default, deserialize_with = "super::index::or_default")]
    labels: HashMap<String, String>,
}

impl Metadata {
    fn full(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

#[derive(Deserialize)]
struct NodeObject {
    metadata: Metadata,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
struct NodeStatus {
    #[serde(default)]
    addresses: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    address: String,
}

#[derive(Deserialize)]
struct PodObject {
    metadata: Metadata,
    #[serde(default)]
    spec: PodSpec,
    #[serde(default)]
    status: PodStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    #[serde(default)]
    host_network: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    phase: String,
    #[serde(rename = "hostIP")]
    host_ip: String,
    #[serde(rename = "podIPs")]
    pod_ips: Vec<Ip>,
}

#[derive(Deserialize)]
struct Ip {
    ip: String,
}

#[derive(Deserialize)]
struct ServiceObject {
    metadata: Metadata,
    #[serde(default)]
    spec: ServiceSpec,
    #[serde(default)]
    status: ServiceStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    #[serde(rename = "externalIPs")]
    external_ips: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceStatus {
    load_balancer: LoadBalancer,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LoadBalancer {
    ingress: Vec<Ingress>,
}

#[derive(Deserialize)]
struct Ingress {
    ip: Option<String>,
    hostname: Option<String>,
}

#[derive(Deserialize)]
struct SliceObject {
    metadata: Metadata,
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    addresses: Vec<String>,
    node_name: Option<String>,
    target_ref: Option<TargetRef>,
}

#[derive(Deserialize)]
struct TargetRef {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

/// Enough to say whose a name is; plugins are given no more.
const MOST: usize = 32;
