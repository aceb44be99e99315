//! `pathgate explain ID`: a journalled decision, executed again.

use super::{Ending, Faults, Output, output, read_config, runtime};
use crate::{
    journal::Journal,
    judge::{Repeated, recall},
    plugins::Plugins,
};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use wire::{Decision, Entry};

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
struct Explained<'a> {
    same: Option<bool>,
    differences: &'a [String],
    decision: &'a Decision,
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
            let Some(Entry::Decision(decision)) = row.map(|row| row.entry) else {
                eprintln!("decision `{}` is not in the journal", self.id);
                return Ok(Ending::Unknown);
            };
            let plugins = Plugins::new(None).map_err(|error| format!("start the sandbox engine: {error}"))?;
            let recalled = recall(&reader, *decision).await;
            let Repeated { same, differences } = recalled.repeat(&plugins);
            let decision = recalled.decision();
            let explained = Explained { same, differences: &differences, decision };
            output::line(self.output, &explained, || human(&explained))?;
            Ok(match same {
                Some(true) => Ending::Yes,
                Some(false) => Ending::No,
                None => Ending::Unknown,
            })
        })
    }
}

fn human(explained: &Explained<'_>) -> String {
    let Explained { same, differences, decision } = explained;
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
    text += match same {
        Some(true) => "\nexecuted again: the same, bit for bit",
        Some(false) => "\nexecuted again: NOT the same",
        None => "\nexecuted again: cannot be told",
    };
    for difference in *differences {
        text += &format!("\n  {difference}");
    }
    text
}

fn time(millis: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis)
}
