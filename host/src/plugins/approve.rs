//! `approve-csr` of the contract: how a certificate request is lent to a plugin, and what comes back.

use super::{
    LoadError, Plugin, Plugins, Set, Spec,
    bindings::{Attribute, Extra, Lent, WitContext, WitFinding, lent, strs},
    component::{Code, Instance, typed},
    limits::{Bounds, Failed},
    plugin::cut,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::sync::Arc;
use wasmtime::component::{ComponentType, Lift, Lower};
use wire::{CsrQuestion, CsrVerdict, Failure, Finding};

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
    pub verdict: CsrVerdict,
    pub rule: String,
    pub reason: String,
    pub findings: Vec<Finding>,
    /// Units burnt.
    pub fuel: u64,
}

/// The arguments and the result of `decide`.
pub(super) type Arguments<'a> = (WitContext<'a>, WitCsr<'a>, Option<WitNode<'a>>);

impl Instance<'_> {
    fn approve(&mut self, now: u64, question: &CsrQuestion) -> Result<WitOutcome, Failed> {
        let Some(index) = &self.exports.approve else {
            return Err(Failed::new(Failure::NotReady, "it does not export `approve-csr`"));
        };
        let Instance { store, raw, .. } = self;
        let answer = lend(now, question, |arguments| {
            // SAFETY: these are the types of `check`.
            unsafe { typed::<Arguments<'_>, (WitOutcome,)>(raw, store, index) }?.call(&mut *store, arguments)
        });
        answer.map(|(outcome,)| outcome).map_err(|error| Failed::of(&error, &mut self.store))
    }
}

/// Lends a question for as long as `call` takes.
fn lend<T>(now: u64, question: &CsrQuestion, call: impl FnOnce(Arguments<'_>) -> T) -> T {
    // What the journal holds may have been touched: then the plugin reads no request.
    let request = STANDARD.decode(&question.request).unwrap_or_default();
    let (context, facts) = (lent(&question.context), lent(&question.facts));
    let addresses = question.node.as_ref().map(|it| lent(&it.addresses)).unwrap_or_default();
    let (groups, usages) = (strs(&question.groups), strs(&question.usages));
    let values: Vec<_> = question.extra.iter().map(|(_, values)| strs(values)).collect();
    let extra: Vec<_> = question.extra.iter().zip(&values).map(|((key, _), it)| Extra::new(key, it)).collect();
    let csr = WitCsr {
        name: &question.name,
        signer_name: &question.signer,
        user: &question.user,
        uid: &question.user_uid,
        groups: &groups,
        extra: &extra,
        usages: &usages,
        expiration_seconds: question.expiration,
        request: &request,
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

impl Plugin {
    /// Whether it is asked about certificate requests.
    pub fn can_approve(&self) -> bool {
        self.code.exports.approve.is_some()
    }
}

fn run(code: &Code, bounds: &Bounds, now: u64, question: &CsrQuestion) -> Result<Approval, Failed> {
    let mut instance = code.start(bounds)?;
    let outcome = instance.approve(now, question)?;
    let verdict = match outcome.verdict {
        WitDecision::Leave => CsrVerdict::Leave,
        WitDecision::Approve => CsrVerdict::Approve,
        WitDecision::Deny => CsrVerdict::Deny,
    };
    Ok(Approval {
        verdict,
        rule: cut(outcome.rule, 64),
        reason: cut(outcome.reason, 512),
        findings: outcome.findings.into_iter().take(MOST_FINDINGS).map(|it| it.keep(512)).collect(),
        fuel: bounds.fuel.saturating_sub(instance.fuel_left()),
    })
}

impl Set {
    /// The plugins that judge certificate requests, in the order of the configuration.
    pub fn approvers(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.plugins.iter().filter(|plugin| plugin.can_approve())
    }
}

impl Plugins {
    /// Loads a plugin for a single request, and asks it: for explanations.
    pub fn approve_once(
        &self,
        spec: Spec,
        now: u64,
        question: &CsrQuestion,
    ) -> Result<Result<Approval, Failed>, LoadError> {
        let plugin = self.load(spec).map_err(|(_, error)| error)?;
        Ok(self.approve(&plugin, now, question))
    }

    /// Asks one plugin about a certificate request, within its limits.
    pub fn approve(&self, plugin: &Plugin, now: u64, question: &CsrQuestion) -> Result<Approval, Failed> {
        self.ask_for_stranger(plugin, |code| run(code, &plugin.bounds, now / 1_000, question))
    }
}

/// One for each rule of the plugin with the most.
const MOST_FINDINGS: usize = 64;
