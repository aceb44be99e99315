//! `pathgate check`: what configuration files say of the paths, whether the gate is asked, and what servers show.

mod live;
mod probe;
mod report;

use super::{Ending, Faults, ask::at, read, read_config};
use crate::{
    app::{compile_cache, modules},
    authorization::{self, Conditions, Document, Expected, Finding, Lead, MASTERS, NO_WEBHOOK, Report, WRONG},
    config::Config,
    judge,
    manifests::{self, Apiserver},
    plugins::Plugins,
    tokens,
};
use clap::{Args, ValueEnum};
use probe::{Probed, Probes};
use report::Findings;
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

/// Check files and servers: what they say of each path, whether kube-apiserver asks the gate, what certificates are worth.
///
/// AuthorizationConfigurations, kube-apiserver's static pods, kubeconfigs, KubeletConfigurations,
/// EgressSelectorConfigurations, Secrets with bootstrap tokens, and static token files (`.csv`). Exits 1 if anything is wrong, 2 if something could not be told.
#[derive(Args)]
#[command(after_help = "Example: pathgate check --output sarif /etc/kubernetes\n\
                  Example: pathgate check --probe 10.0.0.5:10250 --node worker-1 --anchors /etc/kubernetes/pki/ca.crt\n\
                  Example: pathgate check --kubeconfig ~/.kube/config --probe-nodes --anchors kubelet-ca.crt")]
pub(super) struct Check {
    /// Files and folders; `-` is an AuthorizationConfiguration from standard input.
    #[arg(required_unless_present_any = ["probe", "kubeconfig"], value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// A live cluster: this file too, kube-apiserver's flags by its mirror pods, and the Secrets with bootstrap tokens. Who
    /// may not read something is told so.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    #[command(flatten)]
    probes: Probes,
    /// The gate's configuration: matchConditions must skip nothing that its plugins are asked about. The built-in ones if
    /// absent.
    #[arg(long)]
    config: Option<PathBuf>,
    /// How soon a revoked credential must be refused: no answer may be kept longer.
    #[arg(long, default_value = PROMISE, value_parser = humantime::parse_duration)]
    revoked_within: Duration,
    /// Where the root of the node's files is here: what a file names is looked up below it.
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// The time of the check, RFC 3339; now if absent. Bootstrap tokens and certificates are held against it.
    #[arg(long, value_parser = at)]
    at: Option<u64>,
    #[arg(long, default_value = "human")]
    output: Form,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    Human,
    /// One object a line; it only grows.
    Json,
    /// SARIF 2.1.0, for tools that show findings.
    Sarif,
}

impl Check {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let (named, stdin): (Vec<_>, Vec<_>) = self.paths.iter().cloned().partition(|it| it != Path::new("-"));
        let (tables, named): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|it| it.extension().is_some_and(|it| it == "csv"));
        let live = self.kubeconfig.as_deref().map(live::look).transpose()?.unwrap_or_default();
        let looked = manifests::look_also(&[&named[..], self.kubeconfig.as_slice()].concat(), &live.manifests());
        if !looked.unread.is_empty() {
            return Err(Faults(looked.unread.iter().map(|it| format!("`{}`: {}", it.path, it.message)).collect()));
        }
        let mut documents = Vec::new();
        if !stdin.is_empty() {
            let found = document(&utf8(read(Path::new("-"))?, "-")?, "-")?;
            documents.push(found.ok_or_else(|| "standard input holds no AuthorizationConfiguration".to_owned())?);
        }
        let files = looked.files.iter().filter(|it| Some(*it) != self.kubeconfig.as_ref());
        for file in files {
            let origin = file.display().to_string();
            documents.extend(document(&utf8(read(file)?, &origin)?, &origin)?);
        }
        let expected = self.expected(&documents)?;
        let mut found = Findings { claims: looked.claims, ..Findings::default() };
        found.list.extend(looked.wrong.iter().map(|it| finding(&WRONG, it.path.clone(), it.message.clone())));
        if let Some(file) = self.kubeconfig.as_ref().filter(|_| looked.apiservers.is_empty()) {
            let says = "no pod mirrors this cluster's kube-apiserver, as where others run it: whether it asks the gate is not known";
            found.unknown.push((file.display().to_string(), says.to_owned()));
        }
        found.unknown.extend(live.unseen.iter().map(|(what, why)| ((*what).to_owned(), why.clone())));
        found.unknown.extend(looked.unseen.into_iter().map(|it| (it.path, it.message)));
        for file in &looked.masters {
            let message = "its certificate is of system:masters, whom kube-apiserver allows everything and asks nobody about: \
                           the gate sees nothing of it; keep it offline, for emergencies";
            found.list.push(finding(&MASTERS, file.display().to_string(), message.into()));
        }
        for (origin, document) in &documents {
            let Report { findings, leads } = document.check(&expected);
            let before = (found.list.len(), found.unknown.len());
            found.list.extend(findings);
            for lead in leads {
                self.follow(&lead, origin, &mut found);
            }
            if before == (found.list.len(), found.unknown.len()) {
                found.sound.push(origin.clone());
            }
        }
        for it in &looked.apiservers {
            self.chain(it, &documents, &mut found);
        }
        for table in &tables {
            let origin = table.display().to_string();
            let findings = tokens::file(&utf8(read(table)?, &origin)?, &origin);
            found.judge_tokens(origin, findings);
        }
        for it in &looked.apiservers {
            self.token_file(it, &tables, &mut found);
        }
        let at = self.at.unwrap_or_else(judge::now);
        let now = at / 1_000;
        for (path, secret) in &looked.tokens {
            let origin = path.display().to_string();
            let findings = tokens::secret(secret, &utf8(read(path)?, &origin)?, &origin, now);
            found.judge_tokens(origin, findings);
        }
        for secret in &live.tokens {
            let origin = live::origin(secret);
            let findings = tokens::secret(secret, "", &origin, now);
            found.judge_tokens(origin, findings);
        }
        found.probed =
            self.probes.look(self.config.as_ref(), &live.nodes, at)?.iter().flat_map(Probed::lines).collect();
        report::print(self.output, &found)?;
        Ok(found.ending())
    }

    /// Plugins are asked only if there are conditions to hold against them: loading them takes time.
    fn expected(&self, documents: &[(String, Document)]) -> Result<Expected, Faults> {
        let config = match &self.config {
            Some(path) => read_config(path)?.0,
            None => Config::default(),
        };
        let conditions = match documents.iter().any(|(_, it)| it.skips()) {
            true => Some(questions(&config)?),
            false => None,
        };
        Ok(Expected { revoked_within: self.revoked_within, conditions })
    }

    /// Whether a kube-apiserver asks the gate by a file that was checked.
    fn chain(&self, apiserver: &Apiserver, documents: &[(String, Document)], found: &mut Findings) {
        let manifest = apiserver.manifest.display().to_string();
        match &apiserver.authorization {
            Some(file) => {
                let wanted = self.root.join(file.trim_start_matches('/'));
                let is_it = |origin: &str| match (fs::canonicalize(origin), fs::canonicalize(&wanted)) {
                    (Ok(origin), Ok(wanted)) => origin == wanted,
                    _ => Path::new(origin) == wanted,
                };
                if !documents.iter().any(|(origin, _)| is_it(origin)) {
                    let says = format!("--authorization-config={file} is not among the files that were checked");
                    found.unknown.push((manifest, says));
                }
            }
            None if apiserver.asks_webhook_first => {}
            None => {
                let message = "this kube-apiserver asks no webhook: name an AuthorizationConfiguration in \
                               --authorization-config, as `pathgate generate` writes it";
                found.list.push(finding(&NO_WEBHOOK, manifest, message.into()));
            }
        }
    }

    /// The static token file that a kube-apiserver reads, unless it was named itself.
    fn token_file(&self, apiserver: &Apiserver, named: &[PathBuf], found: &mut Findings) {
        let Some(file) = &apiserver.token_file else { return };
        let path = self.root.join(file.trim_start_matches('/'));
        let is_it = |other: &PathBuf| {
            fs::canonicalize(other).ok().is_some_and(|it| fs::canonicalize(&path).is_ok_and(|path| it == path))
        };
        if named.iter().any(is_it) {
            return;
        }
        let origin = path.display().to_string();
        match bounded(&path) {
            Ok(text) => found.judge_tokens(origin.clone(), tokens::file(&text, &origin)),
            Err(error) => {
                let says = format!("`{origin}`, which --token-auth-file names, cannot be read: {error}");
                found.unknown.push((apiserver.manifest.display().to_string(), says));
            }
        }
    }

    fn follow(&self, lead: &Lead, origin: &str, found: &mut Findings) {
        let path = self.root.join(lead.kubeconfig.trim_start_matches('/'));
        match bounded(&path) {
            Ok(text) => found.list.extend(authorization::reached(&text, lead, origin)),
            Err(error) => {
                let says = format!("`{}`, the webhook's kubeconfig, cannot be read: {error}", path.display());
                found.unknown.push((origin.to_owned(), says));
            }
        }
    }
}

/// What the plugins of a configuration are asked about.
pub(super) fn questions(config: &Config) -> Result<Conditions, Faults> {
    let plugins = Plugins::new(compile_cache()).map_err(|error| format!("start the sandbox engine: {error}"))?;
    let set = plugins.prepare(modules(config)?).map_err(|faults| {
        Faults(faults.iter().map(|(name, error)| format!("plugin `{name}`: {}", crate::app::chain(error))).collect())
    })?;
    // In the shadow too: what it would refuse is what it is there to tell.
    let asked: Vec<_> = set
        .plugins
        .iter()
        .filter(|it| it.info.exports.iter().any(|it| it.contains("/authorize@")))
        .map(|it| (it.name.clone(), it.info.asks.clone()))
        .collect();
    Ok(authorization::conditions(&asked))
}

fn document(text: &str, origin: &str) -> Result<Option<(String, Document)>, Faults> {
    let document = authorization::read(text, origin).map_err(|fault| fault.to_string())?;
    Ok(document.map(|it| (origin.to_owned(), it)))
}

fn finding(rule: &'static authorization::Rule, file: String, message: String) -> Finding {
    Finding { rule, file, line: 0, message }
}

pub(super) fn utf8(bytes: Vec<u8>, origin: &str) -> Result<String, Faults> {
    String::from_utf8(bytes).map_err(|error| Faults(vec![format!("`{origin}` is not UTF-8: {error}")]))
}

/// A kubeconfig, or a table of tokens.
fn bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    // Longer ones are refused by whoever reads the YAML.
    fs::File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// As `deploy/authorization-configuration.yaml` has it.
pub(super) const PROMISE: &str = "10s";
/// A byte more than what is understood.
const MOST_BYTES: u64 = 1024 * 1024 + 1;
