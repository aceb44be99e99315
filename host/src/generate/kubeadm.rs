//! What kubeadm must know, so that kube-apiserver's static pod finds the gate's files.

use super::scalar;

/// A kubeadm ClusterConfiguration that mounts a folder into kube-apiserver, and names the AuthorizationConfiguration in it.
pub fn cluster_configuration(folder: &str) -> String {
    let file = scalar(&format!("{folder}/authorization-configuration.yaml"));
    let folder = scalar(folder);
    format!(
        "# For `kubeadm init --config`, beside your own settings. In a running cluster: `kubectl edit configmap kubeadm-config
# -n kube-system` adds the same under `ClusterConfiguration`, so that upgrades keep it, and
# `kubeadm init phase control-plane apiserver --config FILE` writes the static pod anew, one control-plane node after the
# other. The files must lie there before. Kubernetes 1.32 or later.
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer:
  extraArgs:
  # kubeadm leaves out its own --authorization-mode when it finds this; the two exclude each other.
  - name: authorization-config
    value: {file}
  extraVolumes:
  # The whole folder, not single files: a file that is replaced is seen only through its folder.
  - name: pathgate
    hostPath: {folder}
    mountPath: {folder}
    # kube-apiserver reads its kubeconfig, its client certificate and the gate's authority, and writes nothing.
    readOnly: true
    pathType: Directory
"
    )
}
