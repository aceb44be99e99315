//! Certificate requests: what the plugins are told, and what their answers come to.

use super::{Judge, Sandbox, now, say};
use crate::{
    csr::{MAX_REQUEST, Request, State},
    inventory::Inventory,
    journal::Recorded,
    plugins::{Approval, Failed, Plugin, Set},
};
use std::{sync::PoisonError, time::Instant};
use wire::{CsrDecision, CsrOpinion, CsrVerdict, Event, Finding, Severity};

impl Judge {
    /// Decides on a certificate request for the approver, with a sentence for the condition. Nothing is on record yet, see
    /// [`Judge::record_request`].
    pub fn decide_request(&self, request: &Request) -> (CsrDecision, String) {
        let decision = self.consider_request(&self.plugins.current(), now(), request);
        let sentence = say(&decision.reason, &decision.rule, &decision.id);
        (decision, sentence)
    }

    /// Puts it on record, before anybody is told. False if a strict gate must not act on it.
    pub fn record_request(&self, decision: CsrDecision) -> bool {
        let Some(journal) = &self.journal else { return true };
        match journal.record_request(decision) {
            Recorded::Queued => true,
            Recorded::Lost => !journal.is_strict(),
        }
    }

    /// Puts on record that a decision did not reach the cluster, as far as is known.
    pub fn note_unwritten(&self, request: &str, id: &str, why: &str) {
        let Some(journal) = &self.journal else { return };
        let attributes = [("request", request), ("decision", id)].map(|(key, it)| (key.to_owned(), it.to_owned()));
        let message = format!("decision {id} about certificate request {request} did not reach the cluster: {why}");
        // A loss is counted by the journal itself.
        let _ =
            journal.note(Event { at: now(), kind: "csr-not-written".into(), message, attributes: attributes.into() });
    }

    /// Judges a certificate request by what is known of the cluster, and puts nothing on record. A doubt leaves it, a missing
    /// answer included.
    pub fn consider_request(&self, set: &Set, at: u64, request: &Request) -> CsrDecision {
        let begin = Instant::now();
        let question = self.look(|inventory| inventory.question(request));
        let mut findings = Vec::new();
        let mut opinions = Vec::new();
        let is_long = request.size > MAX_REQUEST;
        for plugin in set.approvers().filter(|_| !is_long) {
            let begin = Instant::now();
            let opinion = match self.plugins.approve(plugin, at, &question) {
                Ok(mut approval) => {
                    findings.append(&mut approval.findings);
                    opinion(plugin, approval)
                }
                Err(failed) => on_failure(plugin, &failed),
            };
            opinions.push(CsrOpinion { micros: micros(begin), ..opinion });
        }
        findings.extend(opinions.iter().filter(|it| it.shadow).map(in_the_shadow));
        let (verdict, rule, reason) = if is_long {
            let bytes = request.size;
            let reason = format!("a request of {bytes} bytes is longer than the {MAX_REQUEST} that are judged");
            (CsrVerdict::Leave, "gate/request-size".to_owned(), reason)
        } else {
            combine(&opinions)
        };
        CsrDecision {
            id: self.ids.next(at).to_string(),
            at,
            question,
            verdict,
            rule,
            reason,
            findings,
            opinions,
            engine: Sandbox::engine_name().to_owned(),
            micros: micros(begin),
        }
    }

    /// A request was approved: its token is spent, and its key is taken, for those that follow.
    pub fn remember_approval(&self, request: &Request) {
        let approved = Request { state: State::Approved, ..request.clone() };
        self.learn(|inventory| inventory.remember(&approved));
    }

    /// Looks at what is known of the cluster; decisions go on meanwhile.
    pub fn look<T>(&self, at: impl FnOnce(&Inventory) -> T) -> T {
        at(&self.inventory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes in what changed in the cluster; decisions wait meanwhile, so it is a matter of microseconds.
    pub fn learn<T>(&self, change: impl FnOnce(&mut Inventory) -> T) -> T {
        change(&mut self.inventory.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn opinion(plugin: &Plugin, approval: Approval) -> CsrOpinion {
    CsrOpinion {
        plugin: plugin.name.clone(),
        digest: plugin.digest.clone(),
        config: plugin.config_digest.clone(),
        shadow: plugin.shadow,
        verdict: approval.verdict,
        rule: approval.rule,
        reason: approval.reason,
        failure: None,
        fuel: approval.fuel,
        micros: 0,
    }
}

/// What it means that a plugin gave no answer: nothing is approved, and nobody is accused.
fn on_failure(plugin: &Plugin, failed: &Failed) -> CsrOpinion {
    CsrOpinion {
        plugin: plugin.name.clone(),
        digest: plugin.digest.clone(),
        config: plugin.config_digest.clone(),
        shadow: plugin.shadow,
        verdict: CsrVerdict::Leave,
        rule: format!("failure-{}", failed.kind),
        reason: format!("policy plugin `{}` gave no answer ({failed})", plugin.name),
        failure: Some(failed.kind),
        fuel: 0,
        micros: 0,
    }
}

fn in_the_shadow(opinion: &CsrOpinion) -> Finding {
    let detail = format!("in the shadow: {}: {}", opinion.verdict, opinion.reason);
    Finding { code: full(opinion), severity: Severity::Low, at: None, detail }
}

/// Verdict, rule and reason: any denial denies, then any doubt leaves. Approved is what every plugin approves, and one at least.
fn combine(opinions: &[CsrOpinion]) -> (CsrVerdict, String, String) {
    let weight = |verdict| match verdict {
        CsrVerdict::Deny => 0,
        CsrVerdict::Leave => 1,
        CsrVerdict::Approve => 2,
    };
    match opinions.iter().filter(|it| !it.shadow).min_by_key(|it| weight(it.verdict)) {
        Some(it) => (it.verdict, full(it), it.reason.clone()),
        None => (CsrVerdict::Leave, "gate/no-approver".to_owned(), "no plugin judges certificate requests".to_owned()),
    }
}

/// The plugin and its rule: `tls_bootstrap/csr-own-name`; empty if it named none.
fn full(opinion: &CsrOpinion) -> String {
    if opinion.rule.is_empty() { String::new() } else { format!("{}/{}", opinion.plugin, opinion.rule) }
}

fn micros(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(verdict: CsrVerdict, plugin: &str, shadow: bool) -> CsrOpinion {
        CsrOpinion {
            plugin: plugin.into(),
            digest: String::new(),
            config: String::new(),
            shadow,
            verdict,
            rule: "rule".into(),
            reason: "r".into(),
            failure: None,
            fuel: 0,
            micros: 0,
        }
    }

    #[test]
    fn one_denial_outweighs_all_and_one_doubt_outweighs_approval() {
        let yes = of(CsrVerdict::Approve, "a", false);
        let doubt = of(CsrVerdict::Leave, "b", false);
        let no = of(CsrVerdict::Deny, "c", false);
        let by = |all: &[&CsrOpinion]| combine(&all.iter().map(|it| (*it).clone()).collect::<Vec<_>>()).1;
        assert_eq!(
            [by(&[&yes, &doubt, &no]), by(&[&yes, &doubt]), by(&[&yes, &yes]), by(&[])],
            ["c/rule", "b/rule", "a/rule", "gate/no-approver"]
        );
    }

    #[test]
    fn a_plugin_in_the_shadow_neither_approves_nor_denies() {
        let (dark, light) = (of(CsrVerdict::Deny, "p", true), of(CsrVerdict::Approve, "q", false));
        assert_eq!(combine(&[dark, light]), (CsrVerdict::Approve, "q/rule".into(), "r".into()));
        assert_eq!(combine(&[of(CsrVerdict::Approve, "p", true)]).0, CsrVerdict::Leave);
    }
}
