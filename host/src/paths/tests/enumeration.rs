//! Every combination of the words that decide, against the rows of the classification written down a second time.

use super::*;

/// A row, and who belongs into it if no row above took them.
type Row<T> = (T, fn(&Request) -> bool);

const USERS: [&str; 16] = [
    "alice",
    "system:anonymous",
    "system:node:n1",
    "system:node:",
    "system:node:N1",
    "System:node:n1",
    "system:serviceaccount:web:app",
    "system:serviceaccount:kube-system:node-controller",
    "system:serviceaccount:web:app:more",
    "system:serviceaccount:web",
    "system:serviceaccount:Web:app",
    "system:bootstrap:abcdef",
    "system:kube-scheduler",
    "kube-apiserver-kubelet-client",
    "system:made-up",
    "system:masters",
];
const GROUPS: [&str; 10] = [
    "dev",
    "system:masters",
    "System:Masters",
    "system:unauthenticated",
    "system:authenticated",
    "system:nodes",
    "system:serviceaccounts",
    "system:serviceaccounts:web",
    "system:serviceaccounts:kube-system",
    "system:bootstrappers:x",
];
const EXTRA: [&[&str]; 4] = [&[], &["pod-name"], &["pod-uid"], &["pod-name", "pod-uid"]];

fn has(request: &Request, group: &str) -> bool {
    request.groups.iter().any(|it| it == group)
}

fn is_nobody(it: &Request) -> bool {
    it.user == "system:anonymous" || has(it, "system:unauthenticated")
}

fn is_half_a_node(it: &Request) -> bool {
    it.user.starts_with("system:node:") || has(it, "system:nodes")
}

fn is_half_an_account(it: &Request) -> bool {
    it.user.starts_with("system:serviceaccount:") || it.groups.iter().any(|it| it.starts_with("system:serviceaccounts"))
}

/// The good accounts among [`USERS`], with the group of their namespace and no other one's.
fn is_account(it: &Request) -> bool {
    let of = |namespace: &str, other: &str| {
        has(it, "system:serviceaccounts")
            && has(it, &format!("system:serviceaccounts:{namespace}"))
            && !has(it, &format!("system:serviceaccounts:{other}"))
    };
    match it.user.as_str() {
        "system:serviceaccount:web:app" => of("web", "kube-system"),
        "system:serviceaccount:kube-system:node-controller" => of("kube-system", "web"),
        _ => false,
    }
}

const SOURCES: [Row<Source>; 13] = [
    (Source::Malformed, |it| {
        is_nobody(it) && !has(it, "system:masters") && it.groups.iter().any(|it| it != "system:unauthenticated")
    }),
    (Source::Superuser, |it| has(it, "system:masters")),
    (Source::Anonymous, is_nobody),
    (Source::Node, |it| it.user == "system:node:n1" && has(it, "system:nodes")),
    (Source::PseudoNode, is_half_a_node),
    (Source::Pod, |it| is_account(it) && it.extra.len() == 2),
    (Source::Controller, |it| is_account(it) && it.extra.is_empty() && it.user.contains(":kube-system:")),
    (Source::UnboundServiceAccount, |it| is_account(it) && it.extra.is_empty()),
    (Source::PseudoServiceAccount, is_half_an_account),
    (Source::Bootstrap, |it| has(it, "system:bootstrappers:x")),
    (Source::ControlPlane, |it| matches!(it.user.as_str(), "system:kube-scheduler" | "kube-apiserver-kubelet-client")),
    (Source::Reserved, |it| it.user.starts_with("system:")),
    (Source::User, |_| true),
];

#[test]
fn every_identity_has_the_source_of_the_first_row_that_takes_it() {
    let names = Names::default();
    let mut seen = std::collections::BTreeMap::new();
    for user in USERS {
        for chosen in 0_usize..1 << GROUPS.len() {
            let groups: Vec<_> = (0..GROUPS.len()).filter(|at| chosen >> at & 1 == 1).map(|at| GROUPS[at]).collect();
            for extra in EXTRA {
                let extra = extra.iter().map(|key| (format!("authentication.kubernetes.io/{key}"), vec!["x".into()]));
                let request = Request {
                    user: user.into(),
                    groups: groups.iter().map(|group| (*group).into()).collect(),
                    extra: extra.collect(),
                    target: what("get configmaps x -n y"),
                    ..Request::default()
                };
                let wanted = SOURCES.iter().find(|(_, takes)| takes(&request)).map(|(source, _)| *source);
                let got = classify(&request, &names);
                assert_eq!(Some(got.source), wanted, "{request:?}");
                assert_eq!(got.source == Source::Malformed, fault(&request).is_some(), "{request:?}");
                *seen.entry(got.source.as_str()).or_insert(0) += 1;
                let mut turned = request;
                turned.groups.reverse();
                turned.extra.reverse();
                turned.uid = "a uid".into();
                assert_eq!(classify(&turned, &names), got, "{turned:?}");
            }
        }
    }
    // A row that nothing reaches would be tested by nothing.
    assert_eq!(seen.len(), SOURCES.len(), "{seen:?}");
}

const RESOURCES: [(&str, &str); 14] = [
    ("", "nodes"),
    ("", "pods"),
    ("", "services"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "users"),
    ("", "certificatesigningrequests"),
    ("metrics.k8s.io", "nodes"),
    ("metrics.k8s.io", "pods"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authentication.k8s.io", "tokenreviews"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("certificates.k8s.io", "signers"),
];
const SUBRESOURCES: [&str; 13] = [
    "",
    "proxy",
    "stats",
    "metrics",
    "log",
    "exec",
    "attach",
    "portforward",
    "token",
    "approval",
    "status",
    "Proxy",
    "*",
];
const VERBS: [&str; 12] = [
    "get",
    "list",
    "create",
    "proxy",
    "impersonate",
    "impersonate:user-info",
    "impersonate:made-up",
    "impersonate-on:associated-node:list",
    "approve",
    "Get",
    "*",
    "deletecollection",
];
const NAMES: [(&str, &str); 4] =
    [("", ""), ("kube-system", "bootstrap-token-abcdef"), ("web", "bootstrap-token-abcdef"), ("", "n1")];

fn at(request: &Request) -> &Resource {
    let Target::Resource(at) = &request.target else { panic!("a resource") };
    at
}

fn is_at(it: &Request, resources: &[&str], subresources: &[&str]) -> bool {
    let at = at(it);
    at.group.is_empty() && resources.contains(&at.resource.as_str()) && subresources.contains(&at.subresource.as_str())
}

const TRAVERSALS: [Row<Traversal>; 9] = [
    (Traversal::Kubelet, |it| is_at(it, &["nodes"], &["stats", "metrics", "log"])),
    (Traversal::NodeProxy, |it| {
        is_at(it, &["nodes"], &["proxy"]) || (is_at(it, &["nodes"], &[""]) && at(it).verb == "proxy")
    }),
    (Traversal::EndpointProxy, |it| {
        is_at(it, &["pods", "services"], &["proxy"])
            || (is_at(it, &["pods", "services"], &[""]) && at(it).verb == "proxy")
    }),
    (Traversal::Stream, |it| is_at(it, &["pods"], &["exec", "attach", "portforward"])),
    (Traversal::Log, |it| is_at(it, &["pods"], &["log"])),
    (Traversal::DelegatedCheck, |it| {
        matches!(at(it).resource.as_str(), "subjectaccessreviews" | "tokenreviews")
            && at(it).subresource.is_empty()
            && at(it).verb == "create"
    }),
    (Traversal::CredentialMinting, |it| {
        is_at(it, &["serviceaccounts"], &["token"])
            || (is_at(it, &["secrets"], &[""]) && at(it).namespace == "kube-system" && !at(it).name.is_empty())
            || (at(it).group == "certificates.k8s.io"
                && match at(it).resource.as_str() {
                    "signers" => at(it).subresource.is_empty() && at(it).verb == "approve",
                    _ => matches!(at(it).subresource.as_str(), "" | "approval" | "status"),
                })
    }),
    (Traversal::Impersonation, |it| {
        matches!(at(it).verb.as_str(), "impersonate" | "impersonate:user-info" | "impersonate-on:associated-node:list")
    }),
    (Traversal::Plain, |_| true),
];

#[test]
fn every_question_opens_what_the_first_row_that_takes_it_says() {
    let names = Names::default();
    let mut seen = std::collections::BTreeSet::new();
    for (group, resource) in RESOURCES {
        for subresource in SUBRESOURCES {
            for verb in VERBS {
                for (namespace, name) in NAMES {
                    let target = Resource {
                        verb: verb.into(),
                        group: group.into(),
                        version: "v1".into(),
                        resource: resource.into(),
                        subresource: subresource.into(),
                        namespace: namespace.into(),
                        name: name.into(),
                        ..Resource::default()
                    };
                    let request = Request { target: Target::Resource(Box::new(target)), ..who("alice") };
                    let wanted = TRAVERSALS.iter().find(|(_, takes)| takes(&request)).map(|(traversal, _)| *traversal);
                    let got = classify(&request, &names).traversal;
                    assert_eq!(Some(got), wanted, "{request:?}");
                    seen.insert(got.as_str());
                }
            }
        }
    }
    assert_eq!(seen.len(), TRAVERSALS.len(), "{seen:?}");
}
