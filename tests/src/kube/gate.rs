//! The gate itself: the real `pathgate serve`, beside kube-apiserver as a static pod would be.

use super::{cluster::Cluster, kubectl::Identity};
use crate::{
    pki::Authority,
    process::{Process, eventually, run},
    world,
};
use anyhow::{Context, Result, bail, ensure};
use host::journal::{Journal, Reader};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};
use wire::{CsrDecision, Decision, Entry, Event, Row};

/// A `pathgate serve` with its own authority for both sides of the webhook's connection.
pub struct Gate {
    process: Option<Process>,
    config: PathBuf,
    log: PathBuf,
    /// The URL of its journal.
    journal: String,
    settings: serde_json::Value,
    admin: SocketAddr,
}

impl Gate {
    /// Writes its certificates, its configuration, and the files by which kube-apiserver finds it.
    pub fn prepare(cluster: &Cluster) -> Result<Gate> {
        let folder = cluster.file("gate");
        fs::create_dir(&folder)?;
        let authority = Authority::new("gate-ca")?;
        let authority_file = authority.identity().write(&folder, "ca")?.certificate;
        let server = authority.server("pathgate", &["127.0.0.1"])?.write(&folder, "server")?;
        let client = authority.client("kube-apiserver", None)?.write(&folder, "client")?;
        let user = format!("client-certificate: {:?}, client-key: {:?}", client.certificate, client.key);
        // In a folder of its own, because this kubeconfig trusts the gate's authority and not the cluster's.
        Identity::write(&folder, "webhook", WEBHOOK, &user)?;
        fs::copy(folder.join("webhook.kubeconfig"), cluster.file("webhook.kubeconfig"))?;
        let journal = format!("sqlite://{}", folder.join("journal.db").display());
        cluster.user("pathgate", None)?;
        let settings = json!({
            "apiVersion": "pathgate.io/v1alpha1",
            "kind": "Gate",
            "webhook": {
                "listen": "127.0.0.1:9443",
                "tls": {
                    "certificate": server.certificate,
                    "key": server.key,
                    "clientCA": authority_file,
                    "clientNames": ["kube-apiserver"],
                },
            },
            "cluster": {"kubeconfig": cluster.file("pathgate.kubeconfig")},
            "approver": {},
            "posture": {"probes": {"every": "2s", "kubeletCA": cluster.file("ca.crt")}},
            "dashboard": {"listen": DASHBOARD.to_string()},
            "admin": {"listen": ADMIN.to_string()},
            "journal": {"url": journal},
        });
        let gate = Gate {
            process: None,
            config: folder.join("gate.yaml"),
            log: cluster.file("pathgate.log"),
            journal,
            settings,
            admin: ADMIN,
        };
        gate.write(&gate.settings)?;
        gate.write_chain(cluster)?;
        Ok(gate)
    }

    /// kube-apiserver's chain, as an operator would have it written. Nothing is cached, so that every review reaches the
    /// gate and can be counted.
    fn write_chain(&self, cluster: &Cluster) -> Result<()> {
        let mut command = Command::new(world::pathgate()?);
        command.args(["generate", "authorization-config", "--no-cache", "--config"]).arg(&self.config);
        command.arg("--kubeconfig-file").arg(cluster.file("webhook.kubeconfig"));
        let chain = run(&mut command, b"", START)?.ok()?;
        let file = cluster.file("authorization.yaml");
        fs::write(&file, chain).with_context(|| format!("write {file:?}"))
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&mut self) -> Result<()> {
        let mut command = Command::new(world::pathgate()?);
        command.arg("serve").arg("--config").arg(&self.config);
        let process = self.process.insert(Process::start("pathgate", &mut command, &self.log)?);
        let admin = self.admin;
        eventually("the gate is ready", START, &[process], || {
            let (status, body) = get(admin, "/readyz?verbose")?;
            ensure!(status == 200, "{status}: {body}");
            // It looks at the cluster, if kube-apiserver is there.
            ensure!(!body.contains("not listed yet") && !body.contains("nobody holds the Lease"), "{body}");
            Ok(())
        })
    }

    /// Asks it to drain and end, as a kubelet does with a static pod.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.process.take().context("the gate does not run")?.stop(START)?;
        ensure!(status.success(), "the gate ended with {status}");
        Ok(())
    }

    /// Changes the list of plugins in its configuration file, as an editor does: a new file in place of the old. None is
    /// the built-in ones with their defaults.
    pub fn set_plugins(&self, plugins: Option<&[serde_json::Value]>) -> Result<()> {
        let mut settings = self.settings.clone();
        if let (Some(plugins), Some(sections)) = (plugins, settings.as_object_mut()) {
            sections.insert("plugins".into(), json!(plugins));
        }
        self.write(&settings)
    }

    /// Another gate, which only approves, with a journal of its own.
    pub fn standby(&self, cluster: &Cluster) -> Result<Gate> {
        let folder = cluster.file("standby");
        fs::create_dir(&folder)?;
        let journal = format!("sqlite://{}", folder.join("journal.db").display());
        let settings = json!({
            "apiVersion": "pathgate.io/v1alpha1",
            "kind": "Gate",
            "cluster": {"kubeconfig": cluster.file("pathgate.kubeconfig")},
            "approver": {},
            "admin": {"listen": STANDBY.to_string()},
            "journal": {"url": journal},
        });
        let log = cluster.file("standby.log");
        let mut gate = Gate { process: None, config: folder.join("gate.yaml"), log, journal, settings, admin: STANDBY };
        gate.write(&gate.settings)?;
        gate.start()?;
        Ok(gate)
    }

    /// Runs a verb on its journal.
    pub fn explain(&self, id: &str) -> Result<String> {
        let mut command = Command::new(world::pathgate()?);
        run(command.args(["explain", "--journal", &self.journal, id]), b"", START)?.ok()
    }

    /// Every decision on record, read beside the gate while it writes. A gap would be a loss.
    pub fn decisions(&self) -> Result<Vec<Decision>> {
        let entries = self.entries()?;
        Ok(entries.into_iter().filter_map(|it| if let Entry::Decision(it) = it { Some(*it) } else { None }).collect())
    }

    /// The same about certificate requests.
    pub fn requests(&self) -> Result<Vec<CsrDecision>> {
        let entries = self.entries()?;
        Ok(entries.into_iter().filter_map(|it| if let Entry::Csr(it) = it { Some(*it) } else { None }).collect())
    }

    /// The events of a kind.
    pub fn events(&self, kind: &str) -> Result<Vec<Event>> {
        let entries = self.entries()?;
        let of = |it| if let Entry::Event(it) = it { Some(it).filter(|it| it.kind == kind) } else { None };
        Ok(entries.into_iter().filter_map(of).collect())
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let rows = runtime.block_on(async {
            let reader = Journal::read_only(&self.journal).await?;
            let mut rows = Vec::<Row>::new();
            loop {
                let page = reader.since(rows.last().map_or(0, |it| it.row), Reader::PAGE).await?;
                if page.is_empty() {
                    reader.close().await;
                    return anyhow::Ok(rows);
                }
                rows.extend(page);
            }
        })?;
        let gap = rows.iter().find(|row| matches!(row.entry, Entry::Gap(_)));
        ensure!(gap.is_none(), "the journal lost decisions: {gap:?}");
        Ok(rows.into_iter().map(|row| row.entry).collect())
    }

    /// How many certificate requests it approved since it started.
    pub fn approvals(&self) -> Result<usize> {
        let metrics = get(self.admin, "/metrics")?.1;
        let of = |line: &str| line.strip_prefix("pathgate_csr_decisions_total{verdict=\"approve\"} ")?.parse().ok();
        Ok(metrics.lines().find_map(of).unwrap_or(0))
    }

    /// What it shows to an operator.
    pub fn readyz(&self) -> Result<String> {
        Ok(get(self.admin, "/readyz?verbose")?.1)
    }

    fn write(&self, settings: &serde_json::Value) -> Result<()> {
        // JSON is YAML.
        let new = self.config.with_extension("new");
        fs::write(&new, serde_json::to_string_pretty(settings)?)?;
        fs::rename(&new, &self.config).with_context(|| format!("replace {:?}", self.config))
    }
}

/// The built-in plugins with their defaults, but for these configs.
pub fn builtin_with(configs: &[(&str, serde_json::Value)]) -> Vec<serde_json::Value> {
    let config =
        |name: &str| configs.iter().find(|(of, _)| *of == name).map_or(json!({}), |(_, config)| config.clone());
    host::plugins::builtin().into_keys().map(|name| json!({"name": name, "config": config(name)})).collect()
}

impl Gate {
    /// What the dashboard's API answers.
    pub fn api<T: serde::de::DeserializeOwned>(&self, route: &str) -> Result<T> {
        let (status, body) = get(DASHBOARD, &format!("/api/v1/{route}"))?;
        ensure!(status == 200, "{status}: {body}");
        Ok(serde_json::from_str(&body)?)
    }
}

/// A GET to a gate's admin door or dashboard.
fn get(admin: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&admin, AT_ONCE).context("connect to the gate's admin door")?;
    stream.set_read_timeout(Some(AT_ONCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("no HTTP in {answer:?}") };
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

const WEBHOOK: &str = "https://127.0.0.1:9443/authorize";
const DASHBOARD: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 7070));
const ADMIN: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 9090));
const STANDBY: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 9091));
/// A debug build that compiles its plugins on a busy machine.
const START: Duration = Duration::from_secs(60);
const AT_ONCE: Duration = Duration::from_secs(5);
