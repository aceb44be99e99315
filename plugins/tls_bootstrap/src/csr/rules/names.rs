//! Subject alternative names: those of the Node that asks, and nobody else's.

use super::{SIGNERS, deny, leave};
use crate::{
    Config,
    csr::{Asked, Check, Kind, pkcs10::Name, shown},
};
use sdk::{Rule, approve_csr::Node};
use std::net::{IpAddr, Ipv6Addr};

pub const RULES: &[Check] = &[
    deny(
        Rule {
            id: "csr-client-names",
            summary: "A kubelet's client certificate has no alternative names.",
            advice: "A client that has a server's names can be a server. The signer refuses it after approval.",
            source: SIGNERS,
        },
        client_names,
    ),
    deny(
        Rule {
            id: "csr-names-missing",
            summary: "A serving certificate has a DNS name or an address.",
            advice: "Nobody can verify a certificate without one, and a check of the names it has would pass over nothing.",
            source: "GHSA-87pw-5j2g-6376",
        },
        missing,
    ),
    deny(
        Rule {
            id: "csr-name-kinds",
            summary: "The alternative names of a kubelet are DNS names and addresses.",
            advice: "Email addresses and URIs are identities elsewhere (SPIFFE). The signer refuses them after approval.",
            source: SIGNERS,
        },
        kinds,
    ),
    deny(
        Rule {
            id: "csr-wildcard",
            summary: "No name has a wildcard.",
            advice: "A wildcard is every other node's name, too.",
            source: "RFC 9525, section 6.3",
        },
        wildcard,
    ),
    deny(
        Rule {
            id: "csr-name-form",
            summary: "Names are written in one form: lower case, no final dot, no empty label, ASCII without punycode.",
            advice: "Verifiers fold names, and each its own way: two spellings are two answers. Rename a machine that is called so.",
            source: "RFC 1123; RFC 5280, section 7.2; CVE-2009-2408 for a NUL in a name",
        },
        form,
    ),
    deny(
        Rule {
            id: "csr-address-as-name",
            summary: "An address is not written as a DNS name.",
            advice: "Some verifiers take it for the address. The kubelet writes addresses as addresses.",
            source: "RFC 9525, section 6.5; WHATWG URL, host parsing",
        },
        address_as_name,
    ),
    deny(
        Rule {
            id: "csr-loopback",
            summary: "No node is `localhost`.",
            advice: "That name means another machine on every machine.",
            source: "RFC 6761, section 6.3; RFC 1122, section 3.2.1.3",
        },
        loopback,
    ),
    deny(
        Rule {
            id: "csr-address-form",
            summary: "An address is one machine's: not unspecified, link-local, multicast, broadcast or IPv4 inside IPv6.",
            advice: "Such an address is nobody's or everybody's, or a second spelling of another one.",
            source: "RFC 6890; RFC 4291, section 2.5.5",
        },
        address_form,
    ),
    deny(
        Rule {
            id: "csr-control-plane-name",
            summary: "No node is called as kube-apiserver is.",
            advice: "Whoever has such a certificate is kube-apiserver to every pod that trusts its signer. Names and addresses \
                     that your clients use for it belong into `reserved`.",
            source: "GHSA-87pw-5j2g-6376; https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/",
        },
        control_plane,
    ),
    deny(
        Rule {
            id: "csr-service-name",
            summary: "No node has the name or the address of a Service.",
            advice: "Whoever has such a certificate is that Service to every client that trusts its signer. `clusterDomain` is \
                     the kubelet's --cluster-domain.",
            source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/",
        },
        service,
    ),
    deny(
        Rule {
            id: "csr-reserved",
            summary: "Names and addresses that the operator reserved are no node's.",
            advice: "`reserved` lists them; an entry that begins with a dot means every name below it.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#client-and-serving-certificates",
        },
        reserved,
    ),
    deny(
        Rule {
            id: "csr-foreign-name",
            summary: "Every name and address is one of the Node that asks: the whole of it, and not how it begins.",
            advice: "`kubectl get node NAME -o yaml` shows under `status.addresses` what the node has. If the machine has got a \
                     new address, its kubelet asks again once the Node says so.",
            source: "https://github.com/alex1989hu/kubelet-serving-cert-approver/issues/337",
        },
        foreign,
    ),
    leave(
        Rule {
            id: "csr-node-addresses",
            summary: "A Node without addresses has no names to compare with.",
            advice: "The kubelet, or the cloud controller manager, has not written them yet.",
            source: "https://kubernetes.io/docs/reference/node/node-status/#addresses",
        },
        no_addresses,
    ),
    leave(
        Rule {
            id: "csr-contested-name",
            summary: "A name or address that something else in the cluster has, too, is for a person to decide.",
            advice: "A node writes its own addresses, so a stolen one can be in its status: see which of the two is right, and \
                     correct the other. Control-plane nodes (label `node-role.kubernetes.io/control-plane`) may have the \
                     addresses of kube-apiserver and of endpoints.",
            source: "KEP-4872; https://github.com/openshift/cluster-machine-approver/issues/38",
        },
        contested,
    ),
];

/// The names of a serving request.
fn names<'a>(asked: &'a Asked<'_>) -> &'a [Name<'a>] {
    if asked.kind == Kind::Serving { &asked.names } else { &[] }
}

fn first_dns(asked: &Asked<'_>, is_meant: impl Fn(&str) -> bool) -> Option<String> {
    names(asked).iter().find_map(|it| match it {
        Name::Dns(name) if is_meant(name) => Some(shown(name)),
        Name::Dns(_) | Name::Address(_) | Name::Misshapen(_) | Name::Other(_) => None,
    })
}

fn client_names(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let count = asked.names.len();
    (matches!(asked.kind, Kind::Renewal | Kind::Bootstrap) && count > 0)
        .then(|| format!("a client certificate with {count} alternative names"))
}

fn missing(_: &Config, asked: &Asked<'_>) -> Option<String> {
    asked.read().filter(|_| asked.kind == Kind::Serving)?;
    let is_name = |it: &Name<'_>| matches!(it, Name::Dns(_) | Name::Address(_));
    (!names(asked).iter().any(is_name)).then(|| "there is neither a DNS name nor an address".to_owned())
}

fn kinds(_: &Config, asked: &Asked<'_>) -> Option<String> {
    names(asked).iter().find_map(|it| match it {
        Name::Other(kind) => Some(format!("an alternative name is of the kind {kind}")),
        Name::Dns(_) | Name::Address(_) | Name::Misshapen(_) => None,
    })
}

fn wildcard(_: &Config, asked: &Asked<'_>) -> Option<String> {
    first_dns(asked, |name| name.contains('*')).map(|name| format!("`{name}` has a wildcard"))
}

fn form(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| {
        // Wildcards have a rule of their own.
        let is_wild = label.contains('*');
        (1..=63).contains(&label.len()) && (is_wild || label.bytes().all(is_plain)) && !label.starts_with("xn--")
    };
    let odd = first_dns(asked, |name| name.len() > 253 || !name.split('.').all(is_label))?;
    Some(format!("`{odd}` is not in the one form of a DNS name"))
}

fn address_as_name(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let is_number = |label: &str| {
        let digits = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        match digits {
            Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
        }
    };
    // The last label of a name is a number in addresses only, in all their old spellings.
    let is_address = |name: &str| {
        let name = name.strip_suffix('.').unwrap_or(name);
        name.parse::<IpAddr>().is_ok() || name.rsplit('.').next().is_some_and(is_number)
    };
    first_dns(asked, is_address).map(|name| format!("`{name}` is an address, and is written as a DNS name"))
}

fn loopback(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let local = ["localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"];
    let is_local = |name: &str| {
        let name = folded(name);
        local.contains(&&*name) || name.ends_with(".localhost")
    };
    let address = || {
        names(asked).iter().find_map(|it| match it {
            Name::Address(address) if address.to_canonical().is_loopback() => Some(address.to_string()),
            Name::Address(_) | Name::Dns(_) | Name::Misshapen(_) | Name::Other(_) => None,
        })
    };
    first_dns(asked, is_local).or_else(address).map(|name| format!("`{name}` means this machine on every machine"))
}

fn address_form(_: &Config, asked: &Asked<'_>) -> Option<String> {
    names(asked).iter().find_map(|it| match it {
        Name::Misshapen(bytes) => Some(format!("an address has {bytes} bytes")),
        Name::Address(address) => no_machine(*address).map(|what| format!("`{address}` is {what}")),
        Name::Dns(_) | Name::Other(_) => None,
    })
}

/// What an address is that is not one machine's.
fn no_machine(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(four) if four.is_link_local() => Some("a link-local address"),
        IpAddr::V4(four) if four.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(four) if four.octets().first() == Some(&0) => Some("an address of this network"),
        IpAddr::V6(six) if six.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V6(six) if six.to_ipv4().is_some() && six != Ipv6Addr::LOCALHOST => {
            Some("an IPv4 address inside an IPv6 one")
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

fn control_plane(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let is_api = |name: &str| {
        let name = folded(name);
        name == "kubernetes" || name == "kubernetes.default" || name.starts_with("kubernetes.default.svc")
    };
    first_dns(asked, is_api).map(|name| format!("`{name}` is a name of kube-apiserver"))
}

fn service(config: &Config, asked: &Asked<'_>) -> Option<String> {
    let domain = folded(&config.cluster_domain);
    let is_service = |name: &str| {
        let name = folded(name);
        name == "svc" || name.ends_with(".svc") || is_within(&name, &domain)
    };
    if let Some(name) = first_dns(asked, is_service) {
        return Some(format!("`{name}` is a name of the cluster's services"));
    }
    holders(asked)
        .find(|it| it.kind == "service-address")
        .map(|it| format!("`{}` is the address of Service `{}`", shown(it.name), shown(it.who)))
}

fn reserved(config: &Config, asked: &Asked<'_>) -> Option<String> {
    let is_reserved = |name: &Name<'_>| {
        config.reserved.iter().any(|entry| match name {
            Name::Dns(name) => match entry.strip_prefix('.') {
                Some(domain) => is_within(&folded(name), &folded(domain)),
                None => folded(name) == folded(entry),
            },
            Name::Address(address) => entry.parse() == Ok(address.to_canonical()),
            Name::Misshapen(_) | Name::Other(_) => false,
        })
    };
    names(asked).iter().find(|it| is_reserved(it)).map(|it| format!("`{}` is reserved", told(it)))
}

fn foreign(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let node = asked.node.filter(|node| !node.addresses.is_empty())?;
    let foreign = names(asked).iter().find(|it| !is_of(node, it))?;
    let name = told(foreign);
    let holder = holders(asked).find(|it| it.name == name);
    let whose = holder.map(|it| format!("; it is of {} `{}`", it.kind, shown(it.who))).unwrap_or_default();
    Some(format!("`{name}` is none of the names and addresses of Node `{}`{whose}", node.name))
}

fn is_of(node: &Node, name: &Name<'_>) -> bool {
    match name {
        Name::Dns(name) => *name == node.name || node.addresses.iter().any(|it| it.value == *name),
        Name::Address(address) => node.addresses.iter().any(|it| it.value.parse() == Ok(*address)),
        // They have rules of their own.
        Name::Misshapen(_) | Name::Other(_) => true,
    }
}

fn no_addresses(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let node = asked.node.filter(|node| asked.kind == Kind::Serving && node.addresses.is_empty())?;
    Some(format!("Node `{}` has no addresses yet", node.name))
}

fn contested(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let is_control_plane = asked.facts("pathgate.io/node-role").any(|role| role == "control-plane");
    let counts = |it: &Holder<'_>| match it.kind {
        "api-server" | "endpoint" => !is_control_plane,
        // Whoever may create a Service must not be able to hold up the node that is called so.
        "service" => asked.node.is_none_or(|node| node.name != it.name),
        _ => true,
    };
    let holder = holders(asked).find(counts)?;
    Some(format!("`{}` is of {} `{}`, too", shown(holder.name), holder.kind, shown(holder.who)))
}

/// Something else in the cluster that has one of the names.
struct Holder<'a> {
    kind: &'a str,
    name: &'a str,
    who: &'a str,
}

fn holders<'a>(asked: &'a Asked<'_>) -> impl Iterator<Item = Holder<'a>> {
    let facts = asked.facts("pathgate.io/holder").filter(|_| asked.kind == Kind::Serving);
    facts.filter_map(|fact| {
        let (kind, rest) = fact.split_once(' ')?;
        let (name, who) = rest.split_once(' ')?;
        Some(Holder { kind, name, who })
    })
}

fn told(name: &Name<'_>) -> String {
    match name {
        Name::Dns(name) => shown(name),
        Name::Address(address) => address.to_string(),
        Name::Misshapen(_) => "an address".into(),
        Name::Other(kind) => (*kind).into(),
    }
}

/// As the laxest of verifiers would compare it.
fn folded(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn is_within(name: &str, domain: &str) -> bool {
    !domain.is_empty() && name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
