//! An entry in the form in which it is written: as JSON, with the columns that queries ask for beside it.
//!
//! It is made where the entry is, by the task that records it. A decision is some thirty allocations: to hand it to
//! another thread and free it there costs more than to serialise it here, and a line's weight is known.

use super::{brief::Brief, words::Words};
use serde::Serialize;
use wire::{CsrDecision, Decision, Event, Gap, Path, Source, Traversal, Verdict};

/// An entry, ready to be written.
pub(super) struct Line {
    /// Milliseconds since 1970-01-01 UTC.
    pub(super) at: u64,
    pub(super) columns: Columns,
    /// As JSON: what the columns do not say.
    pub(super) body: Vec<u8>,
}

/// What kind of entry it is, and what can be asked of it without reading the body.
pub(super) enum Columns {
    Decision(DecisionColumns),
    Gap,
    Event,
    Csr(CsrColumns),
}

pub(super) struct DecisionColumns {
    pub(super) id: String,
    pub(super) path: Path,
    pub(super) source: Source,
    pub(super) traversal: Traversal,
    pub(super) verdict: Verdict,
    pub(super) rule: String,
    pub(super) user: String,
}

/// No path and no verdict: they are those of decisions, and who looks for these finds nothing else.
pub(super) struct CsrColumns {
    pub(super) id: String,
    pub(super) rule: String,
    pub(super) user: String,
}

impl Line {
    pub(super) fn decision(decision: Decision, words: &Words) -> Line {
        let (at, columns, brief) = Brief::of(decision, words);
        Line { at, columns: Columns::Decision(columns), body: json(&Said::Brief(&brief)) }
    }

    pub(super) fn gap(gap: Gap) -> Line {
        Line { at: gap.to, columns: Columns::Gap, body: json(&Said::Gap(&gap)) }
    }

    pub(super) fn event(event: Event) -> Line {
        let body = json(&Said::Event(&event));
        Line { at: event.at, columns: Columns::Event, body }
    }

    pub(super) fn csr(decision: CsrDecision) -> Line {
        let body = json(&Said::Csr(&decision));
        let CsrDecision { id, at, rule, question, .. } = decision;
        Line { at, columns: Columns::Csr(CsrColumns { id, rule, user: question.user }), body }
    }

    /// About what it takes in memory and in the database.
    pub(super) fn weight(&self) -> usize {
        let texts = match &self.columns {
            Columns::Decision(DecisionColumns { id, rule, user, .. }) => id.len() + rule.len() + user.len(),
            Columns::Csr(CsrColumns { id, rule, user }) => id.len() + rule.len() + user.len(),
            Columns::Gap | Columns::Event => 0,
        };
        self.body.len().saturating_add(texts).saturating_add(FIXED)
    }
}

/// An entry as it is written, without owning it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Said<'a> {
    Brief(&'a Brief),
    Gap(&'a Gap),
    Event(&'a Event),
    Csr(&'a CsrDecision),
}

fn json(entry: &Said<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(ORDINARY);
    #[expect(clippy::expect_used, reason = "texts, numbers and lists have a JSON form, and a Vec takes it")]
    serde_json::to_writer(&mut body, entry).expect("wire words serialise");
    body
}

/// Most decisions fit without growing.
const ORDINARY: usize = 512;

/// The columns and the places of all in memory.
const FIXED: usize = 512;
