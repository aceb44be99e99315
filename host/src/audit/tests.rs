use super::{Event, Left, Parsed, Unseen, Was, parse};
use serde_json::{Value, json};
use wire::{Operator, Request, Requirement, Resource, Target, Verdict};

/// A request by `alice` at its end, allowed by RBAC, with these fields in place.
fn event(fields: Value) -> Value {
    let mut event = json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "4f0a",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/web/pods/a",
        "verb": "get",
        "user": {"username": "alice", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.0.7"],
        "objectRef": {"resource": "pods", "namespace": "web", "name": "a", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-01-31T12:00:00.250000Z",
        "stageTimestamp": "2026-01-31T12:00:01.000000Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed"},
    });
    if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
        for (key, value) in fields {
            event.insert(key, value);
        }
    }
    event
}

fn read(fields: Value) -> Parsed {
    parse(event(fields).to_string().as_bytes()).unwrap()
}

fn rebuilt(fields: Value) -> Event {
    match read(fields) {
        Parsed::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

/// The request of an event for a resource, in a line, and its selectors.
fn asked(verb: &str, uri: &str, object: Value) -> String {
    let request = rebuilt(json!({"verb": verb, "requestURI": uri, "objectRef": object})).request;
    let Target::Resource(at) = &request.target else { return request.describe() };
    let selectors = at.field_selector.iter().chain(&at.label_selector);
    let selectors: Vec<_> =
        selectors.map(|it| format!(" {} {:?} {}", it.key, it.operator, it.values.join("|"))).collect();
    format!("{} {}{}", at.version, request.describe(), selectors.concat())
}

#[test]
fn a_request_is_rebuilt_field_by_field() {
    let user = json!({
        "username": "system:node:n1",
        "uid": "u",
        "groups": ["system:nodes", "system:authenticated"],
        "extra": {"b": null, "authentication.kubernetes.io/credential-id": ["X509SHA256=ab"]},
    });
    let resource = Resource {
        namespace: "web".into(),
        verb: "get".into(),
        version: "v1".into(),
        resource: "pods".into(),
        name: "a".into(),
        ..Resource::default()
    };
    let expected = Event {
        id: "4f0a".into(),
        at: Some(1_769_860_800_250),
        request: Request {
            user: "system:node:n1".into(),
            uid: "u".into(),
            groups: vec!["system:nodes".into(), "system:authenticated".into()],
            extra: vec![
                ("authentication.kubernetes.io/credential-id".into(), vec!["X509SHA256=ab".into()]),
                ("b".into(), Vec::new()),
            ],
            target: Target::Resource(Box::new(resource)),
        },
        was: Was { verdict: Verdict::NoOpinion, rule: String::new(), allowed: true },
        unseen: Vec::new(),
    };
    assert_eq!(rebuilt(json!({"user": user})), expected);
}

#[test]
fn every_kind_of_request_is_rebuilt() {
    let pod = |more: Value| {
        let mut at = json!({"resource": "pods", "namespace": "web", "name": "a", "apiVersion": "v1"});
        at.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        at
    };
    let none = Value::Null;
    let node = json!({"resource": "nodes", "name": "n1", "apiVersion": "v1", "subresource": "status"});
    let scale = json!({"resource": "deployments", "namespace": "web", "name": "d", "apiGroup": "apps", "apiVersion": "v1", "subresource": "scale"});
    let token = json!({"resource": "serviceaccounts", "namespace": "web", "name": "sa", "apiVersion": "v1", "subresource": "token"});
    let proxy = json!({"resource": "services", "namespace": "web", "name": "https:w:443", "apiVersion": "v1", "subresource": "proxy"});
    let metrics = json!({"resource": "nodes", "apiGroup": "metrics.k8s.io", "apiVersion": "v1beta1"});
    let space = json!({"resource": "namespaces", "namespace": "web", "name": "web", "apiVersion": "v1"});
    let many = json!({"resource": "pods", "namespace": "web", "apiVersion": "v1"});
    let rows = [
        ("patch", "/api/v1/nodes/n1/status?timeout=10s", node, "v1 patch nodes/status n1"),
        (
            "get",
            "/api/v1/namespaces/web/pods/a/exec?command=sh",
            pod(json!({"subresource": "exec"})),
            "v1 get pods/exec a -n web",
        ),
        (
            "get",
            "/api/v1/namespaces/web/pods/a/log?follow=true",
            pod(json!({"subresource": "log"})),
            "v1 get pods/log a -n web",
        ),
        (
            "update",
            "/apis/apps/v1/namespaces/web/deployments/d/scale",
            scale,
            "v1 update deployments/scale.apps d -n web",
        ),
        (
            "create",
            "/api/v1/namespaces/web/serviceaccounts/sa/token",
            token,
            "v1 create serviceaccounts/token sa -n web",
        ),
        (
            "create",
            "/api/v1/namespaces/web/services/https:w:443/proxy/x",
            proxy,
            "v1 create services/proxy https:w:443 -n web",
        ),
        ("list", "/apis/metrics.k8s.io/v1beta1/nodes", metrics, "v1beta1 list nodes.metrics.k8s.io"),
        ("deletecollection", "/api/v1/namespaces/web/pods", many, "v1 deletecollection pods -n web"),
        ("delete", "/api/v1/namespaces/web", space, "v1 delete namespaces web -n web"),
        ("get", "/api/v1/namespaces/web/pods/%61", pod(json!({})), "v1 get pods a -n web"),
        ("get", "/healthz?verbose", none.clone(), "get /healthz"),
        ("get", "/apis/apps/v1", none.clone(), "get /apis/apps/v1"),
        ("post", "/a%20b%2Fc/", none, "post /a b/c/"),
    ];
    for (verb, uri, object, expected) in rows {
        assert_eq!(asked(verb, uri, object), expected, "{verb} {uri}");
    }
}

#[test]
fn what_the_body_added_to_the_reference_was_not_asked_about() {
    let named = json!({"resource": "pods", "namespace": "web", "name": "a", "apiVersion": "v1"});
    let spaced = json!({"resource": "nodes", "namespace": "web", "name": "n", "apiVersion": "v1"});
    let asked = [
        asked("create", "/api/v1/namespaces/web/pods", named.clone()),
        asked("update", "/api/v1/nodes/n", spaced),
        // The name of a list is that of its selector.
        asked("list", "/api/v1/namespaces/web/pods", named),
    ];
    assert_eq!(asked, ["v1 create pods -n web", "v1 update nodes n", "v1 list pods a -n web"]);
}

#[test]
fn selectors_are_read_as_kube_apiserver_reads_them() {
    let pods = || json!({"resource": "pods", "apiVersion": "v1"});
    let rows = [
        ("fieldSelector=spec.nodeName%3Dn1", " spec.nodeName In n1"),
        ("fieldSelector=b!%3D2,a%3D%3D1,", " a In 1 b NotIn 2"),
        (r"fieldSelector=a%3D1%5C,2", " a In 1,2"),
        ("fieldSelector=a%3D1%3D2", ""),
        ("fieldSelector=a", ""),
        ("fieldSelector=a%3D1&fieldSelector=b%3D2", " a In 1"),
        ("fieldSelector=a%zz&labelSelector=x", " x Exists "),
        ("labelSelector=b+in+(2,1,2),a", " a Exists  b In 1|2"),
        ("labelSelector=!a,b+notin+(x),c%3D,d!%3De,f==g", " a DoesNotExist  b NotIn x c In  d NotIn e f In g"),
        ("labelSelector=in,notin+in+(in)", " in Exists  notin In in"),
        ("labelSelector=a>1,b<2,c", " c Exists "),
        ("labelSelector=a>b", ""),
        ("labelSelector=a+in+(,x)", " a In |x"),
        ("labelSelector=a+in+()", ""),
        ("labelSelector=a,", ""),
        ("labelSelector=a+b", ""),
        ("labelSelector=k8s.io/a%3Db", " k8s.io/a In b"),
        ("labelSelector=K8S.io/a%3Db", ""),
        ("labelSelector=a%3D-b", ""),
    ];
    for (query, expected) in rows {
        assert_eq!(
            asked("list", &format!("/api/v1/pods?{query}"), pods()),
            format!("v1 list pods{expected}"),
            "{query}"
        );
    }
    let unselected = [
        asked("get", "/api/v1/pods/a?labelSelector=x", json!({"resource": "pods", "name": "a", "apiVersion": "v1"})),
        asked("watch", "/api/v1/watch/pods?labelSelector=x", pods()),
    ];
    assert_eq!(unselected, ["v1 get pods a", "v1 watch pods"]);
}

#[test]
fn a_selector_is_in_the_words_of_a_review() {
    let fields =
        json!({"verb": "list", "requestURI": "/api/v1/pods?labelSelector=a", "objectRef": {"resource": "pods"}});
    let Target::Resource(at) = rebuilt(fields).request.target else { panic!("a resource") };
    let expected = Requirement { key: "a".into(), operator: Operator::Exists, values: Vec::new() };
    assert_eq!(at.label_selector, [expected]);
}

#[test]
fn an_impersonated_request_was_judged_as_the_other_user() {
    let event = rebuilt(json!({"impersonatedUser": {"username": "bob", "groups": ["dev"]}}));
    let got = (event.request.user.as_str(), event.request.groups.as_slice(), event.unseen.as_slice());
    assert_eq!(got, ("bob", &["dev".to_owned()][..], &[Unseen::Impersonation][..]));
}

#[test]
fn what_no_event_shows_is_named() {
    let of = |verb: &str, uri: &str, object: Value| {
        rebuilt(json!({"verb": verb, "requestURI": uri, "objectRef": object})).unseen
    };
    let exec = |verb| {
        let at = json!({"resource": "pods", "namespace": "web", "name": "a", "subresource": "exec"});
        of(verb, "/api/v1/namespaces/web/pods/a/exec", at)
    };
    let review = json!({"resource": "subjectaccessreviews", "apiGroup": "authorization.k8s.io"});
    let review = of("create", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review);
    assert_eq!((exec("get"), exec("create"), review), (vec![Unseen::Connect], vec![], vec![Unseen::Review]));
}

#[test]
fn only_our_words_make_an_answer_ours() {
    let was = |decision: &str, reason: &str| {
        let said = json!({"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": reason});
        let Was { verdict, rule, allowed } = rebuilt(json!({"annotations": said})).was;
        format!("{verdict} {rule} {allowed}")
    };
    let rows = [
        ("allow", "RBAC: allowed by ClusterRoleBinding", "no-opinion  true"),
        ("allow", "", "no-opinion  true"),
        ("forbid", "", "no-opinion  false"),
        ("forbid", "pathgate: no opinion (decision 01)", "no-opinion  false"),
        ("forbid", "pathgate: a (rule x, decision y) b (rule p/r, decision 01)", "deny p/r false"),
        ("allow", "pathgate: yes (rule p/r, decision 01)", "allow p/r true"),
        ("forbid", "other: no (rule p/r, decision 01)", "no-opinion  false"),
    ];
    for (decision, reason, expected) in rows {
        assert_eq!(was(decision, reason), expected, "{decision} {reason}");
    }
}

#[test]
fn what_cannot_be_rebuilt_is_left_with_its_reason() {
    let decision = |it: &str| json!({"annotations": {"authorization.k8s.io/decision": it}});
    let rows = [
        (json!({"stage": "RequestReceived"}), Left::EarlierStage),
        (json!({"stage": "ResponseStarted"}), Left::EarlierStage),
        (json!({"stage": null}), Left::EarlierStage),
        (json!({"level": "None"}), Left::Level),
        (json!({"user": {"username": "root", "groups": ["system:masters"]}}), Left::Masters),
        (json!({"impersonatedUser": {"username": "root", "groups": ["system:masters"]}}), Left::Masters),
        (json!({"user": null}), Left::NoUser),
        (json!({"user": {}}), Left::NoUser),
        (json!({"annotations": null}), Left::Undecided),
        (json!({"annotations": {"authorization.k8s.io/reason": "internal error"}}), Left::Undecided),
        (decision("maybe"), Left::Undecided),
        (json!({"objectRef": null}), Left::NoTarget),
        (json!({"requestURI": null}), Left::NoPath),
        (json!({"requestURI": "http://a/b"}), Left::NoPath),
        (json!({"requestURI": "/a%2"}), Left::NoPath),
        (json!({"verb": ""}), Left::NoPath),
    ];
    for (fields, why) in rows {
        assert_eq!(read(fields.clone()), Parsed::Left(why), "{fields}");
    }
}

#[test]
fn what_is_malformed_for_the_gate_is_malformed_here() {
    let groups: Vec<_> = (0..1_025).map(|it| it.to_string()).collect();
    let extra: serde_json::Map<_, _> = (0..129).map(|it| (it.to_string(), json!([]))).collect();
    let fault = |fields: Value| match rebuilt(fields).request.target {
        Target::Malformed { fault } => fault,
        other => panic!("{other:?}"),
    };
    let faults = [
        fault(json!({"user": {"username": "a", "groups": groups}})),
        fault(json!({"user": {"username": "a", "extra": extra}})),
        fault(json!({"requestURI": "/a%00b", "objectRef": null})),
    ];
    assert_eq!(faults, ["more than 1024 groups", "more than 128 extra keys", "a NUL in a value"]);
}

#[test]
fn hostile_lines_are_refused_and_not_obeyed() {
    let deep = format!("{{\"kind\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let ignored = format!("{{\"requestObject\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let rows: [(&[u8], bool); 11] = [
        (b"", false),
        (b"null", false),
        (b"{", false),
        (b"{}", true),
        (b"[1]", false),
        (b"\0", false),
        (b"{\"kind\":\"\xff\"}", false),
        (b"{\"kind\":7}", false),
        (br#"{"kind":"Event","kind":"Event"}"#, false),
        (br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1beta1"}"#, true),
        (deep.as_bytes(), false),
    ];
    for (line, is_json) in rows {
        let parsed = parse(line);
        let is_foreign = matches!(parsed, Ok(Parsed::Foreign));
        assert_eq!(
            (parsed.is_ok(), is_foreign),
            (is_json, is_json),
            "{}",
            String::from_utf8_lossy(&line[..line.len().min(60)])
        );
    }
    assert_eq!(parse(ignored.as_bytes()).unwrap(), Parsed::Foreign);
}
