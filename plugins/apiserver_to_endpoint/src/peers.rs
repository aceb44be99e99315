//! The certificate of a pod or service behind `https:`, which kube-apiserver's own proxy verifies by nothing.

use crate::Config;
use certificates::{Book, Check, Objection, Peers, Question, SHAPE, Sides, note};
use sdk::{
    Context, Fault, Mode, Rule,
    verify_peer::{Name, Outcome, Peer, Role},
};
use std::{borrow::Cow, net::IpAddr};

pub static RULES: &[&[Check]] = &[&SHAPE, &[NODE_SERVES, WILDCARD]];

const NODE_SERVES: Check = Check {
    rule: Rule {
        id: "node-serves-endpoint",
        summary: "No node answers for a pod or a service.",
        advice: "The certificate is a kubelet's. Whoever shows it answers in place of the endpoint. Revoke it.",
        source: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/",
    },
    mode: Mode::On,
};

const WILDCARD: Check = Check {
    rule: Rule {
        id: "wildcard-name",
        summary: "An endpoint's certificate is for that endpoint.",
        advice: "With a wildcard one pod's key answers for all. Issue one each, for NAME.NAMESPACE.svc, then set this rule to `on`.",
        source: "RFC 6125, section 7.2",
    },
    mode: Mode::Shadow,
};

fn sides(config: &Config) -> Sides<'_> {
    Sides { servers: &config.servers, clients: &config.clients }
}

/// Readies what is trusted, and finds what is wrong with it.
pub(crate) fn prepare(config: &Config, faults: &mut Vec<Fault>) {
    sides(config).prepare(faults);
    for (name, peers) in &config.endpoints {
        peers.prepare(&format!("/endpoints/{}", name.replace('~', "~0").replace('/', "~1")), faults);
    }
}

/// Whether the peer may be the endpoint that was dialled.
pub fn verify(config: &Config, context: &Context, peer: &Peer) -> Outcome {
    let (peers, place) = peers(config, peer);
    let identity = |leaf: &certificates::Leaf<'_>, objections: &mut Vec<Objection>| {
        let mut object = |code, detail: &str| objections.push(Objection { code, at: Some(0), detail: detail.into() });
        if peer.role == Role::Server && leaf.is_node() {
            object(NODE_SERVES.rule.id, "the certificate that answers for the endpoint is a node's");
        }
        if peer.role == Role::Server && leaf.has_wildcard() {
            object(WILDCARD.rule.id, "the certificate of the endpoint is for a wildcard");
        }
    };
    let notes = match &peer.node {
        None => vec![note("identity-not-checked", "no rule on a node was asked, because none is named")],
        Some(_) => Vec::new(),
    };
    let book = Book { tables: RULES, modes: &config.rules };
    certificates::verify(&Question { book, peers, place: &place, identity: &identity, notes }, context, peer)
}

/// Those of the dialled name, or else those of all.
fn peers<'a>(config: &'a Config, peer: &Peer) -> (&'a Peers, Cow<'static, str>) {
    let dialled = match &peer.name {
        Name::Dns(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
        Name::Ip(bytes) => match (<[u8; 4]>::try_from(bytes.as_slice()), <[u8; 16]>::try_from(bytes.as_slice())) {
            (Ok(four), _) => Some(IpAddr::from(four).to_string()),
            (_, Ok(sixteen)) => Some(IpAddr::from(sixteen).to_string()),
            (Err(_), Err(_)) => None,
        },
        Name::None | Name::Uri(_) | Name::Email(_) => None,
    };
    match (peer.role, dialled.and_then(|name| config.endpoints.get_key_value(&name))) {
        (Role::Server, Some((name, peers))) => (peers, format!("endpoints.{name}").into()),
        (role, _) => {
            let (peers, place) = sides(config).of(role);
            (peers, place.into())
        }
    }
}
