//! `pathgate replay` of kube-apiserver's own audit log, against what the gate decided live.

use super::{super::Setting, attack};
use crate::{process::run, world};
use anyhow::{Context, Result, ensure};
use host::audit::{self, Parsed};
use serde_json::{Value, json};
use std::{collections::HashMap, fs, process::Command, time::Duration};
use wire::{Entry, Request, Row, Verdict};

/// The plugins of the replay have their defaults, as those of the gate had but for what other promises provoked.
pub fn a_replay_of_the_audit_log_gives_what_was_decided_live(setting: &mut Setting) -> Result<()> {
    let log = setting.cluster.file("audit.log");
    let totals = only_provoked_flips(log.to_str().context("a folder that is no text")?)?;
    let number = |key: &str| totals.get(key).and_then(Value::as_u64).unwrap_or_default();
    ensure!(number("judged") > 100 && number("distinct") > 50, "too little was rebuilt: {totals}");
    let left = totals.get("left").and_then(Value::as_object).context("no `left`")?;
    let unknown: Vec<_> = left.keys().filter(|it| !KNOWN.iter().any(|known| it.starts_with(known))).collect();
    ensure!(unknown.is_empty(), "not rebuilt: {totals}");
    Ok(())
}

pub fn a_replay_of_the_journal_gives_what_was_decided_live(setting: &mut Setting) -> Result<()> {
    let decisions = setting.gate.decisions()?;
    let rows = (1..).zip(&decisions).map(|(row, it)| Row { row, entry: Entry::Decision(Box::new(it.clone())) });
    let lines: Vec<_> = rows.map(|row| format!("{}\n", json!(row))).collect();
    let export = setting.cluster.file("journal.jsonl");
    fs::write(&export, lines.concat())?;
    let totals = only_provoked_flips(export.to_str().context("a folder that is no text")?)?;
    let judged = totals.get("judged").and_then(Value::as_u64).unwrap_or_default();
    ensure!(judged == u64::try_from(decisions.len())?, "{} decisions, but {totals}", decisions.len());
    Ok(())
}

/// Byte for byte: user, groups, extra, attributes, selectors.
pub fn a_refused_request_is_rebuilt_from_the_audit_log_as_the_gate_was_asked(setting: &mut Setting) -> Result<()> {
    let decisions = setting.gate.decisions()?;
    let refused = decisions.into_iter().filter(|it| it.verdict == Verdict::Deny);
    let asked: HashMap<String, Request> = refused.map(|it| (it.id, it.request)).collect();
    let mut seen = 0;
    for event in setting.cluster.audit_log()? {
        let reason = event.pointer("/annotations/authorization.k8s.io~1reason").and_then(Value::as_str);
        let Some(request) = reason.and_then(super::record::decision_id).and_then(|id| asked.get(id)) else { continue };
        let Parsed::Event(rebuilt) = audit::parse(event.to_string().as_bytes())? else { continue };
        ensure!(rebuilt.request == *request, "asked {request:?}, rebuilt {:?}", rebuilt.request);
        seen += 1;
    }
    ensure!(seen >= 10, "only {seen} refusals in the audit log");
    Ok(())
}

/// The totals, once every flip is of a caller and a rule that a promise provoked by another configuration, or while the
/// gate was down.
fn only_provoked_flips(file: &str) -> Result<Value> {
    let mut command = Command::new(world::pathgate()?);
    command.args(["replay", "--output", "json", file]).env("PATHGATE_CACHE_DIR", CACHE);
    let output = run(&mut command, b"", SOON)?;
    let lines: Vec<Value> = output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let (last, flips) = lines.split_last().with_context(|| format!("nothing was printed: {output:?}"))?;
    let text = |flip: &Value, key: &str| flip.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let unexplained: Vec<_> =
        flips.iter().filter(|it| !attack::is_provoked(&text(it, "user"), &text(it, "rule"))).collect();
    ensure!(unexplained.is_empty(), "unexplained flips: {unexplained:#?}");
    // At least the agent that was let through for a while.
    ensure!(output.code == Some(1) && !flips.is_empty(), "{output:?}");
    last.get("totals").cloned().context("the last line holds no totals")
}

/// Why events of an honest audit log are not judged.
const KNOWN: [&str; 3] = ["earlier stage", "system:masters", "not decided"];
/// Compiled plugins stay out of the home folder of whoever runs the tests.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/pathgate-cache");
/// A debug build that compiles its plugins and reads thousands of lines on a busy machine.
const SOON: Duration = Duration::from_secs(180);
