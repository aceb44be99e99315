//! How many events of an audit log a second are read, rebuilt, and put to the nine built-in plugins, on one core.
//!
//! `cargo bench -p host --bench replay`. Unix only, for the clock of a thread. The log is that of a cluster of 500 nodes for a
//! while: leases, node status, pods and their subresources, controllers' lists and watches; most questions come again.
//! Must be 30,000 or more.

use cpu_time::ThreadTime;
use host::{
    inventory::Inventory,
    judge::Judge,
    plugins::{Plugins, Spec, builtin},
    replay::{Facts, Lines, Place, Replay},
};
use serde_json::{Value, json};
use std::{error::Error, fmt::Write, sync::Arc};

fn main() -> Result<(), Box<dyn Error>> {
    let plugins = Arc::new(Plugins::new(None)?);
    let specs = builtin().into_iter().map(|(name, component)| Spec::new(name, component, json!({}))).collect();
    let set = plugins.activate(plugins.prepare(specs).map_err(|faults| format!("{faults:?}"))?);
    let judge = Judge::new(plugins, None, Inventory::default());
    let mut log = String::new();
    for turn in 0..TURNS {
        for node in 0..NODES {
            for event in events(turn, node) {
                writeln!(log, "{event}")?;
            }
        }
    }
    for _ in 0..ROUNDS {
        let begin = ThreadTime::now();
        let mut replay = Replay::new(&judge, &set, Facts::Recorded, None);
        let mut lines = Lines::new(log.as_bytes());
        let mut number = 0;
        while let Some(line) = lines.next_line()? {
            number += 1;
            replay.line(line, Place { file: "audit.log", line: number });
        }
        let micros = begin.elapsed().as_micros();
        let totals = replay.finish().totals;
        // A wrong answer is not worth timing.
        assert_eq!((totals.judged, totals.flipped, totals.bad), (number, 0, 0));
        let rate = u128::from(number) * 1_000_000 / micros.max(1);
        let size = log.len() / usize::try_from(number)?;
        println!("{number} events of {size} bytes, {} different questions: {rate} events/s", totals.distinct);
    }
    Ok(())
}

fn events(turn: u64, node: u64) -> [Value; 5] {
    let name = format!("node-{node}");
    let kubelet = format!("system:node:{name}");
    let by = |user: &str, groups: &[&str]| {
        let id = format!("X509SHA256={}", host::plugins::digest(user.as_bytes()));
        json!({"username": user, "groups": groups, "extra": {"authentication.kubernetes.io/credential-id": [id]}})
    };
    let node_user = by(&kubelet, &["system:nodes", "system:authenticated"]);
    let scheduler = by("system:kube-scheduler", &["system:authenticated"]);
    let pod = format!("pod-{node}-{}", turn % 10);
    let lease = json!({"resource": "leases", "namespace": "kube-node-lease", "name": name, "apiGroup": "coordination.k8s.io", "apiVersion": "v1"});
    let status = json!({"resource": "nodes", "name": name, "apiVersion": "v1", "subresource": "status"});
    let read = json!({"resource": "nodes", "name": name, "apiVersion": "v1"});
    let pods = json!({"resource": "pods", "apiVersion": "v1"});
    let one = json!({"resource": "pods", "namespace": "web", "name": pod, "apiVersion": "v1"});
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    let selected = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{name}&watch=true&timeoutSeconds=400");
    [
        event(&node_user, "update", &format!("{leases}/{name}?timeout=10s"), lease),
        event(&node_user, "patch", &format!("/api/v1/nodes/{name}/status?timeout=10s"), status),
        event(&node_user, "get", &format!("/api/v1/nodes/{name}?resourceVersion=0"), read),
        event(&node_user, "watch", &selected, pods),
        event(&scheduler, "get", &format!("/api/v1/namespaces/web/pods/{pod}"), one),
    ]
}

fn event(user: &Value, verb: &str, uri: &str, object: Value) -> Value {
    json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "2f9c1d5e-7c6b-4f0e-9a37-0d3c5b8a1e42",
        "stage": "ResponseComplete",
        "requestURI": uri,
        "verb": verb,
        "user": user,
        "sourceIPs": ["10.0.0.7"],
        "userAgent": "kubelet/v1.36.3 (linux/amd64) kubernetes/0000000",
        "objectRef": object,
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-01-31T12:00:00.250000Z",
        "stageTimestamp": "2026-01-31T12:00:00.260000Z",
        "annotations": {
            "apiserver.latency.k8s.io/total": "1.2ms",
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": "",
        },
    })
}

const NODES: u64 = 500;
const TURNS: u64 = 40;
const ROUNDS: usize = 3;
