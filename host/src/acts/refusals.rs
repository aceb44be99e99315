//! Who began to be refused, for what, and how often since: a line in "what changed" for a thousand refusals alike.

use std::collections::VecDeque;
use wire::{Change, ChangeKind, Decision, LaneId, Verdict};

/// Runs of like refusals: the same caller, the same rule.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The one that began last is last.
    runs: VecDeque<Run>,
}

#[derive(Debug)]
struct Run {
    user: String,
    rule: String,
    asked: String,
    node: String,
    lane: Option<LaneId>,
    /// In shadow.
    would: bool,
    began: u64,
    last: u64,
    count: u64,
}

impl Refusals {
    pub(super) fn apply(&mut self, decision: &Decision) {
        let would = decision.verdict != Verdict::Deny;
        let (user, rule) = (decision.request.user.as_str(), rule(decision));
        let same = |run: &&mut Run| run.would == would && run.rule == rule && run.user == user;
        if let Some(run) = self.runs.iter_mut().find(same)
            && decision.at.saturating_sub(run.last) < QUIET
        {
            run.last = run.last.max(decision.at);
            run.count += 1;
            return;
        }
        self.runs.retain(|run| !(run.would == would && run.rule == rule && run.user == user));
        if self.runs.len() >= MAX_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(Run {
            user: user.to_owned(),
            rule,
            asked: decision.request.describe(),
            node: decision.node().unwrap_or_default().to_owned(),
            lane: decision.lane(),
            would,
            began: decision.at,
            last: decision.at,
            count: 1,
        });
    }

    pub(super) fn changes(&self, now: u64) -> Vec<Change> {
        let recent = self.runs.iter().rev().filter(|run| run.last + QUIET > now);
        recent.take(MAX_TOLD).map(Run::change).collect()
    }
}

impl Run {
    fn change(&self) -> Change {
        let (what, done) =
            if self.would { (ChangeKind::WouldRefuse, "would be refused") } else { (ChangeKind::Refused, "refused") };
        Change {
            at: self.began,
            what,
            text: format!("{} began to ask: {}, {} {done}", short(&self.user), self.asked, self.count),
            query: format!("rule:{} \"{}\"", self.rule, self.user.replace('"', "")),
            lane: self.lane,
            node: self.node.clone(),
        }
    }
}

/// `plugin/rule` of what refused, or would have.
fn rule(decision: &Decision) -> String {
    if decision.verdict == Verdict::Deny {
        return decision.rule.clone();
    }
    let in_shadow = decision.opinions.iter().find_map(|it| {
        let rule = if it.shadow && it.verdict == Verdict::Deny { Some(it.rule.as_str()) } else { None };
        let rule = rule.or_else(|| it.shadowed().next().map(|(rule, _)| rule))?;
        Some(format!("{}/{rule}", it.plugin))
    });
    in_shadow.unwrap_or_default()
}

/// A user as people say it: `monitoring/prometheus` for a service account, the node for a node.
pub fn short(user: &str) -> String {
    if let Some((namespace, name)) = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        return format!("{namespace}/{name}");
    }
    match user {
        "system:anonymous" => "anonymous".to_owned(),
        _ => user.strip_prefix("system:node:").unwrap_or(user).to_owned(),
    }
}

/// A caller that was quiet for so long begins anew.
const QUIET: u64 = 15 * 60_000;
/// More is no list that a person reads; the decisions page has them all.
const MAX_RUNS: usize = 256;
const MAX_TOLD: usize = 20;
