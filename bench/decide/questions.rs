//! What is asked: for each of the five rules a request that it refuses, and twins that pass. Three of them are timed.

use wire::{Request, Resource, Target};

/// A request that differs by the number of the node in it, and the answer that it must get.
pub struct Question {
    pub name: &'static str,
    /// The plugin that has the rule.
    pub plugin: &'static str,
    /// The rule that refuses; empty where all five are silent.
    pub rule: &'static str,
    /// Makes the request about the node of this number, of so many.
    pub request: fn(node: u32, nodes: u32) -> Request,
}

fn get() -> Resource {
    Resource { verb: "get".into(), version: "v1".into(), resource: "nodes".into(), ..Resource::default() }
}

fn worker(number: u32) -> String {
    format!("worker-{number}")
}

fn by_node(number: u32, at: Resource) -> Request {
    let key = "authentication.kubernetes.io/credential-id".to_owned();
    Request {
        user: format!("system:node:{}", worker(number)),
        uid: String::new(),
        groups: ["system:nodes", "system:authenticated"].map(String::from).into(),
        extra: vec![(key, vec!["X509SHA256=7f3a9c5f1b0e4d2a8c6f".into()])],
        target: Target::Resource(at.into()),
    }
}

fn by_service_account(at: Resource) -> Request {
    let groups = ["system:serviceaccounts", "system:serviceaccounts:monitoring", "system:authenticated"];
    let extra =
        [("pod-name", "prometheus-0"), ("pod-uid", "0b7c9a54-7f0d-4a35-9f5e-2d6c1f3f8a11"), ("node-name", "worker-1")];
    Request {
        user: "system:serviceaccount:monitoring:prometheus".into(),
        uid: "5f9c3f0e-93a1-4a77-bb60-0c2f6a1d7e42".into(),
        groups: groups.map(String::from).into(),
        extra: extra.map(|(key, value)| (format!("authentication.kubernetes.io/{key}"), vec![value.into()])).into(),
        target: Target::Resource(at.into()),
    }
}

fn secret(verb: &str) -> Resource {
    let [namespace, resource, name] = ["shop", "secrets", "till"].map(String::from);
    Resource { verb: verb.into(), namespace, resource, name, ..get() }
}

/// The timed ones: silence, a refusal by a node's own rule, a refusal by an allow-list.
pub const TIMED: [Question; 3] = [
    Question {
        name: "a node reads itself",
        plugin: NODE,
        rule: "",
        request: |node, _| by_node(node, Resource { name: worker(node), ..get() }),
    },
    Question {
        name: "a node gets another node",
        plugin: NODE,
        rule: "node-reads-itself",
        request: |node, nodes| {
            let other = node.saturating_add(1).checked_rem(nodes).unwrap_or(0);
            by_node(node, Resource { name: worker(other), ..get() })
        },
    },
    Question {
        name: "a service account gets nodes/proxy",
        plugin: KUBELET,
        rule: "nodes-proxy",
        request: |node, _| by_service_account(Resource { subresource: "proxy".into(), name: worker(node), ..get() }),
    },
];

/// Both plugins refuse it, so the judge asks both; node_to_apiserver is the first of the set.
pub const BOTH: Question = Question {
    name: "a node gets nodes/proxy, so both plugins are asked",
    plugin: NODE,
    rule: "node-opens-nothing",
    request: |node, _| by_node(node, Resource { subresource: "proxy".into(), name: worker(node), ..get() }),
};

/// The rest of what both sides must agree on.
pub const AGREED: [Question; 8] = [
    Question {
        name: "the kubelet client gets nodes/proxy",
        plugin: KUBELET,
        rule: "",
        request: |node, nodes| {
            let mut request = (TIMED[2].request)(node, nodes);
            request.user = "kube-apiserver-kubelet-client".into();
            request.groups = vec!["system:authenticated".into()];
            request
        },
    },
    Question {
        name: "a service account gets nodes/metrics",
        plugin: KUBELET,
        rule: "",
        request: |node, _| by_service_account(Resource { subresource: "metrics".into(), name: worker(node), ..get() }),
    },
    Question {
        name: "a service account uses the verb proxy on a node",
        plugin: KUBELET,
        rule: "nodes-proxy",
        request: |node, _| by_service_account(Resource { verb: "proxy".into(), name: worker(node), ..get() }),
    },
    Question {
        name: "a node lists all nodes",
        plugin: NODE,
        rule: "node-reads-itself",
        request: |node, _| by_node(node, Resource { verb: "list".into(), ..get() }),
    },
    Question { name: "a node reads a secret", plugin: NODE, rule: "", request: |node, _| by_node(node, secret("get")) },
    Question {
        name: "a node updates a secret",
        plugin: NODE,
        rule: "node-writes-no-secrets",
        request: |node, _| by_node(node, secret("update")),
    },
    Question {
        name: "a node deletes itself",
        plugin: NODE,
        rule: "node-deletes-no-nodes",
        request: |node, _| by_node(node, Resource { verb: "delete".into(), name: worker(node), ..get() }),
    },
    Question {
        name: "a node opens a shell",
        plugin: NODE,
        rule: "node-opens-nothing",
        request: |node, _| {
            let at = Resource { resource: "pods".into(), subresource: "exec".into(), ..secret("create") };
            by_node(node, at)
        },
    },
];

const NODE: &str = "node_to_apiserver";
const KUBELET: &str = "apiserver_to_kubelet";
