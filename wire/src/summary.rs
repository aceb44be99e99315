//! What the dashboard shows at a glance. The host makes it; it is the same size for ten nodes and for five thousand.

use crate::{LaneId, Outcome, Part, Path, Rung, State, Strength, Ticks, Witness};
use serde::{Deserialize, Serialize};

/// Everything the overview needs. Times are milliseconds since 1970-01-01 UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// When it was made.
    pub at: u64,
    /// The last journal row that is in it.
    pub row: u64,
    /// As the configuration or the demo calls the cluster; empty if nobody named it.
    pub cluster: String,
    /// Of this pathgate.
    pub version: String,
    /// When this gate started.
    pub started: u64,
    pub verdict: Sentence,
    pub counts: Counts,
    /// In the last 15 minutes, as all counts of acts here.
    pub acts: Acts,
    /// Plugins that count, and those in shadow.
    pub enforcing: u32,
    pub shadowed: u32,
    /// Of the plugins' set; it grows with every swap.
    pub generation: u64,
    pub pools: Vec<Pool>,
    /// In the order of the map.
    pub lanes: Vec<Lane>,
    /// The worst nodes, at most 200, each at its place.
    pub named: Vec<Named>,
    /// Bad nodes that are not named for lack of room.
    pub unnamed: u64,
    /// What needs a person, worst first.
    pub todo: Vec<Todo>,
    /// What changed in the last 15 minutes, newest first.
    pub changes: Vec<Change>,
    pub sources: Vec<SourceStatus>,
    pub blind: Vec<Blind>,
    /// Refusals and would-be refusals a minute, oldest first, 15 of them.
    pub minutes: Vec<Minute>,
}

/// A sentence that answers, one that adds to it, and the sign before them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sentence {
    pub state: State,
    pub says: String,
    pub adds: String,
}

impl Default for Sentence {
    fn default() -> Sentence {
        Sentence { state: State::Unknown, says: String::new(), adds: String::new() }
    }
}

/// Path instances by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    pub exposed: u64,
    pub unverified: u64,
    pub conflict: u64,
    pub unknown: u64,
    pub asserted: u64,
    pub safe: u64,
}

impl Counts {
    /// How many are in this state.
    pub const fn of(&self, state: State) -> u64 {
        match state {
            State::Exposed => self.exposed,
            State::Unverified => self.unverified,
            State::Conflict => self.conflict,
            State::Unknown => self.unknown,
            State::Asserted => self.asserted,
            State::Safe => self.safe,
        }
    }

    /// Counts some more.
    pub fn add(&mut self, state: State, more: u64) {
        let count = match state {
            State::Exposed => &mut self.exposed,
            State::Unverified => &mut self.unverified,
            State::Conflict => &mut self.conflict,
            State::Unknown => &mut self.unknown,
            State::Asserted => &mut self.asserted,
            State::Safe => &mut self.safe,
        };
        *count = count.saturating_add(more);
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        State::ALL.iter().map(|state| self.of(*state)).sum()
    }

    /// The worst state that there is.
    pub fn worst(&self) -> Option<State> {
        State::ALL.iter().copied().find(|state| self.of(*state) > 0)
    }
}

/// What the gate did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Acts {
    pub decisions: u64,
    pub refused: u64,
    /// A plugin in shadow, or a rule in shadow, would have refused.
    pub would_refuse: u64,
    /// Opinions that a plugin failed to give.
    pub failed: u64,
    /// Decisions that the journal lost.
    pub lost: u64,
    /// Decisions a second, over the last ten.
    pub rate: f64,
    /// Time of a decision in µs: half of them are within, and 99 of 100.
    pub p50: u64,
    pub p99: u64,
}

/// Nodes that belong together, as the column of the map that they share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pool {
    pub name: String,
    pub nodes: u32,
}

/// One lane of the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    pub id: LaneId,
    pub path: Option<Path>,
    pub title: String,
    /// What goes over it, in a few words.
    #[serde(default)]
    pub caption: String,
    #[serde(default)]
    pub counts: Counts,
    #[serde(default)]
    pub acts: Acts,
    /// Callers or targets that are no nodes.
    #[serde(default)]
    pub subjects: u64,
    /// The rule that lets nothing through, if everything on this lane was refused by one.
    #[serde(default)]
    pub shut_by: String,
    /// One for each pool, in their order.
    #[serde(default)]
    pub strips: Vec<Ticks>,
}

/// A node that has a name on the map because something is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// Positions of its pool, and in it.
    pub pool: u32,
    pub at: u32,
    pub node: String,
    /// The worst on any lane.
    pub state: State,
    pub lane: LaneId,
}

/// What needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Todo {
    pub state: State,
    pub title: String,
    /// What follows, and what to do.
    pub text: String,
    pub lane: Option<LaneId>,
    #[serde(default)]
    pub node: String,
    /// A query that shows it in the decisions, if it has to do with them.
    #[serde(default)]
    pub query: String,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub at: u64,
    pub what: ChangeKind,
    pub text: String,
    /// Where to look: a query on decisions, or empty.
    #[serde(default)]
    pub query: String,
    pub lane: Option<LaneId>,
    #[serde(default)]
    pub node: String,
}

/// The sign of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    State(State),
    Refused,
    WouldRefuse,
    /// Of the gate itself: a plugin was swapped, a configuration refused.
    Gate,
}

/// A source of evidence, and how fresh it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    pub witness: Witness,
    pub title: String,
    /// What it has seen, or how to connect it.
    pub text: String,
    /// The newest evidence; 0 if there was none.
    #[serde(default)]
    pub at: u64,
    /// How long evidence of it is valid, in ms; 0 if it does not run out.
    #[serde(default)]
    pub ttl: u64,
    pub connected: bool,
}

/// Something that cannot be known from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    pub title: String,
    pub text: String,
}

/// Refusals of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Minute {
    pub at: u64,
    pub refused: u64,
    pub would_refuse: u64,
}

/// One path of one node or caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    pub lane: LaneId,
    /// Empty for callers and targets that are no nodes.
    #[serde(default)]
    pub node: String,
    #[serde(default)]
    pub pool: String,
    /// The node, the user, or the target.
    pub subject: String,
    pub state: State,
    /// None while it is unknown.
    pub rung: Option<Rung>,
    /// The worst that was found, in a sentence.
    #[serde(default)]
    pub says: String,
    /// Since when it is in this state.
    #[serde(default)]
    pub since: u64,
    /// When it was last used.
    #[serde(default)]
    pub seen: u64,
    #[serde(default)]
    pub refused: u64,
    /// In lists, left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// What to do, in this order. In lists, left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// One thing that must be true of a path, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// In kebab-case, stable.
    pub id: String,
    pub part: Part,
    /// As a statement: "The kubelet listens with TLS".
    pub states: String,
    pub outcome: Outcome,
    pub found: String,
    /// None if nothing is known.
    pub strength: Option<Strength>,
    pub witness: Option<Witness>,
    /// Where exactly: a file, an address, a decision.
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub at: u64,
    /// How long it is valid, in ms; 0 if it does not run out.
    #[serde(default)]
    pub ttl: u64,
    /// The setting that would change it, or empty.
    #[serde(default)]
    pub setting: String,
}

/// A step towards safety.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub done: bool,
    pub text: String,
    /// What to write, and into which file; or empty.
    #[serde(default)]
    pub code: String,
}

/// Everything about one lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathDetail {
    pub lane: Lane,
    pub pools: Vec<Pool>,
    pub named: Vec<Named>,
    /// What Kubernetes' documentation says it is for, warns of, and advises.
    pub purpose: String,
    pub warning: String,
    pub advice: String,
    /// Which plugins judge it, by name.
    pub plugins: Vec<String>,
    /// Worst first; at most 200.
    pub instances: Vec<Instance>,
    /// How many there are.
    pub total: u64,
    /// The one that was asked for, with its checks.
    pub instance: Option<Instance>,
    #[serde(default)]
    pub at: u64,
}
