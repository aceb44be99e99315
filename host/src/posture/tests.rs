use super::*;
use crate::paths::classify;
use wire::{Decision, Door, Query, Request, Resource, State, Target, Verdict};

mod properties;

/// A decision on what a caller asks: `verb resource[/subresource] [namespace/]name`.
fn decision(at: u64, user: &str, groups: &[&str], extra: &[(&str, &str)], what: &str) -> Decision {
    let words: Vec<&str> = what.split(' ').collect();
    let (resource, subresource) = words[1].split_once('/').unwrap_or((words[1], ""));
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    let named = words.get(2).copied().unwrap_or_default();
    let (namespace, name) = named.split_once('/').unwrap_or(("", named));
    let target = Resource {
        verb: words[0].into(),
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..Resource::default()
    };
    let request = Request {
        user: user.into(),
        groups: groups.iter().map(|it| (*it).into()).collect(),
        extra: extra.iter().map(|(key, value)| ((*key).into(), vec![(*value).into()])).collect(),
        target: Target::Resource(Box::new(target)),
        ..Request::default()
    };
    let class = classify(&request, &Names::default());
    Decision {
        id: format!("d{at}"),
        at,
        door: Door::Webhook,
        peer: "kube-apiserver".into(),
        request,
        source: class.source,
        traversal: class.traversal,
        path: class.path,
        facts: vec![],
        verdict: Verdict::NoOpinion,
        rule: String::new(),
        reason: String::new(),
        opinions: vec![],
        engine: String::new(),
        micros: 1,
    }
}

const CERTIFICATE: (&str, &str) = ("authentication.kubernetes.io/credential-id", "X509SHA256=aa");
const APISERVER: &str = "kube-apiserver-kubelet-client";

fn kubelet(at: u64, node: &str, what: &str) -> Decision {
    decision(at, &format!("system:node:{node}"), &["system:nodes", "system:authenticated"], &[CERTIFICATE], what)
}

fn user(at: u64, what: &str) -> Decision {
    decision(at, "alice", &["system:authenticated"], &[], what)
}

fn refused(decision: Decision) -> Decision {
    Decision { verdict: Verdict::Deny, ..decision }
}

fn after(decisions: &[Decision]) -> Posture {
    let mut posture = Posture::default();
    for decision in decisions {
        posture.apply_decision(decision);
    }
    posture
}

/// The checks of one path by outcome: `id outcome strength`.
fn checks(posture: &Posture, lane: LaneId, subject: &str, now: u64) -> Vec<String> {
    let instance = posture.instance(lane, subject, now).unwrap();
    let strength = |it: &wire::Check| it.strength.map_or("-", |it| it.as_str());
    instance.checks.iter().map(|it| format!("{} {} {}", it.id, it.outcome, strength(it))).collect()
}

fn state(posture: &Posture, lane: LaneId, subject: &str, now: u64) -> State {
    posture.instance(lane, subject, now).unwrap().state
}

const NOW: u64 = 1_000_000_000;
const LEASE: &str = "update leases.coordination.k8s.io kube-node-lease/n1";
const REVIEW: &str = "create subjectaccessreviews.authorization.k8s.io";

#[test]
fn a_kubelets_lease_shows_tls_its_certificate_and_that_it_was_authorized_and_nothing_of_what_it_checked() {
    let posture = after(&[kubelet(NOW, "n1", LEASE)]);
    let expected = [
        "tls passes observed",
        "server-checked unknown -",
        "client-known passes observed",
        "authorizes passes observed",
    ];
    assert_eq!(checks(&posture, LaneId::Nodes, "n1", NOW), expected);
    assert_eq!(state(&posture, LaneId::Nodes, "n1", NOW), State::Unknown);
}

#[test]
fn a_kubeconfig_with_a_ca_makes_a_kubelet_asserted_and_no_more() {
    let mut posture = after(&[kubelet(NOW, "n1", LEASE)]);
    posture.apply_files(claims(About::Caller("system:node:n1".into()), Says::Server(Server::Checked)));
    assert_eq!(state(&posture, LaneId::Nodes, "n1", NOW), State::Asserted);
    posture.apply_files(claims(About::Caller("system:node:n1".into()), Says::Server(Server::NotChecked)));
    assert_eq!(state(&posture, LaneId::Nodes, "n1", NOW), State::Unverified);
    posture.apply_files(FileClaims::default());
    assert_eq!(state(&posture, LaneId::Nodes, "n1", NOW), State::Unknown);
}

#[test]
fn a_kubelet_that_asks_before_it_serves_is_seen_to_and_names_its_caller() {
    let ask = kubelet(NOW, "n1", REVIEW);
    let about = decision(NOW + 3, APISERVER, &["system:authenticated"], &[CERTIFICATE], "get nodes/proxy n1");
    let posture = after(&[ask, about]);
    let expected = [
        "tls passes observed",
        "certificate unknown -",
        "server-checked unknown -",
        "client-known passes observed",
        "authorizes passes observed",
        "per-request-switch unknown -",
    ];
    assert_eq!(checks(&posture, LaneId::Kubelet, "n1", NOW + 4), expected);
    let direct = [
        "tls passes observed",
        "certificate unknown -",
        "client-known unknown -",
        "authorizes passes observed",
        "read-only-port unknown -",
    ];
    assert_eq!(checks(&posture, LaneId::Direct, "n1", NOW + 4), direct);
}

#[test]
fn a_review_by_somebody_else_at_the_same_time_makes_it_a_guess() {
    let ask = kubelet(NOW, "n1", REVIEW);
    let other = decision(
        NOW + 1,
        "system:serviceaccount:a:b",
        &["system:serviceaccounts", "system:serviceaccounts:a"],
        &[],
        REVIEW,
    );
    let about = decision(NOW + 3, APISERVER, &["system:authenticated"], &[CERTIFICATE], "get nodes/proxy n1");
    let posture = after(&[ask, other, about]);
    assert!(checks(&posture, LaneId::Kubelet, "n1", NOW + 4).contains(&"client-known passes inferred".to_owned()));
}

#[test]
fn an_anonymous_caller_whom_a_kubelet_lets_ask_is_no_safe_path() {
    let ask = kubelet(NOW, "n1", REVIEW);
    let about = decision(NOW + 3, "system:anonymous", &["system:unauthenticated"], &[], "get nodes/proxy n1");
    let posture = after(&[ask, about]);
    assert_eq!(state(&posture, LaneId::Direct, "n1", NOW + 4), State::Unverified);
}

#[test]
fn whoever_asks_for_a_node_by_name_creates_none_and_proves_nothing() {
    let posture = after(&[
        user(NOW, "get nodes/proxy ghost"),
        user(NOW, "get nodes/metrics ghost"),
        decision(NOW, "system:anonymous", &["system:unauthenticated"], &[], "get nodes/metrics ghost"),
        user(NOW, "get pods/log web/ghost"),
    ]);
    assert!(posture.pools().is_empty());
    assert_eq!(posture.instance(LaneId::Kubelet, "ghost", NOW), None);
}

#[test]
fn a_proxied_endpoint_is_plaintext_by_its_name_and_unverified_with_https() {
    let posture =
        after(&[user(NOW, "get services/proxy shop/web:80"), user(NOW, "get services/proxy shop/https:web:443")]);
    assert_eq!(state(&posture, LaneId::ServiceProxy, "shop/web:80", NOW), State::Exposed);
    assert_eq!(state(&posture, LaneId::ServiceProxy, "https:shop/web:443", NOW), State::Unverified);
}

#[test]
fn what_the_gate_refused_was_not_dialled() {
    let mut posture = after(&[refused(user(NOW, "get services/proxy shop/web:80"))]);
    assert_eq!(posture.instance(LaneId::ServiceProxy, "shop/web:80", NOW), None);
    posture.apply_decision(&user(NOW + 1, "get services/proxy shop/web:80"));
    posture.apply_decision(&refused(user(NOW + 2, "get services/proxy shop/web:80")));
    let instance = posture.instance(LaneId::ServiceProxy, "shop/web:80", NOW + 2).unwrap();
    assert_eq!((instance.state, instance.refused, instance.seen), (State::Exposed, 1, NOW + 2));
}

#[test]
fn a_pod_counts_at_its_node_and_an_unbound_account_for_itself() {
    let groups = ["system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"];
    let bound = [
        ("authentication.kubernetes.io/pod-name", "p"),
        ("authentication.kubernetes.io/pod-uid", "u"),
        ("authentication.kubernetes.io/node-name", "n7"),
    ];
    let posture = after(&[
        decision(NOW, "system:serviceaccount:a:b", &groups, &bound, "get nodes n3"),
        decision(NOW, "system:serviceaccount:a:c", &groups, &[], "list pods"),
    ]);
    let lane = posture.lane(LaneId::Pods, NOW);
    assert_eq!((lane.subjects, lane.counts.total(), lane.caption.as_str()), (1, 2, "2 service accounts"));
    assert!(checks(&posture, LaneId::Pods, "n7", NOW).contains(&"client-known passes observed".to_owned()));
    assert_eq!(posture.instance(LaneId::Pods, "n3", NOW), None);
}

#[test]
fn evidence_runs_out_and_what_was_known_last_is_said() {
    let mut posture = after(&[kubelet(NOW, "n1", LEASE)]);
    let later = NOW + 5 * 60_000;
    assert_eq!(checks(&posture, LaneId::Nodes, "n1", later)[0], "tls unknown -");
    let instance = posture.instance(LaneId::Nodes, "n1", later).unwrap();
    assert!(instance.checks[0].found.starts_with("last known: "), "{}", instance.checks[0].found);
    posture.settle(later);
    assert_eq!(posture.named(later).0[0].node, "n1");
    assert_eq!(posture.verdict(posture.counts(later), later).state, State::Unknown);
    assert!(posture.verdict(posture.counts(later), later).says.starts_with("We can’t tell: no review"));
}

#[test]
fn pools_and_ticks_stand_in_the_order_of_names() {
    let mut posture = Posture::default();
    let entry = |name: &str, pool: &str| NodeEntry { name: name.into(), pool: pool.into() };
    posture.set_nodes([entry("b", "x"), entry("a", "x"), entry("c", "w")], NOW);
    posture.apply_decision(&kubelet(NOW, "z", "update leases.coordination.k8s.io kube-node-lease/z"));
    posture.apply_probe(report("a", "10.0.0.1:10250", Found::Plaintext));
    let pools: Vec<_> = posture.pools().iter().map(|it| (it.name.clone(), it.nodes)).collect();
    assert_eq!(pools, [("not in the inventory".into(), 1), ("w".into(), 1), ("x".into(), 2)]);
    let strips: Vec<_> =
        posture.lane(LaneId::Direct, NOW).strips.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
    assert_eq!(strips, [r#""u""#, r#""u""#, r#""eu""#]);
}

#[test]
fn a_change_says_from_what_to_what_and_many_at_once_are_one() {
    let mut posture = Posture::default();
    let nodes = (0..5).map(|at| NodeEntry { name: format!("n{at}"), pool: "x".into() });
    posture.set_nodes(nodes, NOW);
    posture.apply_probe(report("n0", "a", Found::Plaintext));
    let texts: Vec<_> = posture.changes(NOW).into_iter().map(|it| it.text).collect();
    assert_eq!(
        texts,
        ["n0, anyone → kubelet, directly: exposed, was unknown", "n0, apiserver → kubelet: exposed, was unknown"]
    );
    for at in 1..5 {
        posture.apply_probe(report(&format!("n{at}"), "a", Found::Plaintext));
    }
    let texts: Vec<_> = posture.changes(NOW).into_iter().map(|it| it.text).collect();
    assert_eq!(texts[0], "5 path instances, anyone → kubelet, directly: exposed, was unknown");
}

#[test]
fn a_rotation_is_seen_across_silence_and_stays_with_the_certificate() {
    let mut posture = Posture::default();
    posture.set_nodes([NodeEntry { name: "n".into(), pool: "x".into() }], NOW);
    let mut shows = |sha256: &str, at: u64| {
        let found = Found::Tls(Box::new(TlsFound {
            version: "TLS 1.3".into(),
            shown: None,
            note: String::new(),
            certificate: Some(wire::Certificate { sha256: sha256.into(), not_after: at + 10, ..certificate() }),
            asks_for_certificate: true,
            stranger: None,
        }));
        posture.apply_probe(ProbeReport { at, ..report("n", "a", found) });
        let rotated = posture.certificates().remove(0).before.map(|it| (it.sha256, it.not_after));
        posture.apply_probe(report("n", "a", Found::Silent("no answer".into())));
        assert_eq!(posture.certificates(), []);
        rotated
    };
    let first = Some(("one".to_owned(), NOW + 10));
    assert_eq!([shows("one", NOW), shows("two", NOW + 2), shows("two", NOW + 3)], [None, first.clone(), first]);
    assert_eq!(shows("three", NOW + 4), Some(("two".to_owned(), NOW + 13)));
}

fn certificate() -> wire::Certificate {
    wire::Certificate {
        sha256: String::new(),
        subject: "CN=system:node:n".into(),
        issuer: "CN=kubernetes".into(),
        not_before: 0,
        not_after: 0,
        names: vec![],
        purpose: "serves kubelets".into(),
        from: "a".into(),
        node: "n".into(),
        verified: None,
        before: None,
    }
}

#[test]
fn callers_beyond_the_bound_are_counted_as_unknown() {
    let mut posture = Posture::default();
    for at in 0..2_100 {
        posture.apply_decision(&decision(NOW, &format!("u{at}"), &["system:authenticated"], &[], "list pods"));
    }
    let lane = posture.lane(LaneId::People, NOW);
    assert_eq!((lane.subjects, lane.counts.total(), lane.counts.unknown), (2_100, 2_100, 2_100));
    let (some, total) = posture.instances(LaneId::People, &Query::parse("u20").unwrap(), NOW, 5);
    assert_eq!((some.len(), total), (5, 11));
}

fn claims(about: About, says: Says) -> FileClaims {
    let claim = Claim { about, says, from: "f".into(), note: "".into() };
    FileClaims { at: NOW, files: 1, claims: vec![claim], faults: vec![] }
}

fn report(node: &str, address: &str, found: Found) -> ProbeReport {
    ProbeReport {
        path: wire::Path::ApiserverToKubelet,
        node: node.into(),
        address: address.into(),
        at: NOW,
        found,
        read_only: None,
    }
}
