use super::*;
use crate::{
    CsrNode, CsrOpinion, CsrQuestion, CsrVerdict, Door, Failure, Finding, Operator, Opinion, Path, Request,
    Requirement, Resource, Severity, Source, Target, Traversal, Verdict,
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

#[test]
fn a_decision_about_a_certificate_request_keeps_its_form() {
    let question = CsrQuestion {
        name: "csr-1".into(),
        uid: "u".into(),
        created: Some(7),
        signer: "kubernetes.io/kubelet-serving".into(),
        user: "system:node:a".into(),
        user_uid: "v".into(),
        groups: vec!["system:nodes".into()],
        extra: vec![("k".into(), vec!["v".into()])],
        usages: vec!["server auth".into()],
        expiration: Some(600),
        request: "MAA=".into(),
        common_name: "system:node:a".into(),
        names: vec!["a".into()],
        context: vec![("pathgate.io/inventory".into(), "known".into())],
        facts: vec![("pathgate.io/created".into(), "7".into())],
        node: Some(CsrNode {
            name: "a".into(),
            uid: "w".into(),
            created: 6,
            ready: true,
            addresses: vec![("InternalIP".into(), "10.0.0.1".into())],
        }),
    };
    let opinion = CsrOpinion {
        plugin: "tls_bootstrap".into(),
        digest: "c0".into(),
        config: "cf".into(),
        shadow: true,
        verdict: CsrVerdict::Leave,
        rule: "csr-node".into(),
        reason: "no".into(),
        failure: Some(Failure::Fuel),
        fuel: 7,
        micros: 9,
    };
    let decision = CsrDecision {
        id: "01J00000000000000000000000".into(),
        at: 1_700_000_000_123,
        question,
        verdict: CsrVerdict::Deny,
        rule: "tls_bootstrap/csr-foreign-name".into(),
        reason: "no".into(),
        findings: vec![Finding { code: "c".into(), severity: Severity::High, at: None, detail: "d".into() }],
        opinions: vec![opinion],
        engine: "wasmtime 48".into(),
        micros: 11,
    };
    holds(
        &Row { row: 6, entry: Entry::Csr(Box::new(decision)) },
        concat!(
            r#"{"row":6,"entry":{"csr":{"id":"01J00000000000000000000000","at":1700000000123,"question":{"name":"csr-1","#,
            r#""uid":"u","created":7,"signer":"kubernetes.io/kubelet-serving","user":"system:node:a","userUid":"v","#,
            r#""groups":["system:nodes"],"extra":[["k",["v"]]],"usages":["server auth"],"expiration":600,"request":"MAA=","#,
            r#""commonName":"system:node:a","names":["a"],"context":[["pathgate.io/inventory","known"]],"#,
            r#""facts":[["pathgate.io/created","7"]],"node":{"name":"a","uid":"w","created":6,"ready":true,"#,
            r#""addresses":[["InternalIP","10.0.0.1"]]}},"verdict":"deny","rule":"tls_bootstrap/csr-foreign-name","#,
            r#""reason":"no","findings":[{"code":"c","severity":"high","at":null,"detail":"d"}],"opinions":[{"#,
            r#""plugin":"tls_bootstrap","digest":"c0","config":"cf","shadow":true,"verdict":"leave","rule":"csr-node","#,
            r#""reason":"no","failure":"fuel","fuel":7,"micros":9}],"engine":"wasmtime 48","micros":11}}}"#,
        ),
    );
}
