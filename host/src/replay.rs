//! What a log shows, asked again: which answers another set of plugins would give. Owns the comparison and its totals;
//! every table in it is bounded, so that a log of any size is read in the same memory.
//!
//! A line is an audit.k8s.io/v1 event or a row of a journal's export. Equal questions are put to the plugins once, at the
//! time of the first.

mod known;
mod lines;
mod report;

#[cfg(test)]
mod tests;

use crate::{
    audit::{self, Parsed, Was},
    judge::{self, Judge},
    plugins::Set,
    review,
};
use known::{Known, Now};
use std::sync::Arc;
use wire::{Decision, Entry, Failure, Request, Row, Verdict};

pub use lines::{Line, Lines};
pub use report::{BadLine, Broken, First, Flip, Report, Totals};

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub file: &'a str,
    /// From 1.
    pub line: u64,
}

/// By which facts on the cluster a row of a journal is judged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facts {
    /// Those that the gate had then.
    Recorded,
    /// Those of the judge's own inventory.
    Own,
}

/// Reads lines and compares.
pub struct Replay<'a> {
    judge: &'a Judge,
    set: &'a Set,
    facts: Facts,
    /// The time of every decision; that of its line if absent.
    at: Option<u64>,
    known: Known,
    report: Report,
}

/// A question, and what was answered then.
struct Then<'a> {
    id: String,
    at: Option<u64>,
    request: Request,
    was: Was,
    reason: String,
    recorded: Option<&'a [(String, String)]>,
}

impl<'a> Replay<'a> {
    pub fn new(judge: &'a Judge, set: &'a Set, facts: Facts, at: Option<u64>) -> Replay<'a> {
        Replay { judge, set, facts, at, known: Known::default(), report: Report::default() }
    }

    /// Takes a line of a log.
    pub fn line(&mut self, line: Line<'_>, place: Place<'_>) {
        let (bytes, is_cut) = match line {
            Line::Whole(bytes) => (bytes, false),
            Line::Cut(bytes) => (bytes, true),
            Line::Long => {
                self.report.totals.lines += 1;
                return self.report.bad(place, &format!("longer than {} KiB", lines::LONGEST / 1024));
            }
        };
        if bytes.trim_ascii().is_empty() {
            return;
        }
        self.report.totals.lines += 1;
        match audit::parse(bytes) {
            Ok(Parsed::Event(event)) => {
                for unseen in &event.unseen {
                    self.report.unseen(unseen.as_str());
                }
                let audit::Event { id, at, request, was, unseen: _ } = *event;
                self.judge(Then { id, at, request, was, reason: String::new(), recorded: None }, place);
            }
            Ok(Parsed::Left(why)) => self.report.left(why.as_str()),
            Ok(Parsed::Foreign) => match serde_json::from_slice::<Row>(bytes) {
                Ok(row) => self.entry(row, place),
                Err(_) => self.report.bad(place, "neither an audit.k8s.io/v1 Event nor a row of a journal's export"),
            },
            Err(_) if is_cut => self.report.bad(place, "the last line is cut off"),
            Err(error) => self.report.bad(place, &error.to_string()),
        }
    }

    /// Takes a row of a journal, as it is.
    pub fn row(&mut self, row: Row, place: Place<'_>) {
        self.report.totals.lines += 1;
        self.entry(row, place);
    }

    fn entry(&mut self, row: Row, place: Place<'_>) {
        match row.entry {
            Entry::Decision(decision) => self.decision(*decision, place),
            Entry::Gap(gap) => self.report.left_many("lost by the journal", gap.lost),
            Entry::Event(_) => self.report.left("an event of the gate, no decision"),
            Entry::Csr(_) => self.report.left("a decision about a certificate request, no review"),
        }
    }

    fn decision(&mut self, decision: Decision, place: Place<'_>) {
        let Decision { id, at, request, verdict, rule, reason, facts, .. } = decision;
        // Whether the authorizers after the gate allowed it is on no record of the gate.
        let was = Was { verdict, rule, allowed: false };
        let recorded = (self.facts == Facts::Recorded).then_some(facts.as_slice());
        self.judge(Then { id, at: Some(at), request, was, reason, recorded }, place);
    }

    /// What was not read to its end.
    pub fn broken(&mut self, place: Place<'_>, why: &str) {
        self.report.broken(place, why);
    }

    /// How many lines were read.
    pub fn lines(&self) -> u64 {
        self.report.totals.lines
    }

    /// All that was found.
    pub fn finish(self) -> Report {
        self.report.sorted()
    }

    fn judge(&mut self, then: Then<'_>, place: Place<'_>) {
        let Then { id, at, request, was, reason, recorded } = then;
        let Ok(asked) = serde_json::to_vec(&(&request, recorded)) else { return self.report.left(NO_FORM) };
        if asked.len() > review::BODY {
            return self.report.left(audit::Left::Large.as_str());
        }
        let key = known::key(&asked);
        let now = match self.known.find(&key) {
            Some(now) => now,
            None => {
                let at = self.at.or(at).unwrap_or_else(judge::now);
                let Some(now) = self.ask(at, &request, recorded) else { return self.report.left(CUT_OFF) };
                self.report.totals.distinct += 1;
                self.known.keep(key, now)
            }
        };
        self.report.totals.judged += 1;
        if flips(&was, now.verdict) {
            let reason = if now.reason.is_empty() { reason.as_str() } else { now.reason.as_str() };
            self.report.flip(&request, &was, &now, reason, &id, place);
        }
    }

    /// None if the moment decided, and not the plugins: what the clock cut off, or a plugin that rests.
    fn ask(&self, at: u64, request: &Request, recorded: Option<&[(String, String)]>) -> Option<Now> {
        for _ in 0..ATTEMPTS {
            let decision = match recorded {
                Some(facts) => self.judge.reconsider(self.set, at, request.clone(), facts),
                None => self.judge.consider(self.set, wire::Door::Command, at, request.clone(), None),
            };
            if !decision.opinions.iter().any(|it| !it.shadow && it.failure.is_some_and(is_of_the_moment)) {
                let Decision { verdict, path, rule, reason, .. } = decision;
                return Some(Now { verdict, path, rule: Arc::from(rule), reason });
            }
        }
        None
    }
}

/// Whether the answer is another one. That the gate would now allow what others allowed then changes nothing.
fn flips(was: &Was, now: Verdict) -> bool {
    match (was.verdict, now) {
        (Verdict::Deny, Verdict::Deny)
        | (Verdict::NoOpinion, Verdict::NoOpinion)
        | (Verdict::Allow, Verdict::Allow) => false,
        (Verdict::NoOpinion, Verdict::Allow) => !was.allowed,
        (Verdict::Deny, Verdict::NoOpinion | Verdict::Allow)
        | (Verdict::NoOpinion, Verdict::Deny)
        | (Verdict::Allow, Verdict::Deny | Verdict::NoOpinion) => true,
    }
}

fn is_of_the_moment(failure: Failure) -> bool {
    match failure {
        Failure::Deadline | Failure::Busy | Failure::Quarantined | Failure::NotReady => true,
        Failure::Trap | Failure::Fuel | Failure::Memory | Failure::Output | Failure::Role => false,
    }
}

/// Why a line has no answer to compare.
pub const CUT_OFF: &str = "a plugin was cut off by the clock, or rests after failing too often";
const NO_FORM: &str = "has no form as JSON";
/// A plugin that is cut off this often in a row is not unlucky.
const ATTEMPTS: usize = 3;
