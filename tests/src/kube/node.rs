//! A node: a real kubelet over a runtime whose containers are processes. It joins with a bootstrap token, as kubeadm has it.

use super::{cluster::Cluster, kubectl::Identity, namespace::NODE_IP};
use crate::pki::Files;
use anyhow::Result;
use std::{fs, time::Duration};

/// The one node.
pub const NODE: &str = "node-a";
/// Its kubelet, as kube-apiserver and monitoring agents reach it.
pub const KUBELET: &str = "https://10.66.0.11:10250";

impl Cluster {
    /// Starts a kubelet that has nothing but a bootstrap token.
    pub fn start_kubelet(&mut self) -> Result<()> {
        for folder in ["root", "static", "plugins", "log", "pki"] {
            fs::create_dir_all(self.file("kubelet").join(folder))?;
        }
        self.write("kubelet.yaml", include_str!("../../fixtures/kube/kubelet.yaml"), &[("$NODE_IP", NODE_IP)])?;
        Identity::write(self.folder(), "bootstrap", super::cluster::SERVER, "token: abcdef.0123456789abcdef")?;
        let folder = self.folder().to_string_lossy().into_owned();
        let flags = |text: &[&str]| text.iter().map(|flag| flag.replace("$FOLDER", &folder)).collect::<Vec<_>>();
        let runtime = flags(&["-socket=$FOLDER/cri.sock", "-streams=127.0.0.1:10350", "-pod-ip=10.66.0.11"]);
        self.start("fakecri", &runtime)?;
        let kubelet = flags(&[
            "--config=$FOLDER/kubelet.yaml",
            "--bootstrap-kubeconfig=$FOLDER/bootstrap.kubeconfig",
            "--kubeconfig=$FOLDER/kubelet.kubeconfig",
            "--cert-dir=$FOLDER/kubelet/pki",
            "--root-dir=$FOLDER/kubelet/root",
            "--hostname-override=node-a",
            "--node-ip=10.66.0.11",
        ]);
        self.start("kubelet", &kubelet)
    }

    /// Waits until the node is ready and its kubelet answers kube-apiserver: nobody but the gate approves its certificates.
    pub fn await_node(&self) -> Result<()> {
        let root = self.root();
        let node = format!("node/{NODE}");
        self.eventually("the node is ready", JOIN, || {
            self.kubectl(&root, &["wait", "--for=condition=Ready", &node, "--timeout=5s"])?.ok()
        })?;
        self.eventually("the kubelet answers kube-apiserver", JOIN, || {
            self.raw(&root, &format!("/api/v1/nodes/{NODE}/proxy/healthz"))?.ok()
        })?;
        Ok(())
    }

    /// The kubelet by the client certificate that it was given when it joined.
    pub fn kubelet_identity(&self) -> Result<Identity> {
        let both = self.file("kubelet/pki/kubelet-client-current.pem");
        self.with_certificate("kubelet-itself", &Files { certificate: both.clone(), key: both })
    }
}

/// Ten times what it takes on a quiet machine.
const JOIN: Duration = Duration::from_secs(60);
