//! A `pathgate serve` keeps its promises on its real ports: what kube-apiserver hears over mTLS, what an operator sees, what
//! a change of its configuration does. The same before a real Kubernetes is in `kube`.

use crate::{
    gate::{AGENT, API_SERVER, Gate, POST, REFUSED, SOON, TWIN, example, post, response, rows, subset, told},
    linux,
    pki::Authority,
    process::eventually,
};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
};
use wire::Entry;

#[test]
fn a_refusal_says_why_and_by_which_decision() -> Result<()> {
    let gate = Gate::start()?;
    let answer = gate.review(REFUSED)?;
    let (_, id) = told(&answer)?;
    let decision = gate.decision(&id)?;
    let reason = format!("pathgate: {} (rule {}, decision {id})", decision.reason, decision.rule);
    let expected = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "status": {"allowed": false, "denied": true, "reason": reason},
    });
    let ulid = id.len() == 26 && id.bytes().all(|it| it.is_ascii_digit() || it.is_ascii_uppercase());
    assert_eq!((subset(&answer), decision.rule.as_str(), ulid), (expected, "apiserver_to_kubelet/nodes-proxy", true));
    Ok(())
}

#[test]
fn no_opinion_leaves_it_to_node_and_rbac() -> Result<()> {
    let gate = Gate::start()?;
    let answer = gate.review(TWIN)?;
    let status = (&answer["status"]["allowed"], answer["status"].get("denied").unwrap_or(&Value::Bool(false)));
    assert_eq!(status, (&Value::Bool(false), &Value::Bool(false)), "{answer}");
    Ok(())
}

#[test]
fn only_a_named_client_is_answered() -> Result<()> {
    let gate = Gate::start()?;
    let mallory = gate.authority.client("mallory", None)?;
    let stranger = Authority::new("gate-ca")?.client("kube-apiserver", None)?;
    let answered = [Some(&gate.client), Some(&mallory), Some(&stranger), None].map(|client| {
        let answer = gate.connect(client).and_then(|mut stream| post(&mut stream, &example(REFUSED)?));
        answer.is_ok_and(|(status, _)| status == 200)
    });
    assert_eq!(answered, [true, false, false, false]);
    Ok(())
}

#[test]
fn a_client_that_is_named_later_is_let_in_without_a_restart() -> Result<()> {
    let gate = Gate::start()?;
    let later = gate.authority.client("next-apiserver", None)?;
    gate.change("/webhook/tls", json!({"clientNames": ["next-apiserver"]}))?;
    eventually("the new name is let in", SOON, &[&gate.process], || {
        let (status, answer) = post(&mut gate.connect(Some(&later))?, &example(TWIN)?)?;
        ensure!(status == 200, "{status}: {answer}");
        Ok(())
    })?;
    let before = gate.review(TWIN);
    assert!(before.is_err(), "{before:?}");
    Ok(())
}

#[test]
fn a_decision_is_explained_after_its_plugin_was_swapped() -> Result<()> {
    let gate = Gate::start()?;
    let (reason, id) = told(&gate.review(REFUSED)?)?;
    let decision = gate.decision(&id)?;
    let explained = gate.explain(&id)?;
    gate.configure(&[
        json!({"name": "apiserver_to_kubelet", "config": {"allow": {"nodes-proxy": [API_SERVER, AGENT]}}}),
    ])?;
    eventually("the new plugin decides", SOON, &[&gate.process], || {
        let answer = gate.review(REFUSED)?;
        ensure!(answer["status"].get("denied").is_none_or(|it| it == false), "{answer}");
        Ok(())
    })?;
    let swapped = gate.explain(&id)?;
    let shown: Value = serde_json::from_str(&swapped.stdout)?;
    let expected = json!({"same": true, "differences": [], "decision": decision});
    assert_eq!((explained.code, swapped.code, &shown), (Some(0), Some(0), &expected), "{}", swapped.stderr);
    assert_eq!(explained.stdout, swapped.stdout);
    assert!(reason.contains(&decision.reason), "{reason}");
    gate.event("plugin-swapped")?;
    Ok(())
}

#[test]
fn a_decision_that_nobody_made_cannot_be_explained() -> Result<()> {
    let gate = Gate::start()?;
    let output = gate.explain("01JD9Z3T7Q0000000000000000")?;
    let expected = "decision `01JD9Z3T7Q0000000000000000` is not in the journal\n";
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(2), "", expected));
    Ok(())
}

#[test]
fn a_bad_change_keeps_the_old_and_says_so_until_it_is_mended() -> Result<()> {
    let gate = Gate::start()?;
    let good = fs::read(gate.config())?;
    fs::write(gate.config(), "apiVersion: pathgate.io/v1alpha1\nkind: Gate\nsurprise: 1\n")?;
    let place = format!("{}:3:1: surprise", gate.config());
    let (status, page) = gate.shows(&place)?;
    let event = gate.event("config-refused")?;
    let denied = gate.review(REFUSED)?["status"]["denied"].take();
    // The old goes on deciding, so the gate is still ready.
    assert_eq!((status, event.message.contains(&place), denied), (200, true, Value::Bool(true)), "{page}");
    fs::write(gate.config(), good)?;
    gate.shows("[+]config ok\n")?;
    Ok(())
}

#[test]
fn a_configuration_that_was_away_for_a_while_is_mended_by_its_return() -> Result<()> {
    let gate = Gate::start()?;
    let away = gate.folder.path().join("away.yaml");
    fs::rename(gate.config(), &away)?;
    gate.shows("No such file")?;
    fs::rename(&away, gate.config())?;
    gate.shows("[+]config ok\n")?;
    Ok(())
}

#[test]
fn a_change_that_locks_the_cluster_out_is_refused_with_flow_and_rule() -> Result<()> {
    let gate = Gate::start()?;
    gate.configure(&[json!({"name": "apiserver_to_kubelet", "config": {"allow": {"nodes-proxy": []}}})])?;
    let (status, page) = gate.shows("lock-out guard")?;
    let named = ["kube-apiserver reaches a kubelet: nodes/proxy", "rule apiserver_to_kubelet/nodes-proxy"];
    let message = gate.event("config-refused")?.message;
    let mut vital: Value = serde_json::from_str(&example(REFUSED)?)?;
    vital["spec"]["user"] = API_SERVER.into();
    vital["spec"]["groups"] = json!(["system:authenticated"]);
    let (_, answer) = post(&mut gate.connect(Some(&gate.client))?, &vital.to_string())?;
    let denied = serde_json::from_str::<Value>(&answer)?["status"]["denied"] == true;
    assert_eq!(
        (status, named.map(|it| page.contains(it)), named.map(|it| message.contains(it)), denied),
        (200, [true; 2], [true; 2], false),
        "{page}{answer}"
    );
    Ok(())
}

#[test]
fn sigterm_lets_a_request_come_to_its_end() -> Result<()> {
    let gate = Gate::start()?;
    let review = example(REFUSED)?;
    let mut stream = gate.connect(Some(&gate.client))?;
    let head = format!("{POST}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", review.len());
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    // Whoever says so is waiting for the body.
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on)?;
    linux::signal_group(gate.process.id(), libc::SIGTERM)?;
    eventually("the gate drains", SOON, &[&gate.process], || {
        ensure!(gate.process.log().contains("stops: "), "it does not say that it stops");
        Ok(())
    })?;
    stream.write_all(review.as_bytes())?;
    stream.flush()?;
    let (status, answer) = response(&mut stream)?;
    let (_, id) = told(&serde_json::from_str(&answer)?)?;
    drop(stream);
    let ended = gate.process.stop(SOON)?;
    let rows = rows(&gate.journal)?;
    let last = rows.iter().rev().find_map(|row| match &row.entry {
        Entry::Event(event) => Some(event.kind.as_str()),
        Entry::Decision(_) | Entry::Gap(_) | Entry::Csr(_) => None,
    });
    let kept = rows.iter().any(|row| matches!(&row.entry, Entry::Decision(it) if it.id == id));
    assert_eq!(
        (go_on.starts_with(b"HTTP/1.1 100"), status, ended.code(), last, kept),
        (true, 200, Some(0), Some("stopped"), true)
    );
    Ok(())
}

#[test]
fn metrics_count_what_the_parts_do() -> Result<()> {
    let gate = Gate::start()?;
    gate.review(REFUSED)?;
    let (status, page) = gate.admin("/metrics")?;
    let counts = |name: &str| page.lines().any(|line| line.starts_with(name) && !line.ends_with(" 0"));
    let names =
        ["pathgate_decisions_total{", "pathgate_plugin_generation", "pathgate_webhook_requests_total{"].map(counts);
    let journal = page.lines().any(|line| line.starts_with("pathgate_journal_"));
    let foreign = page.lines().find(|it| !it.starts_with(['#']) && !it.starts_with("pathgate_"));
    assert_eq!((status, names, journal, foreign), (200, [true; 3], true, None), "{page}");
    Ok(())
}
