use super::*;
use crate::paths::{Names, classify};
use std::error::Error as _;
use wire::Resource;

fn read(items: &str) -> Result<Inventory, String> {
    let list = format!(r#"{{"apiVersion": "v1", "items": {items}, "kind": "List", "metadata": {{}}}}"#);
    Inventory::from_list(list.as_bytes()).map_err(|error| error.source().map(ToString::to_string).unwrap_or_default())
}

fn facts(inventory: &Inventory, resource: &str, subresource: &str, name: &str) -> Vec<(String, String)> {
    let target = Resource {
        namespace: if resource == "nodes" { "".into() } else { "web".into() },
        verb: "get".into(),
        resource: resource.into(),
        subresource: subresource.into(),
        name: name.into(),
        ..Resource::default()
    };
    let request = Request { user: "alice".into(), target: Target::Resource(Box::new(target)), ..Request::default() };
    inventory.facts(&request, &classify(&request, &Names::default()))
}

const CLUSTER: &str = r#"[
    {"kind": "Node", "metadata": {"name": "n1", "uid": "u1", "creationTimestamp": "2026-01-01T00:00:00Z",
     "labels": {"node-role.kubernetes.io/worker": "", "topology.kubernetes.io/zone": "z", "pathgate.io/pool": "gpu"},
     "annotations": {"pathgate.io/read-only-port": "20255"}},
     "status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": 10251}}, "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]}},
    {"kind": "Node", "metadata": {"name": "n2", "creationTimestamp": null}},
    {"kind": "Pod", "metadata": {"name": "app-1", "namespace": "web", "uid": "p1"},
     "spec": {"nodeName": "n1", "serviceAccountName": "app", "containers": []}},
    {"kind": "Pod", "metadata": {"name": "pending", "namespace": "web"}, "spec": {}},
    {"kind": "ConfigMap", "metadata": {"name": "web"}, "data": "whatever"}
]"#;

#[test]
fn a_list_of_kubectl_is_indexed_by_name() {
    let inventory = read(CLUSTER).unwrap();
    let n1 = Node {
        uid: "u1".into(),
        created: 1_767_225_600,
        addresses: vec![("InternalIP".into(), "10.0.0.1".into())],
        ready: true,
        pool: "gpu".into(),
        kubelet_port: Some(10_251),
        read_only_port: Some(20_255),
    };
    let n2 = Node {
        uid: String::new(),
        created: 0,
        addresses: vec![],
        ready: false,
        pool: "nodes".into(),
        kubelet_port: None,
        read_only_port: None,
    };
    let pod = Pod { uid: "p1".into(), node: "n1".into(), service_account: "app".into() };
    assert_eq!([inventory.node("n1"), inventory.node("n2"), inventory.node("web")], [Some(&n1), Some(&n2), None]);
    assert_eq!([inventory.pod("web", "app-1"), inventory.pod("default", "app-1")], [Some(&pod), None]);
}

#[test]
fn plugins_learn_of_the_node_that_is_named_or_that_runs_the_pod() {
    let inventory = read(CLUSTER).unwrap();
    let node = |value: &str| vec![("pathgate.io/node".to_owned(), value.to_owned())];
    let pod = vec![("pathgate.io/pod-node".to_owned(), "n1".to_owned())];
    let asked = [
        ("nodes", "", "n1"),
        ("nodes", "metrics", "n9"),
        ("nodes", "proxy", "https:n1:10250"),
        ("nodes", "", ""),
        ("nodes", "proxy", "a:b:c:d"),
        ("pods", "exec", "app-1"),
        ("pods", "proxy", "http:app-1:8080"),
        ("pods", "exec", "pending"),
        ("pods", "exec", "gone"),
        ("services", "proxy", "web"),
    ];
    assert_eq!(facts(&Inventory::default(), "nodes", "", "n1"), []);
    assert_eq!(
        asked.map(|(resource, subresource, name)| facts(&inventory, resource, subresource, name)),
        [node("known"), node("unknown"), node("known"), vec![], vec![], pod.clone(), pod, vec![], vec![], vec![]]
    );
}

#[test]
fn what_is_no_list_is_refused_with_its_place() {
    let text = |json: &str| match Inventory::from_list(json.as_bytes()) {
        Ok(_) => String::new(),
        Err(error) => error.source().unwrap().to_string(),
    };
    assert_eq!(
        [
            text("{"),
            text("[]"),
            text(r#"{"kind": "Node", "items": []}"#),
            text(r#"{"kind": "List"}"#),
            text("{\"kind\": \"List\", \"items\": [\n{\"kind\": \"Node\", \"metadata\": {}}]}"),
            text(r#"{"kind": "List", "items": [{"kind": "Pod", "metadata": {"name": 7}}]}"#),
            text(r#"{"kind": "List", "items": []} x"#),
        ],
        [
            "EOF while parsing an object at line 1 column 1",
            "invalid type: sequence, expected a `List` at line 1 column 0",
            "`kind` must be `List`, not `Node` at line 1 column 29",
            "missing field `items` at line 1 column 16",
            "items[0]: `metadata.name` is missing at line 2 column 33",
            "items[0]: invalid type: integer `7`, expected a string at line 1 column 68",
            "trailing characters at line 1 column 31",
        ]
    );
}

#[test]
fn a_pool_is_the_most_telling_label() {
    let pool = |labels: &str| {
        let items = format!(r#"[{{"kind": "Node", "metadata": {{"name": "n", "labels": {labels}}}}}]"#);
        read(&items).unwrap().node("n").unwrap().pool.clone()
    };
    let table = [
        (r#"{"node.kubernetes.io/instance-type": "m5", "topology.kubernetes.io/zone": "z"}"#, "m5"),
        (r#"{"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/gpu": ""}"#, "gpu"),
        ("null", "nodes"),
    ];
    assert_eq!(table.map(|(labels, _)| pool(labels)), table.map(|(_, pool)| pool));
}

fn object(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_is_gone_is_known_no_more() {
    let mut inventory = read(CLUSTER).unwrap();
    inventory.remove("Node", "", "n1");
    inventory.remove("Pod", "web", "app-1");
    inventory.remove("Pod", "default", "pending");
    let known = |it: &Inventory| (it.node("n1").is_some(), it.node("n2").is_some(), it.pod("web", "app-1").is_some());
    assert_eq!(known(&inventory), (false, true, false));
    assert!(inventory.pod("web", "pending").is_some());
    // A list that was read anew names all that there is.
    inventory.apply(object(r#"{"kind": "Node", "metadata": {"name": "n3"}}"#)).unwrap();
    inventory.keep_only("Node", &Listed::from([(String::new(), HashSet::from(["n3".to_owned()]))]));
    assert_eq!((inventory.node("n2"), inventory.node("n3").is_some()), (None, true));
    assert!(inventory.pod("web", "pending").is_some());
}

#[test]
fn who_is_gone_holds_no_address() {
    let service = object(
        r#"{"kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"clusterIP": "10.96.0.7"}}"#,
    );
    let mut inventory = Inventory::default();
    inventory.apply(service.clone()).unwrap();
    let names = ["10.96.0.7".to_owned()];
    let holders = |it: &Inventory| it.0.claims.of_others("n1", &names).count();
    assert_eq!(holders(&inventory), 1);
    inventory.remove("Service", "shop", "web");
    assert_eq!(holders(&inventory), 0);
    inventory.apply(service).unwrap();
    inventory.keep_only("Service", &Listed::new());
    assert_eq!(holders(&inventory), 0);
}

/// Kubernetes deletes a request an hour after it was approved; whoever has the token could ask again.
#[test]
fn a_token_stays_spent_when_its_request_is_gone() {
    let of = |name: &str, created, state| csr::Request {
        name: name.into(),
        created: Some(created),
        user: "system:bootstrap:abcdef".into(),
        signer: "s".into(),
        state,
        ..csr::Request::default()
    };
    let spent = |it: &Inventory, request: &csr::Request| {
        it.question(request).facts.iter().any(|(key, _)| key == "pathgate.io/token-spent")
    };
    let (first, again) = (of("a", 1, csr::State::Approved), of("b", 9, csr::State::Pending));
    let same_name = of("a", 9, csr::State::Pending);
    let mut inventory = Inventory::default();
    assert!(!spent(&inventory, &again));
    inventory.remember(&first);
    assert!(spent(&inventory, &again));
    inventory.remove("CertificateSigningRequest", "", "a");
    assert_eq!([spent(&inventory, &again), spent(&inventory, &same_name)], [true, true]);
    // The new one under the old name is known now, and so is the old one.
    inventory.remember(&same_name);
    assert!(spent(&inventory, &same_name));
    // A list without it, as after a restart of the watch.
    inventory.keep_only("CertificateSigningRequest", &Listed::new());
    assert!(spent(&inventory, &again));
    // What was refused, or is pending, spent nothing.
    let mut inventory = Inventory::default();
    inventory.remember(&of("c", 1, csr::State::Refused));
    inventory.remember(&of("d", 1, csr::State::Pending));
    inventory.keep_only("CertificateSigningRequest", &Listed::new());
    assert!(!spent(&inventory, &again));
}

/// A node is asked for just before its certificate is decided, and the watch may be behind.
#[test]
fn old_news_of_a_node_is_no_news() {
    let of = |uid: &str, version: &str, ready: &str| {
        object(&format!(
            r#"{{"kind": "Node", "metadata": {{"name": "n", "uid": "{uid}", "resourceVersion": "{version}"}},
                 "status": {{"conditions": [{{"type": "Ready", "status": "{ready}"}}]}}}}"#
        ))
    };
    let mut inventory = Inventory::default();
    let mut after = |object| {
        inventory.apply(object).unwrap();
        inventory.node("n").map(|it| it.ready)
    };
    assert_eq!(after(of("u", "9", "True")), Some(true));
    assert_eq!(after(of("u", "8", "False")), Some(true));
    assert_eq!(after(of("u", "10", "False")), Some(false));
    inventory.list_begins("Node");
    let mut after = |object| {
        inventory.apply(object).unwrap();
        inventory.node("n").map(|it| it.ready)
    };
    assert_eq!(after(of("u", "8", "True")), Some(true));
    // A Node that was made anew has versions of its own.
    assert_eq!(after(of("v", "3", "True")), Some(true));
    assert_eq!(after(of("v", "", "False")), Some(true));
}

/// A list that was begun before an approval tells of it afterwards.
#[test]
fn an_approval_is_not_taken_back_by_older_news() {
    let of = |name: &str, state| csr::Request {
        name: name.into(),
        created: Some(1),
        user: "system:bootstrap:abcdef".into(),
        state,
        ..csr::Request::default()
    };
    let mut inventory = Inventory::default();
    inventory.remember(&of("z", csr::State::Approved));
    inventory.remember(&of("z", csr::State::Pending));
    let facts = inventory.question(&of("a", csr::State::Pending)).facts;
    assert!(facts.iter().any(|(key, _)| key == "pathgate.io/token-spent"), "{facts:?}");
}

/// A gate that starts an hour later never saw the request.
#[test]
fn another_gate_learns_which_tokens_are_spent() {
    let of = |name: &str, user: &str, state| csr::Request {
        name: name.into(),
        created: Some(7),
        user: user.into(),
        state,
        ..csr::Request::default()
    };
    let mut one = Inventory::default();
    one.remember(&of("a", "system:bootstrap:abcdef", csr::State::Approved));
    one.remember(&of("b", "system:bootstrap:fedcba", csr::State::Pending));
    one.remember(&of("c", "system:node:n", csr::State::Approved));
    one.keep_only("CertificateSigningRequest", &Listed::new());
    let told = serde_json::to_string(&one.spent()).unwrap();
    assert_eq!(told, r#"{"system:bootstrap:abcdef":{"by":"","at":7}}"#);
    let mut other = Inventory::default();
    other.learn_spent(serde_json::from_str(&told).unwrap());
    let spent = |user: &str| {
        let facts = other.question(&of("z", user, csr::State::Pending)).facts;
        facts.iter().any(|(key, _)| key == "pathgate.io/token-spent")
    };
    assert_eq!([spent("system:bootstrap:abcdef"), spent("system:bootstrap:fedcba")], [true, false]);
    assert_eq!(other.spent(), one.spent());
}
