//! `pathgate ask`: reviews through the plugins, on nobody's record.

use super::{Ending, Faults, Output, output, read, read_config};
use crate::{
    app::{compile_cache, specs},
    config::Config,
    inventory::Inventory,
    judge::{self, Judge},
    plugins::{Plugins, Set},
    review,
};
use clap::Args;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use wire::{Decision, Door, Opinion, Verdict};

/// Put SubjectAccessReviews to the plugins: verdict, rule, digest, fuel.
///
/// Exits 1 if any is refused.
#[derive(Args)]
#[command(after_help = "Example: kubectl create --dry-run=client -o json -f review.yaml | pathgate ask")]
pub(super) struct Ask {
    /// SubjectAccessReviews, v1 or v1beta1, JSON: one, an array, or one a line. `-` is standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// What the cluster holds, as `kubectl get nodes,pods -A -o json` prints it.
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
    verdict: Verdict,
    source: wire::Source,
    traversal: wire::Traversal,
    path: wire::Path,
    rule: &'a str,
    reason: &'a str,
    opinions: Vec<Said<'a>>,
}

#[derive(Serialize)]
struct Said<'a> {
    plugin: &'a str,
    digest: &'a str,
    verdict: Verdict,
    rule: &'a str,
    reason: &'a str,
    fuel: u64,
    shadow: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<wire::Failure>,
}

impl Ask {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let reviews =
            review::parse_many(&read(&self.file)?).map_err(|fault| format!("`{}`: {fault}", self.file.display()))?;
        if reviews.is_empty() {
            return Err(format!("`{}` holds no SubjectAccessReview", self.file.display()).into());
        }
        let (judge, set) = judge_of(self.facts.as_deref(), self.config.as_deref())?;
        let mut ending = Ending::Yes;
        for review in reviews {
            let decision =
                judge.consider(&set, Door::Command, self.at.unwrap_or_else(judge::now), review.request, None);
            if decision.verdict == Verdict::Deny {
                ending = Ending::No;
            }
            output::line(self.output, &shown(&decision), || human(&decision))?;
        }
        Ok(ending)
    }
}

/// A judge with the plugins of a configuration, or the built-in ones with their defaults, who knows what is in this list and
/// puts nothing on record.
pub(super) fn judge_of(facts: Option<&Path>, config: Option<&Path>) -> Result<(Judge, Arc<Set>), Faults> {
    let inventory = match facts {
        Some(path) => Inventory::from_list(&read(path)?).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|it| format!(": {it}")).unwrap_or_default();
            format!("`{}`: {error}{cause}", path.display())
        })?,
        None => Inventory::default(),
    };
    let config = match config {
        Some(path) => read_config(path)?.0,
        None => Config::default(),
    };
    let plugins = Plugins::new(compile_cache()).map_err(|error| format!("start the sandbox engine: {error}"))?;
    let plugins = Arc::new(plugins);
    let judge = Judge::new(plugins.clone(), None, inventory).keeping(config.lock_out_guard.clone());
    let set = crate::app::activate(&plugins, &judge, specs(&config)?.0)?;
    Ok((judge, set))
}

fn shown(decision: &Decision) -> Line<'_> {
    Line {
        verdict: decision.verdict,
        source: decision.source,
        traversal: decision.traversal,
        path: decision.path,
        rule: &decision.rule,
        reason: &decision.reason,
        opinions: decision.opinions.iter().map(said).collect(),
    }
}

fn said(it: &Opinion) -> Said<'_> {
    Said {
        plugin: &it.plugin,
        digest: &it.digest,
        verdict: it.verdict,
        rule: &it.rule,
        reason: &it.reason,
        fuel: it.fuel,
        shadow: it.shadow,
        notes: &it.notes,
        failure: it.failure,
    }
}

fn human(decision: &Decision) -> String {
    let Decision { verdict, source, traversal, path, request, .. } = decision;
    let mut text = format!("{verdict:<10} {} wants to {}\n", request.user, request.describe());
    text += &format!("           {source} → {traversal}, path {path}");
    if !decision.rule.is_empty() {
        text += &format!("\n           {} (rule {})", decision.reason, decision.rule);
    }
    for it in &decision.opinions {
        let shadow = if it.shadow { ", in the shadow" } else { "" };
        let digest = it.digest.get(..12).unwrap_or_default();
        text += &format!("\n           {} {digest}: {}{shadow}, {} units of fuel", it.plugin, it.verdict, it.fuel);
    }
    text
}

/// RFC 3339 to milliseconds since 1970.
pub(super) fn at(text: &str) -> Result<u64, String> {
    let time = humantime::parse_rfc3339(text).map_err(|error| format!("{error}: write it as 2026-01-31T12:00:00Z"))?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| "before 1970".to_owned())?;
    u64::try_from(since.as_millis()).map_err(|_| "too far in the future".to_owned())
}
