//! A `pathgate serve` keeps its promises on its real ports: what kube-apiserver hears over mTLS, what an operator sees, what
//! a change of its configuration does. The same before a real Kubernetes is in `kube`.

use crate::{
    linux,
    pki::{Authority, Identity},
    process::{Output, Process, eventually, run},
    world,
};
use anyhow::{Context, Result, bail, ensure};
use host::journal::{Journal, Reader};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use wire::{Decision, Entry, Event, Row};

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
    let vital = example(REFUSED)?.replace(AGENT, API_SERVER);
    let (_, answer) = post(&mut gate.connect(Some(&gate.client))?, &vital)?;
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
        Entry::Decision(_) | Entry::Gap(_) => None,
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

/// A `pathgate serve` on free ports, with a folder and an authority of its own.
struct Gate {
    process: Process,
    authority: Authority,
    client: Identity,
    folder: TempDir,
    settings: Value,
    /// The URL of its journal.
    journal: String,
    webhook: SocketAddr,
    admin: SocketAddr,
}

impl Gate {
    fn start() -> Result<Gate> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new("gate-ca")?;
        let authority_file = authority.identity().write(folder.path(), "ca")?.certificate;
        let server = authority.server("pathgate", &["127.0.0.1"])?.write(folder.path(), "server")?;
        let journal = format!("sqlite://{}", folder.path().join("journal.db").display());
        let settings = json!({
            "apiVersion": "pathgate.io/v1alpha1",
            "kind": "Gate",
            "webhook": {
                "listen": "127.0.0.1:0",
                "tls": {"certificate": server.certificate, "key": server.key, "clientCA": authority_file},
            },
            "admin": {"listen": "127.0.0.1:0"},
            "journal": {"url": journal},
        });
        let config = folder.path().join("gate.yaml");
        write(&config, &settings)?;
        let mut command = command()?;
        command.arg("serve").arg("--config").arg(&config);
        let process = Process::start("pathgate", &mut command, &folder.path().join("gate.log"))?;
        let address = |door: &str| {
            eventually(door, SOON, &[&process], || {
                let log = process.log();
                let (_, rest) = log.split_once(&format!("{door} listens address=")).context("it does not listen")?;
                let (address, _) = rest.split_once('\n').context("half a line")?;
                Ok(address.parse()?)
            })
        };
        let (webhook, admin) = (address("webhook")?, address("admin")?);
        let client = authority.client("kube-apiserver", None)?;
        Ok(Gate { process, authority, client, folder, settings, journal, webhook, admin })
    }

    fn config(&self) -> String {
        self.folder.path().join("gate.yaml").display().to_string()
    }

    /// Adds to the section that is there, or puts other values in place of its own.
    fn change(&self, section: &str, values: Value) -> Result<()> {
        let mut settings = self.settings.clone();
        let old = settings.pointer_mut(section).and_then(Value::as_object_mut).context("no such section")?;
        old.extend(values.as_object().context("no values")?.clone());
        write(Path::new(&self.config()), &settings)
    }

    /// Changes the list of plugins in its configuration.
    fn configure(&self, plugins: &[Value]) -> Result<()> {
        self.change("", json!({"plugins": plugins}))
    }

    /// What kube-apiserver hears when it asks with an example.
    fn review(&self, file: &str) -> Result<Value> {
        let (status, answer) = post(&mut self.connect(Some(&self.client))?, &example(file)?)?;
        ensure!(status == 200, "{status}: {answer}");
        Ok(serde_json::from_str(&answer)?)
    }

    /// A connection to the webhook, with a certificate or without.
    fn connect(&self, client: Option<&Identity>) -> Result<Connection> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.identity().certificate.as_bytes())?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = match client {
            Some(Identity { certificate, key }) => config.with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes())?],
                PrivateKeyDer::from_pem_slice(key.as_bytes())?,
            )?,
            None => config.with_no_client_auth(),
        };
        let name = ServerName::IpAddress(self.webhook.ip().into());
        Ok(StreamOwned::new(ClientConnection::new(Arc::new(config), name)?, tcp(self.webhook)?))
    }

    fn admin(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = tcp(self.admin)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: pathgate\r\nConnection: close\r\n\r\n")?;
        response(&mut stream)
    }

    /// Waits until the page for operators says so.
    fn shows(&self, what: &str) -> Result<(u16, String)> {
        eventually(&format!("/readyz?verbose says `{what}`"), SOON, &[&self.process], || {
            let (status, page) = self.admin("/readyz?verbose")?;
            ensure!(page.contains(what), "{status}: {page}");
            Ok((status, page))
        })
    }

    /// A decision, as soon as it is on record.
    fn decision(&self, id: &str) -> Result<Decision> {
        eventually("the decision is on record", SOON, &[&self.process], || {
            let found = rows(&self.journal)?.into_iter().find_map(|row| match row.entry {
                Entry::Decision(it) if it.id == id => Some(*it),
                Entry::Decision(_) | Entry::Event(_) | Entry::Gap(_) => None,
            });
            found.context("it is not")
        })
    }

    /// The last event of a kind, as soon as it is on record.
    fn event(&self, kind: &str) -> Result<Event> {
        eventually(&format!("an event `{kind}`"), SOON, &[&self.process], || {
            let found = rows(&self.journal)?.into_iter().rev().find_map(|row| match row.entry {
                Entry::Event(it) if it.kind == kind => Some(it),
                Entry::Decision(_) | Entry::Event(_) | Entry::Gap(_) => None,
            });
            found.context("it is not on record")
        })
    }

    fn explain(&self, id: &str) -> Result<Output> {
        let mut command = command()?;
        command.args(["explain", "--output", "json", "--config", &self.config(), id]);
        run(&mut command, b"", SOON)
    }
}

type Connection = StreamOwned<ClientConnection, TcpStream>;

fn command() -> Result<Command> {
    let mut command = Command::new(world::pathgate()?);
    command.env("PATHGATE_CACHE_DIR", CACHE).env_remove("RUST_LOG");
    Ok(command)
}

fn tcp(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, SOON)?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

fn post(stream: &mut Connection, review: &str) -> Result<(u16, String)> {
    write!(stream, "{POST}Content-Length: {}\r\n\r\n{review}", review.len())?;
    stream.flush()?;
    response(stream)
}

/// Status and body of an answer that ends with its connection.
fn response(stream: &mut impl Read) -> Result<(u16, String)> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        // The answer's length is known without the peer's farewell.
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    let answer = String::from_utf8(bytes)?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("no HTTP in {answer:?}") };
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// The reason, and the decision that it names.
fn told(answer: &Value) -> Result<(String, String)> {
    let reason =
        answer.pointer("/status/reason").and_then(Value::as_str).with_context(|| format!("no reason in {answer}"))?;
    let (_, id) = reason.rsplit_once(", decision ").with_context(|| format!("no decision in `{reason}`"))?;
    Ok((reason.to_owned(), id.trim_end_matches(')').to_owned()))
}

/// An answer without what it may repeat of the question.
fn subset(answer: &Value) -> Value {
    json!({"apiVersion": answer["apiVersion"], "kind": answer["kind"], "status": answer["status"]})
}

/// Everything on record, read beside the gate while it writes.
fn rows(journal: &str) -> Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let reader = Journal::read_only(journal).await?;
        let rows = reader.since(0, Reader::PAGE).await?;
        reader.close().await;
        Ok(rows)
    })
}

/// A new file in place of the old, as an editor does.
fn write(config: &Path, settings: &Value) -> Result<()> {
    let new = config.with_extension("new");
    // JSON is YAML.
    fs::write(&new, serde_json::to_string_pretty(settings)?)?;
    fs::rename(&new, config).with_context(|| format!("replace {config:?}"))
}

fn example(file: &str) -> Result<String> {
    Ok(fs::read_to_string(world::repository().join(file))?)
}

const REFUSED: &str = "docs/examples/nodes-proxy.json";
const TWIN: &str = "docs/examples/nodes-metrics.json";
/// Who asks in the examples, and who a cluster cannot live without.
const AGENT: &str = "system:serviceaccount:monitoring:prom";
const API_SERVER: &str = "kube-apiserver-kubelet-client";
const POST: &str =
    "POST /authorize?timeout=30s HTTP/1.1\r\nHost: pathgate\r\nConnection: close\r\nContent-Type: application/json\r\n";
/// Compiled plugins stay out of the home folder of whoever runs the tests.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pathgate-cache");
/// A debug build that compiles its plugins on a busy machine.
const SOON: Duration = Duration::from_secs(120);
