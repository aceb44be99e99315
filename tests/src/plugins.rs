//! Bad plugins are contained: each way to be bad has one outcome, the same on every machine. All of them are `loop.wat`
//! with a line replaced, so that nothing else is different.

mod wiring;

use anyhow::{Context, Result, anyhow, bail, ensure};
use host::{
    config::{OnFailure, Role},
    plugins::{Answer, Bounds, Cache, Failed, Plugin, Plugins, Spec, digest},
};
use prometheus_client::{encoding::text, registry::Registry};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use wire::{Failure, Request, Target, Verdict};

#[test]
fn a_plugin_that_keeps_the_contract_is_heard() -> Result<()> {
    let answer = ask(DENIES)?.map(|Answer { verdict, reason, .. }| (verdict, reason));
    assert_eq!(answer, Ok((Verdict::Deny, "not a limit".to_owned())));
    Ok(())
}

#[test]
fn a_loop_runs_out_of_fuel() -> Result<()> {
    assert_eq!(ask(LOOPS)?, failed(Failure::Fuel, ""));
    Ok(())
}

#[test]
fn a_loop_with_fuel_for_ever_runs_out_of_time() -> Result<()> {
    let bounds = Bounds { fuel: u64::MAX, ..Bounds::DECISION };
    let spec = Spec { bounds, ..spec(&[])? };
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec)?;
    assert_eq!(plugins.ask(&plugin, 0, &[], &request(0), None), failed(Failure::Deadline, ""));
    Ok(())
}

#[test]
fn a_loop_is_over_when_its_caller_waits_no_longer() -> Result<()> {
    let bounds = Bounds { fuel: u64::MAX, deadline: Duration::from_secs(600), ..Bounds::DECISION };
    let spec = Spec { bounds, ..spec(&[])? };
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec)?;
    let patience = Some(Duration::from_millis(20));
    assert_eq!(
        plugins.ask(&plugin, 0, &[], &request(0), patience),
        failed(Failure::Busy, "the caller waits no longer")
    );
    Ok(())
}

#[test]
fn a_recursion_without_end_is_a_trap() -> Result<()> {
    let outcome = ask("(call $decide (local.get $arguments))")?;
    assert_eq!(outcome, failed(Failure::Trap, "wasm trap: call stack exhausted"));
    Ok(())
}

#[test]
fn growing_past_the_memory_limit_ends_the_call() -> Result<()> {
    let outcome = ask("(drop (memory.grow (i32.const 113))) (i32.const 144)")?; // 16 + 113 pages: 8 MiB and one page
    assert_eq!(outcome, failed(Failure::Memory, ""));
    Ok(())
}

#[test]
fn growing_within_the_memory_limit_is_a_plugins_right() -> Result<()> {
    let verdict = ask("(drop (memory.grow (i32.const 112))) (i32.const 144)")?.map(|answer| answer.verdict);
    assert_eq!(verdict, Ok(Verdict::NoOpinion));
    Ok(())
}

#[test]
fn an_answer_of_half_a_megabyte_is_not_taken() -> Result<()> {
    let outcome = ask("(i32.store (i32.const 160) (i32.const 524288)) (i32.const 144)")?; // the length of `reason`
    assert_eq!(outcome, failed(Failure::Output, ""));
    Ok(())
}

#[test]
fn a_list_of_a_hundred_thousand_notes_is_not_taken() -> Result<()> {
    let outcome = ask("(i32.store (i32.const 168) (i32.const 100000)) (i32.const 144)")?; // the length of `notes`
    assert_eq!(outcome, failed(Failure::Output, ""));
    Ok(())
}

#[test]
fn a_trap_says_which() -> Result<()> {
    let outcome = ask("unreachable")?;
    assert_eq!(outcome, failed(Failure::Trap, "wasm trap: wasm `unreachable` instruction executed"));
    Ok(())
}

#[test]
fn a_panic_says_its_last_words() -> Result<()> {
    let words = r#"(data (i32.const 512) "pathgate-panic\f0\01" "\0b\00\00\00" "out of luck and more")"#;
    let outcome = ask_one(&[(FREE, &format!("{words} {FREE}")), (LOOPS, "unreachable")])?;
    assert_eq!(outcome, failed(Failure::Trap, "out of luck"));
    Ok(())
}

#[test]
fn an_answer_out_of_its_memory_is_a_trap() -> Result<()> {
    let outcome = ask("(i32.const 0x7ffffffc)")?;
    assert_eq!(outcome.map_err(|failed| failed.kind), Err(Failure::Trap));
    Ok(())
}

#[test]
fn a_verdict_that_is_none_is_a_trap() -> Result<()> {
    let outcome = ask("(i32.store8 (i32.const 144) (i32.const 3)) (i32.const 144)")?;
    assert_eq!(outcome.map_err(|failed| failed.kind), Err(Failure::Trap));
    Ok(())
}

#[test]
fn a_reason_that_is_no_text_is_a_trap() -> Result<()> {
    let outcome = ask("(i32.store8 (i32.const 512) (i32.const 255)) (i32.store (i32.const 156) (i32.const 512))
         (i32.store (i32.const 160) (i32.const 1)) (i32.const 144)")?;
    assert_eq!(outcome.map_err(|failed| failed.kind), Err(Failure::Trap));
    Ok(())
}

#[test]
fn a_question_that_does_not_fit_into_its_memory_is_a_trap() -> Result<()> {
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec(&[(LOOPS, DENIES)])?)?;
    let outcome = plugins.ask(&plugin, 0, &[], &request(2 << 20), None);
    assert_eq!(outcome.map_err(|failed| failed.kind), Err(Failure::Trap));
    Ok(())
}

#[test]
fn a_plugin_that_may_only_restrict_does_not_allow() -> Result<()> {
    let outcome = ask("(i32.store8 (i32.const 144) (i32.const 1)) (i32.const 144)")?;
    assert_eq!(outcome, failed(Failure::Role, "it allowed, and its role is `restrict`"));
    Ok(())
}

#[test]
fn a_plugin_that_may_only_grant_does_not_deny() -> Result<()> {
    let spec = Spec { role: Role::Grant, ..spec(&[(LOOPS, DENIES)])? };
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec)?;
    let outcome = plugins.ask(&plugin, 0, &[], &request(0), None);
    assert_eq!(outcome, failed(Failure::Role, "it denied, and its role is `grant`"));
    Ok(())
}

#[test]
fn what_a_call_writes_is_not_there_for_the_next_one() -> Result<()> {
    let once = "(if (global.get $used) (then unreachable)) (global.set $used (i32.const 1)) (i32.const 144)";
    let used = format!("{FREE} (global $used (mut i32) (i32.const 0))");
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec(&[(FREE, &used), (LOOPS, once)])?)?;
    let verdict = || plugins.ask(&plugin, 0, &[], &request(0), None).map(|answer| (answer.verdict, answer.fuel));
    let first = verdict();
    ensure!(first.is_ok(), "{first:?}");
    assert_eq!([verdict(), verdict()], [first.clone(), first]);
    Ok(())
}

#[test]
fn what_init_writes_is_there_for_every_call() -> Result<()> {
    let init = "(result i32) (i32.store8 (i32.const 144) (i32.const 2)) (i32.const 80)";
    let verdict = ask_one(&[(INIT, init), (LOOPS, "(i32.const 144)")])?.map(|answer| answer.verdict);
    assert_eq!(verdict, Ok(Verdict::Deny));
    Ok(())
}

#[test]
fn a_plugin_that_failed_five_times_is_not_asked_for_thirty_seconds() -> Result<()> {
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec(&[])?)?;
    let kind = |now| plugins.ask(&plugin, now, &[], &request(0), None).err().map(|failed| failed.kind);
    let kinds: Vec<_> = [0, 1, 2, 3, 4, 5, 30_003, 30_004].into_iter().filter_map(kind).collect();
    let (fuel, rest) = (Failure::Fuel, Failure::Quarantined);
    assert_eq!(kinds, [fuel, fuel, fuel, fuel, fuel, rest, rest, fuel]);
    Ok(())
}

#[test]
fn failures_are_counted_by_kind() -> Result<()> {
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec(&[])?)?;
    for now in 0..7 {
        let _ = plugins.ask(&plugin, now, &[], &request(0), None);
    }
    let mut registry = Registry::default();
    plugins.register(&mut registry);
    let mut metrics = String::new();
    text::encode(&mut metrics, &registry)?;
    let mut counted: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("plugin_errors_total") || line.starts_with("plugin_quarantined{"))
        .collect();
    counted.sort_unstable();
    let expected = [
        r#"plugin_errors_total{plugin="bad",error="fuel"} 5"#,
        r#"plugin_errors_total{plugin="bad",error="quarantined"} 2"#,
        r#"plugin_quarantined{plugin="bad"} 1"#,
    ];
    assert_eq!(counted, expected);
    Ok(())
}

#[test]
fn an_import_is_refused_by_its_name() -> Result<()> {
    let import = r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))"#;
    let refused = refused(spec(&[("(component\n", import)])?)?;
    assert_eq!(refused, "component imports `wasi:clocks/wall-clock@0.2.0`: plugins import nothing but `crypto`");
    Ok(())
}

#[test]
fn the_only_import_is_crypto_and_it_is_served() -> Result<()> {
    let plugin = load(&sandboxes()?, spec(&[("(component\n", CRYPTO)])?)?;
    assert_eq!(plugin.told().imports, ["pathgate:policy/crypto@1.0.0"]);
    Ok(())
}

#[test]
fn a_crypto_of_another_version_is_no_crypto() -> Result<()> {
    let refused = refused(spec(&[("(component\n", &CRYPTO.replace("@1.0.0", "@1.1.0"))])?)?;
    assert_eq!(refused, "component imports `pathgate:policy/crypto@1.1.0`: plugins import nothing but `crypto`");
    Ok(())
}

#[test]
fn a_crypto_with_another_function_is_refused() -> Result<()> {
    let import = CRYPTO.replace(r#"(export "digest""#, r#"(export "random""#);
    assert_eq!(refused(spec(&[("(component\n", &import)])?)?, "match the component with the contract");
    Ok(())
}

#[test]
fn a_digest_of_another_type_is_refused() -> Result<()> {
    let import = CRYPTO.replace("(list u8)) (result", "string) (result");
    assert_eq!(refused(spec(&[("(component\n", &import)])?)?, "match the component with the contract");
    Ok(())
}

#[test]
fn a_component_that_is_not_the_pinned_one_is_refused() -> Result<()> {
    let spec = Spec { sha256: Some("0".repeat(64)), ..spec(&[])? };
    let found = digest(&spec.component);
    assert_eq!(refused(spec)?, format!("component has sha256 {found}, and the configuration pins {}", "0".repeat(64)));
    Ok(())
}

#[test]
fn the_pinned_component_is_loaded() -> Result<()> {
    let spec = spec(&[])?;
    let pinned = digest(&spec.component);
    let plugin = load(&sandboxes()?, Spec { sha256: Some(pinned.clone()), ..spec })?;
    assert_eq!(plugin.digest, pinned);
    Ok(())
}

#[test]
fn a_component_without_the_plugin_interface_is_refused() -> Result<()> {
    let refused = refused(spec(&[(r#"(export "pathgate:policy/plugin@1.0.0" (instance $plugin))"#, "")])?)?;
    assert_eq!(refused, "component does not export `pathgate:policy/plugin@1.0.0`");
    Ok(())
}

#[test]
fn an_authorize_interface_without_decide_is_refused() -> Result<()> {
    let refused = refused(spec(&[(r#"(export "decide" (func $decide))"#, "")])?)?;
    assert_eq!(refused, "component does not export `pathgate:policy/authorize@1.0.0`");
    Ok(())
}

#[test]
fn a_describe_of_another_type_is_refused() -> Result<()> {
    let core = (r#"(func (export "describe")"#, r#"(func (export "describe") (param i32)"#);
    let lift = ("(func $describe (result $info)", r#"(func $describe (param "of" u32) (result $info)"#);
    let refused = refused(spec(&[core, lift])?)?;
    assert_eq!(refused, "match the component with the contract");
    Ok(())
}

#[test]
fn an_init_of_another_type_is_refused() -> Result<()> {
    let other = "(result (result (error (list string))))";
    let refused = refused(spec(&[("(result (result (error (list $fault))))", other)])?)?;
    assert_eq!(refused, "match the component with the contract");
    Ok(())
}

#[test]
fn a_decide_of_another_type_is_refused_before_it_is_asked() -> Result<()> {
    let other = r#"(type $verdict' (enum "no-opinion" "allow" "deny" "shrug"))"#;
    let refused = refused(spec(&[(r#"(type $verdict' (enum "no-opinion" "allow" "deny"))"#, other)])?)?;
    assert_eq!(refused, "match the component with the contract");
    Ok(())
}

#[test]
fn what_is_asked_seldom_has_its_type_checked_as_early() -> Result<()> {
    for (interface, function) in [("approve-csr", "decide"), ("verify-peer", "verify")] {
        let end = r#"  (export "pathgate:policy/authorize@1.0.0" (instance $authorize))"#;
        let more = format!(
            r#"{end} (instance $more (export "{function}" (func $describe)) (export "info" (type $info)))
            (export "pathgate:policy/{interface}@1.0.0" (instance $more))"#
        );
        assert_eq!(refused(spec(&[(end, &more)])?)?, "match the component with the contract", "{interface}");
    }
    Ok(())
}

#[test]
fn a_plugin_is_described_as_it_is_after_init() -> Result<()> {
    let remembers = (INIT, r#"(result i32) (i32.store8 (i32.const 256) (i32.const 112)) (i32.const 80)"#);
    let folder = tempfile::tempdir()?;
    for start in ["cold", "warm"] {
        let plugins = Plugins::new(Some(Cache::open(folder.path())?)).map_err(|error| anyhow!("{error:#}"))?;
        assert_eq!(load(&plugins, spec(&[remembers])?)?.info.name, "poop", "{start}");
    }
    Ok(())
}

#[test]
fn what_is_no_webassembly_is_refused() -> Result<()> {
    let spec = Spec { component: Arc::from(&b"\0asm\x0d\0\x01\0 and no more"[..]), ..spec(&[])? };
    assert_eq!(refused(spec)?, "compile the component");
    Ok(())
}

#[test]
fn a_start_that_traps_is_refused() -> Result<()> {
    let start = format!("{FREE} (func $start unreachable) (start $start)");
    let refused = refused(spec(&[(FREE, &start)])?)?;
    assert_eq!(refused, "start the component: trap: wasm trap: wasm `unreachable` instruction executed");
    Ok(())
}

#[test]
fn a_describe_that_loops_is_refused() -> Result<()> {
    let refused = refused(spec(&[(DESCRIBE, "(result i32) (loop $again (br $again)) (i32.const 16)")])?)?;
    assert_eq!(refused, "ask the plugin to describe itself: fuel");
    Ok(())
}

#[test]
fn a_config_that_init_refuses_says_where() -> Result<()> {
    let refused = refused(spec(&[(INIT, "(result i32) (i32.const 96)")])?)?;
    assert_eq!(refused, "config is not what the plugin takes: `/limit`: not a limit");
    Ok(())
}

#[test]
fn an_init_that_traps_is_refused() -> Result<()> {
    let refused = refused(spec(&[(INIT, "(result i32) unreachable")])?)?;
    assert_eq!(refused, "initialise the plugin: trap: wasm trap: wasm `unreachable` instruction executed");
    Ok(())
}

#[test]
fn an_init_that_loops_is_refused() -> Result<()> {
    let refused = refused(spec(&[(INIT, "(result i32) (loop $again (br $again)) (i32.const 80)")])?)?;
    assert_eq!(refused, "initialise the plugin: fuel");
    Ok(())
}

#[test]
fn an_init_that_wants_all_the_memory_is_refused() -> Result<()> {
    let refused = refused(spec(&[(INIT, "(result i32) (drop (memory.grow (i32.const 1009))) (i32.const 80)")])?)?;
    assert_eq!(refused, "initialise the plugin: memory");
    Ok(())
}

/// Wizer, which reads the memory back, asks for a page more; and a decision has less than `init`.
#[test]
fn an_init_that_fills_its_memory_to_the_last_page_is_refused() -> Result<()> {
    let refused = refused(spec(&[(INIT, "(result i32) (drop (memory.grow (i32.const 1008))) (i32.const 80)")])?)?;
    assert!(refused.ends_with("memory"), "{refused}");
    Ok(())
}

/// What comes of one question to a plugin that decides so.
fn ask(decide: &str) -> Result<Result<Answer, Failed>> {
    ask_one(&[(LOOPS, decide)])
}

fn ask_one(changes: &[(&str, &str)]) -> Result<Result<Answer, Failed>> {
    let plugins = sandboxes()?;
    let plugin = load(&plugins, spec(changes)?)?;
    Ok(plugins.ask(&plugin, 0, &[], &request(0), None))
}

fn failed(kind: Failure, detail: &str) -> Result<Answer, Failed> {
    Err(Failed { kind, detail: detail.to_owned() })
}

fn sandboxes() -> Result<Plugins> {
    Plugins::new(None).map_err(|error| anyhow!("{error:#}"))
}

fn load(plugins: &Plugins, spec: Spec) -> Result<Plugin> {
    plugins.load(spec).map_err(|(name, error)| anyhow::Error::new(error).context(name))
}

/// Why it is not loaded, as the operator reads it.
fn refused(spec: Spec) -> Result<String> {
    match sandboxes()?.load(spec) {
        Ok(_) => bail!("it was loaded"),
        Err((_, error)) => Ok(error.to_string()),
    }
}

/// `loop.wat` with these texts replaced, each of which it has once.
fn spec(changes: &[(&str, &str)]) -> Result<Spec> {
    let mut text = LOOP.to_owned();
    for (from, to) in changes {
        ensure!(text.matches(from).count() == 1, "`loop.wat` has not one `{from}`");
        text = text.replace(from, to);
    }
    Ok(Spec {
        name: "bad".into(),
        component: wat::parse_str(&text).context("encode the component")?.into(),
        sha256: None,
        role: Role::Restrict,
        shadow: false,
        on_failure: OnFailure::Deny,
        // So late that it is always the fuel that ends a loop, also on a machine that is busy with other tests.
        bounds: Bounds { deadline: Duration::from_secs(60), ..Bounds::DECISION },
        config: json!({}),
    })
}

/// A question by a user whose name has that many letters.
fn request(letters: usize) -> Request {
    Request {
        user: "a".repeat(letters),
        target: Target::NonResource { path: "/metrics".into(), verb: "get".into() },
        ..Request::default()
    }
}

const LOOP: &str = include_str!("../fixtures/plugins/loop.wat");
/// What is replaced: the body of `decide`, the end of `init` and of `describe`, and a place for more.
const LOOPS: &str = "(loop $again (br $again)) (i32.const 144)";
const INIT: &str = "(result i32) (i32.const 80)";
const DESCRIBE: &str = "(result i32) (i32.const 16)";
const FREE: &str = "(global $free (mut i32) (i32.const 1024))";
/// The one import that a component may have.
const CRYPTO: &str = r#"(component
  (import "pathgate:policy/crypto@1.0.0" (instance
    (type $hash' (enum "sha256" "sha384" "sha512"))
    (export "hash" (type $hash (eq $hash')))
    (export "digest" (func (param "hash" $hash) (param "data" (list u8)) (result (list u8))))))
"#;
/// `deny`, and `not a limit` as the reason.
const DENIES: &str = "(i32.store8 (i32.const 144) (i32.const 2)) (i32.store (i32.const 156) (i32.const 273))
    (i32.store (i32.const 160) (i32.const 11)) (i32.const 144)";
