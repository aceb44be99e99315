//! The lock-out guard: no set of plugins takes effect that would refuse what keeps a cluster alive.

use super::Judge;
use crate::{plugins::Set, review};
use serde::Deserialize;
use serde_json::Value;
use wire::{Door, Verdict};

/// A vital flow that a set of plugins would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("would refuse a vital flow: {flow} (rule {rule}: {reason})")]
pub struct LockOut {
    pub flow: String,
    pub rule: String,
    pub reason: String,
}

/// One request that a cluster cannot live without.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flow {
    flow: String,
    request: Value,
}

/// Every vital flow that this set would refuse; plugins in the shadow do not count.
///
/// # Errors
/// When the list of flows cannot be read, which the tests would show.
pub fn lock_outs(judge: &Judge, set: &Set, now: u64) -> Result<Vec<LockOut>, String> {
    let flows: Vec<Flow> = serde_json::from_str(VITAL).map_err(|error| error.to_string())?;
    let mut lock_outs = Vec::new();
    for Flow { flow, request } in flows {
        let request = review::from_spec(&request).map_err(|fault| format!("{flow}: {fault}"))?;
        let decision = judge.consider(set, Door::Command, now, request, None);
        match decision.verdict {
            Verdict::Deny => lock_outs.push(LockOut { flow, rule: decision.rule, reason: decision.reason }),
            Verdict::NoOpinion | Verdict::Allow => {}
        }
    }
    Ok(lock_outs)
}

const VITAL: &str = include_str!("vital.json");
