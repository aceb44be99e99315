//! The only judge: it classifies, gathers facts, asks the plugins, combines what they say, puts it on record, and answers.
//!
//! No rule about who may do what lives here. What a failure means does, in one place: [`on_failure`].

mod again;
mod guard;
mod metrics;
mod peers;
mod permit;
mod requests;

#[cfg(test)]
mod tests;

use crate::{
    break_glass::Grant,
    config::{LockOutGuard, OnFailure, Role},
    decision::{Ask, Reply, combine},
    id::DecisionIds,
    inventory::Inventory,
    journal::{Journal, Recorded},
    paths::{self, Class, Names},
    plugins::{Failed, Plugin, Plugins, Sandbox, Set},
};
use prometheus_client::registry::Registry;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use wire::{Decision, Door, Opinion, Request, Source, Verdict};

pub use again::{Recalled, Repeated, recall, recall_request};
pub use guard::{Flow, LockOut, lock_outs, vital_flows};
pub use metrics::Metrics;
pub use peers::{Judged, peer};
pub use permit::{Permit, Reach, Refused};

/// Decides every question of every door.
pub struct Judge {
    plugins: Arc<Plugins>,
    journal: Option<Journal>,
    inventory: RwLock<Inventory>,
    names: Names,
    ids: DecisionIds,
    kept: LockOutGuard,
    glass: RwLock<Option<Arc<Grant>>>,
    metrics: Metrics,
}

impl Judge {
    /// Without a journal nothing is on record, which `serve` says at its start.
    pub fn new(plugins: Arc<Plugins>, journal: Option<Journal>, inventory: Inventory) -> Judge {
        Judge {
            plugins,
            journal,
            inventory: RwLock::new(inventory),
            names: Names::default(),
            ids: DecisionIds::default(),
            kept: LockOutGuard::default(),
            glass: RwLock::default(),
            metrics: Metrics::default(),
        }
    }

    /// With these identities of the cluster, in place of the default ones, kept from being locked out.
    pub fn keeping(self, kept: LockOutGuard) -> Judge {
        Judge { kept, ..self }
    }

    /// Decides for a door, and puts it on record before answering.
    pub fn decide(&self, ask: Ask) -> Reply {
        let begin = Instant::now();
        let set = self.plugins.current();
        let mut decision = self.consider(&set, Door::Webhook, now(), ask.request, ask.deadline);
        decision.peer = ask.peer.to_string();
        self.metrics.count(&decision, begin.elapsed());
        let mut reply = Reply { verdict: decision.verdict, reason: sentence(&decision) };
        let Some(journal) = &self.journal else { return reply };
        let id = decision.id.clone();
        match journal.record(decision) {
            Recorded::Queued => {}
            Recorded::Lost if journal.is_strict() => {
                let reason = "the journal cannot take this decision, and the gate is strict";
                reply = Reply { verdict: Verdict::Deny, reason: say(reason, JOURNAL_FULL, &id) };
            }
            // Counted by the journal, which writes a gap as soon as it can.
            Recorded::Lost => {}
        }
        reply
    }

    /// Decides without putting anything on record.
    pub fn consider(&self, set: &Set, door: Door, at: u64, request: Request, left: Option<Duration>) -> Decision {
        let begin = Instant::now();
        let class = paths::classify(&request, &self.names);
        let mut facts = class.facts();
        facts.extend(self.inventory.read().unwrap_or_else(PoisonError::into_inner).facts(&request, &class));
        self.conclude(set, Asked { door, at, request, class, facts }, begin, left)
    }

    /// Decides on the facts that another decision was made on, except for the class, which is this version's. Nothing is
    /// put on record.
    pub fn reconsider(&self, set: &Set, at: u64, request: Request, recorded: &[(String, String)]) -> Decision {
        let begin = Instant::now();
        let class = paths::classify(&request, &self.names);
        let mut facts = class.facts();
        let others = recorded.iter().filter(|(key, _)| !facts.iter().any(|(own, _)| own == key)).cloned();
        let others: Vec<_> = others.collect();
        facts.extend(others);
        self.conclude(set, Asked { door: Door::Command, at, request, class, facts }, begin, None)
    }

    fn conclude(&self, set: &Set, asked: Asked, begin: Instant, left: Option<Duration>) -> Decision {
        let Asked { door, at, request, class, facts } = asked;
        let mut opinions: Vec<_> = match class.source {
            Source::Malformed => Vec::new(),
            _ => set
                .asked(class.source, class.traversal)
                .map(|plugin| {
                    let left = left.map(|left| left.saturating_sub(begin.elapsed()));
                    self.ask(plugin, at, &facts, &request, left)
                })
                .collect(),
        };
        // What is in force for an hour must not make the lock-out guard, or a command, blind.
        let glass = if door == Door::Webhook { self.pass(&request, at, &mut opinions) } else { None };
        if let Some(grant) = &glass {
            tracing::warn!(user = request.user, path = %grant.path, reason = grant.reason, "a refusal does not count");
        }
        let (verdict, decisive) = combine(&opinions);
        let (verdict, rule, reason) = match (decisive, paths::fault(&request), glass) {
            (_, Some(fault), _) => (Verdict::Deny, MALFORMED.to_owned(), format!("the request is malformed: {fault}")),
            (Some(by), None, _) => (verdict, format!("{}/{}", by.plugin, by.rule), by.reason.clone()),
            (None, None, Some(grant)) => (verdict, BREAK_GLASS.to_owned(), grant.sentence()),
            (None, None, None) => (verdict, String::new(), String::new()),
        };
        Decision {
            id: self.ids.next(at).to_string(),
            at,
            door,
            peer: String::new(),
            request,
            source: class.source,
            traversal: class.traversal,
            path: class.path,
            facts,
            verdict,
            rule,
            reason,
            opinions,
            engine: Sandbox::engine_name().to_owned(),
            micros: u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Who passes one path's plugin, from now on; nobody without it.
    pub fn break_glass(&self, grant: Option<Grant>) {
        *self.glass.write().unwrap_or_else(PoisonError::into_inner) = grant.map(Arc::new);
    }

    /// What passes by a grant, if anything: the refusal of its path's plugin is recorded and does not count.
    fn pass(&self, request: &Request, at: u64, opinions: &mut [Opinion]) -> Option<Arc<Grant>> {
        let grant = self.glass.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        if !grant.is_for(&request.user, at) {
            return None;
        }
        let path = grant.path.as_str();
        let refused = opinions.iter_mut().find(|it| it.plugin == path && it.verdict == Verdict::Deny && !it.shadow)?;
        refused.shadow = true;
        Some(grant)
    }

    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    fn ask(
        &self,
        plugin: &Plugin,
        at: u64,
        facts: &[(String, String)],
        request: &Request,
        left: Option<Duration>,
    ) -> Opinion {
        let begin = Instant::now();
        let answer = self.plugins.ask(plugin, at, facts, request, left);
        let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let opinion = Opinion {
            plugin: plugin.name.clone(),
            digest: plugin.digest.clone(),
            config: plugin.config_digest.clone(),
            shadow: plugin.shadow,
            verdict: Verdict::NoOpinion,
            rule: String::new(),
            reason: String::new(),
            notes: Vec::new(),
            failure: None,
            fuel: 0,
            micros,
        };
        match answer {
            Ok(it) => Opinion {
                verdict: it.verdict,
                rule: it.rule,
                reason: it.reason,
                notes: it.notes,
                fuel: it.fuel,
                ..opinion
            },
            Err(failed) => on_failure(plugin, &failed, opinion),
        }
    }
}

/// A question with everything that plugins are told.
struct Asked {
    door: Door,
    at: u64,
    request: Request,
    class: Class,
    facts: Vec<(String, String)>,
}

/// What it means that a plugin gave no answer: a `restrict` plugin refuses unless its config says otherwise, a `grant`
/// plugin grants nothing.
fn on_failure(plugin: &Plugin, failed: &Failed, opinion: Opinion) -> Opinion {
    let verdict = match (plugin.role, plugin.on_failure) {
        (Role::Restrict, OnFailure::Deny) => Verdict::Deny,
        (Role::Restrict, OnFailure::NoOpinion) | (Role::Grant, OnFailure::Deny | OnFailure::NoOpinion) => {
            Verdict::NoOpinion
        }
    };
    Opinion {
        verdict,
        rule: format!("failure-{}", failed.kind),
        reason: format!("policy plugin `{}` gave no answer ({})", plugin.name, failed.kind),
        notes: Some(failed.detail.clone()).filter(|it| !it.is_empty()).into_iter().collect(),
        failure: Some(failed.kind),
        ..opinion
    }
}

/// The reason that the user and the audit log get.
fn sentence(decision: &Decision) -> String {
    match decision.verdict {
        Verdict::Deny | Verdict::Allow => say(&decision.reason, &decision.rule, &decision.id),
        Verdict::NoOpinion if decision.rule.is_empty() => format!("pathgate: no opinion (decision {})", decision.id),
        Verdict::NoOpinion => say(&format!("no opinion: {}", decision.reason), &decision.rule, &decision.id),
    }
}

fn say(reason: &str, rule: &str, id: &str) -> String {
    format!("pathgate: {reason} (rule {rule}, decision {id})")
}

/// Milliseconds since 1970-01-01 UTC.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX))
}

const MALFORMED: &str = "gate/malformed";
const BREAK_GLASS: &str = "gate/break-glass";
const JOURNAL_FULL: &str = "gate/journal-full";
