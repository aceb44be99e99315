//! What a pod reaches beyond its own node, its own namespace and its own API.

use crate::Config;
use sdk::{Guard, Mode, Question, Rule};

fn other_nodes(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| matches!(at.verb.as_str(), "update" | "patch" | "delete"))?;
    // Without it, as before 1.32 or for an impersonated node, nothing is known; that is no reason to refuse.
    let [own] = question.request.extra("authentication.kubernetes.io/node-name") else { return None };
    let what = match at.tuple() {
        ("", "nodes", "") if at.name != *own => format!("{} node `{}`", at.verb, at.name),
        ("", "pods", "status") => {
            let other = question.context.fact("pathgate.io/pod-node").filter(|node| node != own)?;
            format!("{} of a pod on node `{other}`", at.describe())
        }
        _ => return None,
    };
    Some(format!("`{}` runs on node `{own}` and may not {what}; let the agent on that node do it", question.user()))
}

fn extensions(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    (at.is_extension() && !at.is_read()).then(|| {
        format!(
            "`{}` may not {}, which sees or changes everybody's requests; ask an administrator",
            question.user(),
            at.describe()
        )
    })
}

fn all_secrets(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_everything = at.tuple() == ("", "secrets", "")
        && matches!(at.verb.as_str(), "list" | "watch" | "deletecollection")
        && at.namespace.is_empty()
        && at.name.is_empty()
        && at.field_selector.is_empty()
        && at.label_selector.is_empty();
    is_everything.then(|| {
        format!(
            "`{}` may not {} the secrets of all namespaces, which gives their contents; ask in one namespace, or with a \
             selector",
            question.user(),
            at.verb
        )
    })
}

pub const OTHER_NODES: Guard<Config> = Guard {
    rule: Rule {
        id: "other-nodes",
        summary: "A pod changes the node that it runs on and the pods there, and no others.",
        advice: "In the shadow by default: it is meant for agents of daemon sets, but autoscalers, operators of networks and \
                 load balancers change other nodes by right, and a review does not tell one from the other. Add those to \
                 `allow.other-nodes`, then set `rules.other-nodes` to `on`. Where a pod runs is known with an inventory \
                 only.",
        source: "KEP-4193, KEP-5284",
    },
    mode: Mode::Shadow,
    allow: &[
        "system:serviceaccount:kube-system:aws-load-balancer-controller",
        "system:serviceaccount:kube-system:cilium-operator",
        "system:serviceaccount:kube-system:cloud-controller-manager",
        "system:serviceaccount:kube-system:cluster-autoscaler",
        "system:serviceaccount:kube-system:karpenter",
        "system:serviceaccount:node-feature-discovery:nfd-master",
        "system:serviceaccount:node-feature-discovery:node-feature-discovery",
    ],
    check: other_nodes,
};

pub const EXTENSIONS: Guard<Config> = Guard {
    rule: Rule {
        id: "extensions",
        summary: "Pods write no admission webhooks and policies, custom resource definitions and API services.",
        advice: "Who writes a webhook reads every secret that is written. In the shadow by default, because most operators \
                 write their own: cert-manager, Gatekeeper, Istio, Kyverno and ingress-nginx are on the list by the names \
                 that their charts give them. Add yours to `allow.extensions`, then set `rules.extensions` to `on`.",
        source: "rbac-good-practices: control admission webhooks",
    },
    mode: Mode::Shadow,
    allow: &[
        "system:serviceaccount:cert-manager:cert-manager-cainjector",
        "system:serviceaccount:gatekeeper-system:gatekeeper-admin",
        "system:serviceaccount:ingress-nginx:ingress-nginx-admission",
        "system:serviceaccount:istio-system:istiod",
        "system:serviceaccount:kyverno:kyverno-admission-controller",
    ],
    check: extensions,
};

pub const ALL_SECRETS: Guard<Config> = Guard {
    rule: Rule {
        id: "all-secrets",
        summary: "A pod does not list the secrets of all namespaces.",
        advice: "A list is every content of it. In the shadow by default, because ingress controllers, cert-manager and \
                 agents of backup and GitOps do it. Those that are not on the list belong into `allow.all-secrets`; then \
                 set `rules.all-secrets` to `on`.",
        source: "rbac-good-practices: listing secrets",
    },
    mode: Mode::Shadow,
    allow: &[
        "system:serviceaccount:cert-manager:cert-manager",
        "system:serviceaccount:cert-manager:cert-manager-cainjector",
        "system:serviceaccount:ingress-nginx:ingress-nginx",
    ],
    check: all_secrets,
};
