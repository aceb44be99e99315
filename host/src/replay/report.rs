//! What a replay found: equal flips as one, and totals. Texts are cut and tables end at a bound; what is past it is counted.

use super::{Place, known::Now};
use crate::audit::Was;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use wire::{Path, Request, Verdict};

/// Answers that changed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flip {
    pub was: Verdict,
    pub now: Verdict,
    pub path: Path,
    pub user: String,
    /// As `kubectl` would say it.
    pub request: String,
    /// `plugin/rule` that refuses or allows now; or that did then, if nothing does now.
    pub rule: String,
    /// For people; that of then if nothing is said now, and empty if the log does not hold it.
    pub reason: String,
    pub count: u64,
    pub first: First,
}

/// The first line that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct First {
    /// `auditID`, or a decision's id.
    pub id: String,
    pub file: String,
    pub line: u64,
}

/// Numbers over all lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Not counting empty ones.
    pub lines: u64,
    pub judged: u64,
    /// Different questions among these; one that was long ago counts again.
    pub distinct: u64,
    pub flipped: u64,
    /// Flips that are in the totals only, because too many kinds were listed.
    pub unlisted: u64,
    pub by_path: BTreeMap<String, u64>,
    pub by_identity: BTreeMap<String, u64>,
    pub by_rule: BTreeMap<String, u64>,
    /// Lines that were not judged, by reason.
    pub left: BTreeMap<String, u64>,
    /// Questions to the gate that the judged requests brought, and that no audit log holds.
    pub unseen: BTreeMap<String, u64>,
    /// Lines that could not be understood; the first few are in `bad_lines`.
    pub bad: u64,
    pub bad_lines: Vec<BadLine>,
    /// Files that could not be read to their end.
    pub broken: Vec<Broken>,
}

/// A line that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadLine {
    pub file: String,
    pub line: u64,
    pub why: String,
}

/// A file that could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    pub file: String,
    /// The last that was read.
    pub after_line: u64,
    pub why: String,
}

/// Everything found.
#[derive(Default)]
pub struct Report {
    /// Most frequent first.
    pub flips: Vec<Flip>,
    pub totals: Totals,
    places: HashMap<Kind, usize>,
}

type Kind = (Verdict, Verdict, Path, String, String, String);

impl Report {
    pub(super) fn flip(&mut self, request: &Request, was: &Was, now: &Now, reason: &str, id: &str, place: Place<'_>) {
        let rule = shown(if now.rule.is_empty() { &was.rule } else { &now.rule });
        let user = shown(&request.user);
        self.totals.flipped += 1;
        count(&mut self.totals.by_path, now.path.as_str(), 1);
        count(&mut self.totals.by_identity, &user, 1);
        count(&mut self.totals.by_rule, &rule, 1);
        let asked = shown(&request.describe());
        let kind = (was.verdict, now.verdict, now.path, user.clone(), asked.clone(), rule.clone());
        if let Some(flip) = self.places.get(&kind).and_then(|at| self.flips.get_mut(*at)) {
            flip.count += 1;
            return;
        }
        if self.flips.len() >= FLIPS {
            self.totals.unlisted += 1;
            return;
        }
        self.places.insert(kind, self.flips.len());
        self.flips.push(Flip {
            was: was.verdict,
            now: now.verdict,
            path: now.path,
            user,
            request: asked,
            rule,
            reason: shown(reason),
            count: 1,
            first: First { id: shown(id), file: place.file.to_owned(), line: place.line },
        });
    }

    pub(super) fn left(&mut self, why: &str) {
        self.left_many(why, 1);
    }

    pub(super) fn left_many(&mut self, why: &str, many: u64) {
        count(&mut self.totals.left, why, many);
    }

    pub(super) fn unseen(&mut self, what: &str) {
        count(&mut self.totals.unseen, what, 1);
    }

    pub(super) fn bad(&mut self, place: Place<'_>, why: &str) {
        self.totals.bad += 1;
        if self.totals.bad_lines.len() < BAD_LINES {
            let bad = BadLine { file: place.file.to_owned(), line: place.line, why: shown(why) };
            self.totals.bad_lines.push(bad);
        }
    }

    pub(super) fn broken(&mut self, place: Place<'_>, why: &str) {
        let broken = Broken { file: place.file.to_owned(), after_line: place.line, why: shown(why) };
        self.totals.broken.push(broken);
    }

    /// Most frequent first, then in the order of the files.
    pub(super) fn sorted(mut self) -> Report {
        self.flips.sort_by_key(|flip| std::cmp::Reverse(flip.count));
        self.places.clear();
        self
    }
}

fn count(table: &mut BTreeMap<String, u64>, key: &str, many: u64) {
    let key = if table.len() < KEYS || table.contains_key(key) { key } else { OTHERS };
    if let Some(count) = table.get_mut(key) {
        *count = count.saturating_add(many);
    } else {
        table.insert(key.to_owned(), many);
    }
}

/// Foreign text for a terminal: no more than a person reads, and nothing that moves a cursor.
fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let clean = |it: char| if it.is_control() { char::REPLACEMENT_CHARACTER } else { it };
    let mut out: String = letters.by_ref().take(TEXT).map(clean).collect();
    if letters.next().is_some() {
        out.push('…');
    }
    out
}

/// A change that flips more kinds than this is wrong as a whole; they take some 10 MB.
pub(super) const FLIPS: usize = 10_000;
/// More names than anybody reads in a total.
const KEYS: usize = 1_000;
/// Enough to see what is wrong with a file.
pub(super) const BAD_LINES: usize = 10;
/// The longest honest names, of a pod in its namespace, are below this.
const TEXT: usize = 400;
const OTHERS: &str = "(others)";
