mod traps;

use super::*;
use crate::{
    config::Identity,
    plugins::{Bounds, Spec, builtin},
};
use serde_json::{Value, json};
use std::sync::OnceLock;
use wire::{Failure, Path, Traversal};

#[test]
fn the_built_in_plugins_lock_nobody_out() {
    let mut world = World::new();
    let kept = LockOutGuard { approves: true, ..LockOutGuard::default() };
    world.judge = Judge::new(world.plugins.clone(), None, Inventory::default()).keeping(kept);
    assert_eq!(lock_outs(&world.judge, &world.set(), 0), Ok(Vec::new()));
}

/// A gate that goes by another name, and that approves, must be on the plugin's list.
#[test]
fn a_set_that_would_cut_off_the_gates_own_approver_is_refused() {
    let mut world = World::new();
    let gate = Identity { user: "gate-keeper".into(), groups: vec![] };
    let kept = LockOutGuard { gate, ..LockOutGuard::default() };
    world.judge = Judge::new(world.plugins.clone(), None, Inventory::default()).keeping(kept.clone());
    assert_eq!(lock_outs(&world.judge, &world.set(), 0), Ok(Vec::new()));
    let kept = LockOutGuard { approves: true, ..kept };
    world.judge = Judge::new(world.plugins.clone(), None, Inventory::default()).keeping(kept);
    let found = lock_outs(&world.judge, &world.set(), 0).unwrap();
    assert_eq!(found.iter().map(|it| it.rule.as_str()).collect::<Vec<_>>(), ["tls_bootstrap/client-signers"]);
}

#[test]
fn a_set_that_would_cut_off_the_kubelet_client_is_named_with_flow_and_rule() {
    let world = World::with(vec![spec("apiserver_to_kubelet", json!({"allow": {"nodes-proxy": []}}))]);
    let found = lock_outs(&world.judge, &world.set(), 0).unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.flow.as_str(), it.rule.as_str())).collect();
    let flows = [
        "kube-apiserver reaches a kubelet: nodes/proxy, until 1.36",
        "kube-apiserver opens a stream on a kubelet: nodes/proxy, until 1.36",
        "kube-apiserver reaches a kubelet: nodes/proxy, since 1.37",
        "kube-apiserver opens a stream on a kubelet: nodes/proxy, since 1.37",
    ];
    assert_eq!(found, flows.map(|flow| (flow, "apiserver_to_kubelet/nodes-proxy")));
}

#[test]
fn a_set_that_would_cut_off_who_repairs_the_cluster_is_refused() {
    let alice = Identity { user: "alice".into(), groups: vec!["dev".into()] };
    let kept = LockOutGuard { break_glass: vec![alice], ..LockOutGuard::default() };
    let mut world = World::with(vec![spec("revocation", json!({"users": ["alice"]}))]);
    assert_eq!(lock_outs(&world.judge, &world.set(), 0), Ok(Vec::new()));
    world.judge = Judge::new(world.plugins.clone(), None, Inventory::default()).keeping(kept);
    let found = lock_outs(&world.judge, &world.set(), 0).unwrap();
    let all = found.iter().all(|it| it.flow.ends_with(" as `alice`") && it.rule == "revocation/revoked-user");
    assert_eq!((found.len() > 10, all), (true, true));
}

#[test]
fn a_grant_for_an_hour_counts_at_the_door_and_does_not_blind_the_guard() {
    let world = World::with(vec![spec("apiserver_to_kubelet", json!({"allow": {"nodes-proxy": []}}))]);
    let (user, long) = ("kube-apiserver-kubelet-client", Duration::from_secs(3_600));
    let grant = Grant::new(user.into(), Path::ApiserverToKubelet, "why".into(), SystemTime::now(), long);
    world.judge.break_glass(Some(grant));
    let proxy = json!({"verb": "get", "resource": "nodes", "subresource": "proxy", "name": "a"});
    let ask = world.ask(user, proxy).request;
    let at_the_door = world.judge.consider(&world.set(), Door::Webhook, now(), ask, None);
    assert_eq!((at_the_door.verdict, at_the_door.rule.as_str()), (Verdict::NoOpinion, "gate/break-glass"));
    assert!(!lock_outs(&world.judge, &world.set(), now()).unwrap().is_empty());
}

#[test]
fn a_set_in_the_shadow_locks_nobody_out_and_is_on_record() {
    let shadow = Spec { shadow: true, ..spec("apiserver_to_kubelet", json!({"allow": {"nodes-proxy": []}})) };
    let world = World::with(vec![shadow]);
    assert_eq!(lock_outs(&world.judge, &world.set(), 0), Ok(Vec::new()));
    let decision = world.ask("prom", json!({"verb": "get", "resource": "nodes", "subresource": "proxy", "name": "a"}));
    let said = (decision.opinions[0].verdict, decision.opinions[0].shadow);
    assert_eq!((decision.verdict, said), (Verdict::NoOpinion, (Verdict::Deny, true)));
}

#[test]
fn a_request_is_classified_asked_about_and_refused_by_name() {
    let world = World::new();
    let decision = world.ask("prom", json!({"verb": "get", "resource": "nodes", "subresource": "proxy", "name": "a"}));
    let class = (decision.source, decision.traversal, decision.path);
    assert_eq!(class, (Source::User, Traversal::NodeProxy, Path::ApiserverToKubelet));
    assert_eq!((decision.verdict, decision.rule.as_str()), (Verdict::Deny, "apiserver_to_kubelet/nodes-proxy"));
}

#[test]
fn a_request_that_no_plugin_is_for_is_left_to_others() {
    let world = World::with(vec![spec("apiserver_to_kubelet", json!({}))]);
    let decision = world.ask("alice", json!({"verb": "list", "resource": "pods", "namespace": "shop"}));
    assert_eq!((decision.verdict, decision.opinions.len(), decision.rule.as_str()), (Verdict::NoOpinion, 0, ""));
}

#[test]
fn a_malformed_request_is_refused_without_asking_anybody() {
    let world = World::new();
    let decision = world.ask("", json!({"verb": "list", "resource": "pods"}));
    let said = (decision.verdict, decision.rule.as_str(), decision.opinions.len());
    assert_eq!(said, (Verdict::Deny, "gate/malformed", 0));
}

#[test]
fn a_plugin_without_fuel_refuses_or_is_silent_as_its_config_says() {
    for (on_failure, verdict) in [(OnFailure::Deny, Verdict::Deny), (OnFailure::NoOpinion, Verdict::NoOpinion)] {
        // Enough to start an instance, and not to decide.
        let bounds = Bounds { fuel: 3_000, ..Bounds::DECISION };
        let world = World::with(vec![Spec { on_failure, bounds, ..spec("apiserver_to_kubelet", json!({})) }]);
        let decision = world.ask("alice", json!({"verb": "get", "resource": "nodes", "subresource": "metrics"}));
        let opinion = &decision.opinions[0];
        assert_eq!(
            (decision.verdict, opinion.rule.as_str(), opinion.failure),
            (verdict, "failure-fuel", Some(Failure::Fuel))
        );
    }
}

#[test]
fn a_plugin_that_may_only_grant_grants_nothing_when_it_fails() {
    let grant = Spec { role: Role::Grant, ..spec("apiserver_to_kubelet", json!({})) };
    let world = World::with(vec![grant]);
    // It denies, which its role does not let it: that is a failure of the plugin, not a refusal.
    let decision = world.ask("prom", json!({"verb": "get", "resource": "nodes", "subresource": "proxy", "name": "a"}));
    assert_eq!((decision.verdict, decision.opinions[0].failure), (Verdict::NoOpinion, Some(Failure::Role)));
}

#[test]
fn the_reason_tells_rule_and_decision() {
    let world = World::new();
    let ask = Ask {
        request: request("prom", json!({"verb": "get", "resource": "nodes", "subresource": "proxy", "name": "a"})),
        peer: "kube-apiserver".into(),
        deadline: None,
    };
    let reply = world.judge.decide(ask);
    let (begin, end) = reply.reason.split_once("(rule ").unwrap();
    assert!(begin.starts_with("pathgate: `prom` "), "{}", reply.reason);
    assert!(end.starts_with("apiserver_to_kubelet/nodes-proxy, decision "), "{}", reply.reason);
}

/// A judge with plugins and no journal.
struct World {
    plugins: Arc<Plugins>,
    judge: Judge,
}

impl World {
    /// With the built-in plugins and their defaults, loaded once for all tests.
    fn new() -> World {
        static BUILT_IN: OnceLock<Arc<Plugins>> = OnceLock::new();
        let load = || World::with(builtin().into_keys().map(|name| spec(name, json!({}))).collect()).plugins;
        let plugins = BUILT_IN.get_or_init(load).clone();
        World { judge: Judge::new(plugins.clone(), None, Inventory::default()), plugins }
    }

    fn with(specs: Vec<Spec>) -> World {
        let plugins = Arc::new(Plugins::for_tests());
        plugins.activate(plugins.prepare(specs).unwrap_or_else(|faults| panic!("{faults:?}")));
        World { judge: Judge::new(plugins.clone(), None, Inventory::default()), plugins }
    }

    fn set(&self) -> Arc<Set> {
        self.plugins.current()
    }

    fn ask(&self, user: &str, attributes: Value) -> Decision {
        self.decide(request(user, attributes))
    }

    fn decide(&self, request: Request) -> Decision {
        self.judge.consider(&self.set(), Door::Command, 0, request, None)
    }
}

fn request(user: &str, attributes: Value) -> Request {
    let spec = json!({"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes});
    crate::review::from_spec(&spec).unwrap()
}

fn spec(name: &str, config: Value) -> Spec {
    Spec {
        name: name.to_owned(),
        component: builtin()[name].into(),
        sha256: None,
        role: Role::Restrict,
        shadow: false,
        on_failure: OnFailure::Deny,
        bounds: Bounds::DECISION,
        config,
    }
}
