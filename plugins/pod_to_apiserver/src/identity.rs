//! Is it a service account at all? An identity that contradicts itself was forged or badly mapped.

use crate::Config;
use sdk::{Credential, Guard, Mode, Question, Rule};

fn half(_: &Config, question: &Question<'_>) -> Option<String> {
    question.is_from(&["pseudo-service-account"]).then(|| {
        format!(
            "`{}` has the name or the groups of a service account, but not all of them, and no token of Kubernetes is like \
             that; use the service account's own token, or name no groups when impersonating it",
            question.user()
        )
    })
}

fn by_token(_: &Config, question: &Question<'_>) -> Option<String> {
    let Some(Credential::Certificate(_)) = question.request.credential() else { return None };
    Some(format!("`{}` came with a client certificate; a service account comes with its token", question.user()))
}

fn token_with_id(_: &Config, question: &Question<'_>) -> Option<String> {
    let is_known = question.request.credential().is_some();
    // Discovery gives nothing away, and clients begin with it.
    (question.is_from(&["unbound-service-account"]) && !is_known && question.context.traversal() != "discovery").then(
        || {
            format!(
                "the token of `{}` has neither an id nor a pod, so it lives until somebody deletes its secret; ask for one \
                 that expires, by `kubectl create token` or a projected volume",
                question.user()
            )
        },
    )
}

pub const HALF: Guard<Config> = Guard {
    rule: Rule {
        id: "half-an-identity",
        summary: "A service account has its name, its two groups, and if it names a pod, the pod's uid.",
        advice: "An authenticator maps a claim to `system:serviceaccount:` or `system:serviceaccounts` without all of the \
                 rest; give its users and groups a prefix.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens, KEP-4193",
    },
    mode: Mode::On,
    allow: &[],
    check: half,
};

pub const BY_TOKEN: Guard<Config> = Guard {
    rule: Rule {
        id: "service-account-by-token",
        summary: "A service account proves itself by a token, not by a certificate.",
        advice: "Somebody has a client certificate with the name of a service account: it outlives the service account and \
                 every token. Find who signed it.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens, KEP-4193",
    },
    mode: Mode::On,
    allow: &[],
    check: by_token,
};

pub const TOKEN_WITH_ID: Guard<Config> = Guard {
    rule: Rule {
        id: "token-with-id",
        summary: "A service account's token has an id or is bound to a pod, so that it expires and can be revoked.",
        advice: "In the shadow by default, because tokens in secrets, as scripts outside of the cluster use them, and \
                 impersonation by `kubectl --as` have no id. Since 1.32 every token that kube-apiserver issues has one: when \
                 the notes have ended, set `rules.token-with-id` to `on`.",
        source: "KEP-4193, KEP-2799",
    },
    mode: Mode::Shadow,
    allow: &[],
    check: token_with_id,
};
