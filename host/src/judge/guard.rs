//! The lock-out guard: no set of plugins takes effect that would refuse what keeps a cluster alive.
//!
//! Owns the vital flows, in `vital.json`: what kubelets, controllers, scheduler, kube-apiserver's own clients, a joining
//! node, Konnectivity and a cloud controller ask, and two identities that each cluster names itself: the gate's own, and
//! those of the people who repair it. Where Kubernetes' minors differ, all of them must pass: a cluster is upgraded while
//! the gate runs.

use super::Judge;
use crate::{
    config::{Identity, LockOutGuard},
    plugins::Set,
    review,
};
use serde::Deserialize;
use serde_json::{Value, json};
use wire::{Decision, Door, Failure, Request, Verdict};

/// A vital flow that a set of plugins would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("would refuse a vital flow: {flow} (rule {rule}: {reason})")]
pub struct LockOut {
    pub flow: String,
    pub rule: String,
    pub reason: String,
}

/// One request that a cluster cannot live without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// What happens, as a sentence; with the minors of Kubernetes that it is limited to.
    pub flow: String,
    pub request: Request,
}

/// A flow as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    flow: String,
    /// The first minor that has it, and the last.
    since: Option<String>,
    until: Option<String>,
    /// Who asks, where that differs from cluster to cluster; else the request says.
    #[serde(rename = "as")]
    by: Option<By>,
    request: Value,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    Gate,
    /// The gate too, where it approves certificate requests.
    Approver,
    BreakGlass,
}

/// Every vital flow of a cluster with these identities.
///
/// # Errors
/// When the list of flows cannot be read, which the tests would show.
pub fn vital_flows(kept: &LockOutGuard) -> Result<Vec<Flow>, String> {
    let written: Vec<Written> = serde_json::from_str(VITAL).map_err(|error| error.to_string())?;
    let mut flows = Vec::with_capacity(written.len());
    for it in written {
        let minors = match (&it.since, &it.until) {
            (None, None) => String::new(),
            (Some(since), None) => format!(", since {since}"),
            (None, Some(until)) => format!(", until {until}"),
            (Some(since), Some(until)) => format!(", from {since} to {until}"),
        };
        let identities: Vec<Option<&Identity>> = match it.by {
            None => vec![None],
            Some(By::Gate) => vec![Some(&kept.gate)],
            Some(By::Approver) => Some(&kept.gate).filter(|_| kept.approves).into_iter().map(Some).collect(),
            Some(By::BreakGlass) => kept.break_glass.iter().map(Some).collect(),
        };
        for identity in identities {
            let mut spec = it.request.clone();
            if let (Some(identity), Some(spec)) = (identity, spec.as_object_mut()) {
                let groups = identity.groups.iter().map(String::as_str).chain(["system:authenticated"]);
                spec.insert("user".into(), json!(identity.user));
                spec.insert("groups".into(), json!(groups.collect::<Vec<_>>()));
            }
            let by = identity.map_or_else(String::new, |it| format!(" as `{}`", it.user));
            let request = review::from_spec(&spec).map_err(|fault| format!("{}: {fault}", it.flow))?;
            flows.push(Flow { flow: format!("{}{by}{minors}", it.flow), request });
        }
    }
    Ok(flows)
}

/// Every vital flow that this set would refuse; plugins in the shadow do not count.
///
/// # Errors
/// When the list of flows cannot be read, which the tests would show.
pub fn lock_outs(judge: &Judge, set: &Set, now: u64) -> Result<Vec<LockOut>, String> {
    let mut lock_outs = Vec::new();
    for Flow { flow, request } in vital_flows(&judge.kept)? {
        let mut decision = judge.consider(set, Door::Command, now, request.clone(), None);
        for _ in 1..TRIES {
            if !ran_late(&decision) {
                break;
            }
            decision = judge.consider(set, Door::Command, now, request.clone(), None);
        }
        match decision.verdict {
            // A plugin of the set in force that rests is asked by nobody: that it refuses, nothing shows.
            Verdict::Deny if rests(&decision) => {}
            Verdict::Deny => lock_outs.push(LockOut { flow, rule: decision.rule, reason: decision.reason }),
            Verdict::NoOpinion | Verdict::Allow => {}
        }
    }
    Ok(lock_outs)
}

/// Whether the machine was too busy for a plugin to answer in time, which says nothing about what the plugin refuses.
fn ran_late(decision: &Decision) -> bool {
    decision.opinions.iter().any(|it| matches!(it.failure, Some(Failure::Deadline | Failure::Busy)))
}

fn rests(decision: &Decision) -> bool {
    let decisive = decision.opinions.iter().filter(|it| it.verdict == Verdict::Deny && !it.shadow);
    let mut failures = decisive.map(|it| it.failure).peekable();
    failures.peek().is_some() && failures.all(|it| it == Some(Failure::Quarantined))
}

/// Once is chance on a busy machine; five times in a row is a plugin that needs too long.
const TRIES: usize = 5;
const VITAL: &str = include_str!("vital.json");
