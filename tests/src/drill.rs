//! `pathgate drill` against webhooks that differ: the gate itself, over mTLS from a kubeconfig; one that never has an
//! opinion; one that judges by the name of the user; and some that say nothing. The scores must differ as they do.

use crate::{
    gate::{Gate, SOON, command, tcp},
    process::{Output, run},
    world,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

#[test]
fn the_gate_refuses_every_attack_and_lets_every_twin_pass() -> Result<()> {
    let gate = Gate::start()?;
    let kubeconfig = kubeconfig(&gate, &gate.settings["webhook"]["tls"]["clientCA"])?;
    let output = drill(&["--kubeconfig", &kubeconfig.display().to_string(), "--output", "json"])?;
    let (lines, last) = parsed(&output)?;
    let failed: Vec<_> = lines.iter().filter(|it| it["passed"] != true).collect();
    let vectors = lines.len();
    let all = json!({"vectors": vectors, "caught": vectors, "twinsPassed": vectors, "passed": vectors});
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((output.code, output.stderr.as_str(), &last["score"]), (Some(0), "", &all));
    Ok(())
}

#[test]
fn a_line_has_the_keys_of_the_contract() -> Result<()> {
    let webhook = Small::start(|_| Some(SILENT))?;
    let (lines, _) = parsed(&drill(&[&webhook.url(), "--output", "json", "--path", "tunnel"])?)?;
    let line = lines.iter().find(|it| it["id"] == "agent-token/alice").context("no vector `agent-token/alice`")?;
    let expected = json!({
        "id": "agent-token/alice",
        "path": "tunnel",
        "title": "Somebody asks for the token of a Konnectivity agent",
        "reference": "KEP-1281; rogue agent",
        "expected": "deny",
        "got": "no-opinion",
        "twin": {"expected": "not-denied", "got": "no-opinion"},
        "passed": false,
    });
    assert_eq!((line, lines.iter().all(|it| it["path"] == "tunnel")), (&expected, true));
    Ok(())
}

#[test]
fn a_webhook_without_opinions_catches_nothing_and_breaks_nothing() -> Result<()> {
    let webhook = Small::start(|_| Some(SILENT))?;
    let output = drill(&[&webhook.url(), "--output", "json"])?;
    let (lines, last) = parsed(&output)?;
    let score = json!({"vectors": lines.len(), "caught": 0, "twinsPassed": lines.len(), "passed": 0});
    assert_eq!((output.code, &last["score"]), (Some(1), &score));
    Ok(())
}

#[test]
fn a_webhook_that_judges_by_the_name_of_the_user_is_in_between() -> Result<()> {
    // It refuses whoever begins with `system:`, kubelets and controllers among them.
    let webhook = Small::start(|review| {
        let user = review.pointer("/spec/user").and_then(Value::as_str).unwrap_or_default();
        Some(if user.starts_with("system:") { DENIED } else { SILENT })
    })?;
    let output = drill(&[&webhook.url(), "--output", "json"])?;
    let (lines, last) = parsed(&output)?;
    let count = |what: fn(&Value) -> bool| lines.iter().filter(|it| what(it)).count();
    let (caught, passed) = (count(|it| it["got"] == "deny"), count(|it| it["twin"]["got"] != "deny"));
    // As the README has it.
    assert_eq!((caught, passed, lines.len()), (397, 227, 589));
    let both = count(|it| it["passed"] == true);
    let score = json!({"vectors": lines.len(), "caught": caught, "twinsPassed": passed, "passed": both});
    assert_eq!((output.code, &last["score"]), (Some(1), &score));
    Ok(())
}

#[test]
fn people_read_the_score_and_why_a_miss_matters() -> Result<()> {
    let webhook = Small::start(|_| Some(SILENT))?;
    let output = drill(&[&webhook.url(), "--path", "tunnel"])?;
    let said = [
        "path                     attacks refused    twins let pass",
        "missed: Somebody asks for the token of a Konnectivity agent (KEP-1281; rogue agent)",
        "  An agent is sent what kube-apiserver sends to nodes.",
        "  agent-token/alice: `alice` wants to `create serviceaccounts/token konnectivity-agent -n kube-system`: no-opinion",
    ];
    let lines: Vec<_> = output.stdout.lines().collect();
    assert_eq!(said.map(|it| lines.contains(&it)), [true; 4], "{}", output.stdout);
    Ok(())
}

#[test]
fn junit_counts_what_is_not_as_expected() -> Result<()> {
    let webhook = Small::start(|_| Some(DENIED))?;
    let output = drill(&[&webhook.url(), "--path", "tunnel", "--output", "junit"])?;
    let (tests, failures) = (output.stdout.matches("<testcase ").count(), output.stdout.matches("<failure ").count());
    let head = format!("<testsuites name=\"pathgate drill\" tests=\"{tests}\" failures=\"{failures}\">");
    // It refuses each attack, and each twin.
    assert_eq!((output.code, tests, output.stdout.contains(&head)), (Some(1), 2 * failures, true), "{}", output.stdout);
    Ok(())
}

#[test]
fn an_answer_that_is_no_review_is_an_error_and_a_miss() -> Result<()> {
    // Only what the drill begins with is answered well.
    let webhook = Small::start(|review| {
        let user = review.pointer("/spec/user").and_then(Value::as_str).unwrap_or_default();
        Some(if user == "system:node:node-a" { SILENT } else { "<html>hello</html>" })
    })?;
    let (lines, _) = parsed(&drill(&[&webhook.url(), "--output", "json", "--path", "tunnel"])?)?;
    let line = lines.iter().find(|it| it["id"] == "agent-token/alice").context("no vector `agent-token/alice`")?;
    let expected = (json!("error"), json!("the answer is not JSON: expected value at line 1 column 1"), json!(false));
    assert_eq!((line["got"].clone(), line["error"].clone(), line["passed"].clone()), expected);
    Ok(())
}

#[test]
fn a_webhook_that_cannot_be_reached_or_says_nothing_is_neither_good_nor_bad() -> Result<()> {
    let free = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let lost = drill(&[&format!("http://{free}/")])?;
    let mute = Small::start(|_| None)?;
    let forbidden = drill(&[&mute.url()])?;
    assert_eq!([lost.code, forbidden.code], [Some(2), Some(2)], "{}{}", lost.stderr, forbidden.stderr);
    assert_eq!([lost.stdout, forbidden.stdout], ["", ""]);
    let said = format!("the webhook at {}?timeout=10s gives no verdict on a plain review: HTTP 403\n", mute.url());
    assert_eq!((lost.stderr.contains("onnection refused"), forbidden.stderr), (true, said), "{}", lost.stderr);
    Ok(())
}

#[test]
fn a_gate_behind_another_authority_is_not_scored() -> Result<()> {
    let gate = Gate::start()?;
    let other = crate::pki::Authority::new("other")?.identity().write(gate.folder.path(), "other")?.certificate;
    let output = drill(&["--kubeconfig", &kubeconfig(&gate, &json!(other))?.display().to_string()])?;
    assert_eq!((output.code, output.stderr.contains("certificate")), (Some(2), true), "{}", output.stderr);
    Ok(())
}

#[test]
fn what_drill_cannot_do_is_said_before_anything_is_asked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let with = |cluster: Value, user: Value| -> Result<String> {
        let path = folder.path().join("kubeconfig");
        fs::write(&path, config(&cluster, &user).to_string())?;
        Ok(path.display().to_string())
    };
    let https = "https://127.0.0.1:1/";
    let skips = json!({"server": https, "insecure-skip-tls-verify": true});
    let half = json!({"client-certificate-data": ""});
    let cases: [(Vec<String>, &str); 5] = [
        (vec![https.into()], "needs a kubeconfig with a certificate-authority"),
        (vec!["ftp://x".into()], "write https://HOST:PORT/PATH"),
        (vec!["--kubeconfig".into(), with(skips, json!({}))?], "`insecure-skip-tls-verify` is not supported by drill"),
        (vec!["--kubeconfig".into(), "no-such-file".into()], "read `no-such-file`"),
        (
            vec!["http://127.0.0.1:1".into(), "--path".into(), "revocation".into()],
            "no attack of the pack is on that path",
        ),
    ];
    for (arguments, fault) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = drill(&arguments)?;
        assert_eq!((output.code, output.stderr.contains(fault)), (Some(64), true), "{arguments:?}: {}", output.stderr);
    }
    let output = drill(&["--kubeconfig", &with(json!({"server": https}), half)?])?;
    let said = "`client-certificate` without `client-key`";
    assert_eq!((output.code, output.stderr.contains(said)), (Some(64), true), "{}", output.stderr);
    Ok(())
}

#[test]
fn the_readme_counts_the_attacks_of_the_pack() -> Result<()> {
    let count = host::drill::pack().map_err(anyhow::Error::msg)?.len();
    let row = format!("| Pathgate, its built-in plugins as they come | {count} of {count} | {count} of {count} |");
    let readme = fs::read_to_string(world::repository().join("README.md"))?;
    assert!(readme.lines().any(|line| line == row), "README.md says another count than {count}");
    Ok(())
}

fn drill(arguments: &[&str]) -> Result<Output> {
    let mut command = command()?;
    run(command.arg("drill").args(arguments), b"", SOON)
}

/// The lines of the vectors, and the last.
fn parsed(output: &Output) -> Result<(Vec<Value>, Value)> {
    let lines = output.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
    let mut lines = lines.with_context(|| format!("{output:?}"))?;
    let last = lines.pop().with_context(|| format!("{output:?}"))?;
    Ok((lines, last))
}

/// A kubeconfig for the gate's webhook, its client in it and its authority beside it.
fn kubeconfig(gate: &Gate, authority: &Value) -> Result<PathBuf> {
    let client = gate.client.write(gate.folder.path(), "client")?;
    let server = format!("https://{}/authorize", gate.webhook);
    let cluster = json!({"server": server, "certificate-authority": authority});
    let user = json!({"client-certificate": "client.crt", "client-key": client.key});
    let path = gate.folder.path().join("webhook.kubeconfig");
    fs::write(&path, config(&cluster, &user).to_string())?;
    Ok(path)
}

/// JSON is YAML.
fn config(cluster: &Value, user: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "webhook",
        "contexts": [{"name": "webhook", "context": {"cluster": "gate", "user": "kube-apiserver"}}],
        "clusters": [{"name": "gate", "cluster": cluster}],
        "users": [{"name": "kube-apiserver", "user": user}],
    })
}

/// A webhook in plain HTTP: a status for each review, or 403.
struct Small {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

type Judge = fn(&Value) -> Option<&'static str>;

impl Small {
    fn start(judge: Judge) -> Result<Small> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let listening = thread::spawn(move || {
            let mut asked = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                asked.push(thread::spawn(move || drop(converse(stream, judge))));
            }
            asked.into_iter().for_each(|it| drop(it.join()));
        });
        Ok(Small { address, stop, listening: Some(listening) })
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes who listens.
        drop(tcp(self.address));
        self.listening.take().into_iter().for_each(|it| drop(it.join()));
    }
}

/// Answers on one connection until it ends.
fn converse(stream: TcpStream, judge: Judge) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            if let Some((_, value)) = line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse()?;
            }
            line.clear();
        }
        ensure!(length > 0, "the connection ended");
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let review: Value = serde_json::from_slice(&body)?;
        let (head, answer) = match judge(&review) {
            Some(status) if status.starts_with('{') => {
                let version = review.get("apiVersion").unwrap_or(&Value::Null);
                ("200 OK", format!(r#"{{"kind":"SubjectAccessReview","apiVersion":{version},"status":{status}}}"#))
            }
            Some(other) => ("200 OK", other.to_owned()),
            None => ("403 Forbidden", "no".to_owned()),
        };
        write!(writer, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())?;
    }
}

const SILENT: &str = r#"{"allowed":false}"#;
const DENIED: &str = r#"{"allowed":false,"denied":true}"#;
