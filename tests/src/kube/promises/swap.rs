//! What changes while the gate runs, and what that must not break.

use super::{
    super::{Setting, gate::builtin_with},
    guard,
};
use crate::world;
use anyhow::{Context, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use std::{fs, time::Duration};

pub fn a_changed_config_takes_effect_without_a_restart(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    let agent = cluster.service_account("broad-agent")?;
    let allowed = ["kube-apiserver-kubelet-client", "system:serviceaccount:default:broad-agent"];
    let config = json!({"allow": {"nodes-proxy": allowed}});
    gate.set_plugins(Some(&builtin_with(&[("apiserver_to_kubelet", config)])))?;
    cluster.eventually("the agent on the allow-list passes", SOON, || {
        let answer = cluster.raw(&agent, guard::NODE_PROXY)?.ok()?;
        ensure!(answer.trim() == "ok", "{answer}");
        Ok(())
    })?;
    gate.set_plugins(None)?;
    cluster.eventually("the agent off the allow-list is refused again", SOON, || {
        let asked = cluster.raw(&agent, guard::NODE_PROXY)?;
        ensure!(guard::is_refused_by(&asked, guard::NODES_PROXY), "{asked:?}");
        Ok(())
    })
}

pub fn a_plugin_that_loops_is_contained(setting: &mut Setting) -> Result<()> {
    let Setting { cluster, gate } = setting;
    let text = world::repository().join("tests/fixtures/plugins/loop.wat");
    let component = wat::parse_file(&text).with_context(|| format!("assemble {text:?}"))?;
    let module = cluster.file("loop.wasm");
    fs::write(&module, &component)?;
    let hex: String = digest(&SHA256, &component).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let looping = json!({"name": LOOP, "module": module, "sha256": hex, "failure": "no-opinion"});
    let mut plugins = builtin_with(&[]);
    plugins.push(looping);
    gate.set_plugins(Some(&plugins))?;
    let before = gate.decisions()?.len();
    cluster.eventually("the plugin is asked, and stopped", SOON, || {
        // Something to decide.
        cluster.raw(&cluster.kubelet_identity()?, "/version")?.ok()?;
        let failed = gate.decisions()?.into_iter().skip(before).flat_map(|decision| decision.opinions);
        let failed: Vec<_> = failed.filter(|it| it.plugin == LOOP).filter_map(|it| it.failure).collect();
        ensure!(!failed.is_empty(), "no failure of it on record; the gate says:\n{}", gate.readyz()?);
        Ok(())
    })?;
    // Whoever worked before still does, and who was refused still is.
    guard::an_administrator_execs_and_reads_logs(setting)?;
    guard::a_service_account_with_nodes_proxy_is_refused_with_our_reason(setting)?;
    guard::its_twin_with_nodes_metrics_passes(setting)?;
    setting.gate.set_plugins(None)
}

const LOOP: &str = "loop";
/// A change is noticed, validated and compiled, in a debug build.
const SOON: Duration = Duration::from_secs(30);
