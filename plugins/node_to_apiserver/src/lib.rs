//! Kubelets calling kube-apiserver.
//!
//! Owns what a node's credential is good for: its own Node, its own pods, its own lease, and nothing that reaches beyond.
//! kube-apiserver's Node authorizer has no opinion on the rest, so that an RBAC binding to `system:nodes` or to
//! `system:authenticated` opens it again; these rules close it. Nothing here refuses what a kubelet does: which secret or
//! pod belongs to a node is for the Node authorizer's graph, which sees objects where this sees names.

mod beyond;
mod identity;
mod own;
pub mod peers;

use certificates::Peers;
use sdk::{Answer, Context, Guard, Request};

sdk::config! {
    guards: GUARDS, others: certificates::ids(peers::RULES), prepare: peers::prepare;
    /// Whom to take for the server of this path: anchors, revocation lists, pins.
    servers: Peers = Peers::default(),
    /// Whom to take for the client of this path.
    clients: Peers = Peers::default(),
}

sdk::plugin! {
    asks: ["source:node", "source:pseudo-node"],
    config: Config,
    rules: certificates::told(&GUARDS, peers::RULES),
    authorize: authorize,
    verify_peer: peers::verify,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    // A plugin that is asked by mistake must not take a person for a node.
    if !["node", "pseudo-node"].contains(&context.source()) {
        return Answer::none();
    }
    sdk::judge(config, &GUARDS, context, request)
}

static GUARDS: [Guard<Config>; 14] = [
    own::READS_ITSELF,
    own::WRITES_ITSELF,
    own::LISTS_OWN_PODS,
    own::OWN_LEASE,
    beyond::SECRETS_BY_NAME,
    beyond::WRITES_NO_SECRETS,
    beyond::DELETES_NO_NODES,
    beyond::OPENS_NOTHING,
    beyond::TOKEN_BY_NAME,
    beyond::IMPERSONATES_NOBODY,
    beyond::GRANTS_NOTHING,
    beyond::EXTENDS_NOTHING,
    identity::BY_CERTIFICATE,
    identity::HALF,
];

#[cfg(test)]
mod tests;
