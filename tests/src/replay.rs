//! `pathgate replay` keeps its promises, as the real command on real files.

use crate::{
    process::{Output, run},
    world,
};
use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{fs, io::Write, path::Path, process::Command, time::Duration};

#[test]
fn what_the_configuration_would_refuse_is_a_flip_a_line_and_totals_last() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = file(folder.path(), "audit.log", format!("{}{}{}", proxied("prom"), proxied("prom"), read("alice")))?;
    let output = replay(&["--output", "json", &log], "")?;
    let lines = output.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let [flip, last] = lines.as_slice() else { panic!("{output:?}") };
    let flip =
        json!([flip["was"], flip["now"], flip["path"], flip["user"], flip["request"], flip["rule"], flip["count"]]);
    let expected = json!(["no-opinion", "deny", "apiserver_to_kubelet", "prom", "get nodes/proxy n1", RULE, 2]);
    let totals = &last["totals"];
    let totals = json!([totals["judged"], totals["flipped"], totals["byPath"], totals["byIdentity"], totals["byRule"]]);
    let counted = json!([3, 2, {"apiserver_to_kubelet": 2}, {"prom": 2}, {RULE: 2}]);
    assert_eq!((output.code, flip, totals), (Some(1), expected, counted));
    Ok(())
}

#[test]
fn a_configuration_that_lets_them_pass_flips_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = file(folder.path(), "audit.log", proxied("prom"))?;
    let off =
        file(folder.path(), "off.yaml", format!("{HEAD}plugins:\n- {{name: apiserver_to_kubelet, shadow: true}}\n"))?;
    let codes = [replay(&[&log], "")?.code, replay(&["--against", &off, &log], "")?.code];
    assert_eq!(codes, [Some(1), Some(0)]);
    Ok(())
}

#[test]
fn people_read_what_flips_why_and_where_it_was_first_seen() -> Result<()> {
    let output = replay(&["-"], &proxied("prom"))?;
    let lines: Vec<_> = output.stdout.lines().collect();
    let shown = (
        lines.first().copied(),
        lines.get(1).is_some_and(|it| it.starts_with(&format!("    path apiserver_to_kubelet, rule {RULE}: "))),
        lines.get(2).copied(),
        lines.get(3).copied(),
    );
    let expected = (
        Some("no-opinion → deny  1×  prom wants to get nodes/proxy n1"),
        true,
        Some("    first standard input:1 (id-prom)"),
        Some("1 lines, 1 judged (1 different requests), 1 flipped"),
    );
    assert_eq!(shown, expected, "{}", output.stdout);
    // No progress where nobody looks.
    assert_eq!(output.stderr, "");
    Ok(())
}

#[test]
fn rotated_and_gzipped_files_are_read_as_one_log_and_what_is_cut_off_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let whole = gzip(&[proxied("a"), proxied("b")])?;
    let text = (0..2_000).map(|number| read(&format!("user-{number}"))).collect::<String>();
    let mut cut = gzip(&[text])?;
    cut.truncate(cut.len() / 2);
    let plain = format!("{}{}", read("c"), proxied("d").trim_end().trim_end_matches('}'));
    let files = [("1.gz", whole), ("2.gz", cut), ("3.log", plain.into_bytes())];
    let files = files.map(|(name, bytes)| file(folder.path(), name, bytes));
    let files = files.into_iter().collect::<Result<Vec<_>>>()?;
    let output = replay(&["--output", "json", &files[0], &files[1], &files[2]], "")?;
    let last = output.stdout.lines().last().context("nothing was printed")?;
    let totals = serde_json::from_str::<Value>(last)?["totals"].take();
    let identities = json!({"a": 1, "b": 1});
    let bad = json!([{"file": files[2], "line": 2, "why": "the last line is cut off"}]);
    assert_eq!((output.code, &totals["byIdentity"], &totals["badLines"]), (Some(1), &identities, &bad));
    let judged = totals["judged"].as_u64().is_some_and(|it| it > 3);
    assert_eq!((judged, &totals["broken"][0]["file"]), (true, &json!(files[1])), "{totals}");
    Ok(())
}

#[test]
fn replay_exits_by_what_it_could_tell() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().to_str().context("a folder that is no text")?;
    let masters = read("root").replace("system:authenticated", "system:masters");
    let rows: [(&[&str], &str, i32); 10] = [
        (&["-"], &read("alice"), 0),
        (&["-"], &proxied("prom"), 1),
        (&["-"], &masters, 2),
        (&["-"], "", 2),
        (&["-"], "{}\nno JSON\n", 64),
        (&[], "", 64),
        (&["no/such/file"], "", 64),
        (&[folder], "", 64),
        (&["sqlite:///no/such/journal.db"], "", 64),
        (&["--against", "no/such/gate.yaml", "-"], "", 64),
    ];
    for (arguments, stdin, code) in rows {
        let output = replay(arguments, stdin)?;
        let said = (output.stdout.is_empty(), output.stderr.starts_with("error: "));
        assert_eq!((output.code, said), (Some(code), (code == 64, code == 64)), "{arguments:?} with {stdin:?}");
    }
    Ok(())
}

fn replay(arguments: &[&str], stdin: &str) -> Result<Output> {
    let mut command = Command::new(world::pathgate()?);
    command.arg("replay").args(arguments).env("PATHGATE_CACHE_DIR", crate::gate::CACHE);
    run(&mut command, stdin.as_bytes(), SOON)
}

fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> Result<String> {
    let path = folder.join(name);
    fs::write(&path, content)?;
    Ok(path.to_str().context("a folder that is no text")?.to_owned())
}

/// Members one after the other, as appending to a rotated file makes them.
fn gzip(members: &[String]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for member in members {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(member.as_bytes())?;
        bytes.extend(encoder.finish()?);
    }
    Ok(bytes)
}

/// A request that RBAC allowed, and that the built-in plugins refuse.
fn proxied(user: &str) -> String {
    let object = json!({"resource": "nodes", "name": "n1", "subresource": "proxy", "apiVersion": "v1"});
    event(user, "/api/v1/nodes/n1/proxy/pods", &object)
}

/// One that they leave to RBAC.
fn read(user: &str) -> String {
    let object = json!({"resource": "pods", "namespace": "web", "name": "a", "apiVersion": "v1"});
    event(user, "/api/v1/namespaces/web/pods/a", &object)
}

fn event(user: &str, uri: &str, object: &Value) -> String {
    let event = json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "stage": "ResponseComplete",
        "auditID": format!("id-{user}"),
        "verb": "get",
        "requestURI": uri,
        "user": {"username": user, "groups": ["system:authenticated"]},
        "objectRef": object,
        "requestReceivedTimestamp": "2026-01-31T12:00:00.250000Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed"},
    });
    format!("{event}\n")
}

const RULE: &str = "apiserver_to_kubelet/nodes-proxy";
const HEAD: &str = "apiVersion: pathgate.io/v1alpha1\nkind: Gate\n";
/// A debug build that compiles its plugins on a busy machine.
const SOON: Duration = Duration::from_secs(120);
