//! Objects by name. Pure: what comes in is a Kubernetes object as JSON, what goes out is a record.

use super::{Node, Pod, claims::Claims, requests::Requests};
use crate::csr;
use serde::{Deserialize, Deserializer};
use std::collections::HashMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    nodes: HashMap<String, Node>,
    /// `metadata.resourceVersion` of each node, which ascends (KEP-5504).
    versions: HashMap<String, u64>,
    /// By namespace, then by name: a lookup builds no key.
    pods: HashMap<String, HashMap<String, Pod>>,
    pub(super) claims: Claims,
    pub(super) requests: Requests,
    /// Whether it was read at all: what is not in an inventory that nobody gave may well be in the cluster.
    pub(super) is_known: bool,
}

impl Index {
    /// Takes in an object, over an older one of its name; other kinds are left out.
    pub fn apply(&mut self, object: serde_json::Value) -> Result<(), String> {
        if self.is_old_news(&object) {
            return Ok(());
        }
        self.claims.apply(&object)?;
        match object.get("kind").and_then(serde_json::Value::as_str) {
            Some("CertificateSigningRequest") => {
                let request = csr::from_object(&object, "request").map_err(|faults| faults.join("; "))?;
                self.requests.apply(&request);
            }
            Some("Node") => {
                let node = read::<NodeObject>(object)?;
                let name = named(node.metadata.name)?;
                let created = match node.metadata.creation_timestamp {
                    Some(time) => {
                        seconds(&time).ok_or_else(|| format!("`{time}` is no time as 2026-01-31T12:00:00Z"))?
                    }
                    None => 0,
                };
                let ready = node.status.conditions.iter().any(|it| it.kind == "Ready" && it.status == "True");
                let addresses = node.status.addresses.into_iter().map(|it| (it.kind, it.address)).collect();
                let pool = pool(&node.metadata.labels);
                let kubelet_port = node.status.daemon_endpoints.kubelet_endpoint.port.filter(|it| *it > 0);
                // A kubelet writes its own annotations, and must not get out of sight by them.
                let read_only_port = node.metadata.annotations.get(READ_ONLY_PORT).and_then(|port| port.parse().ok());
                let uid = node.metadata.uid;
                self.nodes.insert(name, Node { uid, created, addresses, ready, pool, kubelet_port, read_only_port });
            }
            Some("Pod") => {
                let pod = read::<PodObject>(object)?;
                let name = named(pod.metadata.name)?;
                let record = Pod {
                    uid: pod.metadata.uid,
                    node: pod.spec.node_name,
                    service_account: pod.spec.service_account_name,
                };
                self.pods.entry(pod.metadata.namespace).or_default().insert(name, record);
            }
            Some(_) => {}
            None => return Err("`kind` is missing".to_owned()),
        }
        Ok(())
    }

    pub fn list_begins(&mut self, kind: &str) {
        if kind == "Node" {
            self.versions.clear();
        }
    }

    /// Whether a node's older version comes after a newer one, which was asked for beside the watch. It is told apart by uid:
    /// a Node that was made anew is another one.
    fn is_old_news(&mut self, object: &serde_json::Value) -> bool {
        let text = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
        let (name, version) = (text("/metadata/name"), text("/metadata/resourceVersion").parse().unwrap_or(0));
        if text("/kind") != "Node" {
            return false;
        }
        let is_same = self.nodes.get(name).is_some_and(|known| known.uid == text("/metadata/uid"));
        let known = self.versions.insert(name.to_owned(), version).filter(|_| is_same).unwrap_or(0);
        if version < known {
            self.versions.insert(name.to_owned(), known);
        }
        version < known
    }

    /// Lets go of one object.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        match kind {
            "Node" => {
                self.nodes.remove(name);
                self.versions.remove(name);
            }
            "Pod" => {
                if let Some(pods) = self.pods.get_mut(namespace) {
                    pods.remove(name);
                }
            }
            "CertificateSigningRequest" => self.requests.remove(name),
            _ => {}
        }
        self.claims.remove(kind, namespace, name);
    }

    /// Lets go of the objects of a kind that are not to be kept, by namespace and name.
    pub fn retain(&mut self, kind: &str, keep: impl Fn(&str, &str) -> bool) {
        match kind {
            "Node" => {
                self.nodes.retain(|name, _| keep("", name));
                self.versions.retain(|name, _| keep("", name));
            }
            "Pod" => {
                for (namespace, pods) in &mut self.pods {
                    pods.retain(|name, _| keep(namespace, name));
                }
                self.pods.retain(|_, pods| !pods.is_empty());
            }
            "CertificateSigningRequest" => self.requests.retain(|name| keep("", name)),
            _ => {}
        }
        self.claims.retain(kind, keep);
    }

    /// As what the cluster holds, and not as nothing.
    pub fn known(self) -> Index {
        Index { is_known: true, ..self }
    }

    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (name.as_str(), node))
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.pods.get(namespace)?.get(name)
    }
}

#[derive(Deserialize)]
struct NodeObject {
    metadata: Metadata,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Deserialize)]
struct PodObject {
    metadata: Metadata,
    #[serde(default)]
    spec: PodSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    uid: String,
    creation_timestamp: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    labels: HashMap<String, String>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeStatus {
    #[serde(default)]
    daemon_endpoints: DaemonEndpoints,
    #[serde(default)]
    addresses: Vec<Address>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DaemonEndpoints {
    #[serde(default)]
    kubelet_endpoint: Endpoint,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    #[serde(default)]
    node_name: String,
    #[serde(default)]
    service_account_name: String,
}

fn read<T: for<'de> Deserialize<'de>>(object: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(object).map_err(|error| error.to_string())
}

pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn pool(labels: &HashMap<String, String>) -> String {
    let named = POOL_LABELS.iter().find_map(|label| labels.get(*label)).filter(|it| !it.is_empty());
    let role = || labels.keys().filter_map(|label| label.strip_prefix(ROLE)).filter(|it| !it.is_empty()).min();
    named.map(String::as_str).or_else(role).unwrap_or("nodes").to_owned()
}

fn named(name: String) -> Result<String, String> {
    if name.is_empty() { Err("`metadata.name` is missing".to_owned()) } else { Ok(name) }
}

/// Seconds since 1970 of a time as Kubernetes writes it: `2026-01-31T12:00:00Z`.
fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let sound = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !sound {
        return None;
    }
    // Years that begin in March have their leap day last, and 153 days in every five months.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - DAYS_TO_1970) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// The first that a node has names its pool.
const POOL_LABELS: [&str; 3] = ["pathgate.io/pool", "node.kubernetes.io/instance-type", "topology.kubernetes.io/zone"];
const ROLE: &str = "node-role.kubernetes.io/";
const READ_ONLY_PORT: &str = "pathgate.io/read-only-port";

/// From March 1 of the year 0.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_read_to_the_second() {
        let table = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T23:59:59Z", Some(951_868_799)),
            ("2026-11-24T00:33:20Z", Some(1_795_480_400)),
            ("2026-13-01T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-24T00:33:20+01:00", None),
            ("2026-11-24", None),
            ("", None),
        ];
        assert_eq!(table.map(|(text, _)| (text, seconds(text))), table);
    }
}
