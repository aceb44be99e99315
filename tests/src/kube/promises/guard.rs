//! What passes the gate, and what does not.

use super::super::{
    Setting,
    node::{KUBELET, NODE},
};
use crate::process::{Output, Process};
use anyhow::{Context, Result, ensure};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::Duration,
};

pub fn a_pod_is_scheduled_and_runs(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    cluster.apply(include_str!("../../../fixtures/kube/pod.yaml"))?;
    let args = ["wait", "--for=condition=Ready", "pod/web", "--timeout=5s"];
    cluster.eventually("the pod is ready", START, || cluster.kubectl(&cluster.root(), &args)?.ok())?;
    Ok(())
}

pub fn an_administrator_execs_and_reads_logs(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    // As kubeadm makes them: not in system:masters, so the gate is asked.
    let admin = cluster.user("kubernetes-admin", Some("kubeadm:cluster-admins"))?;
    let log = cluster.kubectl(&admin, &["logs", "web"])?.ok()?;
    let echo = cluster.kubectl_with(&admin, &["exec", "--stdin", "web", "--", "cat"], b"ping")?.ok()?;
    let code = cluster.kubectl(&admin, &["exec", "web", "--", "sh", "-c", "exit 7"])?.code;
    let seen = (log.as_str(), echo.as_str(), code);
    ensure!(seen == ("hello from web\n", "ping", Some(7)), "{seen:?}");
    Ok(())
}

pub fn an_administrator_forwards_a_port(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    let admin = cluster.user("kubernetes-admin", Some("kubeadm:cluster-admins"))?;
    // The pod is on the host's network, and this is what listens there.
    let server = TcpListener::bind("127.0.0.1:0")?;
    let port = server.local_addr()?.port();
    let log = cluster.file("port-forward.log");
    let process = Process::start(
        "kubectl port-forward",
        &mut cluster.command(&admin, &["port-forward", "pod/web", &format!(":{port}")]),
        &log,
    )?;
    let near = cluster.eventually("the port is forwarded", START, || {
        let log = process.log();
        let line = log.lines().find_map(|it| it.strip_prefix("Forwarding from 127.0.0.1:")).context("not yet")?;
        Ok(line.split(' ').next().unwrap_or_default().parse::<u16>()?)
    })?;
    let mut client = TcpStream::connect(("127.0.0.1", near))?;
    client.write_all(b"ping")?;
    server.set_nonblocking(true)?;
    let (mut far, _) = cluster.eventually("the far end is called", START, || Ok(server.accept()?))?;
    far.set_nonblocking(false)?;
    far.set_read_timeout(Some(START))?;
    let mut heard = [0; 4];
    far.read_exact(&mut heard)?;
    ensure!(&heard == b"ping", "{heard:?}");
    Ok(())
}

pub fn a_service_account_with_nodes_proxy_is_refused_with_our_reason(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    let asked = cluster.raw(&cluster.service_account("broad-agent")?, NODE_PROXY)?;
    ensure!(is_refused_by(&asked, NODES_PROXY), "{asked:?}");
    // The same permission at the kubelet itself, which asks kube-apiserver and keeps the reason to itself.
    let asked = cluster.raw(&cluster.service_account_at("broad-agent", KUBELET)?, "/pods")?;
    ensure!(asked.code != Some(0) && asked.stderr.contains("Forbidden"), "at the kubelet: {asked:?}");
    Ok(())
}

pub fn its_twin_with_nodes_metrics_passes(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    let metrics = cluster.raw(&cluster.service_account_at("narrow-agent", KUBELET)?, "/metrics")?.ok()?;
    ensure!(metrics.contains("kubelet_node_name"), "{metrics:.200}");
    Ok(())
}

pub fn a_kubelet_reads_its_own_node_and_no_other(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    let kubelet = cluster.kubelet_identity()?;
    let own = cluster.kubectl(&kubelet, &["get", "node", NODE, "-o", "name"])?.ok()?;
    ensure!(own == format!("node/{NODE}\n"), "{own}");
    let other = cluster.kubectl(&kubelet, &["get", "node", "node-b"])?;
    ensure!(is_refused_by(&other, "node_to_apiserver/"), "{other:?}");
    Ok(())
}

/// A request by way of kube-apiserver to whatever the kubelet serves.
pub const NODE_PROXY: &str = "/api/v1/nodes/node-a/proxy/healthz";

/// The rule against it.
pub const NODES_PROXY: &str = "apiserver_to_kubelet/nodes-proxy";

/// Whether the user was told that it was the gate, which rule, and under which number to find the decision.
pub fn is_refused_by(asked: &Output, rule: &str) -> bool {
    asked.code == Some(1)
        && ["orbidden", "pathgate: ", &format!("(rule {rule}"), ", decision "]
            .iter()
            .all(|part| asked.stderr.contains(part))
}

/// Scheduling, starting and reporting take a few seconds.
const START: Duration = Duration::from_secs(60);
