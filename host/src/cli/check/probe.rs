//! Probes of `check`: what servers show to a stranger, and what the gate's plugins make of it.

use super::super::{Faults, Output, output, read_config, runtime};
use crate::{
    app::{anchors, chain, compile_cache, modules, specs},
    config::{Config, Network},
    inventory::{Inventory, Node},
    judge::{self, Judge, Reach},
    plugins::{Plugins, Spec},
    posture::{Authz, Bypass, Found, PROBE_TTL, ProbeReport, ReadOnly, Says, Transport},
    probe::{Prober, Target},
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::{net::lookup_host, task::JoinSet, time::timeout};
use wire::{Path, Severity, State, Strength};

/// Whom to look at, and by what.
#[derive(Args)]
pub(super) struct Probes {
    /// Connect there as a stranger, read the certificates, and let the path's plugin verify them. May be given again.
    #[arg(long, value_name = "HOST:PORT")]
    probe: Vec<String>,
    /// Probe the kubelet of each Node of the live cluster too.
    #[arg(long, requires = "kubeconfig")]
    probe_nodes: bool,
    /// What is behind the probes: apiserver_to_kubelet, node_to_apiserver, apiserver_to_endpoint or tunnel. Kubelets and
    /// kube-apiserver are asked once without credentials, others nothing.
    #[arg(long, default_value = "apiserver_to_kubelet")]
    path: Path,
    /// The authorities that their certificates must come from, besides those of --config.
    #[arg(long, value_name = "FILE")]
    anchors: Vec<PathBuf>,
    /// The Node that the one probe must be; without it nothing is asked about whose certificate it is.
    #[arg(long, value_name = "NAME", requires = "probe")]
    node: Option<String>,
    /// Where a kubelet may answer anybody; 0 looks at none.
    #[arg(long, default_value_t = 10_255)]
    read_only_port: u16,
    /// A network that a name may lead to although loopback, link-local and metadata addresses are refused.
    #[arg(long, value_name = "NETWORK")]
    allow: Vec<Network>,
}

impl Probes {
    /// Looks at all of them, a few at once; `nodes` are those of a live cluster. `now` is in milliseconds since 1970.
    pub(super) fn look(&self, config: Option<&PathBuf>, nodes: &[Value], now: u64) -> Result<Vec<Probed>, Faults> {
        if self.node.is_some() && self.probe.len() > 1 {
            return Err("--node is for one --probe: ask about each node by itself".to_owned().into());
        }
        if self.probe_nodes && self.path != Path::ApiserverToKubelet {
            return Err("--probe-nodes looks at kubelets: leave --path out".to_owned().into());
        }
        let wrong = |it: &&String| it.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err());
        let wrong: Vec<_> =
            self.probe.iter().filter(wrong).map(|it| format!("--probe {it}: write HOST:PORT")).collect();
        if !wrong.is_empty() {
            return Err(Faults(wrong));
        }
        if self.probe.is_empty() && !self.probe_nodes {
            return Ok(Vec::new());
        }
        let prober = Arc::new(self.prober(config)?);
        runtime()?.block_on(async {
            let mut targets = Vec::new();
            for server in &self.probe {
                targets.push((server.clone(), self.target(server).await));
            }
            if self.probe_nodes {
                targets.extend(self.kubelets(nodes)?);
            }
            let (mut probed, mut running) = (Vec::new(), JoinSet::new());
            for (at, (server, target)) in targets.into_iter().enumerate() {
                if running.len() == MOST_AT_ONCE {
                    probed.extend(running.join_next().await);
                }
                let (prober, path) = (prober.clone(), self.path);
                running.spawn(async move {
                    let report = match target {
                        Ok(target) => prober.look(&target, now).await,
                        Err(why) => silent(path, &server, now, why),
                    };
                    (at, Probed { server, path, report })
                });
            }
            probed.extend(running.join_all().await.into_iter().map(Ok));
            let mut probed: Vec<_> = probed.into_iter().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
            probed.sort_by_key(|(at, _)| *at);
            Ok(probed.into_iter().map(|(_, probed)| probed).collect())
        })
    }

    /// Those of the live cluster. Their addresses are what any kubelet may say of itself.
    fn kubelets(&self, nodes: &[Value]) -> Result<Vec<Meant>, Faults> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": nodes}).to_string();
        let inventory = Inventory::from_list(list.as_bytes()).map_err(|error| chain(&error))?;
        let reach = Reach::new(self.allow.clone());
        let target = |(name, node): (&str, &Node)| {
            let target = Target::of_node(name, node, (KUBELET, self.read_only_port), &reach);
            let target = target.map_err(|why| why.replace("posture.probes.allow", "--allow"));
            let server = target.as_ref().map_or_else(|_| name.to_owned(), |it| it.server.address().to_string());
            (server, target)
        };
        let mut all: Vec<_> = inventory.nodes().map(target).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(all)
    }

    /// Asks the plugins of the configuration, or the built-in ones.
    fn prober(&self, config: Option<&PathBuf>) -> Result<Prober, Faults> {
        let faults = |all: Vec<crate::app::Fault>| Faults(all.iter().map(ToString::to_string).collect());
        let mut specs: Vec<Spec> = match config {
            Some(file) => specs(&read_config(file)?.0).map_err(faults)?.0,
            None => modules(&Config::default()).map_err(faults)?,
        };
        let name = self.path.as_str();
        if !VERIFYING.contains(&name) {
            return Err(
                format!("--path {name}: its plugin verifies no server; take one of {}", VERIFYING.join(", ")).into()
            );
        }
        specs.retain(|it| it.name == name || it.name == "revocation");
        let fault = |why| Faults(vec![format!("--anchors: {why}")]);
        self.anchors.iter().try_for_each(|file| anchors::apply(file, name, &mut specs)).map_err(fault)?;
        let plugins = Plugins::new(compile_cache()).map_err(|error| format!("start the sandbox engine: {error}"))?;
        let set = plugins.prepare(specs).map_err(|faults| {
            Faults(faults.iter().map(|(name, error)| format!("plugin `{name}`: {}", chain(error))).collect())
        })?;
        plugins.activate(set);
        let judge = Judge::new(Arc::new(plugins), None, Inventory::default());
        Ok(Prober::new(Arc::new(judge)).map_err(|error| format!("start TLS: {error}"))?)
    }

    /// An address that is written out is meant; one that a name leads to has to be harmless.
    async fn target(&self, server: &str) -> Result<Target, String> {
        let (host, port) = server.rsplit_once(':').unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut allow = self.allow.clone();
        let literal = host.parse::<IpAddr>();
        allow.extend(literal.iter().filter_map(|ip| ip.to_string().parse::<Network>().ok()));
        let reach = Reach::new(allow);
        let address = match &literal {
            Ok(ip) => SocketAddr::new(*ip, port.parse().unwrap_or_default()),
            Err(_) => match timeout(LOOKUP, lookup_host(server)).await {
                Ok(Ok(mut found)) => found.next().ok_or("the name leads to no address")?,
                Ok(Err(error)) => return Err(format!("look up the name: {error}")),
                Err(_) => return Err("look up the name: no answer in time".into()),
            },
        };
        let refused = |it: judge::Refused| {
            format!("{} is {}; name its network in --allow to dial it", it.address.ip(), it.because)
        };
        let is_kubelet = self.path == Path::ApiserverToKubelet && self.read_only_port != 0;
        let read_only = match is_kubelet {
            true => Some(reach.permit(SocketAddr::new(address.ip(), self.read_only_port)).map_err(refused)?),
            false => None,
        };
        Ok(Target {
            path: self.path,
            server: reach.permit(address).map_err(refused)?,
            name: literal.is_err().then(|| host.to_owned()),
            node: self.node.clone(),
            addresses: Vec::new(),
            read_only,
        })
    }
}

/// A server as it is named, and how to dial it, or why not.
type Meant = (String, Result<Target, String>);

/// What was found at one server.
pub(super) struct Probed {
    /// As it was named.
    server: String,
    path: Path,
    report: ProbeReport,
}

/// One line about a server.
pub(super) struct Line {
    pub(super) state: State,
    pub(super) about: String,
    pub(super) says: String,
    /// The address that was dialled.
    pub(super) from: String,
    pub(super) note: String,
    /// Of a finding: its rule, how much it weighs, and at which place of the chain.
    pub(super) finding: Option<(String, Severity, Option<u32>)>,
}

impl Probed {
    /// What is proved, what plugins found, and what could not be told.
    pub(super) fn lines(&self) -> Vec<Line> {
        let about = match self.report.node.as_str() {
            "" => self.server.clone(),
            node => format!("kubelet of {node} at {}", self.server),
        };
        let line = |state, says: &str, from: &str, note: String| {
            let (about, says, from) = (about.clone(), says.to_owned(), from.to_owned());
            Line { state, about, says, from, note, finding: None }
        };
        let proofs = self.report.proofs();
        // What the certificate is worth is told by the plugin's own words.
        let proofs = proofs.iter().filter(|it| !matches!(it.says, Says::Shown(_)));
        let mut lines: Vec<_> =
            proofs.map(|it| line(state(it.says), it.says.says(), &it.from, it.note.to_string())).collect();
        let at = &self.report.address;
        if let Some(ReadOnly::Silent { address, why }) = &self.report.read_only {
            lines.push(line(State::Unknown, "whether a second door is open was not answered", address, why.clone()));
        }
        match &self.report.found {
            Found::Plaintext => {}
            Found::Silent(why) => lines.push(line(State::Unknown, "nobody answers", at, why.clone())),
            Found::Foreign(why) => lines.push(line(State::Unknown, "it speaks neither TLS nor HTTP", at, why.clone())),
            Found::Tls(tls) => {
                let asks = if tls.asks_for_certificate { ASKS } else { ASKS_NOT };
                if let Some(first) = lines.first_mut() {
                    first.note += asks;
                }
                // None is an answer too: whoever asks nothing answers nobody.
                let is_asked = matches!(self.path, Path::ApiserverToKubelet | Path::NodeToApiserver);
                if is_asked && !matches!(tls.stranger, Some(200..=299 | 401 | 403)) {
                    let note = tls.stranger.map_or_else(|| "no answer in time".to_owned(), |it| format!("HTTP {it}"));
                    lines.push(line(
                        State::Unknown,
                        "whether callers without a name get in was not answered",
                        at,
                        note,
                    ));
                }
                let Some(certificate) = &tls.certificate else {
                    let state = if tls.shown.is_some() { State::Unverified } else { State::Unknown };
                    lines.push(line(state, "its certificate tells nothing", at, tls.note.clone()));
                    return lines;
                };
                let Some(verified) = &certificate.verified else { return lines };
                let end = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(certificate.not_after));
                let has = |code: &str| verified.findings.iter().any(|it| it.code == code);
                let is_untold = has("no-anchors") || has("no-answer");
                let says = match (verified.path.is_empty(), is_untold) {
                    (false, _) => "its certificates hold",
                    (true, true) => "nobody could verify its certificates",
                    (true, false) => "its certificates do not hold",
                };
                let mut note = format!("{} issued by {}, until {end}", certificate.subject, certificate.issuer);
                if has("no-anchors") {
                    note += "; name the authority that it must come from in --anchors";
                }
                lines.push(line(verified.state, says, at, note));
                // What is wrong is wrong without an anchor too.
                for it in verified.findings.iter().filter(|it| it.code != "no-anchors") {
                    let state = match it.severity {
                        _ if it.code == "no-answer" => State::Unknown,
                        Severity::High | Severity::Medium => State::Unverified,
                        Severity::Low | Severity::Info => continue,
                    };
                    let rule = (format!("{}/{}", self.path, it.code), it.severity, it.at);
                    lines.push(Line { finding: Some(rule), ..line(state, &it.detail, at, String::new()) });
                }
            }
        }
        lines
    }
}

impl Line {
    pub(super) fn print(&self, form: Output) -> Result<(), Faults> {
        let Line { state, about, says, from, note, finding } = self;
        let ttl = humantime::format_duration(Duration::from_millis(PROBE_TTL)).to_string();
        let evidence = match state {
            State::Unknown => json!({"probe": from, "note": note}),
            _ => json!({"probe": from, "note": note, "strength": Strength::Proved.as_str(), "ttl": ttl}),
        };
        let json = match finding {
            None => json!({"state": state.as_str(), "about": about, "says": says, "evidence": evidence}),
            Some((rule, severity, at)) => json!({
                "state": state.as_str(), "about": about, "rule": rule, "severity": severity.as_str(), "at": at, "says": says,
                "evidence": evidence,
            }),
        };
        output::line(form, &json, || match finding {
            None => format!("{:<11}{about}: {says}\n           {note}", state.as_str()),
            Some((rule, ..)) => format!("{:<11}{about}: {says} (rule {rule})", state.as_str()),
        })
    }
}

/// What is proved to be open to everybody exposes; what is proved to be wrong is not safe.
fn state(says: Says) -> State {
    match says {
        Says::Transport(Transport::Plaintext) | Says::Bypass(Bypass::Open) | Says::Authz(Authz::AlwaysAllow) => {
            State::Exposed
        }
        says if says.is_good() => State::Safe,
        _ => State::Unverified,
    }
}

/// Nothing was dialled.
fn silent(path: Path, server: &str, now: u64, why: String) -> ProbeReport {
    ProbeReport {
        path,
        node: String::new(),
        address: server.to_owned(),
        at: now,
        found: Found::Silent(why),
        read_only: None,
    }
}

const VERIFYING: [&str; 4] = ["apiserver_to_kubelet", "node_to_apiserver", "apiserver_to_endpoint", "tunnel"];
const ASKS: &str = "; it asks for a client certificate";
const ASKS_NOT: &str = "; it asks for no client certificate";
/// For nodes whose status names no other.
const KUBELET: u16 = 10_250;
/// As `posture.probes.concurrency`.
const MOST_AT_ONCE: usize = 64;
/// A resolver asks again after five seconds.
const LOOKUP: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::{Shown, TlsFound};

    /// What is unknown of a server whose certificate is as it should be.
    fn unknown(path: Path, stranger: Option<u16>, read_only: Option<ReadOnly>) -> Vec<String> {
        let tls = TlsFound {
            version: "TLS 1.3".into(),
            shown: Some(Shown::Genuine),
            note: String::new(),
            certificate: None,
            asks_for_certificate: true,
            stranger,
        };
        let found = Found::Tls(Box::new(tls));
        let report = ProbeReport { path, node: "n1".into(), address: "10.0.0.1:1".into(), at: 0, found, read_only };
        let probed = Probed { server: "10.0.0.1:1".into(), path, report };
        probed.lines().into_iter().filter(|it| it.state == State::Unknown).map(|it| it.says).collect()
    }

    #[test]
    fn no_answer_is_no_good_answer() {
        let kubelet = |stranger| unknown(Path::ApiserverToKubelet, stranger, None);
        assert_eq!([Some(200), Some(401), Some(403)].map(kubelet), [(); 3].map(|()| Vec::<String>::new()));
        let unanswered = vec!["whether callers without a name get in was not answered".to_owned()];
        assert_eq!([None, Some(500), Some(302)].map(kubelet), [unanswered.clone(), unanswered.clone(), unanswered]);
        // Nobody asks an endpoint.
        assert_eq!(unknown(Path::ApiserverToEndpoint, None, None), [""; 0]);
        let silent = ReadOnly::Silent { address: "10.0.0.1:10255".into(), why: "no answer in time".into() };
        assert_eq!(
            unknown(Path::ApiserverToKubelet, Some(401), Some(silent)),
            ["whether a second door is open was not answered"]
        );
    }
}
