//! Certificate requests: what the plugins are told, and what their answers come to.

use super::Judge;
use crate::{
    csr::{Judgement, MAX_REQUEST, Request, State, Verdict},
    finding::{Finding, Severity},
    plugins::{Approval, Failed, Plugin, Set},
};
use std::sync::{Arc, PoisonError};

impl Judge {
    /// Judges a certificate request by what is known of the cluster, and puts nothing on record. A doubt leaves it, a missing
    /// answer included.
    pub fn consider_request(&self, set: &Set, at: u64, request: &Request) -> Judgement {
        if request.der.len() > MAX_REQUEST {
            let reason =
                format!("a request of {} bytes is longer than the {MAX_REQUEST} that are judged", request.der.len());
            return left("gate/request-size", reason);
        }
        let inventory = self.inventory.read().unwrap_or_else(PoisonError::into_inner).clone();
        let question = inventory.question(request);
        let mut said = Vec::new();
        for plugin in set.approvers() {
            let opinion = match self.plugins.approve(plugin, at, &question) {
                Ok(approval) => approved(plugin, approval),
                Err(failed) => on_failure(plugin, &failed),
            };
            said.push((plugin.shadow, opinion));
        }
        combine(said)
    }

    /// A request was approved: its token is spent, and its key is taken, for those that follow.
    pub fn remember_approval(&self, request: &Request) {
        let mut inventory = self.inventory.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut inventory).remember(&Request { state: State::Approved, ..request.clone() });
    }
}

fn approved(plugin: &Plugin, approval: Approval) -> Judgement {
    let rule = if approval.rule.is_empty() { String::new() } else { format!("{}/{}", plugin.name, approval.rule) };
    Judgement { verdict: approval.verdict, rule, reason: approval.reason, findings: approval.findings }
}

/// What it means that a plugin gave no answer: nothing is approved, and nobody is accused.
fn on_failure(plugin: &Plugin, failed: &Failed) -> Judgement {
    let rule = format!("{}/failure-{}", plugin.name, failed.kind);
    left(&rule, format!("policy plugin `{}` gave no answer ({failed})", plugin.name))
}

fn left(rule: &str, reason: String) -> Judgement {
    Judgement { verdict: Verdict::Leave, rule: rule.to_owned(), reason, findings: Vec::new() }
}

/// Any denial denies, then any doubt leaves: approved is what every plugin approves, and one at least.
fn combine(said: Vec<(bool, Judgement)>) -> Judgement {
    let weight = |verdict| match verdict {
        Verdict::Deny => 0,
        Verdict::Leave => 1,
        Verdict::Approve => 2,
    };
    let mut findings = Vec::new();
    let mut decided: Option<Judgement> = None;
    for (shadow, mut it) in said {
        findings.append(&mut it.findings);
        if shadow {
            let detail = format!("in the shadow: {}: {}", it.verdict.as_str(), it.reason);
            findings.push(Finding { code: it.rule, severity: Severity::Low, at: None, detail });
        } else if decided.as_ref().is_none_or(|old| weight(it.verdict) < weight(old.verdict)) {
            decided = Some(it);
        }
    }
    let decided = decided.unwrap_or_else(|| left("gate/no-approver", "no plugin judges certificate requests".into()));
    Judgement { findings, ..decided }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(verdict: Verdict, rule: &str) -> Judgement {
        Judgement { verdict, rule: rule.into(), reason: "r".into(), findings: Vec::new() }
    }

    #[test]
    fn one_denial_outweighs_all_and_one_doubt_outweighs_approval() {
        let (yes, doubt, no) = (of(Verdict::Approve, "a"), of(Verdict::Leave, "b"), of(Verdict::Deny, "c"));
        let of = |all: &[&Judgement]| combine(all.iter().map(|it| (false, (*it).clone())).collect()).rule;
        assert_eq!(
            [of(&[&yes, &doubt, &no]), of(&[&yes, &doubt]), of(&[&yes, &yes]), of(&[])],
            ["c", "b", "a", "gate/no-approver"]
        );
    }

    #[test]
    fn a_plugin_in_the_shadow_neither_approves_nor_denies() {
        let judged = combine(vec![(true, of(Verdict::Deny, "p/no")), (false, of(Verdict::Approve, "q/yes"))]);
        assert_eq!((judged.verdict, judged.rule.as_str(), judged.findings.len()), (Verdict::Approve, "q/yes", 1));
        assert_eq!(combine(vec![(true, of(Verdict::Approve, "p/yes"))]).verdict, Verdict::Leave);
    }
}
