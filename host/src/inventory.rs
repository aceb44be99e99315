//! What the cluster holds: its nodes and pods by name, who has which name and address, and earlier certificate requests,
//! for the facts that plugins get.
//!
//! A snapshot: looking something up never waits, and costs the same for ten nodes as for five thousand. It refuses lists
//! that are too large or are none, and leaves out kinds it does not know.

mod claims;
mod index;
mod requests;

use crate::{
    csr::{self, Glance},
    paths::{Class, proxy_name},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use index::Index;
pub use requests::Spent;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};
use wire::{CsrNode, CsrQuestion, Request, Target, Traversal};

/// Nodes and pods of one cluster at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(Index);

/// Objects of one kind: names by namespace, which is empty for kinds that have none.
pub type Listed = HashMap<String, HashSet<String>>;

/// A node, as far as paths and certificates are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub uid: String,
    /// Seconds since 1970-01-01 UTC; 0 if the list does not say.
    pub created: u64,
    /// Type and value, as in `Node.status.addresses`.
    pub addresses: Vec<(String, String)>,
    pub ready: bool,
    /// Nodes of one pool belong together: the label `pathgate.io/pool`, else instance type, zone or role, else `nodes`.
    pub pool: String,
    /// Where its kubelet listens, by its own word.
    pub kubelet_port: Option<u16>,
    /// Where its read-only port would be, by the annotation `pathgate.io/read-only-port`.
    pub read_only_port: Option<u16>,
}

/// A pod, as far as paths are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    pub uid: String,
    /// Empty before it is scheduled.
    pub node: String,
    pub service_account: String,
}

/// Why a list is no inventory.
#[derive(Debug, thiserror::Error)]
pub enum ReadInventory {
    #[error("a list of {size} bytes is longer than {MAX_BYTES}; leave out what plugins do not ask for")]
    Size { size: usize },
    /// The place is in the source.
    #[error("read the list as JSON of `kubectl get nodes,pods -A -o json`")]
    Json { source: serde_json::Error },
}

impl Inventory {
    /// Reads a `List`, as `kubectl get nodes,pods,services,endpointslices,csr -A -o json` prints it.
    pub fn from_list(json: &[u8]) -> Result<Inventory, ReadInventory> {
        if json.len() > MAX_BYTES {
            return Err(ReadInventory::Size { size: json.len() });
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let index = reader.deserialize_map(List).and_then(|index| reader.end().map(|()| index));
        index.map(|index| Inventory(index.known())).map_err(|source| ReadInventory::Json { source })
    }

    /// Takes in an object, over an older one of its kind and name; kinds that it does not know are left out.
    ///
    /// # Errors
    /// What is wrong with the object, in a sentence; then nothing of it is taken.
    pub fn apply(&mut self, object: serde_json::Value) -> Result<(), String> {
        self.0.apply(object)
    }

    /// All objects of a kind are told anew: versions of before count no more, as after a restored backup.
    pub fn list_begins(&mut self, kind: &str) {
        self.0.list_begins(kind);
    }

    /// Lets go of an object that is gone.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        self.0.remove(kind, namespace, name);
    }

    /// Lets go of every object of a kind that is not among these.
    pub fn keep_only(&mut self, kind: &str, listed: &Listed) {
        self.0.retain(kind, |namespace, name| listed.get(namespace).is_some_and(|names| names.contains(name)));
    }

    /// Whether what is not here is not in the cluster either.
    pub fn set_known(&mut self, is_known: bool) {
        self.0.is_known = is_known;
    }

    pub fn is_known(&self) -> bool {
        self.0.is_known
    }

    /// Every node, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.nodes()
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.0.node(name)
    }

    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.0.pod(namespace, name)
    }

    /// What plugins are told about a certificate request.
    pub fn question(&self, request: &csr::Request) -> CsrQuestion {
        let glance = Glance::at(&request.der);
        let name = glance.node().unwrap_or_default();
        let node = self.node(name).map(|it| CsrNode {
            name: name.to_owned(),
            uid: it.uid.clone(),
            created: it.created,
            ready: it.ready,
            addresses: it.addresses.clone(),
        });
        let mut facts = self.0.requests.facts(request, &glance);
        let holders = self.0.claims.of_others(name, &glance.names);
        facts
            .extend(holders.map(|(kind, name, who)| ("pathgate.io/holder".to_owned(), format!("{kind} {name} {who}"))));
        if self.0.claims.is_control_plane(name) {
            facts.push(("pathgate.io/node-role".to_owned(), "control-plane".to_owned()));
        }
        let created = request.created.map(|it| ("pathgate.io/created".to_owned(), it.to_string()));
        let pem = request.pem_fault.map(|it| ("pathgate.io/pem".to_owned(), it.to_owned()));
        facts.extend(created.into_iter().chain(pem));
        let known =
            if self.0.is_known { vec![("pathgate.io/inventory".to_owned(), "known".to_owned())] } else { vec![] };
        CsrQuestion {
            name: request.name.clone(),
            uid: request.uid.clone(),
            created: request.created,
            signer: request.signer.clone(),
            user: request.user.clone(),
            user_uid: request.user_uid.clone(),
            groups: request.groups.clone(),
            extra: request.extra.clone(),
            usages: request.usages.clone(),
            expiration: request.expiration,
            request: STANDARD.encode(&request.der),
            context: known,
            facts,
            node,
            common_name: glance.common_name.unwrap_or_default(),
            names: glance.names,
        }
    }

    /// Which tokens are spent, by the user that they make, for another gate.
    pub fn spent(&self) -> BTreeMap<String, Spent> {
        self.0.requests.spent()
    }

    /// Another gate knows which tokens are spent.
    pub fn learn_spent(&mut self, spent: BTreeMap<String, Spent>) {
        self.0.requests.learn(spent);
    }

    /// A certificate request was decided, which tells of those that follow.
    pub fn remember(&mut self, request: &csr::Request) {
        self.0.requests.apply(request);
    }

    /// What plugins are told about the node or pod that a request names, as attributes.
    pub fn facts(&self, request: &Request, class: &Class) -> Vec<(String, String)> {
        let Target::Resource(at) = &request.target else { return Vec::new() };
        let name = match class.traversal {
            Traversal::NodeProxy | Traversal::EndpointProxy => proxy_name(&at.name).map_or("", |it| it.name),
            Traversal::Kubelet
            | Traversal::Stream
            | Traversal::Log
            | Traversal::DelegatedCheck
            | Traversal::CredentialMinting
            | Traversal::Impersonation
            | Traversal::Discovery
            | Traversal::Plain => &at.name,
        };
        if name.is_empty() {
            return Vec::new();
        }
        let fact = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
        match (at.group.as_str(), at.resource.as_str()) {
            ("", "nodes") if self.node(name).is_some() => fact(NODE, "known"),
            ("", "nodes") if self.0.is_known => fact(NODE, "unknown"),
            // A pod that is not known, or not scheduled, has no node to tell of.
            ("", "pods") => match self.pod(&at.namespace, name) {
                Some(pod) if !pod.node.is_empty() => fact(POD_NODE, &pod.node),
                Some(_) | None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

/// Reads item by item, so that a large list is never in memory as a tree.
struct List;

impl<'de> Visitor<'de> for List {
    type Value = Index;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a `List`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Index, A::Error> {
        let mut items = None;
        let mut kind = String::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => items = Some(map.next_value::<Items>()?.0),
                "kind" => kind = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if kind != "List" {
            return Err(A::Error::custom(format_args!("`kind` must be `List`, not `{kind}`")));
        }
        items.ok_or_else(|| A::Error::missing_field("items"))
    }
}

struct Items(Index);

impl<'de> serde::Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Items, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Items;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items, A::Error> {
        let mut index = Index::default();
        let mut position = 0_usize;
        while let Some(object) = seq.next_element::<serde_json::Value>()? {
            index.apply(object).map_err(|fault| A::Error::custom(format_args!("items[{position}]: {fault}")))?;
            position = position.saturating_add(1);
        }
        Ok(Items(index))
    }
}

/// A cluster of 5,000 nodes and 150,000 pods prints less without managed fields; with them, ask for fewer kinds.
const MAX_BYTES: usize = 256 * 1024 * 1024;

const NODE: &str = "pathgate.io/node";
const POD_NODE: &str = "pathgate.io/pod-node";

#[cfg(test)]
mod tests;
