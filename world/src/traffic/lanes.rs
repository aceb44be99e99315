//! The table of ways: one entry each. A door that comes later adds an entry, and acts to it.

use super::{Stage, alice, delegated, kubelet, kubelet_client, pod};
use crate::{
    cast::suffix,
    review::{Caller, Deed},
};

/// A way, what happens on it, and how often compared to the others.
#[derive(Debug)]
pub(super) struct Lane {
    /// As the map calls it.
    pub name: &'static str,
    pub weight: u32,
    pub acts: &'static [Act],
}

/// Makes what kube-apiserver asks because of one thing that happens.
pub(super) type Act = fn(&mut Stage) -> Option<Vec<(Caller, Deed)>>;

pub(super) const LANES: &[Lane] = &[
    Lane {
        name: "nodes",
        weight: 40,
        acts: &[lease, node_status, watch_pods, pod_status, config_of_pod, token_of_pod],
    },
    Lane { name: "pods", weight: 14, acts: &[pod_reads_config, pod_watches_endpoints, pod_elects_leader, kube_proxy] },
    Lane { name: "components", weight: 20, acts: &[schedule, replicate, watch_nodes, renew_leadership] },
    Lane { name: "people", weight: 8, acts: &[discover, list_pods, apply] },
    Lane { name: "anonymous", weight: 3, acts: &[probe_health, read_cluster_info] },
    Lane { name: "kubelet", weight: 10, acts: &[logs, exec, scrape_node, kubelet_stats] },
    Lane { name: "bootstrap", weight: 2, acts: &[join, renew_certificate] },
    Lane { name: "pod-proxy", weight: 1, acts: &[proxy_to_pod] },
    Lane { name: "service-proxy", weight: 2, acts: &[proxy_to_service] },
];

fn lease(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let node = stage.any_node()?;
    let lease = Deed::resource("update", "coordination.k8s.io", "v1", "leases").within("kube-node-lease");
    Some(vec![(kubelet(&node), lease.named(&node.name))])
}

fn node_status(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let node = stage.any_node()?;
    Some(vec![
        (kubelet(&node), Deed::core("get", "nodes").named(&node.name)),
        (kubelet(&node), Deed::core("patch", "nodes/status").named(&node.name)),
    ])
}

fn watch_pods(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let node = stage.any_node()?;
    Some(vec![(kubelet(&node), Deed::core("watch", "pods").where_field("spec.nodeName", &node.name))])
}

fn pod_status(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("web")?;
    let node = stage.cast.node_of(&it)?;
    let status = Deed::core("patch", "pods/status").within(it.namespace).named(&it.name);
    let event = Deed::core("create", "events").within(it.namespace);
    Some(vec![(kubelet(node), status), (kubelet(node), event)])
}

fn config_of_pod(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("api")?;
    let node = stage.cast.node_of(&it)?;
    let watch = |what: &str, name: &str| {
        Deed::core("watch", what).within(it.namespace).named(name).where_field("metadata.name", name)
    };
    Some(vec![(kubelet(node), watch("configmaps", "api-config")), (kubelet(node), watch("secrets", "api-tls"))])
}

fn token_of_pod(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("worker")?;
    let node = stage.cast.node_of(&it)?;
    let token = Deed::core("create", "serviceaccounts/token").within(it.namespace).named(it.account);
    Some(vec![(kubelet(node), token)])
}

fn pod_reads_config(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("web")?;
    let deed = Deed::core("get", "configmaps").within(it.namespace).named("web-features");
    Some(vec![(pod(&stage.cast, &it), deed)])
}

fn pod_watches_endpoints(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("api")?;
    let deed = Deed::resource("watch", "discovery.k8s.io", "v1", "endpointslices").within(it.namespace);
    Some(vec![(pod(&stage.cast, &it), deed)])
}

fn pod_elects_leader(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("worker")?;
    let deed = Deed::resource("update", "coordination.k8s.io", "v1", "leases").within(it.namespace).named("worker");
    Some(vec![(pod(&stage.cast, &it), deed)])
}

fn schedule(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let name = format!("web-{}", suffix(&mut stage.rng));
    let scheduler = stage.cast.component("system:kube-scheduler");
    Some(vec![
        (scheduler.clone(), Deed::core("watch", "pods")),
        (scheduler, Deed::core("create", "pods/binding").within("shop").named(&name)),
    ])
}

fn replicate(_: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let replicas = controller("replicaset-controller");
    let slices = controller("endpointslice-controller");
    let status = Deed::resource("update", "apps", "v1", "replicasets/status").within("shop").named("web-7d4b9c");
    let slice = Deed::resource("update", "discovery.k8s.io", "v1", "endpointslices").within("shop").named("web-x2x7k");
    Some(vec![(replicas.clone(), status), (replicas, Deed::core("create", "pods").within("shop")), (slices, slice)])
}

fn watch_nodes(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let node = stage.any_node()?;
    let controller = controller("node-controller");
    Some(vec![
        (controller.clone(), Deed::core("watch", "nodes")),
        (controller, Deed::core("patch", "nodes/status").named(&node.name)),
    ])
}

fn kube_proxy(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("kube-proxy")?;
    let proxy = pod(&stage.cast, &it);
    Some(vec![
        (proxy.clone(), Deed::core("watch", "services")),
        (proxy, Deed::resource("watch", "discovery.k8s.io", "v1", "endpointslices")),
    ])
}

fn renew_leadership(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let lease =
        |name: &str| Deed::resource("update", "coordination.k8s.io", "v1", "leases").within("kube-system").named(name);
    Some(vec![
        (stage.cast.component("system:kube-scheduler"), lease("kube-scheduler")),
        (stage.cast.component("system:kube-controller-manager"), lease("kube-controller-manager")),
    ])
}

fn discover(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let who = stage.any_person();
    Some(["/api", "/apis", "/openapi/v3"].map(|path| (who.clone(), Deed::path(path))).into())
}

fn list_pods(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    Some(vec![(stage.any_person(), Deed::core("list", "pods").within("shop"))])
}

fn apply(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let deployments = |verb: &str| Deed::resource(verb, "apps", "v1", "deployments").within("shop").named("web");
    let who = stage.any_person();
    Some(vec![(who.clone(), deployments("get")), (who, deployments("patch"))])
}

fn probe_health(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let path = *stage.rng.choice(&["/livez", "/readyz", "/healthz", "/version"])?;
    Some(vec![(Caller::anonymous(), Deed::path(path))])
}

fn read_cluster_info(_: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let info = Deed::core("get", "configmaps").within("kube-public").named("cluster-info");
    Some(vec![(Caller::anonymous(), info)])
}

/// `kubectl logs`: the person is asked for, then the kubelet asks for kube-apiserver.
fn logs(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("web")?;
    let node = stage.cast.node_of(&it)?.clone();
    let mut asked = vec![(stage.any_person(), Deed::core("get", "pods/log").within(it.namespace).named(&it.name))];
    asked.extend(delegated(&node, &kubelet_client(&stage.cast), "get", "proxy"));
    Some(asked)
}

/// `kubectl exec` over a WebSocket: from 1.35 on, kube-apiserver asks for `create` as well.
fn exec(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("api")?;
    let node = stage.cast.node_of(&it)?.clone();
    let exec = |verb: &str| Deed::core(verb, "pods/exec").within(it.namespace).named(&it.name);
    let mut asked = vec![(alice(), exec("get")), (alice(), exec("create"))];
    asked.extend(delegated(&node, &kubelet_client(&stage.cast), "get", "proxy"));
    Some(asked)
}

/// A monitoring agent calls the kubelet itself, with its token.
fn scrape_node(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let node = stage.any_node()?;
    let prom = stage.any_pod("prom")?;
    let prom = pod(&stage.cast, &prom);
    let token = Deed::resource("create", "authentication.k8s.io", "v1", "tokenreviews");
    let mut asked = vec![(kubelet(&node), token)];
    asked.extend(delegated(&node, &prom, "get", "metrics"));
    Some(asked)
}

fn kubelet_stats(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let node = stage.any_node()?;
    let server = stage.any_pod("metrics-server")?;
    let server = pod(&stage.cast, &server);
    Some(delegated(&node, &server, "get", "stats"))
}

/// `kubeadm join` of a new node, and the controller that approves its certificate.
fn join(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let new = Caller::bootstrap(&(suffix(&mut stage.rng) + "a"));
    let config = |name: &str| Deed::core("get", "configmaps").within("kube-system").named(name);
    let requests = "certificatesigningrequests";
    Some(vec![
        (new.clone(), config("kubeadm-config")),
        (new.clone(), config("kubelet-config")),
        (new.clone(), certificates("create", requests)),
        (new.clone(), certificates("get", requests).named(&format!("csr-{}", suffix(&mut stage.rng)))),
        // kube-controller-manager asks whether the requester may have a kubelet's client certificate.
        (new, Deed::resource("create", "certificates.k8s.io", "*", "certificatesigningrequests/nodeclient")),
        (controller("certificate-controller"), certificates("update", "certificatesigningrequests/approval")),
    ])
}

/// A kubelet renews its client certificate before it ends.
fn renew_certificate(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let node = stage.any_node()?;
    Some(vec![
        (kubelet(&node), certificates("create", "certificatesigningrequests")),
        (
            kubelet(&node),
            Deed::resource("create", "certificates.k8s.io", "*", "certificatesigningrequests/selfnodeclient"),
        ),
    ])
}

fn proxy_to_pod(stage: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    let it = stage.any_pod("api")?;
    let name = format!("https:{}:8443", it.name);
    Some(vec![(alice(), Deed::core("get", "pods/proxy").within(it.namespace).named(&name))])
}

fn proxy_to_service(_: &mut Stage) -> Option<Vec<(Caller, Deed)>> {
    Some(vec![(alice(), Deed::core("get", "services/proxy").within("shop").named("https:api:443"))])
}

fn certificates(verb: &str, resource: &str) -> Deed {
    Deed::resource(verb, "certificates.k8s.io", "v1", resource)
}

/// A controller of kube-controller-manager, under its own service account.
fn controller(name: &str) -> Caller {
    // Its uid follows from its name, so that it is the same in every scene.
    let seed = name.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut rng = fastrand::Rng::with_seed(seed);
    let caller = Caller::service_account("kube-system", name, &crate::cast::uid(&mut rng));
    caller.with("credential-id", &format!("JTI={}", crate::cast::uid(&mut rng)))
}
