//! The attacks of the show, as data: what is tried, by whom, and what a cluster without the gate would have done; each with
//! a twin that does the legitimate thing on the same path, and must pass.

use world::{Caller, Cast, Deed, Node, Pod, alice, delegated, kubelet, pod};

/// An attack, and its twin.
pub(super) struct Attack {
    pub id: &'static str,
    pub title: &'static str,
    /// Where it is known from.
    pub source: &'static str,
    /// Must be refused, by a rule that begins so.
    pub rule: &'static str,
    pub attack: Try,
    pub twin: Try,
}

/// Something that somebody does, and what kube-apiserver asks because of it, in order.
#[derive(Clone, Copy)]
pub(super) struct Try {
    pub tried: &'static str,
    pub by: &'static str,
    /// What a cluster without the gate would have done.
    pub without: &'static str,
    pub asks: Asks,
}

pub(super) type Asks = fn(&Cast) -> Option<Vec<(Caller, Deed)>>;

const fn attempt(tried: &'static str, by: &'static str, without: &'static str, asks: Asks) -> Try {
    Try { tried, by, without, asks }
}

const fn twin(tried: &'static str, by: &'static str, asks: Asks) -> Try {
    Try { tried, by, without: "The same: Node and RBAC decide.", asks }
}

pub(super) static ATTACKS: &[Attack] = &[
    Attack {
        id: "s3",
        title: "Send kube-apiserver to another address",
        source: "CVE-2022-3294",
        rule: "user_to_apiserver/node-status",
        attack: attempt(
            "Patch the status of a Node, so that its address is the control plane's own; then proxy to the node.",
            "bob, who may `patch nodes/status`",
            "RBAC allows it, and kube-apiserver takes its kubelet credentials to whatever address stands there.",
            |cast| Some(vec![(bob(), Deed::core("patch", "nodes/status").named(&first(cast)?.name))]),
        ),
        twin: twin("Patch the status of its own Node.", "the kubelet of that node", |cast| {
            let node = first(cast)?;
            Some(vec![(kubelet(node), Deed::core("patch", "nodes/status").named(&node.name))])
        }),
    },
    Attack {
        id: "s5",
        title: "Read everybody's writes through an admission webhook",
        source: "CVE-2020-8561",
        rule: "node_to_apiserver/node-extends-nothing",
        attack: attempt(
            "Create a ValidatingWebhookConfiguration that sends every Secret to an address of one's own.",
            "a stolen kubelet certificate, on a cluster that bound `system:nodes` to too much",
            "RBAC allows it. From then on kube-apiserver posts every object to the attacker, and follows its redirects.",
            |cast| {
                let group = "admissionregistration.k8s.io";
                let deed = Deed::resource("create", group, "v1", "validatingwebhookconfigurations");
                Some(vec![(kubelet(first(cast)?), deed)])
            },
        ),
        twin: twin("Read which admission webhooks there are.", "the administrator", |_| {
            let group = "admissionregistration.k8s.io";
            Some(vec![(alice(), Deed::resource("list", group, "v1", "validatingwebhookconfigurations"))])
        }),
    },
    Attack {
        id: "s6",
        title: "Lead a service to a foreign address",
        source: "CVE-2021-25740",
        rule: "user_to_apiserver/endpoints",
        attack: attempt(
            "Create an EndpointSlice for a service of one's own, with the address of a pod in another namespace.",
            "bob, who may edit his namespace",
            "The role `edit` of older clusters allows it, and kube-apiserver's service proxy connects to that address.",
            |_| Some(vec![(bob(), endpoint_slices("create"))]),
        ),
        twin: twin("Update the EndpointSlice of a service with a selector.", "the endpoint slice controller", |_| {
            Some(vec![(controller("endpointslice-controller"), endpoint_slices("update"))])
        }),
    },
    Attack {
        id: "s8",
        title: "Read secrets with a stolen bootstrap token",
        source: "TLS bootstrap; the GKE metadata attack",
        rule: "tls_bootstrap/bootstrap-only-joins",
        attack: attempt(
            "List the secrets of kube-system with the bootstrap token from a node's user data.",
            "whoever read the user data",
            "Where a binding gives bootstrappers more than joining, every secret is read, and the token still works.",
            |_| Some(vec![(Caller::bootstrap("07401b"), Deed::core("list", "secrets").within("kube-system"))]),
        ),
        twin: twin("Create a certificate signing request.", "a node that joins, with the same token", |_| {
            let deed = Deed::resource("create", "certificates.k8s.io", "v1", "certificatesigningrequests");
            Some(vec![(Caller::bootstrap("07401b"), deed)])
        }),
    },
    Attack {
        id: "s9",
        title: "Read secrets without a name",
        source: "kube-hunter KHV005; CIS 1.2.1",
        rule: "user_to_apiserver/anonymous-reads-health",
        attack: attempt(
            "GET /api/v1/secrets without any credential.",
            "anybody who reaches the port",
            "With one careless binding to `system:anonymous`, every secret of the cluster is in the answer.",
            |_| Some(vec![(Caller::anonymous(), Deed::core("list", "secrets"))]),
        ),
        twin: twin("GET /livez without any credential.", "a load balancer", |_| {
            Some(vec![(Caller::anonymous(), Deed::path("/livez"))])
        }),
    },
    Attack {
        id: "s11",
        title: "Run commands with a read permission",
        source: "kubernetes/kubernetes#119640, `get nodes/proxy`",
        rule: "apiserver_to_kubelet/nodes-proxy",
        attack: attempt(
            "Open a WebSocket to port 10250 of a node: /exec/kube-system/etcd/etcd?command=id.",
            "prom, a monitoring agent that may `get nodes/proxy`",
            "The kubelet asks whether prom may `get nodes/proxy`, RBAC says yes, and the command runs: past admission, and \
             past the audit log.",
            |cast| Some(delegated(first(cast)?, &pod(cast, cast.pod("prom")?), "get", "proxy")),
        ),
        twin: twin("Scrape the node's metrics from the same port.", "prom", |cast| {
            Some(delegated(first(cast)?, &pod(cast, cast.pod("prom")?), "get", "metrics"))
        }),
    },
    Attack {
        id: "s17",
        title: "Read a login in plain text",
        source: "Kubernetes' page on control plane and node communication",
        rule: "apiserver_to_endpoint/no-plaintext",
        attack: attempt(
            "GET /api/v1/namespaces/shop/services/web:80/proxy/login with a session cookie.",
            "alice, unaware",
            "kube-apiserver proxies it over plain HTTP: whoever is between control plane and pod reads the cookie.",
            |_| Some(vec![(alice(), Deed::core("get", "services/proxy").within("shop").named("web:80"))]),
        ),
        twin: twin("The same by services/https:api:443.", "alice", |_| {
            Some(vec![(alice(), Deed::core("get", "services/proxy").within("shop").named("https:api:443"))])
        }),
    },
    Attack {
        id: "s20",
        title: "Copy a container's memory",
        source: "CVE-2025-0426",
        rule: "apiserver_to_kubelet/checkpoint",
        attack: attempt(
            "POST to /checkpoint of a kubelet again and again.",
            "prom, with `nodes/checkpoint`",
            "RBAC allows it: the node's disk fills with copies of memory, secrets included.",
            |cast| Some(delegated(first(cast)?, &pod(cast, cast.pod("prom")?), "create", "checkpoint")),
        ),
        twin: twin("Ask a kubelet for its health.", "prom", |cast| {
            Some(delegated(first(cast)?, &pod(cast, cast.pod("prom")?), "get", "healthz"))
        }),
    },
    Attack {
        id: "s23",
        title: "Become another node",
        source: "CVE-2025-5187, CVE-2025-4563",
        rule: "node_to_apiserver/node-deletes-no-nodes",
        attack: attempt(
            "Delete the own Node, to come back without taints.",
            "a kubelet's certificate, taken from the node",
            "An ownerReference or a binding to `system:nodes` lets it: the node returns as one that may run anything.",
            |cast| {
                let node = first(cast)?;
                Some(vec![(kubelet(node), Deed::core("delete", "nodes").named(&node.name))])
            },
        ),
        twin: twin("Renew the own lease.", "the kubelet of that node", |cast| {
            let node = first(cast)?;
            let leases = Deed::resource("update", "coordination.k8s.io", "v1", "leases").within("kube-node-lease");
            Some(vec![(kubelet(node), leases.named(&node.name))])
        }),
    },
    Attack {
        id: "node-secrets",
        title: "Read every secret with one node's certificate",
        source: "RBAC good practices: listing secrets",
        rule: "node_to_apiserver/node-secrets-by-name",
        attack: attempt(
            "List the secrets of all namespaces.",
            "a kubelet's certificate, taken from the node",
            "The Node authorizer has no opinion, and one binding to `system:nodes` lets RBAC say yes.",
            |cast| Some(vec![(kubelet(first(cast)?), Deed::core("list", "secrets"))]),
        ),
        twin: twin("Watch the one secret that a pod on the node mounts.", "the kubelet of that node", |cast| {
            let api = cast.pod("api")?;
            let watch = Deed::core("watch", "secrets").within(api.namespace).named("api-tls");
            Some(vec![(kubelet(cast.node_of(api)?), watch.where_field("metadata.name", "api-tls"))])
        }),
    },
    Attack {
        id: "external-ip",
        title: "Take over an address by a service's status",
        source: "CVE-2020-8554",
        rule: "user_to_apiserver/service-status",
        attack: attempt(
            "Patch the status of a service: its load balancer now has the address of somebody else's bank.",
            "bob, who may edit his namespace",
            "RBAC allows it, and kube-proxy on every node sends traffic for that address to bob's pods.",
            |_| Some(vec![(bob(), Deed::core("patch", "services/status").within("shop").named("web"))]),
        ),
        twin: twin("Patch the service itself.", "bob", |_| {
            Some(vec![(bob(), Deed::core("patch", "services").within("shop").named("web"))])
        }),
    },
    Attack {
        id: "impersonate",
        title: "Impersonate the superusers",
        source: "RBAC good practices: impersonate verb",
        rule: "user_to_apiserver/impersonate-system",
        attack: attempt(
            "kubectl --as=alice --as-group=system:masters delete namespace shop",
            "bob, who may impersonate groups",
            "RBAC allows the impersonation, and after it kube-apiserver asks nobody: not even this gate.",
            |_| Some(vec![(bob(), Deed::core("impersonate", "groups").named("system:masters"))]),
        ),
        twin: twin("kubectl --as=carol auth can-i --list", "alice", |_| {
            Some(vec![(alice(), Deed::core("impersonate", "users").named("carol@shop.example"))])
        }),
    },
    Attack {
        id: "confusable",
        title: "Look like the superusers",
        source: "Unicode Technical Standard 39",
        rule: "user_to_apiserver/confusable-names",
        attack: attempt(
            "Read secrets as a member of the group `System:Masters`.",
            "mallory, whose identity provider lets people name their groups",
            "To Kubernetes it is an ordinary group. To whoever reviews its role binding, it is the superusers'.",
            |_| {
                let mallory = Caller::person("mallory@shop.example", &["System:Masters"]);
                Some(vec![(mallory, Deed::core("list", "secrets").within("shop"))])
            },
        ),
        twin: twin("Read pods as a member of `shop-developers`.", "bob", |_| {
            Some(vec![(bob(), Deed::core("list", "pods").within("shop"))])
        }),
    },
    Attack {
        id: "mint",
        title: "Mint the token of a controller",
        source: "RBAC good practices: token request",
        rule: "pod_to_apiserver/protected-tokens",
        attack: attempt(
            "Create a token of kube-system/clusterrole-aggregation-controller.",
            "a pod with `create serviceaccounts/token`",
            "RBAC allows it, and that controller may escalate: the pod is an administrator.",
            |cast| {
                let token = Deed::core("create", "serviceaccounts/token").within("kube-system");
                Some(vec![(web(cast)?, token.named("clusterrole-aggregation-controller"))])
            },
        ),
        twin: twin("Create the token that a pod on the node mounts.", "the kubelet of that node", |cast| {
            let it: &Pod = cast.pod("worker")?;
            let token = Deed::core("create", "serviceaccounts/token").within(it.namespace).named(it.account);
            Some(vec![(kubelet(cast.node_of(it)?), token)])
        }),
    },
    Attack {
        id: "bind",
        title: "Give oneself a role",
        source: "RBAC good practices: bind verb",
        rule: "pod_to_apiserver/bind-and-escalate",
        attack: attempt(
            "Bind cluster-admin, by the verb `bind`.",
            "a pod of an installer that was given too much",
            "RBAC allows it: the verb switches RBAC's own protection off.",
            |cast| {
                let deed = Deed::resource("bind", "rbac.authorization.k8s.io", "v1", "clusterroles");
                Some(vec![(web(cast)?, deed.named("cluster-admin"))])
            },
        ),
        twin: twin("Read a config map of the own namespace.", "a pod", |cast| {
            Some(vec![(web(cast)?, Deed::core("get", "configmaps").within("shop").named("web-features"))])
        }),
    },
    Attack {
        id: "half-a-node",
        title: "Be a node by name only",
        source: "Node authorization: the group is needed too",
        rule: "node_to_apiserver/half-a-node",
        attack: attempt(
            "Read pods as `system:node:…`, without the group `system:nodes`.",
            "somebody with a certificate that a careless signer issued",
            "The Node authorizer has no opinion on half a node, so that RBAC alone decides.",
            |cast| {
                let mut caller = kubelet(first(cast)?);
                caller.groups.retain(|group| group != "system:nodes");
                Some(vec![(caller, Deed::core("list", "pods"))])
            },
        ),
        twin: twin("List the pods on the own node.", "the kubelet of that node", |cast| {
            let node = first(cast)?;
            Some(vec![(kubelet(node), Deed::core("list", "pods").where_field("spec.nodeName", &node.name))])
        }),
    },
];

fn first(cast: &Cast) -> Option<&Node> {
    cast.nodes.first()
}

fn bob() -> Caller {
    Caller::person("bob@shop.example", &["shop-developers"])
}

fn web(cast: &Cast) -> Option<Caller> {
    Some(pod(cast, cast.pod("web")?))
}

fn controller(name: &str) -> Caller {
    Caller::service_account("kube-system", name, "6f0ab8f2-5d0e-4c0f-9a0e-1f6d7f4c2b11")
        .with("credential-id", "JTI=0b7c1f0e-52a3-4a57-8f0e-7a5d3a1c9f42")
}

fn endpoint_slices(verb: &str) -> Deed {
    Deed::resource(verb, "discovery.k8s.io", "v1", "endpointslices").within("shop").named("web-x2x7k")
}

#[cfg(test)]
mod tests {
    use super::ATTACKS;
    use std::collections::HashSet;

    #[test]
    fn every_attack_has_an_id_of_its_own_and_a_rule_with_its_plugin() {
        let ids: HashSet<_> = ATTACKS.iter().map(|it| it.id).collect();
        let is_rule = |rule: &str| {
            rule.split_once('/').is_some_and(|(plugin, rule)| plugin.parse::<wire::Path>().is_ok() && !rule.is_empty())
        };
        assert_eq!(ids.len(), ATTACKS.len());
        assert!(ATTACKS.iter().all(|it| is_rule(it.rule)));
    }
}
