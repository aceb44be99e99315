use super::*;
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt};
use wire::{Target, Verdict};

#[test]
fn every_built_in_plugin_passes_its_own_cases() {
    let plugins = Plugins::for_tests();
    for (name, component) in builtin() {
        let outcomes = plugins.run_cases(component, Vec::new()).unwrap();
        let faults: Vec<_> = outcomes.iter().filter_map(|it| it.fault.as_ref()).collect();
        assert_eq!((outcomes.len() > 10, faults), (true, Vec::new()), "{name}");
    }
}

#[test]
fn a_plugin_answers_the_same_however_it_is_given_its_imports() {
    let plugins = Plugins::for_tests();
    // By the fuel alone: other tests keep the processor busy.
    let bounds = Bounds { deadline: Bounds::INIT.deadline, ..Bounds::DECISION };
    for (name, component) in builtin() {
        let plugin = plugins.load(built_in(name, json!({}))).unwrap();
        let as_built = plugins.verifier(component).unwrap();
        for case in cases::embedded(component).unwrap().into_iter().filter(|case| case.config.is_none()) {
            let request = crate::review::from_spec(&case.request).unwrap();
            let mut facts = crate::paths::classify(&request, &Default::default()).facts();
            facts.extend(case.facts);
            let mut before = as_built.code.start(&Bounds::INIT).unwrap();
            assert!(before.init("{}").unwrap().is_ok());
            before.refill(&bounds).unwrap();
            let answers = [before, plugin.code.start(&bounds).unwrap()].map(|mut instance| {
                let answer = instance.decide(case.now, &facts, &request).unwrap();
                plugin.admit(answer, bounds.fuel - instance.fuel_left()).unwrap()
            });
            assert_eq!(answers[0], answers[1], "{name}: {}", case.description);
        }
    }
}

#[test]
fn an_ordinary_question_does_not_grow_the_memory() {
    let plugins = Plugins::for_tests();
    for (name, component) in builtin() {
        let Plugin { code, .. } = plugins.load(built_in(name, json!({}))).unwrap();
        // As little as it starts with.
        let mut sizes = (1..128).map(|pages| Bounds { memory: pages << 16, ..Bounds::INIT });
        let bounds = sizes.find(|bounds| code.start(bounds).is_ok()).unwrap();
        for case in cases::embedded(component).unwrap().into_iter().filter(|case| case.config.is_none()) {
            let request = crate::review::from_spec(&case.request).unwrap();
            let facts: Vec<_> = case.facts.into_iter().collect();
            let answer = code.start(&bounds).unwrap().decide(case.now, &facts, &request);
            assert!(answer.is_ok(), "{name}: {}", case.description);
        }
    }
}

#[test]
fn no_case_comes_near_the_fuel_limit() {
    let plugins = Plugins::for_tests();
    for (name, component) in builtin() {
        let outcomes = plugins.run_cases(component, Vec::new()).unwrap();
        let most = outcomes.iter().map(|it| it.fuel).max().unwrap();
        assert!(most < Bounds::DECISION.fuel / 20, "{name} burns {most}");
    }
}

/// What a list may be, its own check says; that it fits is up to the plugin and its allocator.
#[test]
fn the_longest_revocation_list_with_the_longest_reasons_fits_into_its_plugin() {
    use crate::{
        revocation::{Kind, List},
        signed::Document,
    };
    let mut list = List::new();
    (list.issued, list.expires) = ("2026-01-01T00:00:00Z".into(), "2027-01-01T00:00:00Z".into());
    list.revoked.insert(Kind::Uids, (0..100_000).map(|at| (format!("{at:036}"), format!("{at:0131}"))).collect());
    assert_eq!(list.check(), Ok(()));
    let mut spec = built_in("revocation", list.merge_into(&json!({})).unwrap());
    spec.bounds.memory = MAX_MEMORY;
    Plugins::for_tests().load(spec).unwrap();
}

#[test]
fn a_case_that_no_longer_holds_keeps_the_plugin_out() {
    let case = json!([{
        "description": "nodes/proxy is open to all",
        "request": {"user": "prom", "resourceAttributes": {"verb": "get", "resource": "nodes", "subresource": "proxy", "name": "a"}},
        "expect": {"verdict": "no-opinion"},
    }]);
    let component = encode::encode(&without_cases("apiserver_to_kubelet")).unwrap();
    let component = encode::with_cases(component, &case.to_string());
    let refused = Plugins::for_tests().load(spec("apiserver_to_kubelet", &component, json!({})));
    let Err((_, LoadError::Case { description, fault })) = refused else { panic!("it was loaded") };
    let expected = "expected no-opinion, got deny by `nodes-proxy`";
    assert_eq!((description.as_str(), fault.as_str()), ("nodes/proxy is open to all", expected));
}

#[test]
fn a_config_that_the_schema_refuses_is_named_by_its_pointer() {
    let refused =
        Plugins::for_tests().load(built_in("apiserver_to_kubelet", json!({"allow": {"nodes-proxy": ["a", 7]}})));
    let Err((_, LoadError::Config(faults))) = refused else { panic!("it was loaded") };
    let pointers: Vec<_> = faults.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/allow/nodes-proxy/1"]);
}

#[test]
fn a_plugin_that_did_not_change_is_kept_when_another_does() {
    let plugins = Plugins::for_tests();
    let node = built_in("node_to_apiserver", json!({}));
    let before =
        plugins.activate(plugins.prepare(vec![node.clone(), built_in("apiserver_to_kubelet", json!({}))]).unwrap());
    let changed = built_in("apiserver_to_kubelet", json!({"allow": {"nodes-proxy": ["prom"]}}));
    let after = plugins.activate(plugins.prepare(vec![node, changed]).unwrap());
    let same = |name| Arc::ptr_eq(before.plugin(name).unwrap(), after.plugin(name).unwrap());
    assert_eq!((same("node_to_apiserver"), same("apiserver_to_kubelet"), after.generation), (true, false, 2));
}

#[test]
fn one_bad_plugin_of_a_set_changes_nothing() {
    let plugins = Plugins::for_tests();
    let good = built_in("node_to_apiserver", json!({}));
    plugins.activate(plugins.prepare(vec![good.clone()]).unwrap());
    let refused = plugins.prepare(vec![good, spec("broken", b"\0asm", json!({}))]);
    let names: Vec<_> = refused.err().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!((names, plugins.current().generation), (vec!["broken".to_owned()], 1));
}

#[test]
fn same_question_gets_same_answer_for_same_fuel_from_cold_and_from_cache() {
    let folder = tempfile::tempdir().unwrap();
    let answers: Vec<_> = (0..3)
        .map(|_| {
            let plugins = Plugins::new(Some(Cache::open(&folder.path().join("cache")).unwrap())).unwrap();
            let plugin = plugins.load(built_in("apiserver_to_kubelet", json!({}))).unwrap();
            plugins.ask(&plugin, 0, &[], &nodes_proxy(), None).unwrap()
        })
        .collect();
    assert_eq!(answers[0].verdict, Verdict::Deny);
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
}

#[test]
fn compiled_plugins_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let plugins = Plugins::new(Some(Cache::open(&cache).unwrap())).unwrap();
    plugins.load(built_in("apiserver_to_kubelet", json!({}))).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files: Vec<_> = fs::read_dir(&cache).unwrap().map(|it| mode(&it.unwrap().path())).collect();
    assert_eq!((mode(&cache), files), (0o700, vec![0o600]));
}

#[test]
fn a_cache_that_others_may_write_to_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(Cache::open(folder.path()).is_err());
}

#[test]
fn compiled_code_that_others_may_read_or_that_was_cut_off_is_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let load = || {
        let plugins = Plugins::new(Some(Cache::open(&cache).unwrap())).unwrap();
        let plugin = plugins.load(built_in("apiserver_to_kubelet", json!({}))).unwrap();
        plugins.ask(&plugin, 0, &[], &nodes_proxy(), None).unwrap().verdict
    };
    load();
    let files: Vec<_> = fs::read_dir(&cache).unwrap().map(|it| it.unwrap().path()).collect();
    for file in files {
        fs::write(&file, b"no machine code").unwrap();
        assert_eq!(load(), Verdict::Deny);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(load(), Verdict::Deny);
    }
}

fn nodes_proxy() -> Request {
    let at = wire::Resource {
        verb: "get".into(),
        resource: "nodes".into(),
        subresource: "proxy".into(),
        name: "a".into(),
        ..wire::Resource::default()
    };
    Request { user: "prom".into(), target: Target::Resource(Box::new(at)), ..Request::default() }
}

fn built_in(name: &str, config: Value) -> Spec {
    spec(name, builtin()[name], config)
}

fn spec(name: &str, component: &[u8], config: Value) -> Spec {
    Spec {
        name: name.to_owned(),
        component: component.into(),
        sha256: None,
        role: Role::Restrict,
        shadow: false,
        on_failure: OnFailure::Deny,
        bounds: Bounds::DECISION,
        config,
    }
}

/// A built-in component up to the section with its cases, which is the last.
fn without_cases(name: &str) -> Vec<u8> {
    let component = builtin()[name];
    let name_at = component.windows(encode::CASES.len()).rposition(|it| it == encode::CASES.as_bytes()).unwrap();
    // Before the name stand its length (one byte), the section's length (LEB128) and the id 0.
    let id_at = (0..name_at - 1).rev().find(|&at| component[at] == 0).unwrap();
    component[..id_at].to_vec()
}
