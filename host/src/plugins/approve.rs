//! `approve-csr` of the contract: how a certificate request is lent to a plugin, and what comes back.

use super::{
    Plugin, Plugins, Set,
    bindings::{Attribute, Extra, Lent, WitContext},
    component::{Code, Instance},
    limits::{Bounds, Failed},
    plugin::cut,
};
use crate::csr::{Finding, Node, Question, Severity, Verdict};
use std::{sync::Arc, time::Instant};
use wasmtime::component::{ComponentType, Lift, Lower};
use wire::Failure;

pub(super) const APPROVE: &str = "pathgate:policy/approve-csr@1.0.0";

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct WitCsr<'a> {
    name: &'a str,
    #[component(name = "signer-name")]
    signer_name: &'a str,
    user: &'a str,
    uid: &'a str,
    groups: &'a [&'a str],
    extra: &'a [Extra<'a>],
    usages: &'a [&'a str],
    #[component(name = "expiration-seconds")]
    expiration_seconds: Option<i32>,
    request: &'a [u8],
    attributes: &'a [Lent<'a>],
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct WitNode<'a> {
    name: &'a str,
    uid: &'a str,
    created: u64,
    ready: bool,
    addresses: &'a [Lent<'a>],
}

#[derive(Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by the guest")]
pub(super) enum WitDecision {
    #[component(name = "leave")]
    Leave,
    #[component(name = "approve")]
    Approve,
    #[component(name = "deny")]
    Deny,
}

#[derive(Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by the guest")]
pub(super) enum WitSeverity {
    #[component(name = "info")]
    Info,
    #[component(name = "low")]
    Low,
    #[component(name = "medium")]
    Medium,
    #[component(name = "high")]
    High,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitFinding {
    code: String,
    severity: WitSeverity,
    #[expect(dead_code, reason = "part of the contract; a request has one element")]
    at: Option<u32>,
    detail: String,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitOutcome {
    verdict: WitDecision,
    rule: String,
    reason: String,
    findings: Vec<WitFinding>,
    #[expect(dead_code, reason = "part of the contract; no attribute is defined yet")]
    attributes: Vec<Attribute>,
}

/// What a plugin thinks of a certificate request, cut to what the host keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub verdict: Verdict,
    pub rule: String,
    pub reason: String,
    pub findings: Vec<Finding>,
    /// Units burnt.
    pub fuel: u64,
}

/// The arguments and the result of `decide`.
pub(super) type Arguments<'a> = (WitContext<'a>, WitCsr<'a>, Option<WitNode<'a>>);

impl Instance<'_> {
    fn approve(&mut self, now: u64, question: &Question<'_>) -> Result<WitOutcome, Failed> {
        let Some(index) = &self.exports.approve else {
            return Err(Failed::new(Failure::NotReady, "it does not export `approve-csr`"));
        };
        let Instance { store, raw, .. } = self;
        let answer = lend(now, question, |arguments| {
            let call = raw.get_typed_func::<Arguments<'_>, (WitOutcome,)>(&mut *store, index)?;
            call.call(&mut *store, arguments)
        });
        answer.map(|(outcome,)| outcome).map_err(|error| Failed::of(&error, &mut self.store))
    }
}

/// Lends a question for as long as `call` takes.
fn lend<T>(now: u64, question: &Question<'_>, call: impl FnOnce(Arguments<'_>) -> T) -> T {
    let request = question.request;
    let (context, facts) = (lent(&question.context), lent(&question.facts));
    let addresses = question.node.as_ref().map(|it: &Node| lent(&it.addresses)).unwrap_or_default();
    let groups: Vec<_> = request.groups.iter().map(String::as_str).collect();
    let usages: Vec<_> = request.usages.iter().map(String::as_str).collect();
    let values: Vec<Vec<_>> =
        request.extra.iter().map(|(_, values)| values.iter().map(String::as_str).collect()).collect();
    let extra: Vec<_> = request.extra.iter().zip(&values).map(|((key, _), it)| Extra::new(key, it)).collect();
    let csr = WitCsr {
        name: &request.name,
        signer_name: &request.signer,
        user: &request.user,
        uid: &request.user_uid,
        groups: &groups,
        extra: &extra,
        usages: &usages,
        expiration_seconds: request.expiration,
        request: &request.der,
        attributes: &facts,
    };
    let node = question.node.as_ref().map(|it| WitNode {
        name: &it.name,
        uid: &it.uid,
        created: it.created,
        ready: it.ready,
        addresses: &addresses,
    });
    call((WitContext::new(now, &context), csr, node))
}

fn lent(all: &[(String, String)]) -> Vec<Lent<'_>> {
    all.iter().map(|(key, value)| Lent::new(key, value)).collect()
}

impl Plugin {
    /// Whether it is asked about certificate requests.
    pub fn can_approve(&self) -> bool {
        self.code.exports.approve.is_some()
    }

    /// Asks, in a fresh instance. `now` is the time of the decision in milliseconds since 1970.
    fn approve(&self, now: u64, question: &Question<'_>) -> Result<Approval, Failed> {
        if self.rests && !self.breaker.admits(now) {
            return Err(Failed::new(Failure::Quarantined, "it failed too often"));
        }
        let answer = run(&self.code, &self.bounds, now / 1_000, question);
        // Whoever may create a request chooses what is in it. That must not stop the plugin for everybody else, so a failure
        // here is told and does not make it rest.
        if answer.is_ok() {
            self.breaker.succeeded();
        }
        answer
    }
}

fn run(code: &Code, bounds: &Bounds, now: u64, question: &Question<'_>) -> Result<Approval, Failed> {
    let mut instance = code.start(bounds)?;
    let outcome = instance.approve(now, question)?;
    let verdict = match outcome.verdict {
        WitDecision::Leave => Verdict::Leave,
        WitDecision::Approve => Verdict::Approve,
        WitDecision::Deny => Verdict::Deny,
    };
    Ok(Approval {
        verdict,
        rule: cut(outcome.rule, 64),
        reason: cut(outcome.reason, 512),
        findings: outcome.findings.into_iter().take(MOST_FINDINGS).map(finding).collect(),
        fuel: bounds.fuel.saturating_sub(instance.fuel_left()),
    })
}

fn finding(it: WitFinding) -> Finding {
    let severity = match it.severity {
        WitSeverity::Info => Severity::Info,
        WitSeverity::Low => Severity::Low,
        WitSeverity::Medium => Severity::Medium,
        WitSeverity::High => Severity::High,
    };
    Finding { code: cut(it.code, 64), severity, detail: cut(it.detail, 512) }
}

impl Set {
    /// The plugins that judge certificate requests, in the order of the configuration.
    pub fn approvers(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.plugins.iter().filter(|plugin| plugin.can_approve())
    }
}

impl Plugins {
    /// Asks one plugin about a certificate request, within its limits.
    pub fn approve(&self, plugin: &Plugin, now: u64, question: &Question<'_>) -> Result<Approval, Failed> {
        let begin = Instant::now();
        let answer = match self.slots.take(plugin.bounds.patience) {
            Some(_slot) => plugin.approve(now, question),
            None => Err(Failed { kind: Failure::Busy, detail: "no sandbox was free in time".into() }),
        };
        plugin.metrics.seconds.observe(begin.elapsed().as_secs_f64());
        if let Err(failed) = &answer {
            self.count(plugin, failed.kind);
        }
        answer
    }
}

/// One for each rule of the plugin with the most.
const MOST_FINDINGS: usize = 64;
