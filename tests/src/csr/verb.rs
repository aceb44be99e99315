//! `pathgate csr`, from outside.

use super::{
    cluster,
    draft::{Draft, bootstrap, serving},
    list,
};
use crate::{
    process::{Output, run},
    world,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fs, process::Command, time::Duration};

#[test]
fn the_command_prints_a_line_for_each_request_and_exits_by_the_worst() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let facts = folder.path().join("facts.json");
    fs::write(&facts, list(&cluster(&[]))?)?;
    let facts = facts.to_str().context("a path that is text")?;
    let csr = |requests: &[Value]| -> Result<(Option<i32>, Vec<Value>)> {
        let output =
            pathgate(&["csr", "--facts", facts, "--output", "json", "--at", "2026-02-01T00:00:00Z"], &list(requests)?)?;
        let lines = output.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?;
        Ok((output.code, lines))
    };
    let good = serving("node-a").ip("10.0.0.1").object()?;
    let bad = Draft { name: "csr-2", ..serving("node-a").ip("10.0.0.2") }.object()?;
    let doubtful = Draft { name: "csr-3", ..serving("gone") }.object()?;
    let (code, lines) = csr(&[good.clone(), bad, doubtful.clone()])?;
    let told: Vec<_> =
        lines.iter().map(|it| (it["name"].as_str(), it["verdict"].as_str(), it["rule"].as_str())).collect();
    assert_eq!(
        (code, told.as_slice()),
        (
            Some(1),
            &[
                (Some("csr-1"), Some("approve"), Some("tls_bootstrap/csr-approve-serving")),
                (Some("csr-2"), Some("deny"), Some("tls_bootstrap/csr-foreign-name")),
                (Some("csr-3"), Some("leave"), Some("tls_bootstrap/csr-node-unknown")),
            ][..]
        )
    );
    assert_eq!([csr(std::slice::from_ref(&good))?.0, csr(&[good, doubtful])?.0], [Some(0), Some(2)]);
    Ok(())
}

#[test]
fn of_two_requests_by_one_token_the_second_is_denied() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let facts = folder.path().join("facts.json");
    fs::write(&facts, list(&cluster(&[]))?)?;
    let second = Draft { name: "csr-2", ..bootstrap("node-newer") };
    let input = list(&[bootstrap("node-new").object()?, second.object()?])?;
    let output = pathgate(&["csr", "--facts", facts.to_str().context("a path that is text")?], &input)?;
    let told = output.stdout;
    let verdicts: Vec<_> = told.lines().filter(|it| !it.starts_with(' ')).map(|it| it.split(':').next()).collect();
    assert_eq!(verdicts, [Some("approve  csr-1"), Some("deny     csr-2")], "{told}");
    Ok(())
}

#[test]
fn input_at_fault_is_told_with_its_place() -> Result<()> {
    let mut broken = serving("node-a").object()?;
    if let Some(request) = broken.pointer_mut("/spec/request") {
        *request = json!(7);
    }
    let output = pathgate(&["csr"], &list(&[broken, json!({"kind": "Node"})])?)?;
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (
            Some(64),
            "error: `-`: document 1.items[0]: `spec.request` must be text\n\
                    error: `-`: document 1.items[1]: must be a CertificateSigningRequest of `certificates.k8s.io/v1`, and is \
                    `Node` of ``\n"
        )
    );
    Ok(())
}

fn pathgate(arguments: &[&str], stdin: &str) -> Result<Output> {
    let mut command = Command::new(world::pathgate()?);
    command.args(arguments).current_dir(world::repository()).env("PATHGATE_CACHE_DIR", crate::gate::CACHE);
    run(&mut command, stdin.as_bytes(), Duration::from_secs(120))
}
