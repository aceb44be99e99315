//! The rules, in the order in which they decide.

mod form;
mod keys;
mod names;
mod requester;
mod subject;
mod time;
mod usages;

use super::{Asked, Check, Kind, Then};
use crate::Config;
use sdk::{Mode, Rule};

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [form::RULES, requester::RULES, subject::RULES, usages::RULES, names::RULES, keys::RULES, time::RULES, APPROVALS]
        .into_iter()
        .flatten()
}

const APPROVALS: &[Check] = &[
    approve(
        Rule {
            id: "csr-approve-serving",
            summary: "A kubelet's serving certificate for its own Node's names and addresses is approved.",
            advice: "Nothing in Kubernetes approves these. Set `rules.csr-approve-serving` to `off` to have none approved.",
            source: SIGNERS,
        },
        serving,
    ),
    approve(
        Rule {
            id: "csr-approve-renewal",
            summary: "A kubelet's next client certificate, asked for with its present one, is approved.",
            advice: "kube-controller-manager approves these, too, unless `csrapproving` is left out of its --controllers. Set \
                     `rules.csr-approve-renewal` to `off` to leave them to it.",
            source: BOOTSTRAPPING,
        },
        renewal,
    ),
    approve(
        Rule {
            id: "csr-approve-bootstrap",
            summary: "A node that joins gets its first client certificate by a bootstrap token.",
            advice: "kube-controller-manager approves these, too, for whoever may create \
                     `certificatesigningrequests/nodeclient`, and for any name: leave `csrapproving` out of its --controllers. \
                     Set `rules.csr-approve-bootstrap` to `off` to approve each join by hand.",
            source: BOOTSTRAPPING,
        },
        bootstrap,
    ),
];

fn serving(_: &Config, asked: &Asked<'_>) -> Option<String> {
    (asked.kind == Kind::Serving).then(|| format!("`{}` serves under its own names and addresses", node(asked)))
}

fn renewal(_: &Config, asked: &Asked<'_>) -> Option<String> {
    (asked.kind == Kind::Renewal).then(|| format!("`{}` renews its own client certificate", node(asked)))
}

fn bootstrap(_: &Config, asked: &Asked<'_>) -> Option<String> {
    (asked.kind == Kind::Bootstrap).then(|| format!("`{}` joins", node(asked)))
}

fn node(asked: &Asked<'_>) -> String {
    super::shown(asked.read().and_then(|it| it.node()).unwrap_or_default())
}

const fn deny(rule: Rule, check: fn(&Config, &Asked<'_>) -> Option<String>) -> Check {
    Check { rule, mode: Mode::On, then: Then::Deny, check }
}

const fn leave(rule: Rule, check: fn(&Config, &Asked<'_>) -> Option<String>) -> Check {
    Check { rule, mode: Mode::On, then: Then::Leave, check }
}

const fn approve(rule: Rule, check: fn(&Config, &Asked<'_>) -> Option<String>) -> Check {
    Check { rule, mode: Mode::On, then: Then::Approve, check }
}

const SIGNERS: &str =
    "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers";
const BOOTSTRAPPING: &str = "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/";
