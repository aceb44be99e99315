//! Certificate requests on a cluster where nobody but the gate approves.

use super::super::{Setting, cluster::Cluster, gate::Gate, kubectl::Identity, node::NODE};
use crate::csr::draft::{Draft, bootstrap, serving};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::time::Duration;
use wire::{Certificate, CsrDecision, CsrVerdict, Join, State};

pub fn a_kubelet_got_its_certificates_from_the_gate_alone(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    let decided = gate.requests()?;
    for (signer, user) in [(CLIENT, "system:bootstrap:abcdef".to_owned()), (SERVING, format!("system:node:{NODE}"))] {
        let of = |it: &&CsrDecision| it.question.signer == signer && it.question.user == user;
        let approved = decided.iter().find(of).with_context(|| format!("{signer}: {decided:#?}"))?;
        ensure!(approved.verdict == CsrVerdict::Approve, "{approved:?}");
        let condition = condition(cluster, &approved.question.name)?.context("no condition")?;
        ensure!(condition.kind == "Approved" && condition.message.contains(&approved.id), "{condition:?}");
        let again = gate.explain(&approved.id)?;
        ensure!(again.contains("the same, bit for bit"), "{again}");
        cluster.eventually("the certificate is seen in use", SOON, || {
            let joins: Vec<Join> = gate.api("joins")?;
            let join = joins.iter().find(|it| it.id == approved.id).context("no such join")?;
            ensure!(join.issued.is_some() && join.used >= join.issued, "{join:?}");
            Ok(())
        })?;
    }
    // What the kubelet serves with was verified by the plugin, through a probe.
    let seen: Vec<Certificate> = gate.api("certificates")?;
    let kubelet = seen.iter().find(|it| it.node == NODE).with_context(|| format!("{seen:#?}"))?;
    let verified = kubelet.verified.as_ref().context("nobody verified it")?;
    ensure!(verified.state == State::Safe && verified.by == "apiserver_to_kubelet", "{kubelet:?}");
    Ok(())
}

pub fn attacks_on_certificates_are_denied_and_their_twin_is_approved(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    cluster.apply(include_str!("../../../fixtures/kube/requests.yaml"))?;
    // The status of a Node is its kubelet's to write.
    let status = r#"{"status": {"addresses": [{"type": "InternalIP", "address": "10.66.0.12"}]}}"#;
    let args = ["patch", "node", "node-b", "--subresource=status", "--type=merge", "--patch", status];
    cluster.kubectl(&cluster.root(), &args)?.ok()?;
    let kubelet = cluster.kubelet_identity()?;
    let spent = cluster.token("abcdef.0123456789abcdef")?;
    let fresh = cluster.token("fedcba.fedcba9876543210")?;
    let named = |name, draft| Draft { name, ..draft };
    let attacks = [
        (&kubelet, named("stolen-address", serving(NODE).ip("10.66.0.12")), "tls_bootstrap/csr-foreign-name"),
        (
            &kubelet,
            named("service-name", serving(NODE).dns("kubernetes.default.svc")),
            "tls_bootstrap/csr-control-plane-name",
        ),
        (&spent, named("second-use", bootstrap("node-x")), "tls_bootstrap/csr-token-spent"),
        (&fresh, named("living-node", bootstrap(NODE)), "tls_bootstrap/csr-living-node"),
    ];
    for (who, draft, rule) in &attacks {
        create(cluster, who, draft)?;
        let told = decided(cluster, draft.name)?;
        ensure!(told.kind == "Denied", "{}: {told:?}", draft.name);
        ensure!(told.message.contains(&format!("(rule {rule}, decision ")), "{}: {told:?}", draft.name);
        cluster.eventually("the reason is where people look", SOON, || {
            let shown = cluster.kubectl(&cluster.root(), &["describe", "csr", draft.name])?.ok()?;
            ensure!(shown.contains(&told.message), "{shown}");
            Ok(())
        })?;
    }
    create(cluster, &kubelet, &named("own-address", serving(NODE).ip("10.66.0.11")))?;
    let told = decided(cluster, "own-address")?;
    ensure!(told.kind == "Approved", "{told:?}");
    Ok(())
}

pub fn a_right_that_is_missing_is_told_and_the_decision_kept(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    let signers = r#"[{"op": "remove", "path": "/rules/2"}]"#;
    let args = ["patch", "clusterrole", "pathgate-approver", "--type=json", "--patch", signers];
    cluster.kubectl(&cluster.root(), &args)?.ok()?;
    let kubelet = cluster.kubelet_identity()?;
    create(cluster, &kubelet, &Draft { name: "without-rights", ..serving(NODE).ip("10.66.0.11") })?;
    cluster.eventually("it is told that nothing was written", SOON, || {
        let told = gate.events("csr-not-written")?;
        ensure!(told.iter().any(|it| it.message.contains("without-rights")), "{told:?}");
        Ok(())
    })?;
    cluster.apply(include_str!("../../../../deploy/rbac.yaml"))?;
    ensure!(decided(cluster, "without-rights")?.kind == "Approved", "it was not approved");
    let rows = gate.requests()?.iter().filter(|it| it.question.name == "without-rights").count();
    ensure!(rows == 1, "{rows} rows for one decision");
    Ok(())
}

pub fn one_of_two_gates_decides_and_the_other_takes_over(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    // As kube-controller-manager does an hour later. The other gate never sees them.
    cluster.kubectl(&cluster.root(), &["delete", "csr", "--all"])?.ok()?;
    let mut standby = gate.standby(cluster)?;
    let kubelet = cluster.kubelet_identity()?;
    let ask = |name| create(cluster, &kubelet, &Draft { name, ..serving(NODE).ip("10.66.0.11") });
    let approvals = |of: &Gate, name: &str| -> Result<usize> {
        let all = of.requests()?;
        Ok(all.iter().filter(|it| it.question.name == name && it.verdict == CsrVerdict::Approve).count())
    };
    ask("while-both-run")?;
    ensure!(decided(cluster, "while-both-run")?.kind == "Approved", "it was not approved");
    ensure!(approvals(gate, "while-both-run")? == 1, "the holder of the Lease did not decide");
    gate.stop()?;
    ask("while-one-is-gone")?;
    ensure!(decided(cluster, "while-one-is-gone")?.kind == "Approved", "nobody took over");
    ensure!(approvals(&standby, "while-one-is-gone")? == 1, "the other gate did not decide");
    ensure!(approvals(&standby, "while-both-run")? == 0, "both decided");
    create(cluster, &cluster.token("abcdef.0123456789abcdef")?, &Draft { name: "third-use", ..bootstrap("node-y") })?;
    let told = decided(cluster, "third-use")?;
    ensure!(told.message.contains("(rule tls_bootstrap/csr-token-spent, "), "{told:?}");
    standby.stop()?;
    gate.start()
}

/// The signer of this cluster makes certificates for two and a half minutes, from five minutes before: a kubelet renews them
/// at some moment of that.
pub fn certificates_are_renewed_without_a_gap(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    let renewed = |signer: &str| -> Result<()> {
        let user = format!("system:node:{NODE}");
        // Those of the other promises have names of their own.
        let is_its_own = |it: &CsrDecision| it.question.user == user && it.question.name.starts_with("csr-");
        let all = gate.requests()?;
        let of =
            |it: &&CsrDecision| it.question.signer == signer && is_its_own(it) && it.verdict == CsrVerdict::Approve;
        // The first client certificate was asked for by the token.
        let wanted = if signer == SERVING { 2 } else { 1 };
        let count = all.iter().filter(of).count();
        ensure!(count >= wanted, "{signer}: {count} requests by {user}");
        Ok(())
    };
    let admin = cluster.user("kubernetes-admin", Some("kubeadm:cluster-admins"))?;
    let mut gaps = Vec::new();
    cluster.eventually("both certificates are renewed", LIFE, || {
        // By kube-apiserver to the kubelet and back: both certificates are in use.
        let log = cluster.kubectl(&admin, &["logs", "web"])?;
        gaps.extend(Some(log).filter(|it| it.code != Some(0)));
        renewed(CLIENT)?;
        renewed(SERVING)
    })?;
    ensure!(gaps.is_empty(), "{gaps:?}");
    Ok(())
}

/// What an approver wrote about a request.
#[derive(Debug)]
struct Told {
    kind: String,
    message: String,
}

fn create(cluster: &Cluster, who: &Identity, draft: &Draft) -> Result<()> {
    let object = draft.object()?.to_string();
    cluster.kubectl_with(who, &["create", "--validate=ignore", "--filename", "-"], object.as_bytes())?.ok()?;
    Ok(())
}

fn decided(cluster: &Cluster, name: &str) -> Result<Told> {
    cluster.eventually("the request is decided", SOON, || condition(cluster, name)?.context("it is pending"))
}

fn condition(cluster: &Cluster, name: &str) -> Result<Option<Told>> {
    let shown = cluster.kubectl(&cluster.root(), &["get", "csr", name, "-o", "json"])?.ok()?;
    let object: Value = serde_json::from_str(&shown)?;
    let text = |it: &Value, key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(conditions) = object.pointer("/status/conditions").and_then(Value::as_array) else { return Ok(None) };
    ensure!(conditions.len() <= 1, "somebody else had a word: {conditions:?}");
    Ok(conditions.first().map(|it| Told { kind: text(it, "type"), message: text(it, "message") }))
}

const CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING: &str = "kubernetes.io/kubelet-serving";
/// Of a certificate, and then some.
const LIFE: Duration = Duration::from_secs(180);
/// A Lease that was given up is taken in two seconds; a debug build on a busy machine takes its time.
const SOON: Duration = Duration::from_secs(60);
