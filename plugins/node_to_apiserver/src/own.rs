//! What a node may do with what is its own: the rules that need to know its name.

use crate::Config;
use sdk::{Guard, Mode, Operator, Question, ResourceAttributes, Rule};

/// The node's name and what it asks. Who has half a node's identity has no Node of its own.
fn of_a_node<'a>(question: &Question<'a>) -> Option<(&'a str, &'a ResourceAttributes)> {
    Some((question.request.node().filter(|_| question.is_from(&["node"]))?, question.resource()?))
}

fn reads_itself(_: &Config, question: &Question<'_>) -> Option<String> {
    let (node, at) = of_a_node(question)?;
    // `nodes/proxy` has a rule of its own. A list with `metadata.name=x` arrives with the name `x`.
    let is_foreign =
        at.group.is_empty() && at.resource == "nodes" && at.subresource != "proxy" && at.is_read() && at.name != node;
    is_foreign.then(|| match at.name.as_str() {
        "" => {
            format!("node `{node}` cannot read all nodes; list and watch with the field selector metadata.name={node}")
        }
        other => format!("node `{node}` cannot read node `{other}`; a node reads its own Node only, by its name"),
    })
}

fn writes_itself(_: &Config, question: &Question<'_>) -> Option<String> {
    let (node, at) = of_a_node(question)?;
    let is_node = matches!(at.tuple(), ("", "nodes", "" | "status"));
    let is_foreign = match at.verb.as_str() {
        // The name of what is created is in the body, for admission to see.
        "create" => !at.name.is_empty() && at.name != node,
        "update" | "patch" => at.name != node,
        _ => false,
    };
    (is_node && is_foreign).then(|| {
        format!("node `{node}` cannot write node `{}`; a node writes its own Node and its status only", at.name)
    })
}

fn lists_own_pods(_: &Config, question: &Question<'_>) -> Option<String> {
    let (node, at) = of_a_node(question)?;
    let is_many = matches!(at.verb.as_str(), "list" | "watch" | "deletecollection");
    let (what, key) = match at.tuple() {
        // One pod by its name: whether it is on the node, the Node authorizer knows.
        ("", "pods", "") if is_many && at.name.is_empty() => ("pods", "spec.nodeName"),
        ("", "pods", "") if at.verb == "deletecollection" => ("pods", "spec.nodeName"),
        // `ResourceSliceSelectorNodeName` in Kubernetes' API types.
        ("resource.k8s.io", "resourceslices", "") if is_many => ("resourceslices", "spec.nodeName"),
        _ => return None,
    };
    // Requirements hold all together, so one that narrows to this node is enough.
    let is_own = at.field_selector.iter().any(|it| {
        it.key == key && it.operator == Operator::IsIn && matches!(it.values.as_slice(), [only] if only == node)
    });
    (!is_own).then(|| format!("node `{node}` can {} its own {what} only; use the field selector {key}={node}", at.verb))
}

fn own_lease(_: &Config, question: &Question<'_>) -> Option<String> {
    let (node, at) = of_a_node(question)?;
    let is_own_name = at.name == node || (at.verb == "create" && at.name.is_empty());
    match (at.group.as_str(), at.resource.as_str()) {
        ("coordination.k8s.io", "leases") if at.namespace != LEASES || !is_own_name => Some(format!(
            "node `{node}` can use its own lease only; ask for the lease `{node}` in the namespace {LEASES}"
        )),
        ("storage.k8s.io", "csinodes") if !is_own_name => {
            Some(format!("node `{node}` can use its own CSINode only; ask for the CSINode `{node}` by its name"))
        }
        _ => None,
    }
}

/// Where nodes renew their leases.
const LEASES: &str = "kube-node-lease";

pub const READS_ITSELF: Guard<Config> = Guard {
    rule: Rule {
        id: "node-reads-itself",
        summary: "A node reads its own Node, and no other.",
        advice: "Labels, annotations and addresses of other nodes help whoever took one over. An agent that needs them should \
                 use a service account; for one node add its user to `allow.node-reads-itself`, for all of them set `rules.node-reads-itself` to `off`.",
        source: "KEP-4601, Node authorizer (AuthorizeNodeWithSelectors)",
    },
    mode: Mode::On,
    allow: &[],
    check: reads_itself,
};

pub const WRITES_ITSELF: Guard<Config> = Guard {
    rule: Rule {
        id: "node-writes-itself",
        summary: "A node writes its own Node and its status, and no other.",
        advice: "The NodeRestriction admission plugin refuses the same, if it is switched on. An agent that labels other \
                 nodes should use a service account; otherwise add the user to `allow.node-writes-itself`, or set `rules.node-writes-itself` to `off`.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction",
    },
    mode: Mode::On,
    allow: &[],
    check: writes_itself,
};

pub const LISTS_OWN_PODS: Guard<Config> = Guard {
    rule: Rule {
        id: "node-lists-own-pods",
        summary: "A node lists and watches the pods and resource slices that are on it, and no others.",
        advice: "kube-apiserver tells selectors to a webhook since 1.32 (feature gate AuthorizeWithSelectors); before, every \
                 kubelet would be refused, so set `rules.node-lists-own-pods` to `off`. For one node, add its user to \
                 `allow.node-lists-own-pods`.",
        source: "KEP-4601, Node authorizer (AuthorizeNodeWithSelectors)",
    },
    mode: Mode::On,
    allow: &[],
    check: lists_own_pods,
};

pub const OWN_LEASE: Guard<Config> = Guard {
    rule: Rule {
        id: "node-own-lease",
        summary: "A node uses the lease and the CSINode that have its name, and no others.",
        advice: "Who renews another node's lease hides that it is gone. Leader election under a node's credential should move \
                 to a service account; otherwise add the user to `allow.node-own-lease`, or set `rules.node-own-lease` to `off`.",
        source: "Node authorizer (authorizeLease, authorizeCSINode), KEP-0589",
    },
    mode: Mode::On,
    allow: &[],
    check: own_lease,
};
