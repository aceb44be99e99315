//! What the pages read: lanes, pools, named nodes, counts, and one path after the other.

use super::{
    Posture,
    evidence::{Known, Value as _},
    table::{Place, Record},
    words::{self, Issued},
};
use wire::{Acts, Counts, Instance, Lane, LaneId, Named, Pool, Query, State, Ticks};

impl Posture {
    /// Every lane with its counts and strips. Acts are somebody else's to count.
    pub fn lanes(&self, now: u64) -> Vec<Lane> {
        LaneId::ALL.iter().map(|lane| self.lane(*lane, now)).collect()
    }

    /// One lane.
    pub fn lane(&self, lane: LaneId, now: u64) -> Lane {
        let mut worst: Vec<Option<State>> = vec![None; self.table.nodes.len()];
        let mut counts = Counts::default();
        let mut subjects = 0_u64;
        for (slot, place) in worst.iter_mut().zip(&self.table.nodes) {
            if let Some(record) = place.record(lane) {
                let state = record.label(lane, now).state;
                counts.add(state, 1);
                *slot = Some(state);
            }
        }
        if let Some(of) = self.table.subjects(lane) {
            for record in of.kept.values() {
                let state = record.label(lane, now).state;
                counts.add(state, 1);
                let slot = record.node.as_deref().and_then(|it| self.table.position(it));
                if let Some(slot) = slot.and_then(|at| worst.get_mut(at)) {
                    *slot = Some(slot.map_or(state, |it| it.min(state)));
                }
            }
            // Those for whom there was no room are known by their number alone.
            let rest = count(of.rest.len());
            counts.add(State::Unknown, rest);
            subjects = count(of.kept.len()).saturating_add(rest);
        }
        let strip = |members: &[usize]| Ticks::write(members.iter().map(|at| worst.get(*at).copied().flatten()));
        Lane {
            id: lane,
            path: lane.path(),
            title: lane.title().into(),
            caption: self.caption(lane, subjects),
            counts,
            acts: Acts::default(),
            subjects,
            shut_by: String::new(),
            strips: self.table.pools.iter().map(|(_, members)| strip(members)).collect(),
        }
    }

    /// The columns of the map, by name.
    pub fn pools(&self) -> Vec<Pool> {
        let size = |members: &[usize]| u32::try_from(members.len()).unwrap_or(u32::MAX);
        self.table
            .pools
            .iter()
            .map(|(name, members)| Pool { name: name.as_ref().into(), nodes: size(members) })
            .collect()
    }

    /// All paths by state.
    pub fn counts(&self, now: u64) -> Counts {
        let mut all = Counts::default();
        for lane in self.lanes(now) {
            for state in State::ALL {
                all.add(*state, lane.counts.of(*state));
            }
        }
        all
    }

    /// The worst nodes, at most 200, and how many more there are.
    pub fn named(&self, now: u64) -> (Vec<Named>, u64) {
        let mut all = Vec::new();
        for (pool, (_, members)) in (0_u32..).zip(&self.table.pools) {
            for (at, place) in (0_u32..).zip(members.iter().filter_map(|at| self.table.nodes.get(*at))) {
                let Some((state, lane)) = place.worst(now) else { continue };
                let silent = place.record(LaneId::Nodes).is_some_and(|it| is_silent(it, now));
                let (state, lane) = match state {
                    State::Exposed | State::Unverified | State::Conflict => (state, lane),
                    State::Unknown if silent => (State::Unknown, LaneId::Nodes),
                    State::Unknown | State::Asserted | State::Safe => continue,
                };
                all.push(Named { pool, at, node: place.name.as_ref().into(), state, lane });
            }
        }
        all.sort_by_key(|it| it.state);
        let unnamed = count(all.len().saturating_sub(MOST));
        all.truncate(MOST);
        (all, unnamed)
    }

    /// Paths of a lane that a query admits, worst first, and how many there are.
    pub fn instances(&self, lane: LaneId, query: &Query, now: u64, limit: usize) -> (Vec<Instance>, u64) {
        let mut all = Vec::new();
        for place in &self.table.nodes {
            if let Some(record) = place.record(lane) {
                all.push(self.brief(lane, Place::Node(&place.name), record, now));
            }
        }
        if let Some(subjects) = self.table.subjects(lane) {
            all.extend(subjects.kept.iter().map(|(name, it)| self.brief(lane, Place::Subject(name), it, now)));
        }
        all.retain(|it| query.admits(it));
        all.sort_by(|one, other| (one.state, &one.subject).cmp(&(other.state, &other.subject)));
        let total = count(all.len());
        all.truncate(limit);
        (all, total)
    }

    /// One path with everything that is known of it.
    pub fn instance(&self, lane: LaneId, subject: &str, now: u64) -> Option<Instance> {
        let (place, record) = match self.table.find(subject).and_then(|it| it.record(lane)) {
            Some(record) => (Place::Node(subject), record),
            None => (Place::Subject(subject), self.table.subjects(lane)?.kept.get(subject)?),
        };
        let brief = self.brief(lane, place, record, now);
        let checks = words::checks(lane, &brief.node, &record.vector, now);
        let steps = words::steps(lane, &brief.node, &record.vector, now, self.issued(now));
        Some(Instance { checks, steps, ..brief })
    }

    fn brief(&self, lane: LaneId, place: Place<'_>, record: &Record, now: u64) -> Instance {
        let label = record.label(lane, now);
        let (subject, node) = match place {
            Place::Node(node) => (node, node),
            Place::Subject(subject) => (subject, record.node.as_deref().unwrap_or_default()),
        };
        let pool = self.table.find(node).map(|it| it.pool.as_ref().to_owned()).unwrap_or_default();
        Instance {
            lane,
            node: node.into(),
            pool,
            subject: subject.into(),
            state: label.state,
            rung: label.rung,
            says: words::says(lane, &record.vector, now),
            since: record.since,
            seen: record.seen,
            refused: record.refusals.total(now),
            checks: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Whether some kubelet shows a certificate of the cluster.
    fn issued(&self, now: u64) -> Issued {
        let genuine = |record: &Record| match record.vector.shown.resolve(now) {
            Known::Is(it) => it.value.is_good(),
            Known::Unknown(_) | Known::Conflict(..) => false,
        };
        let any = self.table.nodes.iter().filter_map(|it| it.record(LaneId::Direct)).any(genuine);
        if any { Issued::Some } else { Issued::None }
    }

    fn caption(&self, lane: LaneId, subjects: u64) -> String {
        match lane {
            LaneId::People if subjects > 0 => plural(subjects, "identity", "identities"),
            LaneId::Pods if !self.callers.hashes.is_empty() => {
                plural(count(self.callers.hashes.len()), "service account", "service accounts")
            }
            LaneId::PodProxy | LaneId::ServiceProxy | LaneId::NodeProxy if subjects > 0 => {
                plural(subjects, "target", "targets")
            }
            LaneId::Direct if self.options.probes => {
                let minutes = self.options.probe_every.div_ceil(60_000);
                format!("{}, probed every {minutes} min", words::caption(lane))
            }
            _ => words::caption(lane).to_owned(),
        }
    }
}

/// A node that was heard, and is heard no more.
pub(super) fn is_silent(record: &Record, now: u64) -> bool {
    record.seen > 0 && record.seen.saturating_add(super::reviews::REVIEW_TTL) <= now
}

pub(super) fn plural(count: u64, one: &str, more: &str) -> String {
    let mut digits = count.to_string();
    for at in
        (1..digits.len()).rev().filter(|at| digits.len().saturating_sub(*at).is_multiple_of(3)).collect::<Vec<_>>()
    {
        digits.insert(at, ',');
    }
    format!("{digits} {}", if count == 1 { one } else { more })
}

pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// More names than that no map has room for.
const MOST: usize = 200;
