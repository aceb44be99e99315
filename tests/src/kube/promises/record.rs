//! What the gate has on record, against what kube-apiserver counted and wrote down itself.

use super::super::{Setting, cluster::Cluster};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use wire::{Decision, Verdict};

pub fn the_journal_holds_one_row_for_each_review(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    // Kubelet and controllers go on asking: at some moment nothing is under way.
    cluster.eventually("journal and kube-apiserver agree", QUIET, || {
        let before = Reviews::of(cluster)?;
        let rows = u64::try_from(gate.decisions()?.len())?;
        let after = Reviews::of(cluster)?;
        ensure!(before == after, "reviews were under way: {before:?}, {after:?}");
        // The gate may have decided what kube-apiserver did not wait for.
        let possible = before.answered..=before.answered + before.abandoned;
        ensure!(rows > 0 && possible.contains(&rows), "{rows} rows in the journal, but {before:?}");
        Ok(())
    })
}

pub fn every_decision_in_the_audit_log_is_in_the_journal(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    let recorded: HashMap<_, _> = gate.decisions()?.into_iter().map(|it| (it.id.clone(), it)).collect();
    let mut seen = 0;
    for event in cluster.audit_log()? {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let Some(id) = decision_id(text("/annotations/authorization.k8s.io~1reason")) else { continue };
        let user = text("/user/username");
        let refused =
            recorded.get(id).is_some_and(|it: &Decision| it.verdict == Verdict::Deny && it.request.user == user);
        ensure!(refused, "the journal has no refusal of `{user}` with the id of {event}");
        seen += 1;
    }
    // One at least from each kind of caller that was refused above.
    ensure!(seen >= 2, "only {seen} refusals with our reason in the audit log");
    Ok(())
}

/// What kube-apiserver counted of its calls to the gate.
#[derive(Debug, PartialEq, Eq)]
struct Reviews {
    answered: u64,
    abandoned: u64,
}

impl Reviews {
    fn of(cluster: &Cluster) -> Result<Reviews> {
        let count = |result: &str| {
            let labels = [r#"name="pathgate""#, &format!("result={result:?}")];
            cluster.metric("apiserver_authorization_webhook_evaluations_total", &labels)
        };
        Ok(Reviews { answered: count("success")?, abandoned: count("canceled")? + count("timeout")? })
    }
}

/// From `pathgate: … (rule …, decision ID)`.
fn decision_id(reason: &str) -> Option<&str> {
    reason.strip_prefix("pathgate: ")?.rsplit_once(", decision ")?.1.strip_suffix(')')
}

/// A heartbeat every ten seconds and a few controllers leave long gaps.
const QUIET: Duration = Duration::from_secs(30);
