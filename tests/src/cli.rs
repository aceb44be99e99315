//! The command line keeps its promises: what it prints, where, and how it exits. Doors are in `webhook`.

use crate::{
    process::{Output, run},
    world,
};
use anyhow::{Context, Result, ensure};
use host::plugins::digest;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

#[test]
fn the_readme_shows_what_ask_answers() -> Result<()> {
    let readme = fs::read_to_string(world::repository().join("README.md"))?;
    let (_, asks) = readme.split_once("## Ask it").context("README.md has no section `Ask it`")?;
    let (_, filter) = asks.split_once("jq -c '{").context("README.md filters with no `jq`")?;
    let (keys, _) = filter.split_once('}').context("README.md has half a filter")?;
    let shown: Vec<_> = asks.split("```json\n").skip(1).filter_map(|it| it.lines().next()).collect();
    let mut printed = Vec::new();
    for file in [REFUSED, TWIN] {
        let answer = answers(&[file], "")?.remove(0);
        let members: Vec<_> = keys.split(", ").map(|key| format!("{key:?}:{}", answer[key])).collect();
        printed.push(format!("{{{}}}", members.join(",")));
    }
    assert_eq!(shown, printed);
    Ok(())
}

#[test]
fn an_answer_has_the_keys_of_the_contract() -> Result<()> {
    let answer = answers(&[REFUSED], "")?.remove(0);
    let printed = [keys(&answer), keys(&answer["opinions"][0])];
    let of_answer = ["opinions", "path", "reason", "rule", "source", "traversal", "verdict"];
    let of_opinion = ["digest", "fuel", "plugin", "reason", "rule", "shadow", "verdict"];
    assert_eq!(printed, [of_answer.to_vec(), of_opinion.to_vec()]);
    Ok(())
}

#[test]
fn people_read_the_verdict_first() -> Result<()> {
    let output = pathgate(&["ask", TWIN], "")?;
    let mut expected = String::from(
        "no-opinion system:serviceaccount:monitoring:prom wants to get nodes/metrics worker-1
           unbound-service-account → kubelet, path apiserver_to_kubelet\n",
    );
    let answers = answers(&[TWIN], "")?;
    let opinions = answers[0]["opinions"].as_array().context("no opinions")?;
    let names: Vec<_> = opinions.iter().map(|it| it["plugin"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["apiserver_to_kubelet", "pod_to_apiserver", "revocation"]);
    for opinion in opinions {
        let digest = opinion["digest"].as_str().and_then(|it| it.get(..12)).context("no digest")?;
        let (name, fuel) = (opinion["plugin"].as_str().unwrap_or_default(), &opinion["fuel"]);
        expected += &format!("           {name} {digest}: no-opinion, {fuel} units of fuel\n");
    }
    assert_eq!((output.code, output.stdout), (Some(0), expected));
    Ok(())
}

#[test]
fn ask_exits_by_its_answer() -> Result<()> {
    let both = format!("{}{}", example(REFUSED)?, example(TWIN)?);
    let exits: Vec<(&[&str], &str, i32)> = vec![
        (&["ask", TWIN], "", 0),
        (&["ask", REFUSED], "", 1),
        (&["ask"], &both, 1),
        (&["ask"], "{", 64),
        (&["ask"], "", 64),
        (&["ask"], "[]", 64),
        (&["ask"], r#"{"kind": "Pod"}"#, 64),
        (&["ask", "no/such/file.json"], "", 64),
        (&["ask", "--no-such-flag"], "", 64),
        (&["ask", "--at", "yesterday", TWIN], "", 64),
        (&["ask", "--output", "xml", TWIN], "", 64),
    ];
    for (arguments, stdin, code) in exits {
        let output = pathgate(arguments, stdin)?;
        // Data goes to one side, faults to the other.
        let said = (output.stdout.is_empty(), output.stderr.starts_with("error: "));
        assert_eq!((output.code, said), (Some(code), (code == 64, code == 64)), "{arguments:?} with {stdin:?}");
    }
    Ok(())
}

#[test]
fn nothing_is_answered_before_all_is_understood() -> Result<()> {
    let output = pathgate(&["ask"], &format!("{}\n{{\"kind\": 1}}", line(TWIN)?))?;
    let place = output.stderr.contains("review 2") && output.stderr.contains("line 2");
    assert_eq!((output.code, output.stdout.as_str(), place), (Some(64), "", true), "{}", output.stderr);
    Ok(())
}

#[test]
fn reviews_come_one_by_one_as_a_list_and_as_lines() -> Result<()> {
    let (refused, twin) = (example(REFUSED)?, example(TWIN)?);
    let inputs = [
        format!("[{refused},{twin}]"),
        format!("{}\n{}\n", line(REFUSED)?, line(TWIN)?),
        format!("{refused}\n{twin}\n"),
    ];
    let one_by_one = [answers(&[REFUSED], "")?, answers(&[TWIN], "")?].concat();
    for input in &inputs {
        assert_eq!(answers(&["-"], input)?, one_by_one, "{input}");
        assert_eq!(answers(&[], input)?, one_by_one, "{input}");
    }
    Ok(())
}

#[test]
fn v1beta1_gets_the_answer_of_v1() -> Result<()> {
    let old = example(REFUSED)?.replace("k8s.io/v1", "k8s.io/v1beta1").replace("\"groups\"", "\"group\"");
    assert_eq!(answers(&["-"], &old)?, answers(&[REFUSED], "")?);
    Ok(())
}

#[test]
fn every_fault_of_a_configuration_is_named_with_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("gate.yaml");
    fs::write(&file, FAULTY)?;
    let file = text(&file)?;
    for arguments in [&["ask", "--config", file, TWIN][..], &["serve", "--config", file]] {
        let output = pathgate(arguments, "")?;
        let places: Vec<_> =
            output.stderr.lines().map(|it| it.split(": ").skip(1).take(2).collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            format!("{file}:3:17 admin.listen"),
            format!("{file}:4:1 surprise"),
            format!("{file}:5:22 journal.retention"),
        ];
        assert_eq!((output.code, output.stdout.as_str(), places), (Some(64), "", expected.to_vec()), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn a_door_with_nothing_behind_it_stays_closed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("gate.yaml");
    fs::write(&file, "apiVersion: pathgate.io/v1alpha1\nkind: Gate\negress: {listen: unix:///run/egress.sock}\n")?;
    let output = pathgate(&["serve", "--config", text(&file)?], "")?;
    let expected = format!("error: {}:3:9: egress: is not available in this version; remove it\n", file.display());
    assert_eq!((output.code, output.stderr), (Some(64), expected));
    Ok(())
}

#[test]
fn a_configuration_that_locks_the_cluster_out_is_not_asked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("gate.yaml");
    fs::write(&file, LOCKS_OUT)?;
    let output = pathgate(&["ask", "--config", text(&file)?, TWIN], "")?;
    let named =
        ["a kubelet: nodes/proxy", "rule apiserver_to_kubelet/nodes-proxy"].map(|it| output.stderr.contains(it));
    assert_eq!((output.code, output.stdout.as_str(), named), (Some(64), "", [true; 2]), "{}", output.stderr);
    Ok(())
}

#[test]
fn plugin_list_names_the_built_in_plugins() -> Result<()> {
    let mut listed = Vec::new();
    for plugin in lines(&pathgate(&["plugin", "list", "--output", "json"], "")?.ok()?)? {
        let hex =
            plugin["digest"].as_str().is_some_and(|it| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit()));
        let said = |rule: &Value| {
            ["id", "summary", "advice", "source"].iter().all(|key| rule[key] != "" && rule[key].is_string())
        };
        let rules = plugin["rules"].as_array().is_some_and(|it| !it.is_empty() && it.iter().all(said));
        let Value::Object(mut plugin) = plugin else { continue };
        plugin.retain(|key, _| ["name", "exports", "imports", "limits"].contains(&key.as_str()));
        listed.push((Value::Object(plugin), hex, rules));
    }
    let expected: Vec<_> = host::plugins::builtin().into_keys().map(|name| (described(name), true, true)).collect();
    assert_eq!((listed.len(), listed), (9, expected));
    Ok(())
}

#[test]
fn plugin_inspect_says_what_a_component_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("loop.wasm");
    let component = wat::parse_str(LOOP)?;
    fs::write(&file, &component)?;
    let mut shown = lines(&pathgate(&["plugin", "inspect", "--output", "json", text(&file)?], "")?.ok()?)?.remove(0);
    let found = [shown["digest"].take(), shown["name"].take(), shown["exports"].take(), shown["imports"].take()];
    let expected = described("loop");
    let expected = [digest(&component).into(), "loop".into(), expected["exports"].clone(), json!([])];
    assert_eq!(found, expected);
    Ok(())
}

#[test]
fn what_is_no_plugin_is_refused_with_its_cause() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("garbage.wasm");
    fs::write(&file, "garbage, and more of it")?;
    for verb in ["inspect", "test"] {
        let output = pathgate(&["plugin", verb, text(&file)?], "")?;
        let cause = output.stderr.contains("bad magic number");
        assert_eq!((output.code, output.stdout.as_str(), cause), (Some(64), "", true), "{}", output.stderr);
    }
    Ok(())
}

#[test]
fn a_plugin_that_cannot_be_loaded_is_named_with_its_cause() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (config, module) = (folder.path().join("gate.yaml"), folder.path().join("cut.wasm"));
    let cut = b"\0asm\x0d\0\x01\0 and no more";
    fs::write(&module, cut)?;
    let plugin = json!({"name": "house_rules", "module": module, "sha256": digest(cut)});
    let gate = json!({"apiVersion": "pathgate.io/v1alpha1", "kind": "Gate", "plugins": [plugin]});
    fs::write(&config, gate.to_string())?;
    let config = text(&config)?;
    for arguments in [&["ask", "--config", config, TWIN][..], &["plugin", "list", "--config", config]] {
        let output = pathgate(arguments, "")?;
        let named =
            ["plugin `house_rules`: compile the component: ", "at offset 0xa"].map(|it| output.stderr.contains(it));
        assert_eq!((output.code, named), (Some(64), [true; 2]), "{arguments:?}: {}", output.stderr);
    }
    Ok(())
}

#[test]
fn plugin_test_exits_by_its_cases() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut exits = BTreeMap::new();
    for (name, cases) in [("kept", &["no-opinion"][..]), ("broken", &["no-opinion", "deny"]), ("none", &[])] {
        let file = folder.path().join(format!("{name}.wasm"));
        fs::write(&file, wat::parse_str(with_cases(cases)?)?)?;
        let output = pathgate(&["plugin", "test", "--output", "json", text(&file)?], "")?;
        let passed: Vec<_> = lines(&output.stdout)?.iter().map(|it| it["passed"].clone()).collect();
        exits.insert(name, (output.code, Value::Array(passed)));
    }
    let expected = [
        ("broken", (Some(1), json!([true, false]))),
        ("kept", (Some(0), json!([true]))),
        ("none", (Some(2), json!([]))),
    ];
    assert_eq!(exits, BTreeMap::from(expected));
    Ok(())
}

#[test]
fn plugin_new_writes_a_crate_once_and_under_a_good_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let new = |name: &str| run(command(&["plugin", "new", name])?.current_dir(folder.path()), b"", SOON);
    let codes = [new("house_rules")?, new("house_rules")?, new("House-Rules")?, new("../away")?].map(|it| it.code);
    let house = folder.path().join("house_rules");
    let written = ["Cargo.toml", "src/lib.rs", "cases/no_shell.json", "wit/policy.wit", "sdk/src/lib.rs"]
        .map(|file| house.join(file).is_file());
    let manifest = fs::read_to_string(house.join("Cargo.toml"))?;
    let others = fs::read_dir(folder.path())?.count() - 1;
    assert_eq!(
        (codes, written, manifest.contains("name = \"house_rules\""), others),
        ([Some(0), Some(64), Some(64), Some(64)], [true; 5], true, 0)
    );
    Ok(())
}

/// With the toolchain that `cargo xtask setup` found, and the versions of this repository's lock: nothing is downloaded.
#[test]
fn what_plugin_new_writes_builds_and_passes_as_it_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    run(command(&["plugin", "new", "house_rules"])?.current_dir(folder.path()), b"", SOON)?.ok()?;
    let house = folder.path().join("house_rules");
    fs::copy(world::repository().join("Cargo.lock"), house.join("Cargo.lock"))?;
    let stamp = fs::read_to_string(world::target().join("wasm-toolchain")).context("run `cargo xtask setup` first")?;
    let mut tools = stamp.lines();
    let mut cargo = Command::new(tools.next().context("no cargo in the stamp")?);
    cargo.env("RUSTC", tools.next().context("no rustc in the stamp")?).current_dir(&house);
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").env_remove("CARGO_ENCODED_RUSTFLAGS");
    // Unoptimised: it is to build and to be right.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    cargo.args(["build", "--offline", "--release", "--target", "wasm32-unknown-unknown"]);
    run(&mut cargo, b"", BUILD)?.ok()?;
    let tested = run(command(&["plugin", "test", "."])?.current_dir(&house), b"", SOON)?.ok()?;
    ensure!(tested.lines().count() > 1 && tested.lines().all(|line| line.starts_with("ok ")), "{tested}");
    let module = "target/wasm32-unknown-unknown/release/house_rules.wasm";
    let inspected =
        run(command(&["plugin", "inspect", module, "--output", "json"])?.current_dir(&house), b"", SOON)?.ok()?;
    let inspected: Value = serde_json::from_str(&inspected)?;
    assert_eq!(inspected.get("name"), Some(&json!("house_rules")));
    Ok(())
}

#[test]
fn a_decision_that_is_not_in_the_journal_cannot_be_told() -> Result<()> {
    let output = pathgate(&["explain", "--journal", "sqlite:///no/such/journal.db", "01JD9Z3T7Q0000000000000000"], "")?;
    let expected = "error: open the journal: there is no journal at `/no/such/journal.db`\n";
    assert_eq!((output.code, output.stderr.as_str()), (Some(64), expected));
    Ok(())
}

#[test]
fn completion_prints_a_script() -> Result<()> {
    let script = pathgate(&["completion", "bash"], "")?.ok()?;
    let begins = script.starts_with("_pathgate()");
    let verbs = ["serve", "ask", "explain", "plugin", "completion"].map(|verb| script.contains(verb));
    assert_eq!((begins, verbs), (true, [true; 5]));
    Ok(())
}

#[test]
fn the_help_of_each_verb_has_an_example() -> Result<()> {
    let verbs = [
        "",
        "serve",
        "ask",
        "explain",
        "check",
        "generate",
        "generate authorization-config",
        "generate egress-config",
        "generate static-pod",
        "generate kubeadm-patch",
        "replay",
        "plugin",
        "plugin list",
        "plugin inspect",
        "plugin test",
        "plugin new",
        "completion",
    ];
    let mut without = Vec::new();
    for verb in verbs {
        let arguments: Vec<_> = verb.split_whitespace().chain(["--help"]).collect();
        let help = pathgate(&arguments, "")?.ok()?;
        if !help.lines().any(|line| line.starts_with("Example: ") && line.contains(&format!("pathgate {verb}"))) {
            without.push(verb);
        }
    }
    assert_eq!(without, Vec::<&str>::new());
    Ok(())
}

/// Runs the real command in the repository's root.
fn pathgate(arguments: &[&str], stdin: &str) -> Result<Output> {
    run(&mut command(arguments)?, stdin.as_bytes(), SOON)
}

fn command(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(world::pathgate()?);
    command.args(arguments).current_dir(world::repository()).env("PATHGATE_CACHE_DIR", crate::gate::CACHE);
    Ok(command)
}

/// What `ask` answers, whatever the verdicts.
fn answers(arguments: &[&str], stdin: &str) -> Result<Vec<Value>> {
    let output = pathgate(&[&["ask", "--output", "json"], arguments].concat(), stdin)?;
    ensure!(matches!(output.code, Some(0 | 1)), "{output:?}");
    lines(&output.stdout)
}

fn lines(json: &str) -> Result<Vec<Value>> {
    json.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn example(file: &str) -> Result<String> {
    Ok(fs::read_to_string(world::repository().join(file))?)
}

/// An example in one line.
fn line(file: &str) -> Result<String> {
    Ok(serde_json::from_str::<Value>(&example(file)?)?.to_string())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a folder that is no text")
}

/// What `plugin list` says of every plugin with the default limits.
fn described(name: &str) -> Value {
    let verifies =
        ["apiserver_to_endpoint", "apiserver_to_kubelet", "node_to_apiserver", "revocation", "tunnel"].contains(&name);
    let mut exports = vec!["pathgate:policy/plugin@1.0.0", "pathgate:policy/authorize@1.0.0"];
    exports.extend(verifies.then_some("pathgate:policy/verify-peer@1.0.0"));
    let approves = name == "tls_bootstrap";
    exports.extend(approves.then_some("pathgate:policy/approve-csr@1.0.0"));
    let imports: &[&str] = if verifies || approves { &["pathgate:policy/crypto@1.0.0"] } else { &[] };
    json!({
        "name": name,
        "exports": exports,
        "imports": imports,
        "limits": {"deadlineMillis": 20, "fuel": 2_000_000, "memoryBytes": 8 << 20, "outputBytes": 64 << 10},
    })
}

/// `loop.wat` with no opinion on anything, and with cases that expect these verdicts.
fn with_cases(verdicts: &[&str]) -> Result<String> {
    let case = |verdict: &&str| {
        json!({
            "description": format!("it says {verdict}"),
            "request": {"user": "a", "nonResourceAttributes": {"path": "/metrics", "verb": "get"}},
            "expect": {"verdict": verdict},
        })
    };
    let cases = Value::Array(verdicts.iter().map(case).collect()).to_string().replace('"', "\\\"");
    let text = LOOP.replace(LOOPS, "(i32.const 144)");
    let (open, _) = text.rsplit_once(')').context("`loop.wat` has no end")?;
    Ok(format!("{open}\n(@custom \"pathgate:cases\" \"{cases}\"))"))
}

const REFUSED: &str = "docs/examples/nodes-proxy.json";
const TWIN: &str = "docs/examples/nodes-metrics.json";
const FAULTY: &str = "apiVersion: pathgate.io/v1alpha1
kind: Gate
admin: {listen: 0.0.0.0:1}
surprise: 1
journal: {retention: soon}
";
const LOCKS_OUT: &str = "apiVersion: pathgate.io/v1alpha1
kind: Gate
plugins:
- {name: apiserver_to_kubelet, config: {allow: {nodes-proxy: []}}}
";
const LOOP: &str = include_str!("../fixtures/plugins/loop.wat");
const LOOPS: &str = "(loop $again (br $again)) (i32.const 144)";
/// A debug build that compiles its plugins on a busy machine.
const SOON: Duration = Duration::from_secs(120);
/// The SDK and what it stands on, on a busy machine.
const BUILD: Duration = Duration::from_secs(600);
