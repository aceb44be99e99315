//! `pathgate check --probe`: what real servers show to a stranger, and what the plugins make of it.

use crate::{
    gate::{Gate, REFUSED, SOON, command, is_denied},
    process::{Output, run},
};
use ::world::{Manner, World};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

#[test]
fn each_kind_of_kubelet_is_told_by_a_probe() -> Result<()> {
    let cluster = Cluster::start()?;
    let authority = cluster.world.files().certificate("kubelet-ca").display().to_string();
    for (manner, code, says, rules) in [
        (Manner::Signed, 0, "its certificates hold", &[][..]),
        (
            Manner::SelfSigned,
            1,
            "its certificates do not hold",
            &["untrusted", "name-mismatch", "node-mismatch", "node-organization"],
        ),
        (Manner::Stolen(String::new()), 1, "its certificates do not hold", &["node-mismatch"]),
        (Manner::ReadOnlyPort, 1, "a second door is open", &[]),
    ] {
        let (node, address, read_only) = cluster.kubelet(&manner)?;
        let (probed, lines) =
            probe(&[&address, "--node", &node, "--anchors", &authority, "--read-only-port", &read_only])?;
        let found: Vec<_> =
            lines.iter().filter_map(|it| it["rule"].as_str()?.strip_prefix("apiserver_to_kubelet/")).collect();
        ensure!(probed.code == Some(code) && found == rules, "{manner:?}: {probed:?}");
        let told = lines.iter().find(|it| it["says"] == says).with_context(|| format!("{manner:?}: {probed:?}"))?;
        ensure!(told["about"] == format!("kubelet of {node} at {address}").as_str(), "{told}");
        ensure!(told["evidence"]["strength"] == "proved" && told["evidence"]["ttl"] == "10m", "{told}");
    }
    // Nobody to verify by is no green, and what is wrong is wrong all the same.
    let (node, address, _) = cluster.kubelet(&Manner::Signed)?;
    let (untold, _) = probe(&[&address, "--node", &node, "--read-only-port", "0"])?;
    ensure!(untold.code == Some(2) && untold.stdout.contains("--anchors"), "{untold:?}");
    let (other, _) = probe(&[&address, "--node", "another", "--read-only-port", "0"])?;
    ensure!(other.code == Some(1) && other.stdout.contains("apiserver_to_kubelet/node-mismatch"), "{other:?}");
    let sarif = check(&["--output", "sarif", "--probe", &address, "--node", "another", "--read-only-port", "0"])?;
    let sarif: Value = serde_json::from_str(&sarif.stdout)?;
    let rules: Vec<_> =
        sarif["runs"][0]["results"].as_array().context("results")?.iter().map(|it| &it["ruleId"]).collect();
    ensure!(rules == ["unknown", "apiserver_to_kubelet/node-mismatch"], "{sarif}");
    Ok(())
}

#[test]
fn who_does_not_answer_is_unknown_and_a_name_leads_nowhere_harmful() -> Result<()> {
    let cluster = Cluster::start()?;
    let (_, address, _) = cluster.kubelet(&Manner::Signed)?;
    let (_, port) = address.rsplit_once(':').context("a port")?;
    let (refused, lines) = probe(&[&format!("localhost:{port}")])?;
    let note = lines.first().and_then(|it| it["evidence"]["note"].as_str()).unwrap_or_default();
    ensure!(refused.code == Some(2) && note.contains("loopback address; name its network in --allow"), "{refused:?}");
    let (silent, lines) = probe(&["127.0.0.1:1", "--path", "tunnel"])?;
    ensure!(silent.code == Some(2) && lines.len() == 1 && lines[0]["says"] == "nobody answers", "{silent:?}");
    // A pod's plain port: told apart from one that does not answer.
    let pod =
        cluster.world.cast().pods.iter().find(|it| it.speaks == ::world::Speaks::Plaintext).context("a plain pod")?;
    let address = format!("{}:{}", pod.address, pod.port);
    let (plain, _) = probe(&[&address, "--path", "apiserver_to_endpoint"])?;
    ensure!(plain.code == Some(1) && plain.stdout.contains("plain HTTP"), "{plain:?}");
    for (arguments, why) in [
        (&["nowhere"][..], "write HOST:PORT"),
        (&["127.0.0.1:1", "--path", "user_to_apiserver"], "its plugin verifies no server"),
        (&["127.0.0.1:1", "--anchors", "no/such"], "--anchors: read `no/such`"),
        (&["127.0.0.1:1", "--node", "a", "--probe", "127.0.0.1:2"], "--node is for one --probe"),
    ] {
        let (fault, _) = probe(arguments)?;
        ensure!(fault.code == Some(64) && fault.stderr.contains(why), "{fault:?}");
    }
    Ok(())
}

#[test]
fn a_lost_authority_of_kubelets_stops_no_gate() -> Result<()> {
    let gate = Gate::start_with(&json!({"posture": {"probes": {"kubeletCA": "/no/such/ca.crt"}}}))?;
    gate.shows("no kubelet counts as verified")?;
    ensure!(is_denied(&gate.review(REFUSED)?), "it does not judge");
    Ok(())
}

/// Kubelets of every manner, as long as it lives.
struct Cluster {
    world: World,
    _runtime: Runtime,
}

impl Cluster {
    fn start() -> Result<Cluster> {
        let runtime = Runtime::new()?;
        let world = runtime.block_on(World::builder().nodes(10).start())?;
        Ok(Cluster { world, _runtime: runtime })
    }

    /// The first of this manner: its node, its address, and its read-only port, 0 if it has none.
    fn kubelet(&self, manner: &Manner) -> Result<(String, String, String)> {
        let same = |it: &Manner| std::mem::discriminant(it) == std::mem::discriminant(manner);
        let node = self.world.cast().nodes.iter().find(|it| same(&it.manner)).with_context(|| format!("{manner:?}"))?;
        let read_only = node.read_only_port.unwrap_or_default().to_string();
        Ok((node.name.clone(), format!("{}:{}", node.address, node.port), read_only))
    }
}

fn probe(arguments: &[&str]) -> Result<(Output, Vec<Value>)> {
    let output = check(&[&["--output", "json", "--probe"], arguments].concat())?;
    let lines = output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok((output, lines))
}

fn check(arguments: &[&str]) -> Result<Output> {
    run(command()?.arg("check").args(arguments), b"", SOON)
}
