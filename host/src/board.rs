//! What the dashboard shows: the acts of the gate and the state of the paths, put together. It is fed with journal rows and
//! with what was found out, and tells a summary of a size that does not depend on the traffic. Pure.

use crate::{
    acts::Acts,
    joins::Joins,
    posture::{Found, Posture, ProbeReport, documentation},
};
use std::time::UNIX_EPOCH;
use wire::{
    Change, Entry, Event, Join, Lane, LaneId, PathDetail, PluginActs, Query, Row, SourceStatus, State, Summary, Todo,
};

/// The state of the show, at any time.
#[derive(Debug)]
pub struct Board {
    cluster: String,
    started: u64,
    acts: Acts,
    posture: Posture,
    joins: Joins,
    glass: Option<Glass>,
    plugins: Loaded,
    row: u64,
    changed: bool,
}

/// A way past one path that is in force: what to tell, and until when, in ms since 1970.
#[derive(Debug)]
struct Glass {
    todo: Todo,
    until: u64,
}

impl Glass {
    /// From the event that it took effect.
    fn read(event: &Event) -> Option<Glass> {
        let of = |key: &str| event.attributes.iter().find(|(it, _)| it == key).map(|(_, value)| value.as_str());
        let (user, path) = (of("user")?, of("path")?);
        let until = humantime::parse_rfc3339(of("expires")?).ok()?.duration_since(UNIX_EPOCH).ok()?;
        let todo = Todo {
            state: State::Exposed,
            title: format!("The glass is broken: `{user}` passes {path}"),
            text: format!("{}. Remove the grant as soon as it is not needed any more.", event.message),
            lane: None,
            node: String::new(),
            query: format!("user:{user} path:{path} since:15m"),
        };
        Some(Glass { todo, until: u64::try_from(until.as_millis()).ok()? })
    }
}

/// How many plugins decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub enforcing: u32,
    pub shadowed: u32,
    pub generation: u64,
}

impl Board {
    /// An empty board of a gate that started at this time, before a cluster of this name.
    pub fn new(cluster: String, started: u64, posture: Posture) -> Board {
        let acts = Acts::default();
        let (joins, plugins) = (Joins::default(), Loaded::default());
        Board { cluster, started, acts, posture, joins, glass: None, plugins, row: 0, changed: true }
    }

    /// Takes a row of the journal; they come in order.
    pub fn apply(&mut self, row: &Row) {
        self.row = row.row;
        self.changed = true;
        match &row.entry {
            Entry::Decision(decision) => {
                self.acts.apply(decision);
                self.posture.apply_decision(decision);
                self.joins.asked(decision);
            }
            Entry::Gap(gap) => self.acts.lost(gap.to, gap.lost),
            // What probes prove comes to the paths by itself.
            Entry::Event(event) if event.kind == "probe" => {}
            Entry::Event(event) => {
                match event.kind.as_str() {
                    "break-glass" => self.glass = Glass::read(event),
                    "break-glass-over" | "break-glass-refused" => self.glass = None,
                    _ => {}
                }
                self.posture.apply_event(event);
            }
            Entry::Csr(decision) => self.joins.judged(decision),
        }
    }

    /// The state of the paths, for what else was found out about them.
    pub fn posture(&mut self) -> &mut Posture {
        self.changed = true;
        &mut self.posture
    }

    /// Takes what a probe found.
    pub fn apply_probe(&mut self, report: ProbeReport) {
        if let Found::Tls(tls) = &report.found
            && let Some(certificate) = &tls.certificate
        {
            self.joins.used(&certificate.sha256, report.at);
        }
        self.posture().apply_probe(report);
    }

    /// Takes that a certificate was issued to a request.
    pub fn issued(&mut self, name: &str, sha256: &str, at: u64) {
        self.joins.issued(name, sha256, at);
    }

    /// Takes that a request is gone.
    pub fn gone(&mut self, name: &str) {
        self.joins.gone(name);
    }

    /// How far requests for certificates came: those that are stuck first, then the newest.
    pub fn joins(&self, now: u64) -> Vec<Join> {
        self.joins.list(now)
    }

    /// Which plugins decide from now on.
    pub fn load(&mut self, plugins: Loaded) {
        self.changed |= self.plugins != plugins;
        self.plugins = plugins;
    }

    /// Whether something changed since the last time that this was asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// All that the overview needs.
    pub fn summary(&mut self, now: u64) -> Summary {
        self.posture.settle(now);
        let (named, unnamed) = self.posture.named(now);
        let counts = self.posture.counts(now);
        Summary {
            at: now,
            row: self.row,
            cluster: self.cluster.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started,
            verdict: self.posture.verdict(counts, now),
            counts,
            acts: self.acts.total(now),
            enforcing: self.plugins.enforcing,
            shadowed: self.plugins.shadowed,
            generation: self.plugins.generation,
            pools: self.posture.pools(),
            lanes: self.lanes(now),
            named,
            unnamed,
            todo: self.todo(now),
            changes: self.changes(now),
            sources: self.posture.sources(now),
            blind: self.posture.blind(),
            minutes: self.acts.minutes(now),
        }
    }

    /// The lanes of the map, with what moved on them.
    pub fn lanes(&self, now: u64) -> Vec<Lane> {
        LaneId::ALL.iter().map(|id| self.lane(*id, now)).collect()
    }

    /// One lane: its instances that match, worst first, and one of them with all its checks.
    pub fn path(
        &self,
        lane: LaneId,
        subject: Option<&str>,
        query: &Query,
        plugins: Vec<String>,
        now: u64,
    ) -> PathDetail {
        let (purpose, warning, advice) = documentation(lane);
        let (instances, total) = self.posture.instances(lane, query, now, MAX_INSTANCES);
        PathDetail {
            lane: self.lane(lane, now),
            pools: self.posture.pools(),
            named: self.posture.named(now).0,
            purpose: purpose.into(),
            warning: warning.into(),
            advice: advice.into(),
            plugins,
            instances,
            total,
            instance: subject.and_then(|subject| self.posture.instance(lane, subject, now)),
            at: now,
        }
    }

    /// Where evidence comes from, and how fresh it is.
    pub fn sources(&self, now: u64) -> Vec<SourceStatus> {
        self.posture.sources(now)
    }

    /// Certificates that were seen.
    pub fn certificates(&self) -> Vec<wire::Certificate> {
        self.posture.certificates()
    }

    /// What a plugin did.
    pub fn plugin(&self, name: &str, now: u64) -> PluginActs {
        self.acts.plugin(name, now)
    }

    /// Refusals by a rule, and what it would have refused.
    pub fn rule(&self, plugin: &str, rule: &str, now: u64) -> (u64, u64) {
        self.acts.rule(plugin, rule, now)
    }

    fn lane(&self, id: LaneId, now: u64) -> Lane {
        let (acts, shut_by) = self.acts.lane(id, now);
        Lane { acts, shut_by, ..self.posture.lane(id, now) }
    }

    /// What needs a person. A way past a path comes before everything.
    fn todo(&self, now: u64) -> Vec<Todo> {
        let glass = self.glass.as_ref().filter(|it| now < it.until);
        glass.map(|it| it.todo.clone()).into_iter().chain(self.posture.todo(now)).collect()
    }

    fn changes(&self, now: u64) -> Vec<Change> {
        let mut changes = self.acts.changes(now);
        changes.extend(self.posture.changes(now));
        changes.sort_by_key(|change| std::cmp::Reverse(change.at));
        changes.truncate(MAX_CHANGES);
        changes
    }
}

/// More is no list that a person reads; a query narrows it.
const MAX_INSTANCES: usize = 200;
const MAX_CHANGES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::Options;

    fn titles(board: &mut Board, now: u64) -> Vec<String> {
        board.summary(now).todo.into_iter().map(|it| it.title).filter(|it| it.contains("glass")).collect()
    }

    #[test]
    fn a_broken_glass_needs_a_person_until_it_is_over() {
        let mut board = Board::new(String::new(), 0, Posture::new(Options::default()));
        let tell = |board: &mut Board, kind: &str| {
            let attributes = [("user", "alice"), ("path", "tunnel"), ("expires", "1970-01-01T00:01:00Z")];
            let attributes = attributes.map(|(key, value)| (key.into(), value.into())).into();
            let event = Event { at: 1, kind: kind.into(), message: "`alice` passes tunnel".into(), attributes };
            board.apply(&Row { row: 1, entry: Entry::Event(event) });
        };
        tell(&mut board, "break-glass");
        assert_eq!(titles(&mut board, 59_999), ["The glass is broken: `alice` passes tunnel"]);
        assert_eq!(titles(&mut board, 60_000), [""; 0]);
        tell(&mut board, "break-glass-over");
        assert_eq!(titles(&mut board, 1), [""; 0]);
    }
}
