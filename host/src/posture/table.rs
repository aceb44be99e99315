//! Every path that there is: for each node its lanes, and for each lane the callers and targets that are no nodes.
//!
//! Memory is bounded: so many nodes, so many callers for a lane; of the rest, only how many there are.

use super::{
    claims::Claims,
    log::Log,
    state::{Label, Needs, Vector},
};
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::Arc,
};
use wire::{LaneId, State};

/// A node, as the inventory knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEntry {
    pub name: String,
    pub pool: String,
}

/// Where a path stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Node(&'a str),
    Subject(&'a str),
}

/// One path.
#[derive(Debug)]
pub(super) struct Record {
    pub vector: Vector,
    /// The node that it has to do with, if its place is no node.
    pub node: Option<Arc<str>>,
    label: Label,
    /// When the label has to be made anew.
    until: u64,
    pub since: u64,
    /// When a review last showed it; 0 if none did.
    pub seen: u64,
    pub refusals: Refusals,
}

/// Refusals in the last 15 minutes, to the minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusals {
    minutes: [u16; 15],
    last: u64,
}

#[derive(Debug)]
pub(super) struct NodePlace {
    pub name: Arc<str>,
    pub pool: Arc<str>,
    /// Whether the inventory lists it.
    pub listed: bool,
    /// By [`index`].
    pub lanes: [Option<Box<Record>>; LANES],
}

/// Callers and targets of one lane that are no nodes.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    pub kept: HashMap<Arc<str>, Record>,
    /// Hashes of those for which there was no room.
    pub rest: HashSet<u64>,
    /// When room was last made.
    swept: u64,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub nodes: Vec<NodePlace>,
    at: HashMap<Arc<str>, usize>,
    /// Pools by name, and the positions of their nodes by name.
    pub pools: Vec<(Arc<str>, Vec<usize>)>,
    pub subjects: [Subjects; LANES],
    hasher: RandomState,
}

impl Record {
    fn new(lane: LaneId, place: Place<'_>, node: Option<Arc<str>>, claims: &Claims, now: u64) -> Record {
        let mut vector = Vector::default();
        claims.onto(lane, place, &mut vector);
        let label = vector.label(Needs::of(lane), now);
        let until = vector.until(now);
        Record { vector, node, label, until, since: now, seen: 0, refusals: Refusals::default() }
    }

    /// The state at this time.
    pub fn label(&self, lane: LaneId, now: u64) -> Label {
        if now < self.until { self.label } else { self.vector.label(Needs::of(lane), now) }
    }

    /// Makes the label anew, after evidence came or ran out, and writes a change down.
    pub fn settle(&mut self, lane: LaneId, place: Place<'_>, now: u64, log: &mut Log) {
        let label = self.vector.label(Needs::of(lane), now);
        self.until = self.vector.until(now);
        if label.state != self.label.state {
            log.push(now, lane, place, self.node.as_deref(), self.label.state, label.state);
            self.since = now;
        }
        self.label = label;
    }

    pub fn is_due(&self, now: u64) -> bool {
        now >= self.until
    }
}

impl Refusals {
    pub fn count(&mut self, now: u64) {
        self.roll(now);
        let slot = minute(now).checked_rem(15).and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
        if let Some(count) = self.minutes.get_mut(slot) {
            *count = count.saturating_add(1);
        }
    }

    pub fn total(mut self, now: u64) -> u64 {
        self.roll(now);
        self.minutes.iter().map(|it| u64::from(*it)).sum()
    }

    fn roll(&mut self, now: u64) {
        let to = minute(now);
        for passed in self.last.saturating_add(1).max(to.saturating_sub(14))..=to {
            let slot = passed.checked_rem(15).and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
            if let Some(count) = self.minutes.get_mut(slot) {
                *count = 0;
            }
        }
        self.last = self.last.max(to);
    }
}

impl Table {
    /// Takes the inventory's nodes. Those that it does not list stay while reviews still show them.
    pub fn set_nodes(&mut self, entries: impl IntoIterator<Item = NodeEntry>, claims: &Claims, now: u64) {
        let mut old: HashMap<Arc<str>, NodePlace> =
            self.nodes.drain(..).map(|place| (place.name.clone(), place)).collect();
        self.at.clear();
        let mut seen = HashSet::new();
        for entry in entries.into_iter().take(MOST_NODES) {
            if !seen.insert(entry.name.clone()) {
                continue;
            }
            let mut place = old.remove(entry.name.as_str()).unwrap_or_else(|| NodePlace::new(&entry.name));
            place.pool = entry.pool.into();
            place.listed = true;
            for lane in LISTED {
                place.lane(*lane, claims, now);
            }
            self.nodes.push(place);
        }
        let recent = |place: &NodePlace| place.lanes.iter().flatten().any(|it| it.seen.saturating_add(FORGET) > now);
        for (_, mut place) in old.into_iter().filter(|(_, place)| recent(place)) {
            place.listed = false;
            place.pool = UNLISTED.into();
            self.nodes.push(place);
        }
        self.arrange();
    }

    /// A node that called kube-apiserver under its own name, and so exists.
    pub fn learn(&mut self, node: &str, claims: &Claims, now: u64) -> Option<&mut NodePlace> {
        if !self.at.contains_key(node) {
            if self.nodes.len() >= MOST_NODES {
                return None;
            }
            let mut place = NodePlace::new(node);
            let any_listed = self.nodes.iter().any(|it| it.listed);
            place.pool = if any_listed { UNLISTED } else { "nodes" }.into();
            for lane in LISTED {
                place.lane(*lane, claims, now);
            }
            self.add(place);
        }
        self.node(node)
    }

    pub fn node(&mut self, node: &str) -> Option<&mut NodePlace> {
        self.nodes.get_mut(*self.at.get(node)?)
    }

    /// Where it stands in `nodes`.
    pub fn position(&self, node: &str) -> Option<usize> {
        self.at.get(node).copied()
    }

    pub fn find(&self, node: &str) -> Option<&NodePlace> {
        self.nodes.get(*self.at.get(node)?)
    }

    /// A caller or target that is no node; none if there is no room for more.
    pub fn subject(
        &mut self,
        lane: LaneId,
        subject: &str,
        node: Option<&str>,
        claims: &Claims,
        now: u64,
    ) -> Option<&mut Record> {
        let hash = self.hasher.hash_one(subject);
        let node = node.and_then(|it| self.at.get_key_value(it)).map(|(name, _)| name.clone());
        let subjects = self.subjects.get_mut(index(lane))?;
        if !subjects.kept.contains_key(subject) {
            if subjects.kept.len() >= MOST_SUBJECTS {
                subjects.make_room(now);
            }
            if subjects.kept.len() >= MOST_SUBJECTS {
                if subjects.rest.len() < MOST_REST {
                    subjects.rest.insert(hash);
                }
                return None;
            }
            subjects.rest.remove(&hash);
            let record = Record::new(lane, Place::Subject(subject), node, claims, now);
            subjects.kept.insert(subject.into(), record);
        }
        subjects.kept.get_mut(subject)
    }

    pub fn subjects(&self, lane: LaneId) -> Option<&Subjects> {
        self.subjects.get(index(lane))
    }

    /// Everything whose evidence ran out.
    pub fn settle(&mut self, now: u64, log: &mut Log) {
        self.each(|lane, place, record| {
            if record.is_due(now) {
                record.settle(lane, place, now, log);
            }
        });
    }

    /// Every path, one after the other.
    pub fn each(&mut self, mut act: impl FnMut(LaneId, Place<'_>, &mut Record)) {
        for place in &mut self.nodes {
            for (lane, record) in LaneId::ALL.iter().zip(&mut place.lanes) {
                if let Some(record) = record {
                    act(*lane, Place::Node(&place.name), record);
                }
            }
        }
        for (lane, subjects) in LaneId::ALL.iter().zip(&mut self.subjects) {
            for (subject, record) in &mut subjects.kept {
                act(*lane, Place::Subject(subject), record);
            }
        }
    }

    /// Puts one more node where it belongs.
    fn add(&mut self, place: NodePlace) {
        let at = self.nodes.len();
        self.at.insert(place.name.clone(), at);
        let pool = match self.pools.binary_search_by(|(name, _)| name.cmp(&place.pool)) {
            Ok(pool) => pool,
            Err(pool) => {
                self.pools.insert(pool, (place.pool.clone(), Vec::new()));
                pool
            }
        };
        if let Some((_, members)) = self.pools.get_mut(pool) {
            let name = |at: &usize| self.nodes.get(*at).map(|it| it.name.clone());
            let before = members.partition_point(|it| name(it) < Some(place.name.clone()));
            members.insert(before, at);
        }
        self.nodes.push(place);
    }

    /// Pools by name, nodes by name in them: what has a place keeps it.
    fn arrange(&mut self) {
        self.at = self.nodes.iter().enumerate().map(|(at, place)| (place.name.clone(), at)).collect();
        let mut pools: std::collections::BTreeMap<Arc<str>, Vec<(Arc<str>, usize)>> = Default::default();
        for (at, place) in self.nodes.iter().enumerate() {
            pools.entry(place.pool.clone()).or_default().push((place.name.clone(), at));
        }
        let sorted = pools.into_iter().map(|(name, mut nodes)| {
            nodes.sort();
            (name, nodes.into_iter().map(|(_, at)| at).collect())
        });
        self.pools = sorted.collect();
    }
}

impl NodePlace {
    fn new(name: &str) -> NodePlace {
        NodePlace { name: name.into(), pool: "nodes".into(), listed: false, lanes: Default::default() }
    }

    /// The path of this lane at this node; there is one from now on.
    pub fn lane(&mut self, lane: LaneId, claims: &Claims, now: u64) -> Option<&mut Record> {
        let twin = (lane == LaneId::NodeProxy).then(|| self.record(LaneId::Kubelet)).flatten();
        let twin = twin.map(|it| (it.vector.shown.clone(), it.vector.server.clone()));
        let name = self.name.clone();
        let slot = self.lanes.get_mut(index(lane))?;
        let record = slot.get_or_insert_with(|| {
            let mut record = Record::new(lane, Place::Node(&name), None, claims, now);
            // The same kubelet, and the same check by kube-apiserver.
            if let Some((shown, server)) = twin {
                record.vector.shown = shown;
                record.vector.server = server;
            }
            Box::new(record)
        });
        Some(record)
    }

    pub fn record(&self, lane: LaneId) -> Option<&Record> {
        self.lanes.get(index(lane))?.as_deref()
    }

    /// The worst state on any lane.
    pub fn worst(&self, now: u64) -> Option<(State, LaneId)> {
        let lanes = LaneId::ALL.iter().zip(&self.lanes);
        lanes.filter_map(|(lane, it)| it.as_ref().map(|it| (it.label(*lane, now).state, *lane))).min()
    }
}

impl Subjects {
    /// Lets those go of whom nothing was seen for long.
    fn make_room(&mut self, now: u64) {
        if now < self.swept.saturating_add(SWEEP) {
            return;
        }
        self.swept = now;
        self.kept.retain(|_, it| it.seen.saturating_add(FORGET) > now);
    }
}

fn minute(at: u64) -> u64 {
    at.checked_div(60_000).unwrap_or(0)
}

/// The place of a lane in an array; the order of `LaneId::ALL`.
pub(super) const fn index(lane: LaneId) -> usize {
    match lane {
        LaneId::People => 0,
        LaneId::Anonymous => 1,
        LaneId::Components => 2,
        LaneId::Nodes => 3,
        LaneId::Pods => 4,
        LaneId::Bootstrap => 5,
        LaneId::Agents => 6,
        LaneId::Kubelet => 7,
        LaneId::NodeProxy => 8,
        LaneId::PodProxy => 9,
        LaneId::ServiceProxy => 10,
        LaneId::Direct => 11,
    }
}

pub(super) const LANES: usize = LaneId::ALL.len();

/// The lanes that every node has, whether or not anything was seen on them.
const LISTED: &[LaneId] = &[LaneId::Nodes, LaneId::Kubelet, LaneId::Direct];

/// The pool of nodes that call, but are not in the inventory.
const UNLISTED: &str = "not in the inventory";

/// Twice what Kubernetes supports in a cluster.
const MOST_NODES: usize = 10_000;
/// Names come from whoever asks. More than that many no page shows.
const MOST_SUBJECTS: usize = 2_000;
/// A megabyte of hashes for all lanes together.
const MOST_REST: usize = 8_192;
/// What was not seen for an hour makes room for what is.
const FORGET: u64 = 60 * 60 * 1_000;
/// Looking for room costs some microseconds, and whoever asks under many names must not make us look each time.
const SWEEP: u64 = 60 * 1_000;
