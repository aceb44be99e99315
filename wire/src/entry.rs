//! What stands in the journal besides decisions, and the row number that every reader resumes from.

use crate::{CsrDecision, Decision};
use serde::{Deserialize, Serialize};

/// One entry of the journal with its place: rows ascend, are never used twice, and never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub row: u64,
    pub entry: Entry,
}

/// What a row of the journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    Decision(Box<Decision>),
    /// Here decisions were made that the journal could not take.
    Gap(Gap),
    /// Something about the gate itself that an operator should know.
    Event(Event),
    /// A certificate request was judged.
    Csr(Box<CsrDecision>),
}

impl Entry {
    /// When it happened, in milliseconds since 1970-01-01 UTC; a gap counts from its end.
    pub fn at(&self) -> u64 {
        match self {
            Entry::Decision(decision) => decision.at,
            Entry::Gap(gap) => gap.to,
            Entry::Event(event) => event.at,
            Entry::Csr(decision) => decision.at,
        }
    }
}

/// Entries that were lost, because the journal was full or could not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many.
    pub lost: u64,
    /// When the first of them was made, in milliseconds since 1970-01-01 UTC.
    pub from: u64,
    /// When the last of them was made.
    pub to: u64,
}

/// Something about the gate itself: started, a plugin swapped, a config refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Milliseconds since 1970-01-01 UTC.
    pub at: u64,
    /// In kebab-case: `plugin-swapped`, `config-refused`, `plugin-quarantined`, `journal-degraded`, `started`, `stopped`.
    /// A reader shows a kind it does not know by its message.
    pub kind: String,
    /// A sentence for the operator.
    pub message: String,
    /// The facts in it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, String)>,
}

#[cfg(test)]
mod tests;
