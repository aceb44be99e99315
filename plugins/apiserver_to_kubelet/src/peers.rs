//! The certificate of a kubelet that is called, and of who calls one.
//!
//! Owns what kube-apiserver does not ask: whether the kubelet at this address is this Node's. A certificate with the right address and
//! another node's name is how a node answers for its neighbour.

use crate::Config;
use certificates::{Book, Check, NODE, Objection, Question, SHAPE, Sides, note};
use sdk::{
    Context, Fault, Mode, Rule,
    verify_peer::{Outcome, Peer, Role},
};

pub static RULES: &[&[Check]] = &[&SHAPE, &NODE, &[NODE_CALLS]];

const NODE_CALLS: Check = Check {
    rule: Rule {
        id: "node-calls-kubelet",
        summary: "No node calls a kubelet.",
        advice: "A kubelet takes commands from kube-apiserver and from monitoring; a node's credential at a kubelet's port was stolen, \
                 or somebody moves on from it. Revoke it.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/",
    },
    mode: Mode::On,
};

fn sides(config: &Config) -> Sides<'_> {
    Sides { servers: &config.servers, clients: &config.clients }
}

/// Readies what is trusted, and finds what is wrong with it.
pub(crate) fn prepare(config: &Config, faults: &mut Vec<Fault>) {
    sides(config).prepare(faults);
}

/// Whether the peer may be a kubelet, or call one.
pub fn verify(config: &Config, context: &Context, peer: &Peer) -> Outcome {
    let (peers, place) = sides(config).of(peer.role);
    let identity = |leaf: &certificates::Leaf<'_>, objections: &mut Vec<Objection>| match (peer.role, &peer.node) {
        (Role::Server, Some(node)) => certificates::node(leaf, peer, node, objections),
        (Role::Server, None) => {}
        (Role::Client, _) if leaf.is_node() => {
            let detail = "the certificate by which the kubelet is called is a node's".into();
            objections.push(Objection { code: NODE_CALLS.rule.id, at: Some(0), detail });
        }
        (Role::Client, _) => {}
    };
    let notes = match (peer.role, &peer.node) {
        (Role::Server, None) => vec![note(
            "identity-not-checked",
            "whose certificate it is was not checked, because the node is not known: name it, or let the gate have an inventory",
        )],
        (Role::Server, Some(_)) | (Role::Client, _) => Vec::new(),
    };
    let book = Book { tables: RULES, modes: &config.rules };
    certificates::verify(&Question { book, peers, place, identity: &identity, notes }, context, peer)
}
