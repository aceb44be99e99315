//! `pathgate explain ID`: a journalled decision, executed again.

use super::{Ending, Faults, Output, csr, output, read_config, runtime};
use crate::{
    journal::Journal,
    judge::{Repeated, recall, recall_request},
    plugins::Plugins,
};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use wire::{CsrDecision, Decision, Entry};

/// Execute a journalled decision again and show whether it is the same.
///
/// Exits 0 if it is, 1 if it is not, 2 if it cannot be told: the decision is not in the journal, or the clock cut it off.
#[derive(Args)]
#[command(after_help = "Example: pathgate explain --config /etc/pathgate/gate.yaml 01JD9Z3T7Q0000000000000000")]
pub(super) struct Explain {
    /// The decision's id, as the user and the audit log were told it.
    id: String,
    /// The configuration of the gate, for its journal.
    #[arg(long, required_unless_present = "journal")]
    config: Option<PathBuf>,
    /// The journal itself, `sqlite:///PATH`.
    #[arg(long)]
    journal: Option<String>,
    #[arg(long, default_value = "human")]
    output: Output,
}

#[derive(Serialize)]
struct Explained<'a, D> {
    same: Option<bool>,
    differences: &'a [String],
    decision: &'a D,
}

impl Explain {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let url = match (&self.journal, &self.config) {
            (Some(url), _) => url.clone(),
            (None, Some(path)) => {
                let (config, _) = read_config(path)?;
                config.journal.ok_or_else(|| format!("`{}`: no journal is configured", path.display()))?.url
            }
            (None, None) => return Err("name a configuration or a journal".to_owned().into()),
        };
        runtime()?.block_on(async {
            let reader = Journal::read_only(&url).await.map_err(|error| format!("open the journal: {error}"))?;
            let row = reader.decision(&self.id).await.map_err(|error| format!("read the journal: {error}"))?;
            let plugins = Plugins::new(None).map_err(|error| format!("start the sandbox engine: {error}"))?;
            match row.map(|row| row.entry) {
                Some(Entry::Decision(decision)) => {
                    let recalled = recall(&reader, *decision).await;
                    show(self.output, recalled.decision(), &recalled.repeat(&plugins), review)
                }
                Some(Entry::Csr(decision)) => {
                    let recalled = recall_request(&reader, *decision).await;
                    show(self.output, recalled.decision(), &recalled.repeat(&plugins), request)
                }
                Some(Entry::Gap(_) | Entry::Event(_)) | None => {
                    eprintln!("decision `{}` is not in the journal", self.id);
                    Ok(Ending::Unknown)
                }
            }
        })
    }
}

fn show<D: Serialize>(
    to: Output,
    decision: &D,
    repeated: &Repeated,
    human: impl Fn(&D) -> String,
) -> Result<Ending, Faults> {
    let Repeated { same, differences } = repeated;
    output::line(to, &Explained { same: *same, differences, decision }, || {
        let again = match same {
            Some(true) => "the same, bit for bit",
            Some(false) => "NOT the same",
            None => "cannot be told",
        };
        let more = differences.iter().fold(String::new(), |text, it| format!("{text}\n  {it}"));
        format!("{}\nexecuted again: {again}{more}", human(decision))
    })?;
    Ok(match same {
        Some(true) => Ending::Yes,
        Some(false) => Ending::No,
        None => Ending::Unknown,
    })
}

fn request(decision: &CsrDecision) -> String {
    let mut text = format!("{} at {}\n", decision.id, humantime::format_rfc3339_millis(time(decision.at)));
    text += &format!("{} asked signer {} for a certificate\n", decision.question.user, decision.question.signer);
    text += &csr::human(decision);
    for it in &decision.opinions {
        text += &format!("\n  {} {}: {} {}, {} units of fuel", it.plugin, it.digest, it.verdict, it.rule, it.fuel);
    }
    text
}

fn review(decision: &Decision) -> String {
    let mut text = format!("{} at {}\n", decision.id, humantime::format_rfc3339_millis(time(decision.at)));
    text += &format!("{} wanted to {}\n", decision.request.user, decision.request.describe());
    text += &format!("{} → {}, path {}\n", decision.source, decision.traversal, decision.path);
    text += &format!("{}", decision.verdict);
    if !decision.rule.is_empty() {
        text += &format!(": {} (rule {})", decision.reason, decision.rule);
    }
    for it in &decision.opinions {
        text += &format!("\n  {} {}: {} {}, {} units of fuel", it.plugin, it.digest, it.verdict, it.rule, it.fuel);
    }
    text
}

fn time(millis: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis)
}
