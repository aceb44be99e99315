//! The demo shows what it claims: its whole script over real sockets, in one process without a cluster.

use crate::{
    gate::command,
    process::{Process, eventually, run},
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

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
fn a_signal_ends_the_demo_and_nothing_of_it_stays() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = folder.path().join("files");
    fs::create_dir(&files)?;
    let mut demo = command()?;
    demo.args(["demo", "--nodes", "5", "--listen", "127.0.0.1:0"]).env("TMPDIR", &files);
    let demo = Process::start("demo", &mut demo, &folder.path().join("log"))?;
    let page = eventually("the demo tells where its dashboard is", SOON, &[&demo], || {
        let log = demo.log();
        let address =
            log.lines().find_map(|line| line.strip_prefix("http://")?.strip_suffix('/')).context("not yet")?;
        Ok(address.parse::<SocketAddr>()?)
    })?;
    ensure!(TcpStream::connect(page).is_ok() && files.read_dir()?.count() > 0, "{}", demo.log());
    let status = demo.stop(SOON)?;
    assert_eq!((status.code(), files.read_dir()?.count()), (Some(0), 0));
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
