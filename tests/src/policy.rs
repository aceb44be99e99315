//! The nine built-in plugins, as the host runs them: what holds for all of them, whatever is asked.

mod document;
mod generated;
mod native;

use anyhow::{Result, anyhow, ensure};
use generated::request;
use host::{
    paths::{self, Names},
    plugins::{Answer, Cache, Plugin, Plugins, Spec, builtin},
};
use native::{NATIVE, Native};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use wire::{Path, Request, Target, Verdict};

#[test]
fn each_path_has_the_plugin_of_its_name() {
    let paths: std::collections::BTreeSet<_> = Path::ALL.iter().map(|path| path.as_str()).collect();
    assert_eq!(builtin().into_keys().collect::<std::collections::BTreeSet<_>>(), paths);
    assert_eq!(NATIVE.iter().map(|it| it.name).collect::<std::collections::BTreeSet<_>>(), paths);
}

/// The component is what is tested, shipped and explained; the native build is what unit tests and debuggers see.
#[test]
fn component_and_native_build_agree_on_whatever_is_asked() -> Result<()> {
    let pairs = pairs()?;
    for_any(request(), |request| {
        for Pair { native, plugins, plugin, config } in pairs {
            let facts = facts(&request);
            let told = ask(plugins, plugin, &request);
            let Ok(said) = (native.decide)(config, &facts, &request) else {
                return Err(TestCaseError::fail(format!("{}: its config", native.name)));
            };
            let begin = |notes: &[String]| notes.iter().take(8).map(|note| kept(note)).collect::<Vec<_>>();
            let (notes, cut) = (begin(&said.notes), begin(&told.notes));
            prop_assert_eq!((said.verdict, &said.rule, notes), (told.verdict, &told.rule, cut), "{}", native.name);
        }
        Ok(())
    })
}

#[test]
fn no_built_in_plugin_ever_allows() -> Result<()> {
    let pairs = pairs()?;
    for_any(request(), |request| {
        for Pair { plugins, plugin, .. } in pairs {
            // An allowance would be a failure, because the role is `restrict`; and so would a trap or the end of fuel.
            let answer = ask(plugins, plugin, &request);
            prop_assert!(matches!(answer.verdict, Verdict::Deny | Verdict::NoOpinion), "{}", plugin.name);
            prop_assert_eq!(answer.verdict == Verdict::Deny, !answer.rule.is_empty(), "{}", plugin.name);
            prop_assert_eq!(answer.rule.is_empty(), answer.reason.is_empty(), "{}", plugin.name);
        }
        Ok(())
    })
}

#[test]
fn the_same_question_gets_the_same_answer_for_the_same_fuel_from_every_engine() -> Result<()> {
    let (one, other) = (pairs()?, load()?);
    for_any(request(), |request| {
        for (one, other) in one.iter().zip(&other) {
            let (first, second) = (ask(&one.plugins, &one.plugin, &request), ask(&one.plugins, &one.plugin, &request));
            prop_assert_eq!(&first, &second, "{} twice", one.native.name);
            prop_assert_eq!(&first, &ask(&other.plugins, &other.plugin, &request), "{} elsewhere", one.native.name);
        }
        Ok(())
    })
}

/// No rule looks at an API version, at extras that Kubernetes does not define, or at the order of groups.
#[test]
fn what_is_nobodys_business_changes_no_answer() -> Result<()> {
    let pairs = pairs()?;
    for_any(request(), |request| {
        let mut noisy = request.clone();
        noisy.extra.insert(0, ("example.com/team".into(), vec!["system:masters".into(), "x".into()]));
        noisy.groups.reverse();
        if let Target::Resource(at) = &mut noisy.target {
            at.version = "v9beta9".into();
        }
        for Pair { plugins, plugin, .. } in pairs {
            let told = |request| {
                let Answer { verdict, rule, .. } = ask(plugins, plugin, request);
                (verdict, rule)
            };
            prop_assert_eq!(told(&request), told(&noisy), "{}", plugin.name);
        }
        Ok(())
    })
}

/// To leave somebody alone, or to put a rule into the shadow, refuses nobody who passed before.
#[test]
fn a_rule_that_is_switched_off_refuses_nothing_more() -> Result<()> {
    let strict = load_with(|plugin| all(plugin, "on"))?;
    let mild = load_with(|plugin| all(plugin, "shadow"))?;
    let off = load_with(|plugin| all(plugin, "off"))?;
    for_any(request(), |request| {
        for ((strict, mild), off) in strict.iter().zip(&mild).zip(&off) {
            let on = ask(&strict.plugins, &strict.plugin, &request);
            let shadow = ask(&mild.plugins, &mild.plugin, &request);
            let off = ask(&off.plugins, &off.plugin, &request);
            prop_assert_eq!((off.verdict, off.notes.len()), (Verdict::NoOpinion, 0), "{}", strict.native.name);
            prop_assert_eq!(shadow.verdict, Verdict::NoOpinion, "{}", strict.native.name);
            let first = shadow.notes.first().and_then(|it| it.strip_prefix("would-deny ")?.split_once(": "));
            let noted = first.map_or("", |(rule, _)| rule);
            prop_assert_eq!(on.rule.as_str(), noted, "{}", strict.native.name);
        }
        Ok(())
    })
}

/// A plugin in both builds, with the same config.
struct Pair {
    native: &'static Native,
    plugins: Arc<Plugins>,
    plugin: Arc<Plugin>,
    config: String,
}

/// Loaded once for all tests.
fn pairs() -> Result<&'static [Pair]> {
    static PAIRS: OnceLock<Result<Vec<Pair>, String>> = OnceLock::new();
    let loaded = PAIRS.get_or_init(|| load().map_err(|error| format!("{error:#}")));
    loaded.as_deref().map_err(|error| anyhow!("{error}"))
}

fn load() -> Result<Vec<Pair>> {
    load_with(|plugin| match plugin {
        // Something to find.
        "revocation" => json!({"users": ["alice"], "pods": {"1": "leaked"}, "certificates": ["ab".repeat(32)]}),
        _ => json!({}),
    })
}

fn load_with(config: impl Fn(&str) -> Value) -> Result<Vec<Pair>> {
    let plugins =
        Arc::new(Plugins::new(Cache::open(crate::gate::CACHE.as_ref()).ok()).map_err(|error| anyhow!("{error}"))?);
    let components = builtin();
    let pair = |native: &'static Native| {
        let component = components.get(native.name).ok_or_else(|| anyhow!("no component `{}`", native.name))?;
        let config = config(native.name);
        let spec = Spec::new(native.name, component, config.clone());
        let plugin = plugins.load(spec).map_err(|(name, error)| anyhow!("{name}: {error}"))?;
        ensure!(!plugin.info.rules.is_empty(), "{} has no rules", native.name);
        Ok(Pair { native, plugins: plugins.clone(), plugin: Arc::new(plugin), config: config.to_string() })
    };
    NATIVE.iter().map(pair).collect()
}

/// Every rule of a plugin in this mode.
fn all(plugin: &str, mode: &str) -> Value {
    let rules = pairs().ok().and_then(|pairs| pairs.iter().find(|it| it.native.name == plugin));
    let rules = rules.map(|it| &*it.plugin.info.rules).unwrap_or_default();
    json!({"rules": rules.iter().map(|rule| (rule.id.clone(), json!(mode))).collect::<serde_json::Map<_, _>>()})
}

fn facts(request: &Request) -> Vec<(String, String)> {
    paths::classify(request, &Names::default()).facts()
}

#[expect(clippy::expect_used, reason = "a test")]
fn ask(plugins: &Plugins, plugin: &Plugin, request: &Request) -> Answer {
    plugins.ask(plugin, 0, &facts(request), request, None).expect("a shipped plugin answers within its limits")
}

/// What is left of a note for sure when the host has cut it, and replaced what is no text.
fn kept(note: &str) -> String {
    note.chars().take(150).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Some hundred questions, the same on each run: a failure can be looked at, and no run fails that passed before.
fn for_any<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) -> Result<()> {
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let seed = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, seed).run(&strategy, test).map_err(|error| anyhow!("{error}"))
}
