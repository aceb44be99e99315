//! `pathgate csr`: certificate requests through the plugins, on nobody's record.

use super::{
    Ending, Faults, Output,
    ask::{at, judge_of},
    output, read,
};
use crate::{csr, judge};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use wire::{CsrDecision, CsrVerdict, Finding};

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
    verdict: CsrVerdict,
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
        let (judge, set) = judge_of(self.facts.as_deref(), self.config.as_deref())?;
        let mut ending = Ending::Yes;
        for request in requests {
            let judged = judge.consider_request(&set, self.at.unwrap_or_else(judge::now), &request);
            match judged.verdict {
                CsrVerdict::Approve => judge.remember_approval(&request),
                CsrVerdict::Leave if ending == Ending::Yes => ending = Ending::Unknown,
                CsrVerdict::Leave => {}
                CsrVerdict::Deny => ending = Ending::No,
            }
            output::line(self.output, &shown(&judged), || human(&judged))?;
        }
        Ok(ending)
    }
}

fn shown(judged: &CsrDecision) -> Line<'_> {
    let CsrDecision { question, verdict, rule, reason, findings, .. } = judged;
    Line { name: &question.name, verdict: *verdict, rule, reason, findings }
}

/// Also as `explain` shows it.
pub(super) fn human(judged: &CsrDecision) -> String {
    let mut text = format!("{:<8} {}: {}", judged.verdict, judged.question.name, judged.reason);
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
