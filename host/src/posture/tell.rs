//! What the page says in sentences: the verdict, what needs a person, what changed, the sources, and what cannot be seen.

use super::{
    Found, Posture, ReadOnly,
    log::Note,
    table::{Place, Record},
    view::{count, is_silent, plural},
    words,
};
use std::collections::BTreeMap;
use wire::{Blind, Change, ChangeKind, Counts, LaneId, Sentence, SourceStatus, State, Todo, Witness};

/// The minute, the lane, and from what to what.
type Alike = (u64, LaneId, State, State);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Trouble {
    subject: String,
    node: String,
    says: String,
}

impl Posture {
    /// One sentence that answers, and one that adds, on what [`Posture::counts`] found.
    pub fn verdict(&self, counts: Counts, now: u64) -> Sentence {
        let unknown = |says: &str| {
            let last = match counts.exposed {
                0 => "Nothing is known to be exposed.".to_owned(),
                exposed => {
                    format!("{} last known to be exposed.", plural(exposed, "path instance is", "path instances are"))
                }
            };
            let adds = format!("{last} Nothing on this page is counted as safe until news arrives.");
            Sentence { state: State::Unknown, says: says.into(), adds }
        };
        if self.reviews.count > 0 && self.reviews.last.saturating_add(SILENCE) <= now {
            let silent = now.saturating_sub(self.reviews.last) / 1_000;
            return unknown(&format!("We can’t tell: no review has reached us for {}.", span(silent)));
        }
        if self.reviews.count == 0 && self.probes.is_empty() {
            return unknown("We can’t tell: no review has reached us yet.");
        }
        let Some(worst) = counts.worst() else { return unknown("We can’t tell: no path has been seen yet.") };
        let others = format!(
            "{} unknown, and not counted as safe.",
            plural(counts.unknown, "path instance is", "path instances are")
        );
        let adds_unknown = if counts.unknown == 0 { String::new() } else { others };
        let (says, adds) = match worst {
            State::Exposed => {
                (self.worst_of(State::Exposed, counts.exposed, now), self.also(counts.unverified, &adds_unknown))
            }
            State::Unverified => {
                (self.worst_of(State::Unverified, counts.unverified, now), join("Nothing is exposed.", &adds_unknown))
            }
            State::Conflict => (
                format!("Sources disagree on {}.", plural(counts.conflict, "path instance", "path instances")),
                join("Nothing is known to be exposed.", &adds_unknown),
            ),
            State::Unknown => (
                format!(
                    "We can’t tell for {} of {}.",
                    counts.unknown,
                    plural(counts.total(), "path instance", "path instances")
                ),
                "Nothing is known to be exposed. What is unknown is not counted as safe.".to_owned(),
            ),
            State::Asserted | State::Safe => {
                let asserted = match counts.asserted {
                    0 => String::new(),
                    some => format!("{some} of {} are asserted only.", counts.total()),
                };
                let says = "Every path we can see is proved or asserted safe.".to_owned();
                (says, join(&asserted, "What we cannot see is listed below."))
            }
        };
        Sentence { state: worst, says, adds }
    }

    /// What needs a person, worst first. The same trouble at many places is one entry.
    pub fn todo(&self, now: u64) -> Vec<Todo> {
        let mut groups: BTreeMap<(State, LaneId, &'static str), Vec<Trouble>> = BTreeMap::new();
        self.visit(|lane, place, record| {
            let state = record.label(lane, now).state;
            let silent = lane == LaneId::Nodes && state == State::Unknown && is_silent(record, now);
            if !(silent || matches!(state, State::Exposed | State::Unverified | State::Conflict)) {
                return;
            }
            let checks = words::checks(lane, "", &record.vector, now);
            let kind = if silent { "silent" } else { words::kind(&checks) };
            let (subject, node) = match place {
                Place::Node(name) => (name, name),
                Place::Subject(name) => (name, record.node.as_deref().unwrap_or_default()),
            };
            let says = words::says(lane, &record.vector, now);
            groups.entry((state, lane, kind)).or_default().push(Trouble {
                subject: subject.into(),
                node: node.into(),
                says,
            });
        });
        let mut all = Vec::new();
        for ((state, lane, kind), mut members) in groups {
            members.sort();
            let advice = words::advice(lane, kind);
            if members.len() > FEW {
                let many = plural(count(members.len()), "path instance", "path instances");
                let first = members
                    .first()
                    .map(|Trouble { subject, says, .. }| format!("{subject}, for one: {says}."))
                    .unwrap_or_default();
                let title = format!("{}: {many} {}", lane.title(), words::trouble(state));
                let query = String::new();
                all.push(Todo {
                    state,
                    title,
                    text: join(&first, advice),
                    lane: Some(lane),
                    node: String::new(),
                    query,
                });
                continue;
            }
            for Trouble { subject, node, says } in members {
                let title =
                    if state == State::Unknown { format!("{subject} is silent") } else { format!("{subject}: {says}") };
                let text = join(&format!("On the path {}.", lane.title()), advice);
                let query = if node.is_empty() { String::new() } else { format!("node:{node}") };
                all.push(Todo { state, title, text, lane: Some(lane), node, query });
            }
        }
        all.truncate(MOST_TODO);
        all
    }

    /// What changed in the last 15 minutes, newest first. What changed alike at the same time is one entry.
    pub fn changes(&self, now: u64) -> Vec<Change> {
        let mut all: Vec<Change> = Vec::new();
        let mut groups: Vec<(Alike, Vec<&Note>)> = Vec::new();
        for note in self.log.since(now.saturating_sub(WINDOW)) {
            match note {
                Note::Gate { at, text } => all.push(Change {
                    at: *at,
                    what: ChangeKind::Gate,
                    text: text.clone(),
                    query: String::new(),
                    lane: None,
                    node: String::new(),
                }),
                Note::State { at, lane, from, to, .. } => {
                    let key = (at / 60_000, *lane, *from, *to);
                    match groups.iter_mut().find(|(it, _)| *it == key) {
                        Some((_, notes)) => notes.push(note),
                        None => groups.push((key, vec![note])),
                    }
                }
            }
        }
        for ((_, lane, from, to), notes) in groups {
            let many = notes.len() > FEW;
            for note in notes.iter().take(if many { 1 } else { FEW }) {
                let Note::State { at, subject, node, .. } = note else { continue };
                let who = if many {
                    plural(count(notes.len()), "path instance", "path instances")
                } else {
                    subject.as_ref().into()
                };
                let node = node.as_deref().filter(|_| !many).unwrap_or_default();
                all.push(Change {
                    at: *at,
                    what: ChangeKind::State(to),
                    text: format!("{who}, {}: {to}, was {from}", lane.title()),
                    query: if node.is_empty() { String::new() } else { format!("node:{node}") },
                    lane: Some(lane),
                    node: node.into(),
                });
            }
        }
        all.sort_by_key(|it| std::cmp::Reverse(it.at));
        all.truncate(MOST_CHANGES);
        all
    }

    /// Every source, how fresh it is, or how to connect it.
    pub fn sources(&self, now: u64) -> Vec<SourceStatus> {
        vec![self.reviews_source(), self.probes_source(now), self.files_source(), self.inventory_source()]
    }

    /// What cannot be known from here.
    pub fn blind(&self) -> Vec<Blind> {
        let all = [
            (
                "Whether a peer verified us",
                "On the wire, a careless client looks like a careful one. Only its configuration tells, and that is asserted, not seen.",
            ),
            (
                "A probe is not the connection",
                "We connect to the same address and see what answers us. Somebody in between may answer others otherwise.",
            ),
            (
                "Credentials in system:masters",
                "The apiserver lets them through before it asks anyone. They can’t be seen here, nor refused.",
            ),
            (
                "Direct calls to a kubelet",
                "A token the kubelet has cached works for up to 5 minutes without a question to us. A kubelet that allows everything never asks.",
            ),
            (
                "What the apiserver remembers",
                "It keeps our answers for a while and does not ask again within it, so counts are lower bounds.",
            ),
            (
                "What ran inside an exec",
                "A review names the verb and the pod, not the command. The audit stream would tell.",
            ),
            ("The last hop of a tunnel", "It ends at the agent. From agent to pod, plain HTTP is still plain HTTP."),
            (
                "What controllers dial themselves",
                "Storage and cloud controllers open connections that no review speaks of.",
            ),
            (
                "Checking switched off for a request",
                "insecureSkipTLSVerifyBackend on a log request is visible in audit events only.",
            ),
        ];
        all.map(|(title, text)| Blind { title: title.into(), text: text.into() }).into()
    }

    fn reviews_source(&self) -> SourceStatus {
        let text = match self.reviews.count {
            0 => "None has reached us yet. Name this webhook first in kube-apiserver’s --authorization-config."
                .to_owned(),
            some => format!("{} since the gate started", plural(some, "review", "reviews")),
        };
        SourceStatus {
            witness: Witness::Reviews,
            title: "Authorization reviews".into(),
            text,
            at: self.reviews.last,
            ttl: super::reviews::REVIEW_TTL,
            connected: self.reviews.count > 0,
        }
    }

    fn probes_source(&self, now: u64) -> SourceStatus {
        let fresh = |at: u64| at.saturating_add(super::PROBE_TTL) > now;
        let answers = |found: &Found| !matches!(found, Found::Silent(_));
        let answered = self.probes.values().filter(|it| fresh(it.at) && answers(&it.found)).count();
        let mut silent: Vec<_> =
            self.probes.values().filter(|it| !answers(&it.found)).map(|it| it.node.as_str()).collect();
        silent.sort_unstable();
        let text = if !self.options.probes {
            "Not connected. Write posture.probes, so that the gate looks at each kubelet’s certificate itself."
                .to_owned()
        } else if self.probes.is_empty() {
            "No kubelet has been probed yet".to_owned()
        } else {
            let of = plural(count(self.probes.len()), "kubelet", "kubelets");
            let who = match silent.as_slice() {
                [] => String::new(),
                [one] => format!("; {one} does not answer"),
                [first, ..] => format!("; {} do not answer, {first} for one", silent.len()),
            };
            format!("{answered} of {of}{who}")
        };
        let at = self.probes.values().map(|it| it.at).max().unwrap_or(0);
        let doubtful = self.probes.values().filter(|it| matches!(it.read_only, Some(ReadOnly::Silent { .. }))).count();
        let text = if doubtful > 0 {
            format!("{text}; {doubtful} read-only ports dropped the call, which proves nothing")
        } else {
            text
        };
        SourceStatus {
            witness: Witness::Probes,
            title: "Probes".into(),
            text,
            at,
            ttl: super::PROBE_TTL,
            connected: self.options.probes && !self.probes.is_empty(),
        }
    }

    fn files_source(&self) -> SourceStatus {
        let text = match &self.files {
            None if self.options.files => "They have not been read yet".to_owned(),
            None => {
                "Not connected. Name manifests, kubelet configurations and kubeconfigs in posture.files.".to_owned()
            }
            Some(read) => {
                let files = plural(count(read.files), "file", "files");
                match read.faults.as_slice() {
                    [] => format!("{files} read"),
                    [one] => format!("{files} read; {}: {}", one.path, one.message),
                    [first, ..] => {
                        format!(
                            "{files} read, {} faults; the first, {}: {}",
                            read.faults.len(),
                            first.path,
                            first.message
                        )
                    }
                }
            }
        };
        SourceStatus {
            witness: Witness::Files,
            title: "Configuration files".into(),
            text,
            at: self.files.as_ref().map_or(0, |it| it.at),
            ttl: 0,
            connected: self.files.is_some(),
        }
    }

    fn inventory_source(&self) -> SourceStatus {
        let listed = self.table.nodes.iter().filter(|it| it.listed).count();
        let text = match self.inventory {
            Some(_) => plural(count(listed), "node", "nodes"),
            None if self.options.inventory => "It has not been read yet".to_owned(),
            None => "Not connected. Name a list of the cluster’s objects in cluster.facts.".to_owned(),
        };
        SourceStatus {
            witness: Witness::Inventory,
            title: "Inventory".into(),
            text,
            at: self.inventory.unwrap_or(0),
            ttl: 0,
            connected: self.inventory.is_some(),
        }
    }

    /// "One node is exposed: gen-27 answers anyone".
    fn worst_of(&self, state: State, many: u64, now: u64) -> String {
        let mut first: Option<(LaneId, String, String)> = None;
        self.visit(|lane, place, record| {
            if record.label(lane, now).state != state {
                return;
            }
            let subject = match place {
                Place::Node(name) | Place::Subject(name) => name,
            };
            // The lane around the gate first: there, nothing can be refused.
            let rank = |lane: LaneId| (lane != LaneId::Direct, lane);
            let earlier =
                |(of, name, _): &(LaneId, String, String)| (rank(*of), name.as_str()) <= (rank(lane), subject);
            if !first.as_ref().is_some_and(earlier) {
                first = Some((lane, subject.into(), words::says(lane, &record.vector, now)));
            }
        });
        let Some((lane, subject, says)) = first else { return String::new() };
        match many {
            1 => format!("One path {}: {}, {subject}: {says}.", words::trouble_of_one(state), lane.title()),
            _ => format!("{many} paths {}, first {}, {subject}: {says}.", words::trouble(state), lane.title()),
        }
    }

    fn also(&self, unverified: u64, rest: &str) -> String {
        let also = match unverified {
            0 => String::new(),
            1 => "One more path is not verified.".to_owned(),
            some => format!("{some} more paths are not verified."),
        };
        join(&also, rest)
    }

    fn visit(&self, mut see: impl FnMut(LaneId, Place<'_>, &Record)) {
        for lane in LaneId::ALL {
            for place in &self.table.nodes {
                if let Some(record) = place.record(*lane) {
                    see(*lane, Place::Node(&place.name), record);
                }
            }
            for (subject, record) in self.table.subjects(*lane).into_iter().flat_map(|it| &it.kept) {
                see(*lane, Place::Subject(subject), record);
            }
        }
    }
}

fn join(one: &str, other: &str) -> String {
    if one.is_empty() || other.is_empty() { format!("{one}{other}") } else { format!("{one} {other}") }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// Leases are renewed every ten seconds, and kube-apiserver remembers our silence for thirty unless told otherwise.
const SILENCE: u64 = 60 * 1_000;
const WINDOW: u64 = 15 * 60 * 1_000;
/// As many are named one by one.
const FEW: usize = 3;
/// A person does not read further.
const MOST_TODO: usize = 40;
const MOST_CHANGES: usize = 100;
