//! `pathgate verify`: a chain of certificates through the plugin of a path.

use super::{Ending, Faults, Output, ask::at, output, read, read_config, revoke};
use crate::{
    app::{chain, compile_cache},
    bundle::{self, Kind},
    judge,
    peer::{Name, Peer, Role},
    plugins::{Plugins, builtin},
};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use wire::Finding;

/// Verify the certificates of a peer as the plugin of a path does: verdict, path, findings.
///
/// Exits 1 if they are refused. Files are PEM, with whatever stands around it, or DER. Without --node nothing is asked about whose
/// certificate it is.
#[derive(Args)]
#[command(after_help = "Example: openssl s_client -connect 10.0.0.5:10250 -showcerts </dev/null | \
                  pathgate verify --path apiserver_to_kubelet --anchors kubelet-ca.crt --name ip:10.0.0.5 --node worker-1")]
pub(super) struct Verify {
    /// Whose rules: node_to_apiserver, apiserver_to_kubelet, apiserver_to_endpoint or tunnel.
    #[arg(long, value_name = "PATH")]
    path: wire::Path,
    /// The authorities to trust.
    #[arg(long, value_name = "FILE", required = true)]
    anchors: Vec<PathBuf>,
    /// The peer's certificates, its own first. `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    chain: PathBuf,
    /// The name that was dialled; without it no name is compared.
    #[arg(long, value_name = "dns:NAME|ip:ADDRESS")]
    name: Option<Name>,
    /// The Node that the peer must be.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Whether the peer was dialled, or connected.
    #[arg(long, default_value = "server")]
    role: Side,
    /// Certificate revocation lists.
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// What is revoked: a list of `pathgate revoke` (its signature is not checked), or lines `KIND ENTRY REASON` as for `revoke add
    /// --from`, or certificates.
    #[arg(long, value_name = "FILE")]
    revoked: Vec<PathBuf>,
    /// A gate's configuration; the settings of the path's plugin are taken from it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The time to verify for, RFC 3339; now if absent.
    #[arg(long, value_parser = at)]
    at: Option<u64>,
    #[arg(long, default_value = "human")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Server,
    Client,
}

#[derive(Serialize)]
struct Line<'a> {
    verdict: &'static str,
    path: &'a [String],
    findings: &'a [Finding],
    plugin: &'a str,
    at: String,
}

impl Verify {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let component = self.component()?;
        let mut faults = Vec::new();
        let mut all = |files: &[PathBuf], kind| files.iter().flat_map(|it| blocks(it, kind, &mut faults)).collect();
        let anchors: Vec<Vec<u8>> = all(&self.anchors, Kind::Certificate);
        let crls: Vec<Vec<u8>> = all(&self.crl, Kind::RevocationList);
        let certificates: Vec<Vec<u8>> = all(std::slice::from_ref(&self.chain), Kind::Certificate);
        let revoked = revoke::revoked(&self.revoked).map_err(|Faults(more)| faults.extend(more)).ok();
        let config = self.base().map_err(|Faults(more)| faults.extend(more)).unwrap_or_default();
        let (Some(revoked), true) = (revoked, faults.is_empty()) else { return Err(Faults(faults)) };
        let now = self.at.unwrap_or_else(judge::now);
        let peer = Peer {
            chain: certificates,
            role: match self.role {
                Side::Server => Role::Server,
                Side::Client => Role::Client,
            },
            name: self.name.clone().unwrap_or(Name::None),
            node: self.node.clone(),
            facts: Vec::new(),
        };
        let config = self.trusting(config, &anchors, &crls);
        let plugins = Plugins::new(compile_cache()).map_err(|error| format!("start the sandbox engine: {error}"))?;
        let ask = |component: &[u8], config: &Value| {
            let answer = plugins.verifier(component).and_then(|it| it.verify(config, now, &peer));
            answer.map_err(|error| chain(&error))
        };
        let of_path = ask(component, &config)?;
        let of_revocation = match (revoked.is_empty(), builtin().remove("revocation")) {
            (true, _) | (_, None) => None,
            (false, Some(component)) => Some(ask(component, &Value::Object(revoked))?),
        };
        let judged = judge::peer(&peer, of_path, of_revocation);
        let verdict = if judged.is_accepted { "accept" } else { "reject" };
        let line = Line {
            verdict,
            path: &judged.path,
            findings: &judged.findings,
            plugin: self.path.as_str(),
            at: humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + std::time::Duration::from_millis(now))
                .to_string(),
        };
        output::line(self.output, &line, || human(&line))?;
        Ok(if judged.is_accepted { Ending::Yes } else { Ending::No })
    }

    fn component(&self) -> Result<&'static [u8], Faults> {
        let name = self.path.as_str();
        let is_verifying =
            ["node_to_apiserver", "apiserver_to_kubelet", "apiserver_to_endpoint", "tunnel"].contains(&name);
        let component = builtin().remove(name).filter(|_| is_verifying);
        component.ok_or_else(|| {
            format!(
                "--path {name}: its plugin verifies no chain; take node_to_apiserver, apiserver_to_kubelet, \
                 apiserver_to_endpoint or tunnel"
            )
            .into()
        })
    }

    /// The settings of the path's plugin in a gate's configuration.
    fn base(&self) -> Result<Map<String, Value>, Faults> {
        let Some(file) = &self.config else { return Ok(Map::new()) };
        let config = read_config(file)?.0;
        let of = config.plugins.iter().flatten().find(|it| it.name == self.path.as_str());
        Ok(of.and_then(|it| it.config.as_object().cloned()).unwrap_or_default())
    }

    /// These settings, with the anchors and lists of the command line in place of their own.
    fn trusting(&self, mut config: Map<String, Value>, anchors: &[Vec<u8>], crls: &[Vec<u8>]) -> Value {
        let side = match self.role {
            Side::Server => "servers",
            Side::Client => "clients",
        };
        // The anchors of one endpoint would win over those that were named here.
        config.remove("endpoints");
        let peers = config.entry(side).or_insert_with(|| json!({}));
        let pem = |ders: &[Vec<u8>], kind| ders.iter().map(|der| bundle::to_pem(der, kind)).collect::<Vec<_>>();
        if let Some(peers) = peers.as_object_mut() {
            peers.insert("anchors".into(), json!(pem(anchors, Kind::Certificate)));
            if !crls.is_empty() {
                peers.insert("crls".into(), json!(pem(crls, Kind::RevocationList)));
            }
        }
        Value::Object(config)
    }
}

/// What a file holds of this kind; its faults are added to the others.
fn blocks(file: &Path, kind: Kind, faults: &mut Vec<String>) -> Vec<Vec<u8>> {
    let place = |it: &String| format!("`{}`: {it}", file.display());
    match read(file).map(|bytes| bundle::read(&bytes, kind)) {
        Ok(Ok(bundle)) => {
            bundle.left_out.iter().for_each(|it| eprintln!("left out of {}", place(it)));
            return bundle.blocks;
        }
        Ok(Err(more)) => faults.extend(more.iter().map(place)),
        Err(Faults(more)) => faults.extend(more),
    }
    Vec::new()
}

fn human(line: &Line<'_>) -> String {
    let mut text = format!("{}  by {} at {}", line.verdict, line.plugin, line.at);
    for digest in line.path {
        text += &format!("\n  path     {digest}");
    }
    for it in line.findings {
        let at = it.at.map(|at| format!(" at {at}")).unwrap_or_default();
        text += &format!("\n  {:<8} {}{at}: {}", it.severity.as_str(), it.code, it.detail);
    }
    text
}
