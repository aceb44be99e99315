//! The list of decisions as a person reads it: refusals first, repeats folded, and every number said with what it counts.
//! Pure.

use crate::model::{Class, Model, Notice, Rows};
use crate::{address, wording};
use std::{collections::BTreeMap, sync::Arc};
use wire::{Decision, Minute, Target};

/// What the list shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Board {
    pub sections: Vec<Section>,
    pub notices: Vec<Notice>,
    pub facets: Vec<Facet>,
    /// Decisions that are held, of all classes.
    pub held: usize,
}

/// Decisions of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    pub class: Class,
    /// How many are held.
    pub held: usize,
    /// The journal has older ones.
    pub cut: bool,
    pub folds: Vec<Fold>,
    pub older: Older,
}

/// How a reader comes to older decisions of a class than those drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// There are none.
    None,
    /// This many lines are held, and need only be drawn.
    Held(usize),
    /// The journal has them, before this row.
    Before(u64),
    /// A page holds no more: the query has to say which.
    TooMany,
}

/// Decisions that are the same but for time and target, shown as their newest.
#[derive(Clone, Debug)]
pub struct Fold {
    pub row: u64,
    pub decision: Arc<Decision>,
    pub times: usize,
    /// What is asked for, of all of them.
    pub asks: String,
}

impl PartialEq for Fold {
    fn eq(&self, other: &Fold) -> bool {
        // INVARIANT: what a decision's id names never changes, so the rest of it need not be compared.
        (self.row, &self.decision.id, self.times, &self.asks)
            == (other.row, &other.decision.id, other.times, &other.asks)
    }
}

/// A term that narrows the list, and how many of those held it would keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    pub term: String,
    pub count: usize,
}

/// The list of what the model holds.
pub fn board(model: &Model) -> Board {
    let sections = [Class::Refused, Class::WouldRefuse, Class::Passed].map(|class| section(&model.rows, class));
    Board {
        sections: sections.into_iter().filter(|section| section.held > 0).collect(),
        notices: model.notices.clone(),
        facets: facets(&model.rows),
        held: model.rows.count(),
    }
}

impl Board {
    /// The decisions in the order of the list.
    pub fn ids(&self) -> Vec<&str> {
        self.sections.iter().flat_map(|section| &section.folds).map(|fold| fold.decision.id.as_str()).collect()
    }

    /// The decision `by` places after this one; without one, the first.
    pub fn beside(&self, id: &str, by: isize) -> Option<String> {
        let ids = self.ids();
        let at = ids.iter().position(|it| *it == id);
        let to = match at {
            Some(at) => at.checked_add_signed(by).filter(|to| *to < ids.len()).unwrap_or(at),
            None => 0,
        };
        ids.get(to).map(|id| (*id).to_owned())
    }
}

fn section(rows: &Rows, class: Class) -> Section {
    let shelf = rows.of(class);
    let mut folds: Vec<Fold> = Vec::new();
    let mut targets: Vec<BTreeMap<String, usize>> = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (row, decision) in shelf.newest() {
        let key = if class == Class::Passed { row.to_string() } else { key(decision) };
        let at = *seen.entry(key).or_insert(folds.len());
        let asks = decision.request.describe();
        match folds.get_mut(at) {
            Some(fold) => fold.times += 1,
            None => {
                folds.push(Fold { row, decision: Arc::clone(decision), times: 1, asks: asks.clone() });
                targets.push(BTreeMap::new());
            }
        }
        targets.get_mut(at).into_iter().for_each(|targets| *targets.entry(asks.clone()).or_default() += 1);
    }
    for (fold, targets) in folds.iter_mut().zip(targets).filter(|(_, targets)| targets.len() > 1) {
        fold.asks = format!("{}, {} targets", kind(&fold.decision), targets.len());
    }
    let drawn = PAGE.saturating_mul(shelf.pages.saturating_add(1));
    let older = match (folds.len().saturating_sub(drawn), shelf.oldest()) {
        (hidden @ 1.., _) => Older::Held(hidden),
        (0, Some(row)) if shelf.cut && shelf.count() < class.most() => Older::Before(row),
        (0, _) if shelf.cut => Older::TooMany,
        (0, _) => Older::None,
    };
    folds.truncate(drawn);
    Section { class, held: shelf.count(), cut: shelf.cut, folds, older }
}

/// The rule that refused, or the one in shadow that would have.
pub fn spoken(decision: &Decision) -> (String, String) {
    if let Some((plugin, rule)) = decision.rule.split_once('/') {
        return (plugin.into(), rule.into());
    }
    let shadow = decision.opinions.iter().find(|it| it.shadow && it.verdict == wire::Verdict::Deny);
    let by_plugin = shadow.map(|it| (it.plugin.clone(), it.rule.clone()));
    let by_rule = || {
        let mut noted =
            decision.opinions.iter().filter_map(|it| Some((it.plugin.clone(), it.shadowed().next()?.0.to_owned())));
        noted.next()
    };
    by_plugin.or_else(by_rule).unwrap_or_default()
}

fn key(decision: &Decision) -> String {
    let (plugin, rule) = spoken(decision);
    format!("{}\n{}\n{plugin}/{rule}\n{}", decision.request.user, kind(decision), decision.path)
}

/// What is asked for, without which one.
fn kind(decision: &Decision) -> String {
    match &decision.request.target {
        Target::Resource(at) if at.subresource.is_empty() => format!("{} {}", at.verb, at.resource),
        Target::Resource(at) => format!("{} {}/{}", at.verb, at.resource, at.subresource),
        Target::NonResource { path, verb } => format!("{verb} {path}"),
        Target::Malformed { .. } => "malformed".into(),
    }
}

/// Terms that narrow what is held, most telling first: the verdicts, then the most frequent of each kind.
fn facets(rows: &Rows) -> Vec<Facet> {
    let mut found = vec![
        Facet { term: "verdict:deny".into(), count: rows.refused.count() },
        Facet { term: "shadow:true".into(), count: rows.would.count() },
    ];
    let all = || {
        let refused = rows.refused.newest().chain(rows.would.newest());
        refused.chain(rows.passed.newest()).map(|(_, decision)| decision)
    };
    let troubled = || rows.refused.newest().chain(rows.would.newest()).map(|(_, decision)| decision);
    found.extend(top(all().map(|it| format!("path:{}", it.path))));
    found.extend(top(troubled().map(|it| address::term("user", &it.request.user))));
    found.extend(top(troubled().filter_map(|it| Some(format!("node:{}", it.node()?)))));
    found.extend(top(troubled()
        .map(|it| spoken(it))
        .filter(|(_, rule)| !rule.is_empty())
        .map(|(_, rule)| format!("rule:{rule}"))));
    found.retain(|facet| facet.count > 0);
    found
}

fn top(terms: impl Iterator<Item = String>) -> Option<Facet> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for term in terms {
        *counts.entry(term).or_default() += 1;
    }
    let best = counts.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
    best.map(|(term, count)| Facet { term, count })
}

/// Refusals a minute of what is held, over the last 15 minutes, oldest first.
pub fn minutes(rows: &Rows, now: u64) -> Vec<Minute> {
    let first = (now / MINUTE).saturating_sub(14);
    let mut minutes: Vec<Minute> =
        (0..15).map(|at| Minute { at: (first + at) * MINUTE, ..Minute::default() }).collect();
    let mut add = |decision: &Decision, class: Class| {
        let place = (decision.at / MINUTE).checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(minute) = place.and_then(|place| minutes.get_mut(place)) {
            match class {
                Class::Refused => minute.refused += 1,
                Class::WouldRefuse => minute.would_refuse += 1,
                Class::Passed => {}
            }
        }
    };
    rows.refused.newest().for_each(|(_, decision)| add(decision, Class::Refused));
    rows.would.newest().for_each(|(_, decision)| add(decision, Class::WouldRefuse));
    minutes
}

/// The heading of a class and what it says beside it.
pub fn heading(section: &Section) -> (String, &'static str) {
    let more = if section.cut { " and more" } else { "" };
    let held = wording::count(u64::try_from(section.held).unwrap_or(u64::MAX));
    match section.class {
        Class::Refused => (format!("Refused, {held}{more}"), "repeats folded"),
        Class::WouldRefuse => (format!("Would refuse, {held}{more}"), "in shadow; these were let through"),
        Class::Passed => (format!("No objection, {held}{more}"), "newest first"),
    }
}

const MINUTE: u64 = 60_000;
/// Lines of one class that are drawn at first, and again each time the reader asks for older ones.
pub const PAGE: usize = 60;

#[cfg(test)]
pub(crate) mod tests;
