//! A real `pathgate serve` on free ports, and how kube-apiserver, an operator and a test speak to it.

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

/// A `pathgate serve` on free ports, with a folder and an authority of its own.
pub struct Gate {
    pub process: Process,
    pub authority: Authority,
    pub client: Identity,
    pub folder: TempDir,
    pub settings: Value,
    /// The URL of its journal.
    pub journal: String,
    pub webhook: SocketAddr,
    pub admin: SocketAddr,
    pub dashboard: SocketAddr,
}

impl Gate {
    pub fn start() -> Result<Gate> {
        Gate::start_with(&json!({}))
    }

    /// The same with these sections besides.
    pub fn start_with(more: &Value) -> Result<Gate> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new("gate-ca")?;
        let authority_file = authority.identity().write(folder.path(), "ca")?.certificate;
        let server = authority.server("pathgate", &["127.0.0.1"])?.write(folder.path(), "server")?;
        let journal = format!("sqlite://{}", folder.path().join("journal.db").display());
        let mut settings = json!({
            "apiVersion": "pathgate.io/v1alpha1",
            "kind": "Gate",
            "webhook": {
                "listen": "127.0.0.1:0",
                "tls": {"certificate": server.certificate, "key": server.key, "clientCA": authority_file},
            },
            "admin": {"listen": "127.0.0.1:0"},
            "dashboard": {"listen": "127.0.0.1:0"},
            "journal": {"url": journal},
        });
        let sections = settings.as_object_mut().context("an object")?;
        sections.extend(more.as_object().cloned().unwrap_or_default());
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
        let (webhook, admin, dashboard) = (address("webhook")?, address("admin")?, address("dashboard")?);
        let client = authority.client("kube-apiserver", None)?;
        Ok(Gate { process, authority, client, folder, settings, journal, webhook, admin, dashboard })
    }

    /// Ends it in good order; what it listened on is free.
    pub fn halt(&mut self) -> Result<()> {
        linux::signal_group(self.process.id(), libc::SIGTERM)?;
        self.process.ended(SOON)
    }

    /// Starts it again, on the addresses that it had.
    pub fn resume(&mut self) -> Result<()> {
        for (section, address) in [("/webhook", self.webhook), ("/admin", self.admin), ("/dashboard", self.dashboard)] {
            self.change(section, json!({"listen": address.to_string()}))?;
            if let Some(listen) = self.settings.pointer_mut(section) {
                listen["listen"] = address.to_string().into();
            }
        }
        let mut command = command()?;
        command.arg("serve").arg("--config").arg(self.config());
        self.process = Process::start("pathgate", &mut command, &self.folder.path().join("gate-again.log"))?;
        eventually("the dashboard listens again", SOON, &[&self.process], || {
            ensure!(self.process.log().contains("dashboard listens"), "it does not yet");
            Ok(())
        })
    }

    pub fn config(&self) -> String {
        self.folder.path().join("gate.yaml").display().to_string()
    }

    /// Adds to the section that is there, or puts other values in place of its own.
    pub fn change(&self, section: &str, values: Value) -> Result<()> {
        let mut settings = self.settings.clone();
        let old = settings.pointer_mut(section).and_then(Value::as_object_mut).context("no such section")?;
        old.extend(values.as_object().context("no values")?.clone());
        write(Path::new(&self.config()), &settings)
    }

    /// Changes the list of plugins in its configuration.
    pub fn configure(&self, plugins: &[Value]) -> Result<()> {
        self.change("", json!({"plugins": plugins}))
    }

    /// What kube-apiserver hears when it asks with an example.
    pub fn review(&self, file: &str) -> Result<Value> {
        let (status, answer) = post(&mut self.connect(Some(&self.client))?, &example(file)?)?;
        ensure!(status == 200, "{status}: {answer}");
        Ok(serde_json::from_str(&answer)?)
    }

    /// A connection to the webhook, with a certificate or without.
    pub fn connect(&self, client: Option<&Identity>) -> Result<Connection> {
        connect(self.webhook, &self.authority.identity().certificate, client)
    }

    pub fn admin(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = tcp(self.admin)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: pathgate\r\nConnection: close\r\n\r\n")?;
        response(&mut stream)
    }

    /// Waits until the page for operators says so.
    pub fn shows(&self, what: &str) -> Result<(u16, String)> {
        eventually(&format!("/readyz?verbose says `{what}`"), SOON, &[&self.process], || {
            let (status, page) = self.admin("/readyz?verbose")?;
            ensure!(page.contains(what), "{status}: {page}");
            Ok((status, page))
        })
    }

    /// A decision, as soon as it is on record.
    pub fn decision(&self, id: &str) -> Result<Decision> {
        eventually("the decision is on record", SOON, &[&self.process], || {
            let found = rows(&self.journal)?.into_iter().find_map(|row| match row.entry {
                Entry::Decision(it) if it.id == id => Some(*it),
                Entry::Decision(_) | Entry::Event(_) | Entry::Gap(_) | Entry::Csr(_) => None,
            });
            found.context("it is not")
        })
    }

    /// The last event of a kind, as soon as it is on record.
    pub fn event(&self, kind: &str) -> Result<Event> {
        eventually(&format!("an event `{kind}`"), SOON, &[&self.process], || {
            let found = rows(&self.journal)?.into_iter().rev().find_map(|row| match row.entry {
                Entry::Event(it) if it.kind == kind => Some(it),
                Entry::Decision(_) | Entry::Event(_) | Entry::Gap(_) | Entry::Csr(_) => None,
            });
            found.context("it is not on record")
        })
    }

    pub fn explain(&self, id: &str) -> Result<Output> {
        let mut command = command()?;
        command.args(["explain", "--output", "json", "--config", &self.config(), id]);
        run(&mut command, b"", SOON)
    }
}

pub type Connection = StreamOwned<ClientConnection, TcpStream>;

pub fn command() -> Result<Command> {
    let mut command = Command::new(world::pathgate()?);
    command.env("PATHGATE_CACHE_DIR", CACHE).env_remove("RUST_LOG");
    Ok(command)
}

/// A connection to a server of this authority (PEM), with a certificate or without.
pub fn connect(address: SocketAddr, authority: &str, client: Option<&Identity>) -> Result<Connection> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
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
    let name = ServerName::IpAddress(address.ip().into());
    Ok(StreamOwned::new(ClientConnection::new(Arc::new(config), name)?, tcp(address)?))
}

pub fn tcp(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, SOON)?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

pub fn post(stream: &mut Connection, review: &str) -> Result<(u16, String)> {
    write!(stream, "{POST}Content-Length: {}\r\n\r\n{review}", review.len())?;
    stream.flush()?;
    response(stream)
}

/// Status and body of an answer that ends with its connection.
pub fn response(stream: &mut impl Read) -> Result<(u16, String)> {
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
pub fn told(answer: &Value) -> Result<(String, String)> {
    let reason =
        answer.pointer("/status/reason").and_then(Value::as_str).with_context(|| format!("no reason in {answer}"))?;
    let (_, id) = reason.rsplit_once(", decision ").with_context(|| format!("no decision in `{reason}`"))?;
    Ok((reason.to_owned(), id.trim_end_matches(')').to_owned()))
}

/// Whether an answer refuses.
pub fn is_denied(answer: &Value) -> bool {
    answer.pointer("/status/denied") == Some(&Value::Bool(true))
}

/// An answer without what it may repeat of the question.
pub fn subset(answer: &Value) -> Value {
    json!({"apiVersion": answer["apiVersion"], "kind": answer["kind"], "status": answer["status"]})
}

/// Everything on record, read beside the gate while it writes.
pub fn rows(journal: &str) -> Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let reader = Journal::read_only(journal).await?;
        let rows = reader.since(0, Reader::PAGE).await?;
        reader.close().await;
        Ok(rows)
    })
}

/// A new file in place of the old, as an editor does.
pub fn write(config: &Path, settings: &Value) -> Result<()> {
    let new = config.with_extension("new");
    // JSON is YAML.
    fs::write(&new, serde_json::to_string_pretty(settings)?)?;
    fs::rename(&new, config).with_context(|| format!("replace {config:?}"))
}

pub fn example(file: &str) -> Result<String> {
    Ok(fs::read_to_string(world::repository().join(file))?)
}

pub const REFUSED: &str = "docs/examples/nodes-proxy.json";
pub const TWIN: &str = "docs/examples/nodes-metrics.json";
/// Who asks in the examples, and who a cluster cannot live without.
pub const AGENT: &str = "system:serviceaccount:monitoring:prom";
pub const API_SERVER: &str = "kube-apiserver-kubelet-client";
pub const POST: &str =
    "POST /authorize?timeout=30s HTTP/1.1\r\nHost: pathgate\r\nConnection: close\r\nContent-Type: application/json\r\n";
/// Compiled plugins stay out of the home folder of whoever runs the tests.
pub const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pathgate-cache");
/// A debug build that compiles its plugins on a busy machine.
pub const SOON: Duration = Duration::from_secs(120);
