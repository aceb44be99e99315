//! `pathgate explain ID`: a journalled decision, executed again.

use super::{Ending, Faults, Output, output, read_config, runtime};
use crate::{
    config::{OnFailure, Role},
    journal::{Journal, Reader},
    plugins::{Bounds, Failed, Plugins, Spec},
};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use wire::{Decision, Entry, Failure, Opinion, Verdict};

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
            let mut differences = Vec::new();
            let mut unknown = Vec::new();
            for opinion in &decision.opinions {
                match again(&reader, &plugins, &decision, opinion).await {
                    Ok(None) => {}
                    Ok(Some(difference)) => differences.push(difference),
                    Err(why) => unknown.push(why),
                }
            }
            let same = match (differences.is_empty(), unknown.is_empty()) {
                (false, _) => Some(false),
                (true, true) => Some(true),
                (true, false) => None,
            };
            differences.extend(unknown);
            let explained = Explained { same, differences: &differences, decision: &decision };
            output::line(self.output, &explained, || human(&explained))?;
            Ok(match same {
                Some(true) => Ending::Yes,
                Some(false) => Ending::No,
                None => Ending::Unknown,
            })
        })
    }
}

/// Asks the same component with the same config the same question. A difference is a sentence; an error is why nobody
/// can tell.
async fn again(
    reader: &Reader,
    plugins: &Plugins,
    decision: &Decision,
    opinion: &Opinion,
) -> Result<Option<String>, String> {
    let name = &opinion.plugin;
    match opinion.failure {
        Some(kind @ (Failure::Deadline | Failure::Busy | Failure::Quarantined | Failure::NotReady)) => {
            return Err(format!("`{name}` was cut off by the host ({kind}), which depends on the moment"));
        }
        Some(Failure::Trap | Failure::Fuel | Failure::Memory | Failure::Output | Failure::Role) | None => {}
    }
    let kept = async |digest: &str| {
        let bytes = reader.artifact(digest).await.map_err(|error| error.to_string())?;
        bytes.ok_or_else(|| format!("what `{name}` was ({digest}) is not in the journal"))
    };
    let component = kept(&opinion.digest).await?;
    let config = serde_json::from_slice(&kept(&opinion.config).await?).map_err(|error| error.to_string())?;
    let role = if opinion.verdict == Verdict::Allow { Role::Grant } else { Role::Restrict };
    let spec = Spec {
        name: name.clone(),
        component: component.into(),
        sha256: Some(opinion.digest.clone()),
        role,
        shadow: false,
        on_failure: OnFailure::Deny,
        bounds: Bounds::DECISION,
        config,
    };
    let plugin = plugins.load(spec).map_err(|(_, error)| format!("`{name}`: {error}"))?;
    let answer = plugins.ask(&plugin, decision.at, &decision.facts, &decision.request, None);
    let difference = match (&answer, opinion.failure) {
        (Ok(it), None) => {
            let same = (it.verdict, &it.rule, &it.reason, &it.notes, it.fuel)
                == (opinion.verdict, &opinion.rule, &opinion.reason, &opinion.notes, opinion.fuel);
            (!same).then(|| format!("`{name}` now says {} {} for {} units of fuel", it.verdict, it.rule, it.fuel))
        }
        (Err(Failed { kind, .. }), Some(then)) if *kind == then => None,
        (Err(failed), _) => Some(format!("`{name}` now gives no answer: {failed}")),
        (Ok(it), Some(then)) => Some(format!("`{name}` failed then ({then}), and now says {}", it.verdict)),
    };
    Ok(difference)
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
