//! What `check` found, for people, for programs, and as SARIF.

use super::{super::output, Form, probe::Line};
use crate::{
    authorization::{Finding, RULES, Severity},
    cli::{Ending, Faults, Output},
    posture::{About, Bypass, Claim, Says, Transport},
    tokens,
};
use serde_json::{Value, json};
use wire::State;

/// Everything that was found.
#[derive(Default)]
pub(super) struct Findings {
    pub claims: Vec<Claim>,
    pub list: Vec<Finding>,
    /// AuthorizationConfigurations in which nothing is wrong.
    pub sound: Vec<String>,
    /// Bootstrap tokens in which nothing is wrong, by their files.
    pub sound_tokens: Vec<String>,
    /// A file, and what could not be told.
    pub unknown: Vec<(String, String)>,
    /// What servers showed.
    pub probed: Vec<Line>,
}

impl Findings {
    /// Takes in what was found about the tokens of a file.
    pub(super) fn judge_tokens(&mut self, origin: String, findings: Vec<Finding>) {
        if findings.is_empty() { self.sound_tokens.push(origin) } else { self.list.extend(findings) }
    }

    pub(super) fn ending(&self) -> Ending {
        let shows = |state| self.probed.iter().any(|it| it.state == state);
        let bad = self.claims.iter().any(|it| state(it.says) != State::Asserted);
        if bad || !self.list.is_empty() || shows(State::Exposed) || shows(State::Unverified) {
            Ending::No
        } else if !self.unknown.is_empty()
            || shows(State::Unknown)
            || (self.claims.is_empty()
                && self.sound.is_empty()
                && self.sound_tokens.is_empty()
                && self.probed.is_empty())
        {
            Ending::Unknown
        } else {
            Ending::Yes
        }
    }
}

pub(super) fn print(form: Form, found: &Findings) -> Result<(), Faults> {
    let form = match form {
        Form::Human => Output::Human,
        Form::Json => Output::Json,
        Form::Sarif => return output::line(Output::Json, &sarif(found), String::new),
    };
    for claim in &found.claims {
        let (state, about, says) = (state(claim.says), about(&claim.about), claim.says.says());
        let line = json!({
            "state": state.as_str(), "about": about, "says": says, "evidence": {"file": *claim.from, "note": *claim.note},
        });
        output::line(form, &line, || {
            format!("{:<11}{about}: {says}\n           {}: {}", state.as_str(), claim.from, claim.note)
        })?;
    }
    for file in &found.sound {
        let line = json!({
            "state": State::Asserted.as_str(), "about": "authorization", "says": SOUND, "evidence": {"file": file, "note": ""},
        });
        output::line(form, &line, || format!("{:<11}{file}: {SOUND}", State::Asserted.as_str()))?;
    }
    for file in &found.sound_tokens {
        let state = State::Asserted.as_str();
        let line =
            json!({"state": state, "about": "tokens", "says": SOUND_TOKENS, "evidence": {"file": file, "note": ""}});
        output::line(form, &line, || format!("{state:<11}{file}: {SOUND_TOKENS}"))?;
    }
    for it in &found.probed {
        it.print(form)?;
    }
    for it in &found.list {
        let rule = it.rule;
        let line = json!({
            "state": state_of(rule.severity).as_str(), "rule": rule.id, "severity": rule.severity.as_str(), "file": it.file,
            "line": it.line, "says": it.message, "source": rule.source,
        });
        output::line(form, &line, || {
            let place = if it.line == 0 { it.file.clone() } else { format!("{}:{}", it.file, it.line) };
            format!(
                "{:<11}{place}: {} (rule {}, {})",
                state_of(rule.severity).as_str(),
                it.message,
                rule.id,
                rule.source
            )
        })?;
    }
    for (file, says) in &found.unknown {
        let line = json!({"state": State::Unknown.as_str(), "file": file, "says": says});
        output::line(form, &line, || format!("{:<11}{file}: {says}", State::Unknown.as_str()))?;
    }
    Ok(())
}

fn sarif(found: &Findings) -> Value {
    let rules: Vec<_> = RULES
        .iter()
        .chain(tokens::RULES)
        .map(|it| {
            json!({
                "id": it.id, "shortDescription": {"text": it.summary}, "help": {"text": it.source},
                "defaultConfiguration": {"level": level(it.severity)},
            })
        })
        .collect();
    let result = |rule: &str, level: &str, message: &str, file: &str, line: u64| {
        let region = json!({"startLine": line.max(1)});
        json!({
            "ruleId": rule, "level": level, "message": {"text": message},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(file)}, "region": region}}],
        })
    };
    let mut results: Vec<_> = found
        .list
        .iter()
        .map(|it| result(it.rule.id, level(it.rule.severity), &it.message, &it.file, it.line))
        .collect();
    for claim in found.claims.iter().filter(|it| state(it.says) != State::Asserted) {
        let message = format!("{}: {} ({})", about(&claim.about), claim.says.says(), claim.note);
        let level = if state(claim.says) == State::Exposed { "error" } else { "warning" };
        results.push(result("claim", level, &message, &claim.from, 0));
    }
    for it in found.probed.iter().filter(|it| it.state != State::Safe) {
        let (rule, level) = match (&it.finding, it.state) {
            (_, State::Unknown) => ("unknown", "note"),
            (Some((rule, ..)), _) => (rule.as_str(), "error"),
            (None, State::Exposed) => ("claim", "error"),
            (None, _) => ("claim", "warning"),
        };
        results.push(result(rule, level, &format!("{}: {}", it.about, it.says), &it.from, 0));
    }
    for (file, says) in &found.unknown {
        results.push(result("unknown", "note", says, file, 0));
    }
    let driver = json!({"name": "pathgate", "version": env!("CARGO_PKG_VERSION"), "rules": rules});
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    })
}

/// A URI reference: what has a meaning in one, or is no ASCII, is escaped.
fn uri(file: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'~');
    file.bytes().map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High => "error",
    }
}

fn state_of(severity: Severity) -> State {
    match severity {
        Severity::Low | Severity::Medium => State::Unverified,
        Severity::High => State::Exposed,
    }
}

/// A file asserts; only what opens a path to everybody is said to expose it.
fn state(says: Says) -> State {
    match says {
        Says::Transport(Transport::Plaintext) | Says::Bypass(Bypass::Open) => State::Exposed,
        says if says.is_good() => State::Asserted,
        _ => State::Unverified,
    }
}

fn about(about: &About) -> String {
    match about {
        About::Apiserver => "kube-apiserver".into(),
        About::Kubelet(node) => format!("kubelet of {node}"),
        About::Kubelets => "kubelets".into(),
        About::Caller(name) => name.clone(),
    }
}

const SOUND_TOKENS: &str = "its tokens are strong, and end";
const SOUND: &str = "kube-apiserver asks the gate before Node and RBAC";
