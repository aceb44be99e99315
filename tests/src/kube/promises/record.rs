//! What the gate has on record, against what kube-apiserver counted and wrote down itself.

use super::{
    super::{Setting, cluster::Cluster},
    attack,
};
use anyhow::{Result, ensure};
use host::{config::LockOutGuard, judge::vital_flows};
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};
use wire::{Decision, Path, Request, Source, Target, Verdict};

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

/// All nine plugins decided with their defaults from the first review on: cluster start, join, workloads, logs, exec.
pub fn nothing_was_refused_but_what_was_provoked(setting: &mut Setting) -> Result<()> {
    let decisions = setting.gate.decisions()?;
    let plugins: BTreeSet<_> = decisions.iter().flat_map(|it| &it.opinions).map(|it| it.plugin.as_str()).collect();
    // Konnectivity is not there, but requests for tokens are.
    let asked: BTreeSet<_> = Path::ALL.iter().map(|path| path.as_str()).collect();
    ensure!(asked.is_subset(&plugins), "only {plugins:?} were asked");
    let refused = decisions.iter().filter(|it| it.verdict == Verdict::Deny);
    let unprovoked: BTreeSet<_> = refused
        .filter(|it| !attack::is_provoked(&it.request.user, &it.rule))
        .map(|it| format!("{} wants to {}: {}", it.request.user, it.request.describe(), it.rule))
        .collect();
    ensure!(unprovoked.is_empty(), "false refusals:\n{}", unprovoked.into_iter().collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// What kubelets, a joining node, the scheduler and kube-apiserver's client to kubelets ask, and what controllers change:
/// the lock-out guard must know all of it. What controllers read, hundreds of kinds, it stands for by a few.
pub fn what_the_cluster_lives_by_is_in_the_list_of_vital_flows(setting: &mut Setting) -> Result<()> {
    let known = vital_flows(&LockOutGuard::default()).map_err(anyhow::Error::msg)?;
    let known: BTreeSet<_> = known.iter().filter_map(|flow| Shape::of(&flow.request)).collect();
    let decisions = setting.gate.decisions()?;
    let passed = decisions.iter().filter(|it| it.verdict != Verdict::Deny && is_vital(it));
    let unknown: BTreeSet<_> =
        passed.filter_map(|it| Shape::of(&it.request)).filter(|it| !known.contains(it)).collect();
    let lines: Vec<_> = unknown.iter().map(|Shape(user, what)| format!("{user} wants to {what}")).collect();
    ensure!(lines.is_empty(), "not in vital.json:\n{}", lines.join("\n"));
    Ok(())
}

fn is_vital(decision: &Decision) -> bool {
    let is_read = ["get", "list", "watch"].contains(&decision.request.verb());
    match decision.source {
        Source::Node | Source::Bootstrap => true,
        Source::ControlPlane if decision.request.user == "system:kube-controller-manager" => !is_read,
        Source::ControlPlane => true,
        Source::Controller => !is_read,
        Source::Malformed
        | Source::Superuser
        | Source::Anonymous
        | Source::PseudoNode
        | Source::Pod
        | Source::UnboundServiceAccount
        | Source::PseudoServiceAccount
        | Source::Reserved
        | Source::User => false,
    }
}

/// Who does what, without names: what one flow stands for. Paths of discovery and health are one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape(String, String);

impl Shape {
    fn of(request: &Request) -> Option<Shape> {
        let user = request.user.as_str();
        let user = if user.starts_with("system:node:") {
            "a node"
        } else if user.starts_with("system:bootstrap:") {
            "a bootstrap token"
        } else {
            user
        };
        let what = match &request.target {
            Target::Resource(at) => {
                let place = if at.namespace.starts_with("kube-") { at.namespace.as_str() } else { "" };
                format!("{} {}/{}.{} {place}", at.verb, at.resource, at.subresource, at.group)
            }
            // Every program begins with them, and no rule that holds for these sources looks at them.
            Target::NonResource { .. } => return None,
            Target::Malformed { .. } => return None,
        };
        Some(Shape(user.to_owned(), what))
    }
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
pub fn decision_id(reason: &str) -> Option<&str> {
    reason.strip_prefix("pathgate: ")?.rsplit_once(", decision ")?.1.strip_suffix(')')
}

/// A heartbeat every ten seconds and a few controllers leave long gaps.
const QUIET: Duration = Duration::from_secs(30);
