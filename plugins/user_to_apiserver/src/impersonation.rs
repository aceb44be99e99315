//! What nobody pretends to be: every other rule rests on names that only Kubernetes itself gives.

use crate::{ADMINISTRATORS, Config};
use escalation::Protects;
use sdk::{Guard, Mode, Question, ResourceAttributes, Rule};

/// Whom somebody wants to be. `impersonate-on:MODE:VERB` says what for; whom is asked in a review of its own.
fn impersonated<'a>(question: &Question<'a>) -> Option<&'a ResourceAttributes> {
    question.resource().filter(|at| at.verb == "impersonate" || at.verb.starts_with("impersonate:"))
}

fn system(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = impersonated(question)?;
    let what = match (at.group.as_str(), at.resource.as_str()) {
        // An auditor who becomes nobody gains nothing.
        (_, "users") if is_reserved(&at.name) && at.name != "system:anonymous" => format!("user `{}`", at.name),
        (_, "groups") if is_reserved(&at.name) && !HARMLESS.contains(&at.name.as_str()) => {
            format!("group `{}`", at.name)
        }
        (_, "uids") => "somebody's uid".into(),
        (_, "userextras") if at.subresource.starts_with("authentication.kubernetes.io/") => {
            format!("what kube-apiserver itself says of a caller, `{}`", at.subresource)
        }
        // Its own node an agent may be; the object's name is `*`, so only the mode tells.
        (_, "nodes") if at.verb != "impersonate:associated-node" => format!("node `{}`", at.name),
        _ => return None,
    };
    Some(format!(
        "`{}` may not impersonate {what}; impersonate people and groups that are not Kubernetes' own",
        question.user()
    ))
}

fn protected(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = impersonated(question).filter(|at| at.resource == "serviceaccounts")?;
    let is_meant = |entry: &String| match entry.split_once('/') {
        Some((namespace, name)) => namespace == at.namespace && name == at.name,
        None => *entry == at.namespace,
    };
    config.protected().iter().any(is_meant).then(|| {
        format!(
            "`{}` may not impersonate service account `{}` in namespace `{}`, which holds more than it needs; impersonate \
             one of your own namespace",
            question.user(),
            at.name,
            at.namespace
        )
    })
}

fn is_reserved(name: &str) -> bool {
    name.starts_with("system:") || name == "kubeadm:cluster-admins" || name == "kube-apiserver-kubelet-client"
}

/// Groups that every caller is given anyway.
const HARMLESS: [&str; 2] = ["system:authenticated", "system:unauthenticated"];

pub const SYSTEM: Guard<Config> = Guard {
    rule: Rule {
        id: "impersonate-system",
        summary: "Nobody impersonates Kubernetes' own users and groups, nodes, and uids.",
        advice: "Who acts as system:masters never reaches the gate again, and forged node names, uids and pod bindings make \
                 other rules void. Proxies such as Rancher's, Teleport's and Pinniped's impersonate people and their \
                 groups, which passes; if one must be more, add its user to `allow.impersonate-system`.",
        source: "rbac-good-practices: impersonate verb, KEP-5284",
    },
    mode: Mode::On,
    allow: &[],
    check: system,
};

pub const PROTECTED: Guard<Config> = Guard {
    rule: Rule {
        id: "impersonate-protected",
        summary: "Nobody but administrators impersonates service accounts in protected namespaces.",
        advice: "The controllers are service accounts in kube-system, and the role `edit` may impersonate the service accounts \
                 of its namespace. `protected` lists namespaces, and service accounts as NAMESPACE/NAME; kubeadm's \
                 administrators are on the list; others belong into `allow.impersonate-protected`.",
        source: "rbac-good-practices: impersonate verb",
    },
    mode: Mode::On,
    allow: ADMINISTRATORS,
    check: protected,
};
