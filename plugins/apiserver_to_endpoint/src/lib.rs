//! kube-apiserver's proxy to nodes, pods and services.
//!
//! Owns what a name says of the wire: `services/web:80` is plain HTTP, `services/https:web:443` is TLS that nobody
//! verifies, a node's other ports are one or the other. Whether the far end is who it should be, a review cannot show.

pub mod peers;

use certificates::Peers;
use sdk::{Answer, Context, Guard, Mode, Question, Request, ResourceAttributes, Rule, proxied};

sdk::config! {
    guards: GUARDS, others: certificates::ids(peers::RULES), prepare: peers::prepare;
    /// Whom to take for the server of this path: anchors, revocation lists, pins.
    servers: Peers = Peers::default(),
    /// Whom to take for the client of this path.
    clients: Peers = Peers::default(),
    /// Whom to take instead of `servers` where this name or address is dialled, as `web.shop.svc`: the anchors of one service.
    endpoints: std::collections::BTreeMap<String, Peers> = std::collections::BTreeMap::new(),
    /// The port of kubelets: a node proxy to it goes over kube-apiserver's connection to the kubelet.
    kubelet_port: String = "10250".into(),
}

sdk::plugin! {
    asks: ["traversal:endpoint-proxy", "traversal:node-proxy"],
    config: Config,
    rules: certificates::told(&GUARDS, peers::RULES),
    authorize: authorize,
    verify_peer: peers::verify,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    sdk::judge(config, &GUARDS, context, request)
}

/// What is proxied to.
enum Proxy<'a> {
    /// A kubelet, over the connection that kube-apiserver has for it.
    Kubelet,
    /// Scheme, name, port.
    Endpoint(&'a str, &'a str, &'a str),
    /// kube-apiserver cannot read the name either.
    Unreadable,
}

/// None if it is no proxy, or a question about all of them.
fn proxy<'a>(config: &Config, at: &'a ResourceAttributes) -> Option<Proxy<'a>> {
    let is_proxy = at.is_door() && matches!(at.resource.as_str(), "nodes" | "pods" | "services");
    let is_stream = matches!(at.subresource.as_str(), "exec" | "attach" | "portforward");
    if !is_proxy || is_stream || at.name.is_empty() {
        return None;
    }
    Some(match proxied(&at.name) {
        Some((_, "", _)) | None => Proxy::Unreadable,
        Some((_, _, port)) if at.resource == "nodes" && (port.is_empty() || port == config.kubelet_port) => {
            Proxy::Kubelet
        }
        Some((scheme @ ("" | "http" | "https"), name, port)) => Proxy::Endpoint(scheme, name, port),
        Some(_) => Proxy::Unreadable,
    })
}

fn unreadable(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    matches!(proxy(config, at)?, Proxy::Unreadable)
        .then(|| format!("`{}` is not a name that can be proxied to; write [https:]NAME[:PORT]", at.name))
}

fn by_service_account(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let is_account = question.is_from(&["pod", "unbound-service-account", "pseudo-service-account"]);
    // A question about all of them is refused, too.
    let is_endpoint = question.context.traversal() == "endpoint-proxy"
        || matches!(proxy(config, at), Some(Proxy::Endpoint(..) | Proxy::Unreadable));
    (is_account && is_endpoint).then(|| {
        format!(
            "`{}` may not proxy through kube-apiserver to {}; a pod reaches pods and services directly, by their own name",
            question.user(),
            at.resource
        )
    })
}

fn plaintext(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let Some(Proxy::Endpoint("" | "http", name, port)) = proxy(config, at) else { return None };
    // The port of HTTP carries no TLS; any other may.
    let port = if port == "80" { "443" } else { port };
    Some(format!(
        "{}/{} is proxied in plain text, with whatever the request carries; use https:{name}:{port} or kubectl port-forward",
        at.resource, at.name
    ))
}

fn unverified(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource()?;
    let Some(Proxy::Endpoint("https", ..)) = proxy(config, at) else { return None };
    Some(format!(
        "{}/{} is proxied over TLS whose certificate kube-apiserver does not verify; use kubectl port-forward and verify \
         it yourself",
        at.resource, at.name
    ))
}

static GUARDS: [Guard<Config>; 4] = [
    Guard {
        rule: Rule {
            id: "proxy-by-service-accounts",
            summary: "Pods do not proxy to pods and services through kube-apiserver.",
            advice: "The way through kube-apiserver passes by network policies, and comes from an address that is trusted. \
                     Kubernetes Dashboard does it, and is on the list by the name that its chart gives it; another that \
                     must belongs into `allow.proxy-by-service-accounts`.",
            source: "https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/, CVE-2020-8562 \
                     (kubernetes/kubernetes#101493)",
        },
        mode: Mode::On,
        allow: DASHBOARDS,
        check: by_service_account,
    },
    Guard {
        rule: Rule {
            id: "readable-proxy-name",
            summary: "What is proxied to has a name of the form [scheme:]name[:port].",
            advice: "kube-apiserver answers 400 to anything else. If one passes for you, say so in \
                     `allow.readable-proxy-name`.",
            source: "https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/",
        },
        mode: Mode::On,
        allow: &[],
        check: unreadable,
    },
    Guard {
        rule: Rule {
            id: "no-plaintext",
            summary: "Nothing is proxied in plain text to nodes, pods and services.",
            advice: "Without `https:` kube-apiserver proxies over HTTP, tokens and cookies included. Who must (an old \
                     dashboard) belongs into `allow.no-plaintext`; where all control planes and nodes share a network \
                     that you trust, set `rules.no-plaintext` to `shadow`.",
            source: "https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/",
        },
        mode: Mode::On,
        allow: DASHBOARDS,
        check: plaintext,
    },
    Guard {
        rule: Rule {
            id: "no-unverified",
            summary: "Nothing is proxied over TLS that nobody verifies.",
            advice: "kube-apiserver cannot verify the certificate of a pod, a service or another port of a node, and shows \
                     none of its own. In the shadow by default, because it is better than plain text, and there is no third \
                     way through the proxy. To leave kubectl port-forward only, set `rules.no-unverified` to `on`.",
            source: "https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/",
        },
        mode: Mode::Shadow,
        allow: &[],
        check: unverified,
    },
];

const DASHBOARDS: &[&str] = &[
    "system:serviceaccount:kubernetes-dashboard:kubernetes-dashboard",
    "system:serviceaccount:kubernetes-dashboard:kubernetes-dashboard-api",
];

#[cfg(test)]
mod tests {
    use super::Config;
    use sdk::Config as _;

    #[test]
    fn an_unknown_rule_is_a_fault_that_says_where() {
        let mut config = Config::default();
        config.rules.insert("plaintext".into(), sdk::Mode::Off);
        let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/rules/plaintext"]);
    }
}
