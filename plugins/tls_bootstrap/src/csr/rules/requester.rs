//! Who asks, and for which Node.

use super::{BOOTSTRAPPING, SIGNERS, deny, leave};
use crate::{
    Config,
    csr::{Asked, Check, Kind, shown},
};
use sdk::Rule;

pub const RULES: &[Check] = &[
    deny(
        Rule {
            id: "csr-requester",
            summary: "A node asks as `system:node:NAME` and member of `system:nodes`; only nodes ask for serving certificates.",
            advice: "kube-apiserver writes the requester into the request, so it cannot be forged. Look who holds that identity.",
            source: SIGNERS,
        },
        requester,
    ),
    leave(
        Rule {
            id: "csr-bootstrapper",
            summary: "A first client certificate is for the holder of a bootstrap token.",
            advice: "A person may ask on a node's behalf, so it is left for one to approve. Names of a static token file \
                     (`kubelet-bootstrap`) belong into `allow.csr-bootstrapper` until bootstrap tokens replace them.",
            source: BOOTSTRAPPING,
        },
        bootstrapper,
    ),
    deny(
        Rule {
            id: "csr-own-name",
            summary: "A node asks for its own name.",
            advice: "One node's certificate in another's hands is that other node. The NodeRestriction admission plugin of \
                     Kubernetes 1.31 refuses this, too: enable it.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction",
        },
        own_name,
    ),
    deny(
        Rule {
            id: "csr-node-name",
            summary: "The common name is `system:node:` and the name of a Node, byte for byte as Kubernetes writes them.",
            advice: "Node names are DNS subdomains in lower case. What is none cannot become a Node, and fools readers of logs.",
            source: "RFC 1123; https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names",
        },
        node_name,
    ),
    deny(
        Rule {
            id: "csr-node-pattern",
            summary: "Nodes have the names that the operator expects.",
            advice: "`nodeNames` lists patterns, in which `*` stands for any run of characters. An empty list expects any name.",
            source: "postfinance/kubelet-csr-approver, --provider-regex",
        },
        node_pattern,
    ),
    leave(
        Rule {
            id: "csr-node-unknown",
            summary: "A node that has a certificate has a Node.",
            advice: "It was deleted, or it is not yet known here. If the Node is there, look at the request again; if not, the \
                     machine should not ask any more.",
            source: "certificates of deleted nodes stay good: https://github.com/kubernetes/kubernetes/issues/18982",
        },
        node_unknown,
    ),
    deny(
        Rule {
            id: "csr-living-node",
            summary: "A bootstrap token does not take the name of a Node that is Ready.",
            advice: "A kubelet that lives renews with its own certificate. If this one has lost it, delete the Node, or wait until \
                     it is NotReady, and let it ask again; `allow.csr-living-node` takes `node:NAME`.",
            source: "`nodeclient` lets a token ask for any name: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#approval",
        },
        living_node,
    ),
    leave(
        Rule {
            id: "csr-node-replaced",
            summary: "The Node is not younger than the request.",
            advice: "The request is of a machine that had the name before. If the machine is the same, delete the request; its \
                     kubelet asks again.",
            source: "KEP-4872, motivation: certificates outlive the nodes that they were made for",
        },
        node_replaced,
    ),
    deny(
        Rule {
            id: "csr-node-uid",
            summary: "A credential that is bound to a Node asks for that very Node.",
            advice: "The Node was deleted and made anew since the credential was issued. Let the machine join again.",
            source: "KEP-4193",
        },
        node_uid,
    ),
    deny(
        Rule {
            id: "csr-token-spent",
            summary: "A bootstrap token joins one node.",
            advice: "A token that lies in an image or in user data joins whatever has read it. Make one for each node (kubeadm \
                     token create --ttl 1h), or set `rules.csr-token-spent` to `shadow` where many nodes share one.",
            source: BOOTSTRAPPING,
        },
        token_spent,
    ),
    leave(
        Rule {
            id: "csr-token-pending",
            summary: "Of two requests by one bootstrap token, the older is judged first.",
            advice: "Two machines use one token. Find out which is yours, deny the other request, and revoke the token (kubeadm \
                     token delete).",
            source: BOOTSTRAPPING,
        },
        token_pending,
    ),
];

fn requester(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let (is_named, is_member) = (asked.csr.user.starts_with("system:node:"), asked.is_member("system:nodes"));
    let fault = match asked.kind {
        Kind::Foreign => return None,
        Kind::Serving if !is_named => "is no node, and only nodes ask for serving certificates",
        Kind::Serving | Kind::Renewal if !is_member => "has a node's name and is not in group `system:nodes`",
        Kind::Bootstrap if is_member => "is in group `system:nodes` and has no node's name",
        Kind::Serving | Kind::Renewal | Kind::Bootstrap => return None,
    };
    Some(format!("requester `{}` {fault}", shown(&asked.csr.user)))
}

fn bootstrapper(_: &Config, asked: &Asked<'_>) -> Option<String> {
    (asked.kind == Kind::Bootstrap && asked.token().is_none())
        .then(|| format!("requester `{}` is neither the node itself nor a bootstrap token", shown(&asked.csr.user)))
}

fn own_name(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let names = asked.read()?.common_names();
    let other = names.iter().find(|it| **it != asked.csr.user)?;
    matches!(asked.kind, Kind::Serving | Kind::Renewal)
        .then(|| format!("`{}` asks for the name `{}`", shown(&asked.csr.user), shown(other)))
}

fn node_name(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let names = asked.read().filter(|_| asked.is_ours())?.common_names();
    let odd = names.iter().find(|it| !it.strip_prefix("system:node:").is_some_and(is_subdomain))?;
    Some(format!("common name `{}` is not `system:node:` and a Node's name", shown(odd)))
}

/// Whether it can be the name of a Node: a DNS subdomain in lower case (RFC 1123).
fn is_subdomain(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        label.len() <= 63
            && label.bytes().all(|byte| is_inner(byte) || byte == b'-')
            && label.bytes().next().is_some_and(is_inner)
            && label.bytes().last().is_some_and(is_inner)
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn node_pattern(config: &Config, asked: &Asked<'_>) -> Option<String> {
    let name = asked.read().filter(|_| asked.is_ours())?.node()?;
    let is_expected = config.node_names.is_empty() || config.node_names.iter().any(|it| is_like(it, name));
    (!is_expected).then(|| format!("`{}` is like none of `nodeNames`", shown(name)))
}

/// Whether a name is like a pattern, in which `*` stands for any run of characters.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn node_unknown(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let name = asked.read()?.node()?;
    let needs_one = matches!(asked.kind, Kind::Serving | Kind::Renewal);
    (needs_one && asked.node.is_none()).then(|| format!("there is no Node `{}`", shown(name)))
}

fn living_node(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let node = asked.node.filter(|node| node.ready && asked.kind == Kind::Bootstrap)?;
    Some(format!("Node `{}` is Ready, and `{}` asks for its name", node.name, shown(&asked.csr.user)))
}

fn node_replaced(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let node = asked.node.filter(|_| asked.is_ours())?;
    let created: u64 = asked.facts("pathgate.io/created").next()?.parse().ok()?;
    (node.created > created).then(|| format!("Node `{}` was created after the request", node.name))
}

fn node_uid(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let node = asked.node.filter(|_| asked.is_ours())?;
    let extra = asked.csr.extra.iter().find(|it| it.key == "authentication.kubernetes.io/node-uid")?;
    let is_other = !node.uid.is_empty() && extra.values.iter().any(|uid| *uid != node.uid);
    is_other.then(|| format!("the credential is bound to another Node that was called `{}`", node.name))
}

fn token_spent(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let token = asked.token().filter(|_| asked.kind == Kind::Bootstrap)?;
    let joined = asked.facts("pathgate.io/token-spent").next()?;
    Some(format!("bootstrap token `{token}` has joined `{}` already", shown(joined)))
}

fn token_pending(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let token = asked.token().filter(|_| asked.kind == Kind::Bootstrap)?;
    let other = asked.facts("pathgate.io/token-pending").next()?;
    Some(format!("an older request by bootstrap token `{token}`, for `{}`, is not decided", shown(other)))
}

#[cfg(test)]
mod tests {
    use super::{is_like, is_subdomain};

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        let like = ["node-*", "*", "node-a", "n*d*-*a", "*-a"].map(|pattern| is_like(pattern, "node-a"));
        let unlike = ["node-", "*b", "node-a*a", "n*x*a", ""].map(|pattern| is_like(pattern, "node-a"));
        assert_eq!((like, unlike), ([true; 5], [false; 5]));
    }

    #[test]
    fn the_name_of_a_node_is_a_dns_subdomain_in_lower_case() {
        let names = ["a", "ip-10-0-0-1.ec2.internal", "", "A", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "ä"];
        let good = names.map(is_subdomain);
        assert_eq!(good, [true, true, false, false, false, false, false, false, false, false, false, false]);
    }
}
