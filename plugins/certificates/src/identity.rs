//! Whether a certificate is a certain node's: what kube-apiserver itself does not ask of a kubelet it calls (KEP-4872).

use crate::{
    Check, Leaf, Objection,
    names::{Alternative, address, short},
};
use sdk::{
    Mode, Rule,
    verify_peer::{Name, Peer, Role},
};
use std::net::IpAddr;

/// The rules that only hold where the host knows which Node the peer must be.
pub const NODE: [Check; 5] = [
    Check {
        rule: Rule {
            id: "node-mismatch",
            summary: "A node's certificate is in that node's name.",
            advice: "It is another node's, whatever its addresses say. Look for a node that took over an address, and revoke its \
                     certificate; a kubelet's own comes with `serverTLSBootstrap: true`.",
            source: "KEP-4872, https://kubernetes.io/docs/reference/access-authn-authz/node/",
        },
        mode: Mode::On,
    },
    Check {
        rule: Rule {
            id: "node-organization",
            summary: "A node's certificate has the organization system:nodes, and no other.",
            advice: "Issue it by the signers kubernetes.io/kubelet-serving and kubernetes.io/kube-apiserver-client-kubelet.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
        },
        mode: Mode::On,
    },
    Check {
        rule: Rule {
            id: "node-purpose",
            summary: "A node's certificate is for serving or for calling, and for nothing else.",
            advice: "Issue two. If one certificate serves both on purpose, set this rule to `shadow`.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
        },
        mode: Mode::On,
    },
    Check {
        rule: Rule {
            id: "node-names",
            summary: "A node's certificate is for the node's own names and addresses.",
            advice: "A name of a service, of the control plane, of the cluster's domain or of the local host, a wildcard, or an \
                     address that is not in the Node's status makes it good for more. Refuse such requests by an approver, and \
                     issue it anew.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/, \
                     alex1989hu/kubelet-serving-cert-approver#337",
        },
        mode: Mode::On,
    },
    Check {
        rule: Rule {
            id: "node-client-names",
            summary: "The certificate by which a kubelet calls has no alternative names.",
            advice: "Issue it by the signer kubernetes.io/kube-apiserver-client-kubelet, which takes none.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
        },
        mode: Mode::On,
    },
];

/// Objects to a certificate that is not this node's.
pub fn node(leaf: &Leaf<'_>, peer: &Peer, node: &str, objections: &mut Vec<Objection>) {
    let mut object = |code, detail| objections.push(Objection { code, at: Some(0), detail });
    match leaf.common_names().as_slice() {
        [name] if name.strip_prefix("system:node:") == Some(node) => {}
        [name] => object(
            "node-mismatch",
            format!("the certificate is in the name of `{}`, and the node is `{}`", short(name), short(node)),
        ),
        names => object("node-mismatch", format!("the certificate has {} common names; a node's has one", names.len())),
    }
    match leaf.organizations().as_slice() {
        ["system:nodes"] => {}
        [] => object("node-organization", "the certificate has no organization; a node's has system:nodes".into()),
        [other] => object(
            "node-organization",
            format!("the certificate has the organization `{}`; a node's has system:nodes", short(other)),
        ),
        many => {
            object("node-organization", format!("the certificate has {} organizations; a node's has one", many.len()))
        }
    }
    if !leaf.is_exact(peer.role) {
        object("node-purpose", "the certificate of a node is for more than one purpose".into());
    }
    match peer.role {
        Role::Server => names(leaf, peer, object),
        Role::Client if leaf.alternatives().next().is_some() => object(
            "node-client-names",
            "the certificate by which a kubelet calls has alternative names, so that it could also serve".into(),
        ),
        Role::Client => {}
    }
}

/// Tells of the first few names that are wrong: a certificate may have hundreds.
fn names(leaf: &Leaf<'_>, peer: &Peer, mut object: impl FnMut(&'static str, String)) {
    let mut told = 0;
    let mut object = |code, detail| {
        object(code, detail);
        told += 1;
        told == MOST_TOLD
    };
    // A host dials its own loopback only where it is told to, and then the certificate has to be for it.
    let dialled = match &peer.name {
        Name::Ip(bytes) => address(bytes).map(Alternative::Ip),
        _ => None,
    };
    let known: Vec<_> = peer.attributes.iter().filter(|it| it.key == ADDRESS).map(|it| it.value.as_str()).collect();
    for name in leaf.alternatives() {
        let detail = match Alternative::of(name) {
            None => "the certificate of a node has a name that is neither DNS nor an address".into(),
            Some(name) if is_of_others(name) && dialled != Some(name) => {
                format!("the certificate of a node is also for `{name}`")
            }
            Some(name) if !known.is_empty() && !known.iter().any(|it| name.is(it)) => {
                format!("the certificate is for `{name}`, which is not in the Node's status")
            }
            Some(_) => continue,
        };
        if object("node-names", detail) {
            return;
        }
    }
}

/// What no node is called: the API and other services, whatever the cluster's domain, the local host, a wildcard.
fn is_of_others(name: Alternative<'_>) -> bool {
    let is_local = |address: IpAddr| address.is_loopback() || address.is_unspecified() || address.is_multicast();
    let name = match name {
        Alternative::Ip(address) => return is_local(address),
        Alternative::Dns(name) => name.to_ascii_lowercase(),
    };
    let name = name.trim_end_matches('.');
    let is_service = name.split('.').skip(1).any(|label| label == "svc") || name.ends_with(".cluster.local");
    let is_api = name == "kubernetes" || name.starts_with("kubernetes.default");
    let is_here = name == "localhost" || name.ends_with(".localhost") || name.parse().is_ok_and(is_local);
    is_service || is_api || is_here || name.contains('*')
}

/// Names and addresses of the Node, one entry each: facts of the host's inventory. Without them only what no node is called
/// is refused.
const ADDRESS: &str = "pathgate.io/node-address";
const MOST_TOLD: u32 = 3;
