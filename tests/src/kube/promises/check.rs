//! What `pathgate check --kubeconfig` tells of the cluster.

use super::super::Setting;
use crate::{
    gate::{SOON, command},
    process::run,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub fn the_live_cluster_is_checked_with_its_kubelets(setting: &mut Setting) -> Result<()> {
    let cluster = &setting.cluster;
    let check = |who: &str, arguments: &[&str]| {
        let (kubeconfig, authority) = (cluster.file(who), cluster.file("ca.crt"));
        let mut command = command()?;
        command.args(["check", "--output", "json", "--kubeconfig"]).arg(kubeconfig).arg("--anchors").arg(authority);
        let output = run(command.args(arguments), b"", SOON)?;
        let lines: Vec<Value> = output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok::<_, anyhow::Error>((output, lines))
    };
    // Where others run kube-apiserver, nothing tells by what flags.
    let (output, lines) = check("root.kubeconfig", &[])?;
    ensure!(
        lines.iter().any(|it| said(it, "state") == "unknown" && said(it, "says").contains("no pod mirrors")),
        "{output:?}"
    );
    // As a kubelet mirrors it.
    cluster.apply(MIRROR)?;
    let (output, lines) = check("root.kubeconfig", &["--probe-nodes", "--allow", "127.0.0.0/8"])?;
    let line = |key: &str, text: &str| {
        let found = lines.iter().find(|it| said(it, key).contains(text));
        found.with_context(|| format!("`{text}` in {output:?}"))
    };
    // The kubelet's certificate is the one that the gate approved.
    let kubelet = line("says", "its certificates hold")?;
    ensure!(said(kubelet, "state") == "safe" && said(kubelet, "about").contains("node-a"), "{kubelet}");
    let flag = line("says", "nobody checks the certificate")?;
    ensure!(
        flag.pointer("/evidence/file").and_then(Value::as_str) == Some("pod kube-system/kube-apiserver-elsewhere"),
        "{flag}"
    );
    let token = line("rule", "token-example")?;
    ensure!(said(token, "file") == "secret kube-system/bootstrap-token-abcdef", "{token}");
    ensure!(output.code == Some(1) && !output.stdout.contains("0123456789abcdef"), "{output:?}");

    // Who may read little is told what is not known.
    cluster.user("nobody-in-particular", None)?;
    let (output, lines) = check("nobody-in-particular.kubeconfig", &[])?;
    let unknown = lines.iter().filter(|it| said(it, "state") == "unknown" && said(it, "says").contains("forbidden"));
    ensure!(unknown.count() == 3, "{output:?}");
    cluster
        .kubectl(&cluster.root(), &["delete", "pod", "--namespace=kube-system", "kube-apiserver-elsewhere", "--now"])?
        .ok()?;
    Ok(())
}

fn said<'a>(line: &'a Value, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

const MIRROR: &str = "
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver-elsewhere, namespace: kube-system, labels: {tier: control-plane, component: kube-apiserver}}
spec:
  schedulerName: nobody
  containers:
  - {name: kube-apiserver, image: 'registry.k8s.io/kube-apiserver:v1.36.3', command: [kube-apiserver, '--authorization-mode=Node,RBAC']}
";
