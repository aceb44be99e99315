use super::*;
use crate::{
    Door, Failure, Operator, Opinion, Path, Request, Requirement, Resource, Source, Target, Traversal, Verdict,
};

/// Both ways: what is written today reads as it was, and what an older version wrote reads for ever.
#[track_caller]
fn holds(row: &Row, golden: &str) {
    let written = serde_json::to_string(row).expect("wire words serialise");
    let read: Row = serde_json::from_str(golden).expect("the golden text parses");
    assert_eq!((written.as_str(), &read), (golden, row));
}

#[test]
fn a_decision_with_every_field_keeps_its_form() {
    let request = Request {
        user: "alice".into(),
        uid: "u-1".into(),
        groups: vec!["dev".into(), "system:authenticated".into()],
        extra: vec![("scopes".into(), vec!["a".into(), "b".into()])],
        target: Target::Resource(Box::new(Resource {
            namespace: "shop".into(),
            verb: "get".into(),
            group: "apps".into(),
            version: "v1".into(),
            resource: "nodes".into(),
            subresource: "proxy".into(),
            name: "worker-1".into(),
            field_selector: vec![Requirement {
                key: "spec.nodeName".into(),
                operator: Operator::In,
                values: vec!["worker-1".into()],
            }],
            label_selector: vec![Requirement { key: "app".into(), operator: Operator::Exists, values: vec![] }],
        })),
    };
    let opinion = Opinion {
        plugin: "apiserver_to_kubelet".into(),
        digest: "c0".into(),
        config: "cf".into(),
        shadow: true,
        verdict: Verdict::Deny,
        rule: "nodes-proxy".into(),
        reason: "no".into(),
        notes: vec!["n".into()],
        failure: Some(Failure::NotReady),
        fuel: 7,
        micros: 9,
    };
    let decision = Decision {
        id: "01J00000000000000000000000".into(),
        at: 1_700_000_000_123,
        door: Door::Webhook,
        peer: "kube-apiserver".into(),
        request,
        source: Source::User,
        traversal: Traversal::NodeProxy,
        path: Path::ApiserverToKubelet,
        facts: vec![("pathgate.io/path".into(), "apiserver_to_kubelet".into())],
        verdict: Verdict::Deny,
        rule: "apiserver_to_kubelet/nodes-proxy".into(),
        reason: "no".into(),
        opinions: vec![opinion],
        engine: "wasmtime 48.0.0".into(),
        micros: 42,
    };
    holds(
        &Row { row: 1, entry: Entry::Decision(Box::new(decision)) },
        concat!(
            r#"{"row":1,"entry":{"decision":{"id":"01J00000000000000000000000","at":1700000000123,"door":"webhook","#,
            r#""peer":"kube-apiserver","request":{"user":"alice","uid":"u-1","groups":["dev","system:authenticated"],"#,
            r#""extra":[["scopes",["a","b"]]],"target":{"resource":{"namespace":"shop","verb":"get","group":"apps","#,
            r#""version":"v1","resource":"nodes","subresource":"proxy","name":"worker-1","fieldSelector":[{"key":"#,
            r#""spec.nodeName","operator":"In","values":["worker-1"]}],"labelSelector":[{"key":"app","operator":"#,
            r#""Exists"}]}}},"source":"user","traversal":"node-proxy","path":"apiserver_to_kubelet","facts":[["#,
            r#""pathgate.io/path","apiserver_to_kubelet"]],"verdict":"deny","rule":"apiserver_to_kubelet/nodes-proxy","#,
            r#""reason":"no","opinions":[{"plugin":"apiserver_to_kubelet","digest":"c0","config":"cf","shadow":true,"#,
            r#""verdict":"deny","rule":"nodes-proxy","reason":"no","notes":["n"],"failure":"not-ready","fuel":7,"#,
            r#""micros":9}],"engine":"wasmtime 48.0.0","micros":42}}}"#,
        ),
    );
}

#[test]
fn a_decision_with_the_least_fields_keeps_its_form() {
    let decision = Decision {
        id: "x".into(),
        at: 1,
        door: Door::Command,
        peer: String::new(),
        request: Request::default(),
        source: Source::Malformed,
        traversal: Traversal::Plain,
        path: Path::UserToApiserver,
        facts: vec![],
        verdict: Verdict::NoOpinion,
        rule: String::new(),
        reason: String::new(),
        opinions: vec![],
        engine: "e".into(),
        micros: 0,
    };
    holds(
        &Row { row: 2, entry: Entry::Decision(Box::new(decision)) },
        concat!(
            r#"{"row":2,"entry":{"decision":{"id":"x","at":1,"door":"command","request":{"user":"","target":"#,
            r#"{"malformed":{"fault":"no attributes"}}},"source":"malformed","traversal":"plain","#,
            r#""path":"user_to_apiserver","verdict":"no-opinion","engine":"e","micros":0}}}"#,
        ),
    );
}

#[test]
fn a_gap_keeps_its_form() {
    holds(
        &Row { row: 3, entry: Entry::Gap(Gap { lost: 12, from: 1_000, to: 2_000 }) },
        r#"{"row":3,"entry":{"gap":{"lost":12,"from":1000,"to":2000}}}"#,
    );
}

#[test]
fn an_event_keeps_its_form() {
    let event = Event {
        at: 5,
        kind: "plugin-swapped".into(),
        message: "now 1.1.0".into(),
        attributes: vec![("plugin".into(), "tunnel".into())],
    };
    holds(
        &Row { row: 4, entry: Entry::Event(event) },
        r#"{"row":4,"entry":{"event":{"at":5,"kind":"plugin-swapped","message":"now 1.1.0","attributes":[["plugin","tunnel"]]}}}"#,
    );
}

#[test]
fn an_event_without_attributes_keeps_its_form() {
    let event = Event { at: 6, kind: "started".into(), message: "serving".into(), attributes: vec![] };
    holds(
        &Row { row: 5, entry: Entry::Event(event) },
        r#"{"row":5,"entry":{"event":{"at":6,"kind":"started","message":"serving"}}}"#,
    );
}
