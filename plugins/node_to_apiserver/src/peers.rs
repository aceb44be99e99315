//! The certificate by which a kubelet calls kube-apiserver, and the one that kube-apiserver shows to nodes and pods.

use crate::Config;
use certificates::{Book, Check, NODE, Objection, Question, SHAPE, Sides, note};
use sdk::{
    Context, Fault, Mode, Rule,
    verify_peer::{Outcome, Peer, Role},
};

pub static RULES: &[&[Check]] = &[&SHAPE, &NODE, &[NODE_SERVES, SERVICE_NAMES]];

const NODE_SERVES: Check = Check {
    rule: Rule {
        id: "node-serves-api",
        summary: "No node answers for kube-apiserver.",
        advice: "The certificate is a kubelet's. Whoever shows it stands between nodes and kube-apiserver, or an approver let it have a \
                 name of the API. Revoke it, and look at what that node asked for.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/",
    },
    mode: Mode::On,
};

const SERVICE_NAMES: Check = Check {
    rule: Rule {
        id: "service-names",
        summary: "kube-apiserver's certificate has the names by which pods call it.",
        advice: "Issue it for kubernetes.default.svc as well, by kubeadm's `apiServer.certSANs`, or pods must call it by another name.",
        source: "https://kubernetes.io/docs/setup/best-practices/certificates/",
    },
    mode: Mode::Shadow,
};

fn sides(config: &Config) -> Sides<'_> {
    Sides { servers: &config.servers, clients: &config.clients }
}

/// Readies what is trusted, and finds what is wrong with it.
pub(crate) fn prepare(config: &Config, faults: &mut Vec<Fault>) {
    sides(config).prepare(faults);
}

/// Whether the peer may be kube-apiserver, or a kubelet that calls it.
pub fn verify(config: &Config, context: &Context, peer: &Peer) -> Outcome {
    let (peers, place) = sides(config).of(peer.role);
    let identity = |leaf: &certificates::Leaf<'_>, objections: &mut Vec<Objection>| match (peer.role, &peer.node) {
        (Role::Client, Some(node)) => certificates::node(leaf, peer, node, objections),
        (Role::Client, None) => {}
        (Role::Server, _) => serves(leaf, objections),
    };
    let notes = match (peer.role, &peer.node) {
        (Role::Client, None) => vec![note(
            "identity-not-checked",
            "whose certificate it is was not checked, because the node is not known: name it, or let the gate have an inventory",
        )],
        (Role::Server, None) => {
            vec![note("identity-not-checked", "no rule on a node was asked, because none is named")]
        }
        (Role::Client | Role::Server, Some(_)) => Vec::new(),
    };
    let book = Book { tables: RULES, modes: &config.rules };
    certificates::verify(&Question { book, peers, place, identity: &identity, notes }, context, peer)
}

fn serves(leaf: &certificates::Leaf<'_>, objections: &mut Vec<Objection>) {
    let mut object = |code, detail: &str| objections.push(Objection { code, at: Some(0), detail: detail.into() });
    if leaf.is_node() {
        object(NODE_SERVES.rule.id, "the certificate that answers for kube-apiserver is a node's");
    }
    if !leaf.is_for("kubernetes.default.svc") {
        object(SERVICE_NAMES.rule.id, "the certificate of kube-apiserver is not for kubernetes.default.svc");
    }
}
