//! The demo shows what it claims: its whole script over real sockets, in one process without a cluster.

use crate::{gate::command, process::run};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

#[test]
fn every_scene_has_the_outcome_expected_of_it() -> Result<()> {
    let output = run(command()?.args(["demo", "--headless", "--nodes", "5", "--output", "json"]), b"", SOON)?;
    let lines = output.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let failed: Vec<_> = lines.iter().filter(|line| line["passed"] != true).collect();
    assert!(failed.is_empty() && output.code == Some(0), "{:?} {failed:#?} {}", output.code, output.stderr);
    let scenes: BTreeSet<_> =
        lines.iter().map(|line| line["scene"].as_str().context("a scene")).collect::<Result<_>>()?;
    let missing: Vec<_> = SCENES.iter().filter(|scene| !scenes.contains(*scene)).collect();
    assert!(missing.is_empty(), "{missing:?} of {scenes:?}");
    Ok(())
}

#[test]
fn the_demo_stays_on_loopback() -> Result<()> {
    let output = run(command()?.args(["demo", "--headless", "--listen", "0.0.0.0:7070"]), b"", SOON)?;
    let expected = "error: `--listen 0.0.0.0:7070` must be a loopback address, as 127.0.0.1:7070\n";
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(64), "", expected));
    Ok(())
}

/// Some of each kind.
const SCENES: [&str; 9] =
    ["traffic/nodes", "traffic/kubelet", "traffic/bootstrap", "s3", "s9", "s11", "s17", "swap", "loop"];
/// A debug build that compiles its plugins on a busy machine.
const SOON: Duration = Duration::from_secs(300);
