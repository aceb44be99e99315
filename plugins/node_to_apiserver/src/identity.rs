//! Is it a node at all?

use crate::Config;
use sdk::{Credential, Guard, Mode, Question, Rule};

fn by_certificate(_: &Config, question: &Question<'_>) -> Option<String> {
    let is_pod = !question.request.extra("authentication.kubernetes.io/pod-uid").is_empty();
    let is_token = matches!(question.request.credential(), Some(Credential::Token(_)));
    (question.is_from(&["node"]) && (is_pod || is_token))
        .then(|| format!("`{}` came with a token; a node comes with its client certificate", question.user()))
}

fn half(_: &Config, question: &Question<'_>) -> Option<String> {
    question.is_from(&["pseudo-node"]).then(|| {
        format!(
            "`{}` has the name or the group of a node, but not both, and no kubelet is like that; if it is meant, \
             impersonate a user and no node",
            question.user()
        )
    })
}

pub const BY_CERTIFICATE: Guard<Config> = Guard {
    rule: Rule {
        id: "node-by-certificate",
        summary: "A node proves itself by a client certificate, not by a token.",
        advice: "An authenticator maps somebody's token to the name of a node; give its users and groups a prefix. If your \
                 kubelets use tokens on purpose, set `rules.node-by-certificate` to `off`.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/node/, KEP-4193",
    },
    mode: Mode::On,
    allow: &[],
    check: by_certificate,
};

pub const HALF: Guard<Config> = Guard {
    rule: Rule {
        id: "half-a-node",
        summary: "A node has both its name and its group.",
        advice: "The Node authorizer has no opinion on who has only one, so that RBAC decides what `system:nodes` is bound \
                 to. An authenticator gives people such a group, or somebody signed a certificate without it; if it is yours, \
                 add the user to `allow.half-a-node`.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/node/#overview",
    },
    mode: Mode::On,
    allow: &[],
    check: half,
};
