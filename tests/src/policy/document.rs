//! `docs/policy.md` is what the plugins say of themselves, and one refusal of each rule as it happened.
//!
//! `UPDATE_EXPECT=1 cargo test -p tests policy` writes it.

use super::Pair;
use crate::world;
use anyhow::{Context, Result, ensure};
use host::plugins::{Rule, builtin};
use serde_json::Value;
use std::{collections::BTreeMap, env, fs};

#[test]
fn the_document_says_what_the_plugins_do() -> Result<()> {
    let path = world::repository().join("docs/policy.md");
    let written = fs::read_to_string(&path).unwrap_or_default();
    let (begin, rest) = written.split_once(BEGIN).context("docs/policy.md has no mark where the rules begin")?;
    let (_, end) = rest.split_once(END).context("docs/policy.md has no mark where the rules end")?;
    let now = format!("{begin}{BEGIN}\n\n{}{END}{end}", rules()?);
    if env::var_os("UPDATE_EXPECT").is_some_and(|it| it == "1") && now != written {
        fs::write(&path, now)?;
        return Ok(());
    }
    ensure!(
        now == written,
        "docs/policy.md is not what the plugins say; run UPDATE_EXPECT=1 cargo test -p tests policy"
    );
    Ok(())
}

fn rules() -> Result<String> {
    let mut text = String::new();
    for pair in super::pairs()? {
        let plugin = &pair.plugin.info;
        let asked = match plugin.asks.as_slice() {
            [] => "everything".to_owned(),
            asks => asks.iter().map(|ask| format!("`{ask}`")).collect::<Vec<_>>().join(", "),
        };
        text += &format!("## {}\n\nAsked about {asked}.\n\n{}", plugin.name, settings(&plugin.schema));
        let mut examples = examples(pair)?;
        if pair.native.name == "tls_bootstrap" {
            examples.extend(crate::csr::examples()?);
        }
        let (on_peers, on_requests): (Vec<_>, Vec<_>) =
            plugin.rules.iter().partition(|rule| rule.interface == "verify-peer");
        for rule in on_requests {
            let example =
                examples.get(&rule.id).with_context(|| format!("no case of {} refuses by {}", plugin.name, rule.id))?;
            text += &section(rule, example);
        }
        if !on_peers.is_empty() {
            text += "### Rules on the certificates of peers\n\n| rule | default | what holds | what to change |\n| --- | --- | --- | --- |\n";
            let row = |it: &&Rule| format!("| `{}` | {} | {} | {} |\n", it.id, it.default, it.summary, it.advice);
            text += &on_peers.iter().map(row).collect::<String>();
            text += "\n";
        }
    }
    Ok(text)
}

fn section(rule: &Rule, (asked, reason): &(String, String)) -> String {
    let mut text = format!("### `{}`\n\n{}\n\n{}\n\n", rule.id, rule.summary, rule.advice);
    text += &format!("- default: {}\n", rule.default);
    if !rule.allow.is_empty() {
        let list: Vec<_> = rule.allow.iter().map(|entry| format!("`{entry}`")).collect();
        text += &format!("- leaves alone: {}\n", list.join(", "));
    }
    text += &format!("- source: {}\n- example: {asked}\n  → {reason}\n\n", rule.source);
    text
}

/// The settings besides `rules` and `allow`, from the schema.
fn settings(schema: &Value) -> String {
    let Some(properties) = schema.pointer("/properties").and_then(Value::as_object) else { return String::new() };
    let own = properties.iter().filter(|(key, _)| !["rules", "allow"].contains(&key.as_str()));
    let mut lines: Vec<_> = own
        .map(|(key, it)| {
            let told = it.pointer("/description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
            let default = it.pointer("/default").map(Value::to_string).unwrap_or_default();
            format!(
                "| `{key}` | {} | {told} |\n",
                if default.is_empty() { String::new() } else { format!("`{default}`") }
            )
        })
        .collect();
    lines.sort();
    if lines.is_empty() {
        return String::new();
    }
    format!("| setting | default | meaning |\n| --- | --- | --- |\n{}\n", lines.concat())
}

/// The first refusal of each rule among the plugin's own cases: what was asked, and what was answered.
fn examples(pair: &Pair) -> Result<BTreeMap<String, (String, String)>> {
    let component = builtin().remove(pair.native.name).context("no such component")?;
    let mut examples = BTreeMap::new();
    for outcome in pair.plugins.run_cases(component, Vec::new())? {
        ensure!(outcome.fault.is_none(), "{}: {:?}", outcome.case.description, outcome.fault);
        let spec = &outcome.case.request;
        let user = spec.pointer("/user").and_then(Value::as_str).unwrap_or_default();
        let request = host::review::from_spec(spec).map_err(|fault| anyhow::anyhow!("{fault}"))?;
        let asked = format!("`{user}` wants to `{}`", request.describe());
        if !outcome.case.expect.rule.is_empty() {
            examples.entry(outcome.case.expect.rule.clone()).or_insert((asked, outcome.reason));
        }
    }
    Ok(examples)
}

const BEGIN: &str = "<!-- The rest is written by the plugins: UPDATE_EXPECT=1 cargo test -p tests policy -->";
const END: &str = "<!-- The end of what the plugins write. -->";
