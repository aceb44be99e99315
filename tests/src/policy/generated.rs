//! Questions of every kind: mostly of words that rules know, so that they meet, and some of any.

use proptest::{collection::vec, option, prelude::*, sample::select};
use wire::{Operator, Request, Requirement, Resource, Target};

pub fn request() -> impl Strategy<Value = Request> {
    let target = prop_oneof![9 => resource(), 1 => path()];
    (identity(), extra(), option::weighted(0.2, select(vec!["1", "5f9c"])), target).prop_map(
        |((user, groups), extra, uid, target)| Request {
            user,
            uid: uid.unwrap_or_default().to_owned(),
            groups,
            extra,
            target,
        },
    )
}

/// Whole ones, halves, and others.
fn identity() -> impl Strategy<Value = (String, Vec<String>)> {
    let user = prop_oneof![9 => select(USERS).prop_map(str::to_owned), 1 => ".{1,12}"];
    let more = vec(select(GROUPS), 0..3);
    (user, more, any::<bool>()).prop_map(|(user, more, is_whole)| {
        let mut groups: Vec<String> = more.into_iter().map(str::to_owned).collect();
        if is_whole {
            groups.clear();
            groups.extend(groups_of(&user));
        }
        groups.push("system:authenticated".into());
        (user, groups)
    })
}

fn groups_of(user: &str) -> Vec<String> {
    if user.starts_with("system:node:") {
        return vec!["system:nodes".into()];
    }
    if user.starts_with("system:bootstrap:") {
        return vec!["system:bootstrappers".into()];
    }
    match user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, _)) => {
            vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")]
        }
        None => Vec::new(),
    }
}

fn extra() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let bound = ["pod-name", "pod-uid", "node-name", "node-uid"];
    let credential = prop_oneof![
        Just(format!("X509SHA256={}", "ab".repeat(32))),
        Just(format!("X509SHA256={}", "cd".repeat(32))),
        Just("JTI=1".to_owned()),
        "[A-Z0-9=]{0,8}",
    ];
    let values = [select(vec!["p"]), select(vec!["1", "2"]), select(vec!["node-a", "node-b"]), select(vec!["1", "2"])];
    (option::of(credential), option::of(values)).prop_map(move |(credential, values)| {
        let values = values.into_iter().flat_map(|values| bound.into_iter().zip(values));
        let values = values.map(|(key, value)| (key, value.to_owned()));
        let all = values.chain(credential.map(|it| ("credential-id", it)));
        all.map(|(key, value)| (format!("authentication.kubernetes.io/{key}"), vec![value])).collect()
    })
}

fn resource() -> impl Strategy<Value = Target> {
    let verb = prop_oneof![9 => select(VERBS).prop_map(str::to_owned), 1 => "[a-z*:-]{1,12}"];
    let name = prop_oneof![9 => select(NAMES).prop_map(str::to_owned), 1 => ".{0,12}"];
    let namespace = select(vec!["", "web", "kube-system", "kube-public", "kube-node-lease"]);
    let selector = option::weighted(
        0.3,
        (select(vec!["spec.nodeName", "nodeName", "metadata.name"]), vec(select(vec!["node-a", "node-b"]), 0..3)),
    );
    (verb, select(KINDS), name, namespace, selector).prop_map(|(verb, kind, name, namespace, selector)| {
        let (group, resource, subresource) = kind;
        let field_selector = selector.into_iter().map(|(key, values)| Requirement {
            key: key.to_owned(),
            operator: if values.is_empty() { Operator::Exists } else { Operator::In },
            values: values.into_iter().map(str::to_owned).collect(),
        });
        Target::Resource(Box::new(Resource {
            namespace: namespace.to_owned(),
            verb,
            group: group.to_owned(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            name,
            field_selector: field_selector.collect(),
            label_selector: Vec::new(),
        }))
    })
}

fn path() -> impl Strategy<Value = Target> {
    let path = prop_oneof![
        select(vec![
            "/healthz",
            "/healthzfoo",
            "/livez",
            "/api",
            "/apis/apps/v1",
            "/metrics",
            "/version",
            "/openapi/v2"
        ])
        .prop_map(str::to_owned),
        "/.{0,12}",
    ];
    (path, select(vec!["get", "post", "put"]))
        .prop_map(|(path, verb)| Target::NonResource { path, verb: verb.to_owned() })
}

const USERS: &[&str] = &[
    "alice",
    "kubernetes-admin",
    "System:Kube-Scheduler",
    "system:anonymous",
    "system:bootstrap:abcdef",
    "system:cloud-controller-manager",
    "system:konnectivity-server",
    "system:kube-controller-manager",
    "system:kube-helper",
    "system:kube-proxy",
    "system:kube-scheduler",
    "kube-apiserver-kubelet-client",
    "front-proxy-client",
    "system:aggregator",
    "system:node:node-a",
    "system:node:node-b",
    "system:serviceaccount:kube-system:calico-node",
    "system:serviceaccount:kube-system:node-controller",
    "system:serviceaccount:web:app",
];

const GROUPS: &[&str] = &[
    "kubeadm:cluster-admins",
    "oidc:admins",
    "System:Masters",
    "system:masters ",
    "system:m\u{430}sters",
    "system:bootstrappers",
    "system:masters",
    "system:monitoring",
    "system:nodes",
    "system:serviceaccounts",
    "system:serviceaccounts:web",
    "system:unauthenticated",
];

const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "proxy",
    "bind",
    "escalate",
    "approve",
    "sign",
    "impersonate",
    "impersonate:associated-node",
    "impersonate:user-info",
    "impersonate-on:associated-node:patch",
    "*",
    "GET",
];

const KINDS: &[(&str, &str, &str)] = &[
    ("", "configmaps", ""),
    ("", "endpoints", ""),
    ("", "events", ""),
    ("", "groups", ""),
    ("", "nodes", ""),
    ("", "nodes", "checkpoint"),
    ("", "nodes", "metrics"),
    ("", "nodes", "proxy"),
    ("", "nodes", "status"),
    ("", "persistentvolumes", ""),
    ("", "pods", ""),
    ("", "pods", "attach"),
    ("", "pods", "ephemeralcontainers"),
    ("", "pods", "exec"),
    ("", "pods", "log"),
    ("", "pods", "portforward"),
    ("", "pods", "proxy"),
    ("", "pods", "status"),
    ("", "secrets", ""),
    ("", "serviceaccounts", ""),
    ("", "serviceaccounts", "token"),
    ("", "services", "proxy"),
    ("", "services", "status"),
    ("", "users", ""),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", ""),
    ("apiextensions.k8s.io", "customresourcedefinitions", ""),
    ("authentication.k8s.io", "nodes", ""),
    ("authentication.k8s.io", "tokenreviews", ""),
    ("authentication.k8s.io", "uids", ""),
    ("authentication.k8s.io", "userextras", "authentication.kubernetes.io/node-name"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", ""),
    ("authorization.k8s.io", "subjectaccessreviews", ""),
    ("certificates.k8s.io", "certificatesigningrequests", ""),
    ("certificates.k8s.io", "certificatesigningrequests", "approval"),
    ("certificates.k8s.io", "certificatesigningrequests", "nodeclient"),
    ("certificates.k8s.io", "signers", ""),
    ("coordination.k8s.io", "leases", ""),
    ("discovery.k8s.io", "endpointslices", ""),
    ("metrics.k8s.io", "nodes", "proxy"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", ""),
    ("rbac.authorization.k8s.io", "clusterroles", ""),
    ("resource.k8s.io", "resourceslices", ""),
    ("storage.k8s.io", "csinodes", ""),
];

const NAMES: &[&str] = &[
    "",
    "*",
    "node-a",
    "node-b",
    "web",
    "web:80",
    "https:web:443",
    "ftp:web:21",
    "node-a:10255",
    "cluster-info",
    "kubeadm-config",
    "konnectivity-agent",
    "bootstrap-token-abcdef",
    "kubernetes.io/kube-apiserver-client",
    "system:masters",
    "system:nodes",
    "system:node:node-a",
];
