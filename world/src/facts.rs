//! The cluster as its API shows it: `kubectl get nodes,pods,services -A -o json`.

use crate::cast::{Cast, Manner, Node, Pod, Service, Speaks};
use serde_json::{Value, json};

/// Everything, as one `List`.
pub(crate) fn all(cast: &Cast) -> Value {
    let nodes = cast.nodes.iter().map(|it| with_kind("Node", node(it)));
    let pods = cast.pods.iter().map(|it| with_kind("Pod", pod(cast, it)));
    let services = cast.services.iter().map(|it| with_kind("Service", service(cast, it)));
    list("List", nodes.chain(pods).chain(services))
}

pub(crate) fn list(kind: &str, items: impl Iterator<Item = Value>) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"resourceVersion": ""}, "items": items.collect::<Vec<_>>()})
}

fn node(node: &Node) -> Value {
    // Kubernetes has no field for that port; the gate's inventory reads this one.
    let annotations = node.read_only_port.map(|port| json!({"pathgate.io/read-only-port": port.to_string()}));
    json!({
        "metadata": {
            "name": node.name,
            "uid": node.uid,
            "annotations": annotations.unwrap_or_else(|| json!({})),
            "labels": {
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
                "pathgate.io/pool": node.pool.as_str(),
            },
        },
        "spec": {},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": node.address.to_string()},
                {"type": "Hostname", "address": node.name},
            ],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": node.port}},
            "nodeInfo": {"kubeletVersion": crate::KUBERNETES, "operatingSystem": "linux", "architecture": "amd64"},
        },
    })
}

pub(crate) fn pod(cast: &Cast, pod: &Pod) -> Value {
    let ports = match pod.speaks {
        Speaks::Nothing => json!([]),
        Speaks::Plaintext => json!([{"name": "http", "containerPort": pod.port}]),
        Speaks::Tls => json!([{"name": "https", "containerPort": pod.port}]),
    };
    let node = cast.node_of(pod);
    let on_host = node.is_some_and(|it| it.address == pod.address);
    json!({
        "metadata": {
            "namespace": pod.namespace,
            "name": pod.name,
            "uid": pod.uid,
            "labels": {"app": pod.app},
        },
        "spec": {
            "nodeName": node.map(|it| &it.name),
            "serviceAccountName": pod.account,
            "hostNetwork": on_host,
            "containers": [{"name": pod.app, "ports": ports}],
        },
        "status": {
            "phase": "Running",
            "hostIP": node.map(|it| it.address.to_string()),
            "podIP": pod.address.to_string(),
            "podIPs": [{"ip": pod.address.to_string()}],
        },
    })
}

fn service(cast: &Cast, service: &Service) -> Value {
    let selector = if service.app.is_empty() { json!({}) } else { json!({"app": service.app}) };
    let target = cast.pod(service.app).map_or(service.port, |it| it.port);
    json!({
        "metadata": {"namespace": service.namespace, "name": service.name},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": service.cluster_ip.to_string(),
            "selector": selector,
            "ports": [{"name": service.port_name, "port": service.port, "targetPort": target, "protocol": "TCP"}],
        },
    })
}

fn with_kind(kind: &str, mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".into(), "v1".into());
        fields.insert("kind".into(), kind.into());
    }
    object
}

/// The configuration of a kubelet, as it does what it says.
pub(crate) fn kubelet_configuration(node: &Node, client_ca: &str) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address.to_string(),
        "port": node.port,
        "readOnlyPort": node.read_only_port.unwrap_or(0),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": client_ca},
        },
        "authorization": {"mode": "Webhook"},
        "rotateCertificates": true,
        // Who does not ask for a certificate makes one.
        "serverTLSBootstrap": node.manner != Manner::SelfSigned,
    })
}
