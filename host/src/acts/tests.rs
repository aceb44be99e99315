use super::*;
use wire::{Door, Opinion, Path, Request, Resource, Source, Target, Traversal};

/// A decision on `nodes/proxy` by this user at this time.
fn decision(user: &str, at: u64, verdict: Verdict) -> Decision {
    let rule = if verdict == Verdict::Deny { "nodes-proxy" } else { "" };
    let opinion = Opinion {
        plugin: "apiserver_to_kubelet".into(),
        digest: String::new(),
        config: String::new(),
        shadow: false,
        verdict,
        rule: rule.into(),
        reason: String::new(),
        notes: vec![],
        failure: None,
        fuel: 6_000,
        micros: 10,
    };
    let resource =
        Resource { verb: "get".into(), resource: "nodes".into(), name: "gen-1".into(), ..Resource::default() };
    Decision {
        id: String::new(),
        at,
        door: Door::Webhook,
        peer: String::new(),
        request: Request { user: user.into(), target: Target::Resource(Box::new(resource)), ..Request::default() },
        source: Source::User,
        traversal: Traversal::NodeProxy,
        path: Path::ApiserverToKubelet,
        facts: vec![],
        verdict,
        rule: if rule.is_empty() { String::new() } else { format!("apiserver_to_kubelet/{rule}") },
        reason: String::new(),
        opinions: vec![opinion],
        engine: String::new(),
        micros: 12,
    }
}

fn acts(decisions: impl IntoIterator<Item = Decision>) -> Acts {
    let mut acts = Acts::default();
    decisions.into_iter().for_each(|decision| acts.apply(&decision));
    acts
}

const NOW: u64 = 1_000 * 60_000;

#[test]
fn a_refusal_counts_for_the_gate_its_lane_its_plugin_and_its_rule() {
    let acts = acts([decision("prom", NOW, Verdict::Deny), decision("eve", NOW, Verdict::NoOpinion)]);
    let (lane, _) = acts.lane(LaneId::NodeProxy, NOW);
    let plugin = acts.plugin("apiserver_to_kubelet", NOW);
    assert_eq!((acts.total(NOW).decisions, acts.total(NOW).refused), (2, 1));
    assert_eq!((lane.decisions, lane.refused), (2, 1));
    assert_eq!((plugin.asked, plugin.refused, plugin.fuel_max), (2, 1, 6_000));
    assert_eq!(acts.rule("apiserver_to_kubelet", "nodes-proxy", NOW), (1, 0));
}

#[test]
fn a_lane_is_shut_by_a_rule_only_while_nothing_passes() {
    let refused = || decision("prom", NOW, Verdict::Deny);
    assert_eq!(acts([refused(), refused()]).lane(LaneId::NodeProxy, NOW).1, "apiserver_to_kubelet/nodes-proxy");
    let passed = decision("prom", NOW, Verdict::NoOpinion);
    assert_eq!(acts([refused(), passed, refused()]).lane(LaneId::NodeProxy, NOW).1, "");
}

#[test]
fn a_lane_is_not_shut_by_one_rule_while_another_refuses_too() {
    let by = |rule: &str, at| Decision { rule: rule.into(), ..decision("prom", at, Verdict::Deny) };
    let later = NOW + 20 * 60_000;
    let shut = |decisions: [Decision; 2], now| acts(decisions).lane(LaneId::NodeProxy, now).1;
    assert_eq!(shut([by("a/one", NOW), by("a/two", NOW)], NOW), "");
    assert_eq!(shut([by("a/one", NOW), by("a/one", NOW)], NOW), "a/one");
    // The change of rules is in the window, though what was before is not.
    assert_eq!(shut([by("a/one", NOW), by("a/two", later)], later), "");
}

#[test]
fn what_passed_long_ago_does_not_hold_a_lane_open() {
    let passed = decision("prom", NOW, Verdict::NoOpinion);
    let later = NOW + 20 * 60_000;
    let acts = acts([passed, decision("prom", later, Verdict::Deny), decision("prom", later, Verdict::Deny)]);
    assert_eq!(acts.lane(LaneId::NodeProxy, later).1, "apiserver_to_kubelet/nodes-proxy");
}

#[test]
fn like_refusals_are_one_line() {
    let user = "system:serviceaccount:monitoring:prometheus";
    let acts = acts((0..12).map(|second| decision(user, NOW + second * 1_000, Verdict::Deny)));
    let told: Vec<_> = acts.changes(NOW + 20_000).into_iter().map(|change| (change.at, change.text)).collect();
    assert_eq!(told, [(NOW, "monitoring/prometheus began to ask: get nodes gen-1, 12 refused".to_owned())]);
    assert_eq!(acts.changes(NOW + 16 * 60_000), []);
}

#[test]
fn the_query_of_a_change_finds_its_decisions() {
    let refused = decision("system:serviceaccount:monitoring:prometheus", NOW, Verdict::Deny);
    let query = acts([refused.clone()]).changes(NOW).remove(0).query;
    assert!(wire::Query::parse(&query).expect("a query").matches(&refused, NOW), "{query}");
}

#[test]
fn shadow_is_counted_apart() {
    let mut shadowed = decision("prom", NOW, Verdict::NoOpinion);
    let opinion = &mut shadowed.opinions[0];
    (opinion.shadow, opinion.verdict, opinion.rule) = (true, Verdict::Deny, "nodes-proxy".into());
    let acts = acts([shadowed]);
    assert_eq!((acts.total(NOW).refused, acts.total(NOW).would_refuse), (0, 1));
    assert_eq!(acts.rule("apiserver_to_kubelet", "nodes-proxy", NOW), (0, 1));
}

#[test]
fn callers_without_number_do_not_fill_the_memory() {
    let acts = acts((0..10_000).map(|n| decision(&format!("user-{n}"), NOW, Verdict::Deny)));
    assert_eq!(acts.changes(NOW).len(), 20);
}
