//! Requests by which who holds little comes to hold more: rules that hold for people and for pods alike.
//!
//! Owns what is refused and the sentences; each plugin says how a rule holds by default, and whom it leaves alone. The
//! body of a request is not seen: what a role contains, or where an endpoint leads, is for admission.

use sdk::{Guard, Mode, Question, ResourceAttributes, Rule};

/// A config that names what nobody may ask tokens for.
pub trait Protects {
    /// Namespaces, and service accounts as `NAMESPACE/NAME`.
    fn protected(&self) -> &[String];
}

/// What an operator starts with.
pub fn protected() -> Vec<String> {
    ["kube-system", "kube-public", "kube-node-lease"].map(String::from).into()
}

/// Tokens of service accounts that are more than who asks.
pub const fn tokens<C: Protects>(mode: Mode, allow: &'static [&'static str]) -> Guard<C> {
    Guard { rule: TOKENS, mode, allow, check: protected_token }
}

/// The verbs by which RBAC's own protection against escalation is switched off.
pub const fn bind_and_escalate<C>(mode: Mode, allow: &'static [&'static str]) -> Guard<C> {
    Guard { rule: BIND_AND_ESCALATE, mode, allow, check: bind_or_escalate }
}

/// Roles that hold in every namespace.
pub const fn cluster_roles<C>(mode: Mode, allow: &'static [&'static str]) -> Guard<C> {
    Guard { rule: CLUSTER_ROLES, mode, allow, check: cluster_role }
}

/// Where a service's traffic goes.
pub const fn endpoints<C>(mode: Mode, allow: &'static [&'static str]) -> Guard<C> {
    Guard { rule: ENDPOINTS, mode, allow, check: endpoint }
}

/// Where kube-apiserver finds a kubelet.
pub const fn node_status<C>(mode: Mode, allow: &'static [&'static str]) -> Guard<C> {
    Guard { rule: NODE_STATUS, mode, allow, check: foreign_node_status }
}

fn protected_token<C: Protects>(config: &C, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.tuple() == ("", "serviceaccounts", "token") && is_write(at))?;
    let is_meant = |entry: &String| match entry.split_once('/') {
        // Without a name it is a question about all of them.
        Some((namespace, name)) => namespace == at.namespace && (at.name.is_empty() || name == at.name),
        None => *entry == at.namespace,
    };
    // Without a namespace it is a question about all of them.
    let is_protected = at.namespace.is_empty() || config.protected().iter().any(is_meant);
    is_protected.then(|| {
        format!(
            "`{}` may not ask for the token of service account `{}` in namespace `{}`, which holds more than it needs; \
             use a service account of your own namespace",
            question.user(),
            at.name,
            at.namespace
        )
    })
}

fn bind_or_escalate<C>(_: &C, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.group == RBAC && matches!(at.verb.as_str(), "bind" | "escalate"))?;
    Some(format!(
        "`{}` may not {} {}; grant only what you hold yourself, which needs neither verb",
        question.user(),
        at.verb,
        at.resource
    ))
}

fn cluster_role<C>(_: &C, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_role = matches!(at.tuple(), (RBAC, "clusterroles" | "clusterrolebindings", _));
    let is_grant = is_write(at) && !matches!(at.verb.as_str(), "bind" | "escalate");
    (is_role && is_grant).then(|| {
        format!(
            "`{}` may not {}, which holds in every namespace; use a role in your namespace, or ask an administrator",
            question.user(),
            at.describe()
        )
    })
}

fn endpoint<C>(_: &C, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_endpoint =
        matches!((at.group.as_str(), at.resource.as_str()), ("", "endpoints") | ("discovery.k8s.io", "endpointslices"));
    (is_endpoint && matches!(at.verb.as_str(), "create" | "update" | "patch")).then(|| {
        format!(
            "`{}` may not {}: it can lead a service's traffic to addresses that the writer could not reach; give the \
             service a selector, and the controllers write it",
            question.user(),
            at.describe()
        )
    })
}

fn foreign_node_status<C>(_: &C, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.tuple() == ("", "nodes", "status") && is_write(at))?;
    // An agent of the node itself, by the token of its pod.
    let is_own = matches!(question.request.extra(NODE_NAME), [node] if *node == at.name && !at.name.is_empty());
    (!is_own).then(|| {
        format!(
            "`{}` may not {} of `{}`: its addresses say where kube-apiserver sends logs, exec and proxy; a kubelet \
             writes its own, a pod that of the node it runs on",
            question.user(),
            at.describe(),
            at.name
        )
    })
}

/// A verb that nobody knows is a write. What is asked about impersonation is no deed yet.
fn is_write(at: &ResourceAttributes) -> bool {
    !at.is_read() && !at.is_impersonation()
}

const RBAC: &str = "rbac.authorization.k8s.io";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

const TOKENS: Rule = Rule {
    id: "protected-tokens",
    summary: "Nobody but the control plane asks for tokens of service accounts in protected namespaces.",
    advice: "Such a token is its holder's permissions. `protected` lists namespaces, and service accounts as \
             NAMESPACE/NAME. Network plugins, and cloud controller managers that run as pods, ask for tokens in kube-system: \
             who is refused wrongly belongs into `allow.protected-tokens`.",
    source: "rbac-good-practices: token request",
};

const BIND_AND_ESCALATE: Rule = Rule {
    id: "bind-and-escalate",
    summary: "Nobody grants what it does not hold: `bind` and `escalate` are for administrators.",
    advice: "kube-apiserver asks for these verbs at each write of a role or binding, and without them lets pass who holds \
             everything that is granted. So a refusal here breaks only who grants more than it holds: an operator that \
             must goes into `allow.bind-and-escalate`.",
    source: "rbac-good-practices: escalate verb, bind verb",
};

const CLUSTER_ROLES: Rule = Rule {
    id: "cluster-roles",
    summary: "Cluster roles and their bindings are written by administrators.",
    advice: "In the shadow by default, because package managers, GitOps agents and administrators by a group of their own \
             write them. Add those to `allow.cluster-roles`, `group:NAME` for a group, then set `rules.cluster-roles` to \
             `on`.",
    source: "rbac-good-practices: privilege escalation risks",
};

const ENDPOINTS: Rule = Rule {
    id: "endpoints",
    summary: "Endpoints and endpoint slices are written by controllers.",
    advice: "Whoever writes them leads a service's traffic, and kube-apiserver's proxy, to any address. For pods it is in \
             the shadow by default, because operators of databases and virtual machines write them, and old ones keep \
             their leader's lock there: add those to `allow.endpoints`.",
    source: "CVE-2021-25740 (kubernetes/kubernetes#103675)",
};

const NODE_STATUS: Rule = Rule {
    id: "node-status",
    summary: "A node's status is written by its kubelet, by controllers, and by pods on that node.",
    advice: "Who writes a node's addresses, and may proxy to it, reaches whatever kube-apiserver can. Cloud controller \
             managers, Cilium's operator and node-feature-discovery write the status of other nodes: theirs are on the \
             list by the names that their charts give them; another name belongs into `allow.node-status`.",
    source: "CVE-2022-3294 (kubernetes/kubernetes#113757), KEP-4193",
};
