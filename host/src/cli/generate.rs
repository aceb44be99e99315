//! `pathgate generate`: files that bring the gate into a cluster, checked before they are printed.

use super::{Ending, Faults, check, read_config};
use crate::{
    authorization::{self, Conditions, FailurePolicy, Lead, Severity},
    config::Config,
    generate::{self, Api, Cache, Chain, Pod},
};
use clap::{Args, Subcommand, ValueEnum};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// Print files that bring the gate into a cluster: YAML, with the reason of each value.
#[derive(Subcommand)]
#[command(
    after_help = "Example: pathgate generate authorization-config --config gate.yaml > authorization-configuration.yaml"
)]
pub(super) enum Generate {
    AuthorizationConfig(AuthorizationConfig),
    /// The EgressSelectorConfiguration of kube-apiserver. Refused: this version has no egress door.
    #[command(after_help = "Example: pathgate generate egress-config --config gate.yaml")]
    EgressConfig {
        #[arg(long)]
        config: PathBuf,
    },
    /// The gate as a static pod of a control-plane node.
    #[command(
        after_help = "Example: pathgate generate static-pod --config gate.yaml --image registry/pathgate@sha256:…"
    )]
    StaticPod {
        /// The gate's configuration: what it names is mounted.
        #[arg(long)]
        config: PathBuf,
        /// An image with /usr/local/bin/pathgate in it.
        #[arg(long, default_value = concat!("pathgate:", env!("CARGO_PKG_VERSION")))]
        image: String,
        /// Where gate.yaml and its certificates are on the node.
        #[arg(long, default_value = FOLDER, value_parser = absolute)]
        folder: PathBuf,
    },
    /// The kubeadm ClusterConfiguration that mounts the files into kube-apiserver and names them.
    #[command(after_help = "Example: pathgate generate kubeadm-patch > kubeadm.yaml")]
    KubeadmPatch {
        /// Where authorization-configuration.yaml is on the node.
        #[arg(long, default_value = FOLDER, value_parser = absolute)]
        folder: PathBuf,
    },
}

/// The AuthorizationConfiguration of kube-apiserver: the gate first, then Node, then RBAC.
#[derive(Args)]
#[command(after_help = "Example: pathgate generate authorization-config --config gate.yaml --failure-policy Deny")]
pub(super) struct AuthorizationConfig {
    /// The gate's configuration.
    #[arg(long)]
    config: PathBuf,
    #[arg(long, default_value = "v1")]
    api_version: ApiVersion,
    /// Where kube-apiserver finds the webhook's kubeconfig. It is checked if it is on this machine.
    #[arg(long, default_value = "/etc/kubernetes/pathgate/webhook.kubeconfig", value_parser = absolute)]
    kubeconfig_file: PathBuf,
    /// What a gate that does not answer means.
    #[arg(long, default_value = "NoOpinion")]
    failure_policy: Policy,
    /// How long kube-apiserver waits for one answer.
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// How soon a revoked credential must be refused: how long answers are kept.
    #[arg(long, default_value = check::PROMISE, value_parser = humantime::parse_duration)]
    revoked_within: Duration,
    /// Keep no answer at all, so that every request is on record. Kubernetes 1.34 and later.
    #[arg(long)]
    no_cache: bool,
    /// Skip requests that no plugin of the configuration is asked about. They are on nobody's record.
    #[arg(long)]
    match_conditions: bool,
    /// Print the flags of a kube-apiserver before 1.30 instead.
    #[arg(long)]
    legacy_flags: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ApiVersion {
    V1,
    V1beta1,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    #[value(name = "NoOpinion")]
    NoOpinion,
    #[value(name = "Deny")]
    Deny,
}

impl Generate {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        match self {
            Generate::AuthorizationConfig(it) => it.run(),
            Generate::EgressConfig { .. } => {
                Err("this version has no egress door: kube-apiserver would send what it has for \
                                                   nodes to a socket that nobody serves, and reach none of them"
                    .to_owned()
                    .into())
            }
            Generate::StaticPod { config, image, folder } => {
                let origin = config.display().to_string();
                let (config, _) = read_config(&config)?;
                let faults = |faults: Vec<String>| Faults(faults.iter().map(|it| format!("{origin}: {it}")).collect());
                print(&generate::static_pod(&config, &Pod { image, folder }).map_err(faults)?)
            }
            Generate::KubeadmPatch { folder } => print(&generate::cluster_configuration(&folder.to_string_lossy())),
        }
    }
}

impl AuthorizationConfig {
    fn run(self) -> Result<Ending, Faults> {
        let origin = self.config.display().to_string();
        let (config, _) = read_config(&self.config)?;
        let Some(webhook) = &config.webhook else {
            return Err(format!("{origin}: webhook: is missing: there is no gate to ask").into());
        };
        let chain = self.chain(&config, &origin)?;
        let text = generate::authorization_configuration(&chain);
        let printed = if self.legacy_flags { generate::legacy_flags(&chain)? } else { text.clone() };
        let lead = Lead { kubeconfig: chain.kubeconfig.clone(), line: 0, failure: chain.failure };
        checked(&text, &chain, self.revoked_within)?;
        match std::fs::read_to_string(&self.kubeconfig_file) {
            Ok(kubeconfig) => refuse(&authorization::reached(&kubeconfig, &lead, "what is asked for"))?,
            Err(_) if lead.failure == FailurePolicy::Deny && !webhook.listen.ip().is_loopback() => {
                let message = "with `--failure-policy Deny` the gate must listen on loopback, beside each kube-apiserver: one \
                               that the cluster runs could not start without itself";
                return Err(format!("{origin}: webhook.listen: {message}").into());
            }
            Err(_) => eprintln!(
                "`{}` cannot be read here, so it is not checked; `pathgate check` does on the node",
                self.kubeconfig_file.display()
            ),
        }
        print(&printed)
    }

    fn chain(&self, config: &Config, origin: &str) -> Result<Chain, Faults> {
        let only = match self.match_conditions.then(|| check::questions(config)).transpose()? {
            None => None,
            Some(Conditions::Only(text)) => Some(text),
            Some(Conditions::Everything(plugin)) => {
                let message = format!("`{plugin}` is asked about every request, so none may be skipped");
                return Err(format!("{origin}: plugins: {message}; leave out --match-conditions").into());
            }
        };
        Ok(Chain {
            api: match self.api_version {
                ApiVersion::V1 => Api::V1,
                ApiVersion::V1beta1 => Api::V1beta1,
            },
            kubeconfig: self.kubeconfig_file.to_string_lossy().into_owned(),
            failure: match self.failure_policy {
                Policy::NoOpinion => FailurePolicy::NoOpinion,
                Policy::Deny => FailurePolicy::Deny,
            },
            timeout: self.timeout,
            cache: if self.no_cache { Cache::Nothing } else { Cache::For(self.revoked_within) },
            only,
        })
    }
}

/// Nothing is printed that `check` would find fault with.
fn checked(text: &str, chain: &Chain, revoked_within: Duration) -> Result<(), Faults> {
    let origin = "what is asked for";
    let document = authorization::read(text, origin).map_err(|fault| fault.to_string())?;
    let Some(document) = document else { return Err(format!("{origin} is no AuthorizationConfiguration").into()) };
    let conditions = chain.only.clone().map(Conditions::Only);
    refuse(&document.check(&authorization::Expected { revoked_within, conditions }).findings)
}

/// An old version was asked for; what is worse is refused.
fn refuse(findings: &[authorization::Finding]) -> Result<(), Faults> {
    let bad: Vec<_> = findings.iter().filter(|it| it.rule.severity > Severity::Low).collect();
    let sentence = |it: &&authorization::Finding| format!("{}: {} ({})", it.file, it.message, it.rule.id);
    if bad.is_empty() { Ok(()) } else { Err(Faults(bad.iter().map(sentence).collect())) }
}

fn print(text: &str) -> Result<Ending, Faults> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("write to stdout: {error}").into()),
        Ok(()) | Err(_) => Ok(Ending::Yes),
    }
}

fn absolute(text: &str) -> Result<PathBuf, String> {
    match Path::new(text) {
        path if !path.is_absolute() => Err("must be an absolute path, of the node".into()),
        _ if text.chars().any(char::is_control) => Err("holds a control character".into()),
        path => Ok(path.to_owned()),
    }
}

const FOLDER: &str = "/etc/kubernetes/pathgate";
