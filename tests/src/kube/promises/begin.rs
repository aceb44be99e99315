//! How a cluster with the gate begins.

use super::{
    super::{Setting, node::NODE},
    guard,
};
use anyhow::{Result, ensure};
use std::time::Duration;

pub fn the_apiserver_comes_up_while_the_gate_is_down(setting: &mut Setting) -> Result<()> {
    let cluster = &mut setting.cluster;
    cluster.start_apiserver()?;
    cluster.apply(include_str!("../../../../deploy/rbac.yaml"))?;
    cluster.apply(include_str!("../../../fixtures/kube/agents.yaml"))?;
    let agent = cluster.service_account("broad-agent")?;
    // The control of the experiment: without the gate, RBAC lets the agent through, to a node that is not there.
    let asked = cluster.raw(&agent, guard::NODE_PROXY)?;
    ensure!(asked.stderr.contains("NotFound"), "RBAC alone should have let it pass: {asked:?}");
    Ok(())
}

pub fn the_apiserver_obeys_the_gate_once_it_is_there(setting: &mut Setting) -> Result<()> {
    setting.gate.start()?;
    let cluster = &setting.cluster;
    let agent = cluster.service_account("broad-agent")?;
    cluster.eventually("the refusal shows", SOON, || {
        let asked = cluster.raw(&agent, guard::NODE_PROXY)?;
        ensure!(guard::is_refused_by(&asked, guard::NODES_PROXY), "{asked:?}");
        Ok(())
    })
}

pub fn a_node_joins_by_tls_bootstrap_with_the_gate_enforcing(setting: &mut Setting) -> Result<()> {
    let cluster = &mut setting.cluster;
    cluster.start_controllers()?;
    cluster.start_kubelet()?;
    cluster.await_node()?;
    let user = cluster
        .kubectl(&cluster.kubelet_identity()?, &["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"])?;
    ensure!(user.stdout == format!("system:node:{NODE}"), "{user:?}");
    Ok(())
}

/// The control of the experiment: with no gate, RBAC lets the agent through.
pub fn the_cluster_goes_on_while_the_gate_restarts(setting: &mut Setting) -> Result<()> {
    setting.gate.stop()?;
    let agent = setting.cluster.service_account("broad-agent")?;
    let answer = setting.cluster.raw(&agent, guard::NODE_PROXY)?.ok()?;
    ensure!(answer.trim() == "ok", "{answer}");
    the_apiserver_obeys_the_gate_once_it_is_there(setting)
}

/// Nothing is cached: the next request is judged.
const SOON: Duration = Duration::from_secs(10);
