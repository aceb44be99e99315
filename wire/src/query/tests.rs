use super::*;
use crate::{Door, Opinion, Request, Resource};

fn decision() -> Decision {
    let opinion = Opinion {
        plugin: "apiserver_to_kubelet".into(),
        digest: String::new(),
        config: String::new(),
        shadow: false,
        verdict: Verdict::Deny,
        rule: "nodes-proxy".into(),
        reason: String::new(),
        notes: vec![],
        failure: None,
        fuel: 1,
        micros: 1,
    };
    Decision {
        id: "01J0000000000000000000000A".into(),
        at: 1_000_000,
        door: Door::Webhook,
        peer: String::new(),
        request: Request {
            user: "system:serviceaccount:monitoring:Prometheus".into(),
            target: Target::Resource(Box::new(Resource {
                verb: "get".into(),
                resource: "nodes".into(),
                subresource: "proxy".into(),
                name: "https:gen-21:10250".into(),
                ..Resource::default()
            })),
            ..Request::default()
        },
        source: Source::UnboundServiceAccount,
        traversal: Traversal::NodeProxy,
        path: Path::ApiserverToKubelet,
        facts: vec![],
        verdict: Verdict::Deny,
        rule: "apiserver_to_kubelet/nodes-proxy".into(),
        reason: "it is not on the allow-list".into(),
        opinions: vec![opinion],
        engine: String::new(),
        micros: 1,
    }
}

#[track_caller]
fn matches(query: &str) -> bool {
    Query::parse(query).expect("a query").matches(&decision(), 1_060_000)
}

#[test]
fn each_term_holds_for_what_it_names_and_for_nothing_else() {
    let rows = [
        ("", true),
        ("path:apiserver_to_kubelet", true),
        ("path:tunnel", false),
        ("verdict:deny", true),
        ("verdict:allow", false),
        ("source:unbound-service-account", true),
        ("source:node", false),
        ("traversal:node-proxy", true),
        ("traversal:stream", false),
        ("lane:node-proxy", true),
        ("lane:kubelet", false),
        ("user:prom", true),
        ("user:alice", false),
        ("node:gen-21", true),
        ("node:gen-2", false),
        ("node:gen-*", true),
        ("rule:nodes-proxy", true),
        ("rule:apiserver_to_kubelet/nodes-proxy", true),
        ("rule:nodes", false),
        ("plugin:apiserver_to_*", true),
        ("plugin:tunnel", false),
        ("shadow:true", false),
        ("shadow:false", true),
        ("since:1m", true),
        ("since:59s", false),
        ("PROXY", true),
        ("allow-list", true),
        ("\"on the allow\"", true),
        ("01j0000000000000000000000a", true),
        ("system:serviceaccount:monitoring", true),
        ("nothing", false),
        ("-nothing", true),
        ("-verdict:deny", false),
        ("verdict:deny user:prom since:15m", true),
        ("verdict:deny user:alice", false),
        ("state:safe", false),
    ];
    let found: Vec<_> = rows.iter().map(|(query, _)| (*query, matches(query))).collect();
    assert_eq!(found, rows);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let rows = [
        ("path:kubelet", 0, "`kubelet` is none of"),
        ("verdict:deny usr:prom", 13, "`usr:` is none of path, verdict"),
        ("a since:soon", 2, "`since:soon` is no span of time"),
        ("user:", 0, "`user:` names nothing"),
        ("\"open", 0, "a quote is not closed"),
        ("shadow:yes", 0, "neither `shadow:true` nor `shadow:false`"),
        ("since:99999999999999999999d", 0, "no span of time"),
        ("since:9é", 0, "no span of time"),
    ];
    for (query, at, message) in rows {
        let fault = Query::parse(query).expect_err(query);
        assert_eq!((fault.at, fault.message.contains(message)), (at, true), "{query}: {fault}");
    }
}

#[test]
fn a_query_has_bounds() {
    assert!(Query::parse(&"a ".repeat(33)).is_err());
    assert!(Query::parse(&"a".repeat(1_001)).is_err());
}

#[test]
fn a_rule_in_shadow_would_refuse() {
    let mut decision = decision();
    decision.verdict = Verdict::NoOpinion;
    decision.rule.clear();
    let opinion = &mut decision.opinions[0];
    (opinion.verdict, opinion.rule) = (Verdict::NoOpinion, String::new());
    opinion.notes = vec!["would-deny no-plaintext: plaintext".into()];
    let query = Query::parse("shadow:true rule:no-plaintext").expect("a query");
    assert!(query.matches(&decision, 0));
}

#[test]
fn an_instance_is_found_by_what_it_has() {
    let instance = Instance {
        lane: LaneId::Kubelet,
        node: "gen-09".into(),
        pool: "general".into(),
        subject: "gen-09".into(),
        state: State::Unverified,
        rung: None,
        says: "it signed its own certificate".into(),
        since: 0,
        seen: 0,
        refused: 0,
        checks: vec![],
        steps: vec![],
    };
    let rows = [
        ("state:unverified", true),
        ("state:safe", false),
        ("-state:safe", true),
        ("pool:gen*", true),
        ("lane:kubelet node:gen-09", true),
        ("path:apiserver_to_kubelet", true),
        ("own certificate", true),
        ("verdict:deny", true),
        ("node:gen-1", false),
    ];
    let found: Vec<_> = rows.iter().map(|(q, _)| (*q, Query::parse(q).expect("a query").admits(&instance))).collect();
    assert_eq!(found, rows);
}
