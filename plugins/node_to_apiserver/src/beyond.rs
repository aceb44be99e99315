//! What no node needs, whatever its name: the rules that hold for half an identity, too.

use crate::Config;
use sdk::{Guard, Mode, Question, Rule};

fn secrets_by_name(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_content = at.group.is_empty() && matches!(at.resource.as_str(), "secrets" | "configmaps");
    // A list or watch with `metadata.name=x` arrives with the name `x`: that is how kubelets watch.
    let is_broad = at.is_read() && (at.namespace.is_empty() || at.name.is_empty());
    (is_content && is_broad).then(|| {
        format!(
            "a node can {} {} one by one only; give the namespace and the name (for list and watch, the field selector \
             metadata.name)",
            at.verb, at.resource
        )
    })
}

fn writes_no_secrets(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    (at.group.is_empty() && at.resource == "secrets" && !at.is_read()).then(|| {
        format!("a node can only read secrets, not {} them; write them as a service account or a person", at.verb)
    })
}

fn deletes_no_nodes(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    (at.tuple() == ("", "nodes", "") && matches!(at.verb.as_str(), "delete" | "deletecollection")).then(|| {
        "a node can delete no Node, not even its own; ask an administrator, or the cloud controller manager".into()
    })
}

fn opens_nothing(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    at.is_door().then(|| {
        let what = if at.subresource.is_empty() { "proxy" } else { at.subresource.as_str() };
        format!(
            "a node opens no way to other workloads, so not {}/{what}; use a person's or a pod's identity",
            at.resource
        )
    })
}

fn token_by_name(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_broad = at.namespace.is_empty() || at.name.is_empty();
    (at.tuple() == ("", "serviceaccounts", "token") && is_broad).then(|| {
        "a node can ask for the token of one service account only, of a pod on it; give its namespace and name".into()
    })
}

fn impersonates_nobody(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    at.is_impersonation().then(|| "a node can act as nobody but itself; leave out the impersonation headers".into())
}

fn grants_nothing(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let what = match at.tuple() {
        (RBAC, _, _) if matches!(at.verb.as_str(), "bind" | "escalate") => "give permissions away",
        (RBAC, _, _) if !at.is_read() => "write roles and bindings",
        (CERTIFICATES, "certificatesigningrequests", "approval" | "status") if !at.is_read() => {
            "approve or issue certificates; a kubelet creates its request and waits"
        }
        (CERTIFICATES, "signers", _) if matches!(at.verb.as_str(), "approve" | "sign" | "attest") => {
            "act for a signer; a kubelet creates its certificate request and waits"
        }
        _ => return None,
    };
    Some(format!("a node cannot {what}; ask an administrator"))
}

fn extends_nothing(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    (at.is_extension() && !at.is_read()).then(|| {
        format!("a node cannot {} {}, which change the API for everybody; ask an administrator", at.verb, at.resource)
    })
}

const RBAC: &str = "rbac.authorization.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";

pub const SECRETS_BY_NAME: Guard<Config> = Guard {
    rule: Rule {
        id: "node-secrets-by-name",
        summary: "A node reads secrets and config maps one by one, by namespace and name.",
        advice: "A list is every content of it. Agents should use a service account; otherwise add the user to \
                 `allow.node-secrets-by-name`, or set `rules.node-secrets-by-name` to `off`.",
        source: "Node authorizer (authorizeReadNamespacedObject), rbac-good-practices: listing secrets",
    },
    mode: Mode::On,
    allow: &[],
    check: secrets_by_name,
};

pub const WRITES_NO_SECRETS: Guard<Config> = Guard {
    rule: Rule {
        id: "node-writes-no-secrets",
        summary: "A node writes no secrets.",
        advice: "A secret of the type service-account-token is a way to any service account. Otherwise add the user to \
                 `allow.node-writes-no-secrets`, or set `rules.node-writes-no-secrets` to `off`.",
        source: "Node authorizer (authorizeReadNamespacedObject), rbac-good-practices",
    },
    mode: Mode::On,
    allow: &[],
    check: writes_no_secrets,
};

pub const DELETES_NO_NODES: Guard<Config> = Guard {
    rule: Rule {
        id: "node-deletes-no-nodes",
        summary: "A node deletes no Node, not even its own.",
        advice: "Deleting a Node moves its pods; and a Node made again comes without its taints. If nodes sign off by \
                 themselves, add `node-deletes-no-nodes` to `off`, or the user to `allow.node-deletes-no-nodes`.",
        source: "Node authorizer (authorizeNode), CVE-2025-5187",
    },
    mode: Mode::On,
    allow: &[],
    check: deletes_no_nodes,
};

pub const OPENS_NOTHING: Guard<Config> = Guard {
    rule: Rule {
        id: "node-opens-nothing",
        summary: "A node opens no shell, no forwarded port and no proxy to workloads.",
        advice: "No kubelet does: who does has a kubelet's credential. Otherwise add the user to `allow.node-opens-nothing`, \
                 or set `rules.node-opens-nothing` to `off`.",
        source: "rbac-good-practices: access to proxy subresource of nodes, Node authorizer",
    },
    mode: Mode::On,
    allow: &[],
    check: opens_nothing,
};

pub const TOKEN_BY_NAME: Guard<Config> = Guard {
    rule: Rule {
        id: "node-token-by-name",
        summary: "A node asks for the token of one service account, by namespace and name.",
        advice: "The Node authorizer checks that a pod on the node uses the service account. Otherwise add the user to \
                 `allow.node-token-by-name`, or set `rules.node-token-by-name` to `off`.",
        source: "Node authorizer (authorizeCreateToken), rbac-good-practices: token request",
    },
    mode: Mode::On,
    allow: &[],
    check: token_by_name,
};

pub const IMPERSONATES_NOBODY: Guard<Config> = Guard {
    rule: Rule {
        id: "node-impersonates-nobody",
        summary: "A node acts as nobody but itself.",
        advice: "Impersonation makes every other rule void. Otherwise add the user to `allow.node-impersonates-nobody`, or set `rules.node-impersonates-nobody` to `off`.",
        source: "rbac-good-practices: impersonate verb, KEP-5284",
    },
    mode: Mode::On,
    allow: &[],
    check: impersonates_nobody,
};

pub const GRANTS_NOTHING: Guard<Config> = Guard {
    rule: Rule {
        id: "node-grants-nothing",
        summary: "A node writes no roles and bindings, and approves and issues no certificates.",
        advice: "Either makes an administrator of whoever took the node over. An approver should use a service account; \
                 otherwise add the user to `allow.node-grants-nothing`, or set `rules.node-grants-nothing` to `off`.",
        source: "rbac-good-practices: escalate verb, bind verb, CSRs and certificate issuing",
    },
    mode: Mode::On,
    allow: &[],
    check: grants_nothing,
};

pub const EXTENDS_NOTHING: Guard<Config> = Guard {
    rule: Rule {
        id: "node-extends-nothing",
        summary: "A node writes no admission webhooks and policies, custom resource definitions and API services.",
        advice: "They see or change everybody's requests. An installer should use a service account; otherwise add the user \
                 to `allow.node-extends-nothing`, or set `rules.node-extends-nothing` to `off`.",
        source: "rbac-good-practices: control admission webhooks",
    },
    mode: Mode::On,
    allow: &[],
    check: extends_nothing,
};
