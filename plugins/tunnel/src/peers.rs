//! The certificates of Konnectivity's two ends. The server takes any certificate of its authority for an agent; here an agent is
//! no node, and has a name.

use crate::Config;
use certificates::{Book, Check, Objection, Question, SHAPE, Sides, note};
use sdk::{
    Context, Fault, Mode, Rule,
    verify_peer::{Outcome, Peer, Role},
};

pub static RULES: &[&[Check]] = &[&SHAPE, &[NODE_AT_END, AGENT_NAME]];

const NODE_AT_END: Check = Check {
    rule: Rule {
        id: "node-at-tunnel-end",
        summary: "Neither end of a tunnel shows a node's certificate.",
        advice: "Agents and servers have an authority of their own: give it to the server by --cluster-ca-cert, and to the agent by \
                 --ca-cert. With the cluster's authority every kubelet is an agent, and receives what kube-apiserver sends to others.",
        source: "kubernetes-sigs/apiserver-network-proxy, cmd/server/app/options",
    },
    mode: Mode::On,
};

const AGENT_NAME: Check = Check {
    rule: Rule {
        id: "agent-name",
        summary: "An agent's certificate is in a name of `agentNames`.",
        advice: "Add the common name to `agentNames`; an empty list takes any.",
        source: "kubernetes-sigs/apiserver-network-proxy, pkg/server",
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

/// Whether the peer may be an agent, or the server that agents call.
pub fn verify(config: &Config, context: &Context, peer: &Peer) -> Outcome {
    let (peers, place) = sides(config).of(peer.role);
    let identity = |leaf: &certificates::Leaf<'_>, objections: &mut Vec<Objection>| {
        let mut object = |code, detail: &str| objections.push(Objection { code, at: Some(0), detail: detail.into() });
        if leaf.is_node() {
            object(NODE_AT_END.rule.id, "the certificate at the end of the tunnel is a node's");
        }
        let is_named = |name: &&str| config.agent_names.iter().any(|it| it == name);
        if peer.role == Role::Client && !config.agent_names.is_empty() && !leaf.common_names().iter().any(is_named) {
            object(AGENT_NAME.rule.id, "the certificate of the agent is in no name of `agentNames`");
        }
    };
    let notes = match &peer.node {
        None => vec![note("identity-not-checked", "no rule on a node was asked, because none is named")],
        Some(_) => Vec::new(),
    };
    let book = Book { tables: RULES, modes: &config.rules };
    certificates::verify(&Question { book, peers, place, identity: &identity, notes }, context, peer)
}
