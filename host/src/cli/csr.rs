//! `pathgate csr`: certificate requests through the plugins, on nobody's record.

use super::{Ending, Faults, Output, ask::at, output, read, read_config};
use crate::{
    app::{compile_cache, specs},
    config::Config,
    csr::{self, Finding, Judgement, Request, Verdict},
    inventory::Inventory,
    judge::{self, Judge},
    plugins::Plugins,
};
use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, sync::Arc};

/// Judge CertificateSigningRequests of kubelets: approve, deny or leave, by which rule, and why.
///
/// Nothing is sent to a cluster. Requests are judged in their order: one that is approved uses up its bootstrap token for
/// those that follow. Without --facts nothing is approved. Exits 0 if all are approved, 2 if none is denied and some are
/// left, 1 if any is denied.
#[derive(Args)]
#[command(after_help = "Examples:
  kubectl get nodes,pods,services,endpointslices,csr -A -o json > facts.json
  kubectl get csr csr-abcde -o yaml | pathgate csr --facts facts.json")]
pub(super) struct Csr {
    /// CertificateSigningRequests of certificates.k8s.io/v1, YAML or JSON: one, several documents, or a List. `-` is
    /// standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// What the cluster holds, as `kubectl get nodes,pods,services,endpointslices,csr -A -o json` prints it.
    #[arg(long)]
    facts: Option<PathBuf>,
    /// A gate's configuration; its plugins are asked in place of the built-in ones with their defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The time of the decision, RFC 3339; now if absent.
    #[arg(long, value_parser = at)]
    at: Option<u64>,
    #[arg(long, default_value = "human")]
    output: Output,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    verdict: Verdict,
    rule: &'a str,
    reason: &'a str,
    findings: &'a [Finding],
}

impl Csr {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let requests = csr::parse_many(&read(&self.file)?).map_err(|faults| {
            Faults(faults.iter().map(|fault| format!("`{}`: {fault}", self.file.display())).collect())
        })?;
        if requests.is_empty() {
            return Err(format!("`{}` holds no CertificateSigningRequest", self.file.display()).into());
        }
        let inventory = match &self.facts {
            Some(path) => Inventory::from_list(&read(path)?).map_err(|error| {
                let cause = std::error::Error::source(&error).map(|it| format!(": {it}")).unwrap_or_default();
                format!("`{}`: {error}{cause}", path.display())
            })?,
            None => Inventory::default(),
        };
        let config = match &self.config {
            Some(path) => read_config(path)?.0,
            None => Config::default(),
        };
        let plugins = Plugins::new(compile_cache()).map_err(|error| format!("start the sandbox engine: {error}"))?;
        let plugins = Arc::new(plugins);
        let judge = Judge::new(plugins.clone(), None, inventory).keeping(config.lock_out_guard.clone());
        let set = crate::app::activate(&plugins, &judge, specs(&config)?.0)?;
        let mut ending = Ending::Yes;
        for request in requests {
            let judged = judge.consider_request(&set, self.at.unwrap_or_else(judge::now), &request);
            match judged.verdict {
                Verdict::Approve => judge.remember_approval(&request),
                Verdict::Leave if ending == Ending::Yes => ending = Ending::Unknown,
                Verdict::Leave => {}
                Verdict::Deny => ending = Ending::No,
            }
            output::line(self.output, &shown(&request, &judged), || human(&request, &judged))?;
        }
        Ok(ending)
    }
}

fn shown<'a>(request: &'a Request, judged: &'a Judgement) -> Line<'a> {
    let Judgement { verdict, rule, reason, findings } = judged;
    Line { name: &request.name, verdict: *verdict, rule, reason, findings }
}

fn human(request: &Request, judged: &Judgement) -> String {
    let mut text = format!("{:<8} {}: {}", judged.verdict.as_str(), request.name, judged.reason);
    if !judged.rule.is_empty() {
        text += &format!(" (rule {})", judged.rule);
    }
    for it in &judged.findings {
        if it.detail != judged.reason {
            text += &format!("\n         {}: {}", it.code, it.detail);
        }
    }
    text
}
