//! What is known of every path's safety, and how: evidence of reviews, probes and files, and the state that follows.
//!
//! Pure: it takes `now` in milliseconds since 1970, and touches nothing. It refuses to guess: what no witness shows is
//! unknown, what ran out is unknown again, and unknown is never counted as safe.

mod claims;
mod evidence;
mod log;
mod reviews;
mod state;
mod table;
mod tell;
mod view;
mod words;

use crate::{certificate, paths::Names};
use claims::Claims;
use log::Log;
use reviews::Asking;
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};
use table::{Place, Record, Table};
use wire::{Event, LaneId, Witness};

pub use claims::{About, Claim, FileClaims, FileFault, Found, PROBE_TTL, ProbeReport, Proof, ReadOnly, Says, TlsFound};
pub use evidence::{Evidence, Field, Known, Value};
pub use state::{Authz, Bypass, Client, Label, Needs, Server, Shown, Transport, Tunnel, Vector};
pub use table::NodeEntry;
pub use words::documentation;

/// What the operator connected, and what things are called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether each witness is connected, so that it can be told how to connect it.
    pub probes: bool,
    pub files: bool,
    pub inventory: bool,
    /// Users under which kube-apiserver calls kubelets.
    pub kubelet_clients: Vec<String>,
    /// How often kubelets are probed, in ms.
    pub probe_every: u64,
}

/// The state of every path.
#[derive(Debug, Default)]
pub struct Posture {
    options: Options,
    names: Names,
    table: Table,
    claims: Claims,
    files: Option<FilesRead>,
    log: Log,
    asking: Asking,
    reviews: Heard,
    /// The last report on each node.
    probes: HashMap<String, ProbeReport>,
    /// The last certificate that each node showed, also while it is silent.
    served: HashMap<String, wire::Certificate>,
    /// When the inventory was read.
    inventory: Option<u64>,
    callers: Callers,
}

#[derive(Debug)]
struct FilesRead {
    at: u64,
    files: usize,
    faults: Vec<FileFault>,
}

/// How often a witness spoke, and when last.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    count: u64,
    last: u64,
}

/// How many different callers there were, up to a bound.
#[derive(Debug, Default)]
struct Callers {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            probes: false,
            files: false,
            inventory: false,
            // kubeadm's name for it, and those of k3s and of hand-made clusters.
            kubelet_clients: ["kube-apiserver-kubelet-client", "system:apiserver", "kube-apiserver"]
                .map(Into::into)
                .into(),
            probe_every: 5 * 60 * 1_000,
        }
    }
}

impl Posture {
    pub fn new(options: Options) -> Posture {
        Posture { options, ..Posture::default() }
    }

    /// Takes what happened to the gate itself.
    pub fn apply_event(&mut self, event: &Event) {
        self.log.gate(event.at, event.message.clone());
    }

    /// Takes what a probe found.
    pub fn apply_probe(&mut self, mut report: ProbeReport) {
        let at = report.at;
        if let Found::Tls(tls) = &mut report.found
            && let Some(next) = &mut tls.certificate
            && self.table.find(&report.node).is_some()
        {
            if let Some(last) = self.served.get(&report.node) {
                certificate::succeed(next, last);
            }
            self.served.insert(report.node.clone(), next.clone());
        }
        self.tell_node(&report.node, &[LaneId::Kubelet, LaneId::Direct, LaneId::NodeProxy], at, |lane, record| {
            report.onto(lane, &mut record.vector);
        });
        if self.table.find(&report.node).is_some() {
            self.probes.insert(report.node.clone(), report);
        }
    }

    /// Takes what files say, in place of what they said before.
    pub fn apply_files(&mut self, files: FileClaims) {
        let FileClaims { at, files, claims, faults } = files;
        self.claims = Claims::new(claims, at);
        self.files = Some(FilesRead { at, files, faults });
        let (said, log) = (&self.claims, &mut self.log);
        self.table.each(|lane, place, record| {
            record.vector.forget(Witness::Files);
            said.onto(lane, place, &mut record.vector);
            record.settle(lane, place, at, log);
        });
    }

    /// Takes the nodes of the inventory, in place of those before.
    pub fn set_nodes(&mut self, nodes: impl IntoIterator<Item = NodeEntry>, now: u64) {
        self.inventory = Some(now);
        self.table.set_nodes(nodes, &self.claims, now);
        self.probes.retain(|node, _| self.table.find(node).is_some());
        self.served.retain(|node, _| self.table.find(node).is_some());
    }

    /// Notices what ran out. Once a second is enough: no answer depends on it but that of what changed.
    pub fn settle(&mut self, now: u64) {
        self.table.settle(now, &mut self.log);
    }

    /// Certificates that kubelets showed to probes.
    pub fn certificates(&self) -> Vec<wire::Certificate> {
        let certificate = |report: &ProbeReport| match &report.found {
            Found::Tls(tls) => tls.certificate.clone(),
            Found::Silent(_) | Found::Plaintext | Found::Foreign(_) => None,
        };
        let mut all: Vec<_> = self.probes.values().filter_map(certificate).collect();
        all.sort_by(|one, other| (one.not_after, &one.node).cmp(&(other.not_after, &other.node)));
        all
    }

    /// Tells the lanes that this node already has.
    fn tell_node(&mut self, node: &str, lanes: &[LaneId], now: u64, mut tell: impl FnMut(LaneId, &mut Record)) {
        let Some(place) = self.table.node(node) else { return };
        for lane in lanes {
            if let Some(record) = place.lanes.get_mut(table::index(*lane)).and_then(Option::as_deref_mut) {
                tell(*lane, record);
                record.settle(*lane, Place::Node(node), now, &mut self.log);
            }
        }
    }

    /// Tells one lane of a node, which has it from now on. False if there is no such node.
    fn tell_node_of(&mut self, node: &str, lane: LaneId, now: u64, tell: impl FnOnce(LaneId, &mut Record)) -> bool {
        let Some(record) = self.table.node(node).and_then(|it| it.lane(lane, &self.claims, now)) else { return false };
        tell(lane, record);
        record.settle(lane, Place::Node(node), now, &mut self.log);
        true
    }
}

impl Heard {
    fn hear(&mut self, at: u64) {
        self.count = self.count.saturating_add(1);
        self.last = self.last.max(at);
    }
}

impl Callers {
    fn note(&mut self, caller: &str) {
        if self.hashes.len() < MOST_CALLERS {
            self.hashes.insert(self.hasher.hash_one(caller));
        }
    }
}

/// Half a megabyte of hashes; a cluster of 5,000 nodes has some thousand service accounts.
const MOST_CALLERS: usize = 32_768;

#[cfg(test)]
mod tests;
