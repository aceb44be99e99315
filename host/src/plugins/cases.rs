//! A plugin's own cases: request and expected answer, carried in the component, run before it may decide anything.

use super::{LoadError, asks::Asks, component::Code, limits::Bounds};
use crate::{json::canonical, paths, review};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use wasmparser::{Parser, Payload};
use wire::{Request, Verdict};

/// One case of `cases/*.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// What it shows, as a promise.
    pub description: String,
    /// The config it holds for; the defaults if absent.
    #[serde(default)]
    pub config: Option<Value>,
    /// Facts besides those that classification gives.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Seconds since 1970-01-01 UTC.
    #[serde(default)]
    pub now: u64,
    /// A SubjectAccessReviewSpec v1.
    pub request: Value,
    pub expect: Expect,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Expect {
    pub verdict: Verdict,
    #[serde(default)]
    pub rule: String,
    /// The rules in the shadow that note that they would have refused, in their order.
    #[serde(default)]
    pub would_deny: Vec<String>,
}

/// A case and what came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub case: Case,
    /// The sentence for the user, where there is one.
    pub reason: String,
    /// What was answered instead; none if it was as expected.
    pub fault: Option<String>,
    pub fuel: u64,
}

/// The cases that the encoder put into the component.
pub(super) fn embedded(component: &[u8]) -> Result<Vec<Case>, LoadError> {
    for payload in Parser::new(0).parse_all(component) {
        // What cannot be parsed is reported by the compiler, with more to say.
        let Ok(payload) = payload else { break };
        if let Payload::CustomSection(section) = payload
            && section.name() == encode::CASES
        {
            return serde_json::from_slice(section.data()).map_err(|error| LoadError::Cases(error.to_string()));
        }
    }
    Ok(Vec::new())
}

/// Refuses a plugin that does not do what its own cases say.
pub(super) fn run(code: &Code, asks: &Asks, cases: &[Case]) -> Result<(), LoadError> {
    match cases.iter().map(|case| judge(code, asks, case)).find_map(|it| it.fault.map(|fault| (it.case, fault))) {
        Some((case, fault)) => Err(LoadError::Case { description: case.description, fault }),
        None => Ok(()),
    }
}

/// Runs one case in a fresh instance, with its own config.
pub(super) fn judge(code: &Code, asks: &Asks, case: &Case) -> Outcome {
    let (fault, reason, fuel) = match answer(code, asks, case) {
        Ok(Answered { like, reason, fuel }) if like == case.expect => (None, reason, fuel),
        Ok(Answered { like, reason, fuel }) => {
            (Some(format!("expected {}, got {}", say(&case.expect), say(&like))), reason, fuel)
        }
        Err(fault) => (Some(fault), String::new(), 0),
    };
    Outcome { case: case.clone(), reason, fault, fuel }
}

/// An answer in the words of an expectation, and what no case expects.
struct Answered {
    like: Expect,
    reason: String,
    fuel: u64,
}

fn answer(code: &Code, asks: &Asks, case: &Case) -> Result<Answered, String> {
    let request: Request = review::from_spec(&case.request).map_err(|fault| format!("request: {fault}"))?;
    let class = paths::classify(&request, &paths::Names::default());
    if !asks.covers(class.source, class.traversal) {
        let like = Expect { verdict: Verdict::NoOpinion, rule: String::new(), would_deny: Vec::new() };
        return Ok(Answered { like, reason: String::new(), fuel: 0 });
    }
    let mut facts = class.facts();
    facts.extend(case.facts.clone());

    let mut instance = code.start(&Bounds::INIT).map_err(|error| error.to_string())?;
    let config = canonical(case.config.as_ref().unwrap_or(&Value::Object(Default::default()))).to_string();
    if let Err(faults) = instance.init(&config).map_err(|error| error.to_string())? {
        let faults: Vec<_> = faults.into_iter().map(|it| format!("`{}` {}", it.pointer, it.message)).collect();
        return Err(format!("config: {}", faults.join("; ")));
    }
    // The fuel of a decision, which is the same everywhere, and not its time: a busy machine proves nothing against a plugin.
    instance
        .refill(&Bounds { deadline: Bounds::INIT.deadline, ..Bounds::DECISION })
        .map_err(|error| error.to_string())?;
    let answer = instance.decide(case.now, &facts, &request).map_err(|error| error.to_string())?;
    let verdict = match answer.verdict {
        super::bindings::WitVerdict::NoOpinion => Verdict::NoOpinion,
        super::bindings::WitVerdict::Allow => Verdict::Allow,
        super::bindings::WitVerdict::Deny => Verdict::Deny,
    };
    let fuel = Bounds::DECISION.fuel.saturating_sub(instance.fuel_left());
    let would_deny = answer.notes.iter().filter_map(|note| would_deny(note)).map(str::to_owned).collect();
    Ok(Answered { like: Expect { verdict, rule: answer.rule, would_deny }, reason: answer.reason, fuel })
}

/// The rule in `would-deny RULE: reason`, which is how a plugin notes that a rule in the shadow would have refused.
fn would_deny(note: &str) -> Option<&str> {
    Some(note.strip_prefix("would-deny ")?.split_once(": ")?.0)
}

fn say(expect: &Expect) -> String {
    let verdict = match expect.rule.as_str() {
        "" => expect.verdict.to_string(),
        rule => format!("{} by `{rule}`", expect.verdict),
    };
    match expect.would_deny.as_slice() {
        [] => verdict,
        rules => format!("{verdict}, with a note by `{}`", rules.join("`, `")),
    }
}
