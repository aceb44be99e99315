//! The gate as a static pod: everything that its configuration names must be mounted.

use super::scalar;
use crate::config::{Cluster, Config, Module};
use std::{
    collections::BTreeSet,
    fmt::Write,
    path::{Path, PathBuf},
};

/// Where things are on the node.
#[derive(Clone, Debug)]
pub struct Pod {
    pub image: String,
    /// With `gate.yaml`, certificates and kubeconfig.
    pub folder: PathBuf,
}

/// The manifest; or everything in the configuration that a static pod could not work with.
pub fn static_pod(config: &Config, pod: &Pod) -> Result<String, Vec<String>> {
    let mut faults = Vec::new();
    if config.webhook.is_none() {
        faults.push("webhook: is missing: the gate would decide nothing".to_owned());
    }
    if config.admin.is_none() {
        faults
            .push("admin: is missing: the kubelet's probes need it; write admin: {listen: \"127.0.0.1:9090\"}".into());
    }
    let journal = config.journal.as_ref().and_then(|it| it.url.strip_prefix("sqlite://"));
    let state = match journal.map(|it| Path::new(it.split('?').next().unwrap_or_default())) {
        Some(file) if !file.is_absolute() => {
            faults.push(format!("journal.url: `{}` must be an absolute path, as sqlite:///PATH", file.display()));
            None
        }
        Some(file) => file.parent().map(Path::to_owned),
        None => None,
    };
    let state = state.unwrap_or_else(|| STATE.into());
    if state == Path::new("/") || pod.folder.starts_with(&state) {
        faults.push(format!(
            "journal.url: `{}` would be mounted for writing; give the journal a folder of its own",
            state.display()
        ));
    }
    if let Some(serial) =
        config.revocation.as_ref().and_then(|it| it.state.as_ref()).filter(|it| !it.starts_with(&state))
    {
        faults.push(format!(
            "revocation.state: `{}` must be in `{}`, the only folder that the gate writes to",
            serial.display(),
            state.display()
        ));
    }
    let mut more = BTreeSet::new();
    for (key, path) in files(config) {
        if !path.is_absolute() {
            faults.push(format!("{key}: `{}` must be an absolute path, of the node", path.display()));
        } else if !path.starts_with(&pod.folder) && !path.starts_with(&state) {
            more.insert(path);
        }
    }
    match (&config.admin, faults.is_empty()) {
        (Some(admin), true) => Ok(text(pod, &state, &more, admin.listen.port(), &admin.listen.ip().to_string())),
        (Some(_) | None, _) => Err(faults),
    }
}

/// Every file that a gate reads, and the key that names it.
fn files(config: &Config) -> Vec<(String, PathBuf)> {
    // Folders, where another file takes the place of the one before: the mount of a file would keep the old one.
    let folder = |file: &PathBuf| file.parent().map_or_else(|| file.clone(), Path::to_owned);
    let mut all = Vec::new();
    if let Some(webhook) = &config.webhook {
        for (key, path) in
            [("certificate", &webhook.tls.certificate), ("key", &webhook.tls.key), ("clientCA", &webhook.tls.client_ca)]
        {
            all.push((format!("webhook.tls.{key}"), path.clone()));
        }
    }
    match &config.cluster {
        Some(Cluster::Kubeconfig(path)) => all.push(("cluster.kubeconfig".into(), path.clone())),
        Some(Cluster::Facts(path)) => all.push(("cluster.facts".into(), folder(path))),
        Some(Cluster::InCluster) | None => {}
    }
    if let Some(posture) = &config.posture {
        let named = |(at, path): (usize, &PathBuf)| (format!("posture.files[{at}]"), path.clone());
        all.extend(posture.files.iter().enumerate().map(named));
        let authority = posture.probes.as_ref().and_then(|it| it.kubelet_ca.clone());
        all.extend(authority.map(|it| ("posture.probes.kubeletCA".to_owned(), it)));
    }
    if let Some(revocation) = &config.revocation {
        all.push(("revocation.list".into(), folder(&revocation.list)));
        all.push(("revocation.publicKey".into(), revocation.public_key.clone()));
    }
    if let Some(glass) = &config.break_glass {
        all.push(("breakGlass.grant".into(), folder(&glass.grant)));
        all.push(("breakGlass.publicKey".into(), glass.public_key.clone()));
    }
    for (at, plugin) in config.plugins.iter().flatten().enumerate() {
        if let Module::File(path) = &plugin.module {
            all.push((format!("plugins[{at}].module"), path.clone()));
        }
    }
    all
}

fn text(pod: &Pod, state: &Path, more: &BTreeSet<PathBuf>, port: u16, host: &str) -> String {
    let path = |it: &Path| scalar(&it.to_string_lossy());
    let (mut mounts, mut volumes) = (String::new(), String::new());
    for (at, file) in more.iter().enumerate() {
        let file = path(file);
        let _infallible = writeln!(mounts, "    - {{name: named-{at}, mountPath: {file}, readOnly: true}}");
        let _infallible = writeln!(volumes, "  - name: named-{at}\n    hostPath: {{path: {file}}}");
    }
    if !more.is_empty() {
        mounts.insert_str(0, "    # What the configuration names elsewhere, as it is when the pod starts: replace a file, and restart the pod.\n");
    }
    format!(
        "# One gate beside each kube-apiserver: copy to /etc/kubernetes/manifests/pathgate.yaml on every control-plane node.
# A static pod needs no kube-apiserver to start, so the gate never waits for what waits for it.
apiVersion: v1
kind: Pod
metadata:
  name: pathgate
  namespace: kube-system
  labels: {{app.kubernetes.io/name: pathgate, tier: control-plane}}
spec:
  # kube-apiserver reaches it on 127.0.0.1, and nobody else does.
  hostNetwork: true
  priorityClassName: system-node-critical
  # 20 s for running requests and 10 s for the journal, and some to spare.
  terminationGracePeriodSeconds: 40
  # To kube-apiserver it speaks by the kubeconfig of its `cluster`, if at all.
  automountServiceAccountToken: false
  securityContext:
    seccompProfile: {{type: RuntimeDefault}}
  containers:
  - name: pathgate
    # No image is published yet: build one with target/dist/pathgate in it, and name it by digest.
    image: {image}
    imagePullPolicy: IfNotPresent
    command: [/usr/local/bin/pathgate, serve, --config, {config}]
    env:
    # Compiled plugins; a restart is ready in milliseconds. Only the gate's user may write to it.
    - {{name: PATHGATE_CACHE_DIR, value: {cache}}}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {{drop: [ALL]}}
    # As kube-apiserver's own probes; the admin door is on loopback.
    startupProbe:
      httpGet: {{host: {host}, port: {port}, path: /readyz}}
      periodSeconds: 1
      failureThreshold: 60
    livenessProbe:
      httpGet: {{host: {host}, port: {port}, path: /livez}}
      periodSeconds: 10
    readinessProbe:
      httpGet: {{host: {host}, port: {port}, path: /readyz}}
      periodSeconds: 5
    resources:
      requests: {{cpu: 100m, memory: 128Mi}}
      # The journal's queue and the sandboxes fit; no CPU limit, because a throttled gate is a slow cluster.
      limits: {{memory: 512Mi}}
    volumeMounts:
    # The whole folder, not single files: a file that is replaced is seen only through its folder.
    - {{name: config, mountPath: {folder}, readOnly: true}}
    - {{name: state, mountPath: {state}}}
{mounts}  volumes:
  - name: config
    hostPath: {{path: {folder}, type: Directory}}
  - name: state
    hostPath: {{path: {state}, type: DirectoryOrCreate}}
{volumes}",
        image = scalar(&pod.image),
        config = path(&pod.folder.join("gate.yaml")),
        cache = path(&state.join("cache")),
        host = match host.contains(':') {
            true => scalar(host),
            false => host.to_owned(),
        },
        folder = path(&pod.folder),
        state = path(state),
    )
}

/// The journal's own default.
const STATE: &str = "/var/lib/pathgate";
