//! What `pathgate demo` tells its page besides what a gate tells, and what the page may ask of it.

use crate::Verdict;
use serde::{Deserialize, Serialize};

/// The state of the show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Demo {
    pub paused: bool,
    /// Traffic, in per cent of the usual.
    pub speed: u32,
    pub nodes: u32,
    /// In the order in which they are shown.
    pub attacks: Vec<AttackCard>,
    /// What is shown now, or was last.
    pub caption: Option<Caption>,
    /// How many scenes had the outcome expected of them, and how many had not.
    pub passed: u32,
    pub failed: u32,
}

/// An attack that can be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackCard {
    /// As `s11`.
    pub id: String,
    pub title: String,
    /// Where it is known from: a CVE, an issue.
    pub source: String,
}

/// What was tried, and what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Caption {
    pub at: u64,
    pub attack: String,
    pub title: String,
    pub tried: String,
    pub by: String,
    /// What a cluster without the gate would have done.
    pub without: String,
    /// What happened here.
    pub here: String,
    /// The legitimate twin of the attack, which must pass.
    pub twin: bool,
    pub verdict: Verdict,
    pub rule: String,
    /// The decision's id.
    pub decision: String,
    pub micros: u64,
    /// Whether this is the outcome that was expected.
    pub expected: bool,
}

/// What the page may ask: the body of `POST /demo/v1/control`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Control {
    Pause(bool),
    /// In per cent of the usual; 1 to 1,000.
    Speed(u32),
    /// An attack's id.
    Replay(String),
    /// 5 to 5,000.
    Nodes(u32),
}
