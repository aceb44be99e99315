//! The files that a cluster has: certificates, static pod, kubelets' configurations and kubeconfigs, and the list of what
//! the API shows. What they say is what the servers do. All are in one folder, which goes when the world goes.

use crate::{
    authority::{Authorities, Identity},
    cast::{Cast, Node},
    facts,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Where everything is.
#[derive(Debug)]
pub struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> io::Result<Files> {
        let folder = tempfile::Builder::new().prefix("pathgate-world-").tempdir()?;
        for part in ["pki", "manifests", "nodes"] {
            fs::create_dir(folder.path().join(part))?;
        }
        Ok(Files { folder })
    }

    /// The folder; only its owner may enter it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `NAME.crt` of the folder of certificates.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder().join("pki").join(format!("{name}.crt"))
    }

    /// `NAME.key` of the folder of certificates.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder().join("pki").join(format!("{name}.key"))
    }

    /// Nodes, pods and services, as `kubectl get nodes,pods,services -A -o json` prints them.
    pub fn facts(&self) -> PathBuf {
        self.folder().join("facts.json")
    }

    /// The static pod of kube-apiserver.
    pub fn apiserver_manifest(&self) -> PathBuf {
        self.folder().join("manifests/kube-apiserver.yaml")
    }

    /// The KubeletConfiguration of a node.
    pub fn kubelet_configuration(&self, node: &str) -> PathBuf {
        self.folder().join("nodes").join(node).join("config.yaml")
    }

    /// The kubeconfig by which a node's kubelet calls kube-apiserver.
    pub fn kubelet_kubeconfig(&self, node: &str) -> PathBuf {
        self.folder().join("nodes").join(node).join("kubelet.conf")
    }

    pub(crate) fn write_authorities(&self, authorities: &Authorities) -> io::Result<()> {
        let all =
            [("ca", &authorities.cluster), ("kubelet-ca", &authorities.kubelets), ("webhook-ca", &authorities.webhook)];
        all.iter().try_for_each(|(name, it)| self.write_pair(name, &it.pem(), &it.key_pem()))
    }

    pub(crate) fn write_identity(&self, name: &str, identity: &Identity) -> io::Result<()> {
        self.write_pair(name, &identity.certificate, &identity.key)
    }

    fn write_pair(&self, name: &str, certificate: &str, key: &str) -> io::Result<()> {
        fs::write(self.certificate(name), certificate)?;
        private(&self.key(name), key)
    }

    pub(crate) fn write_facts(&self, cast: &Cast) -> io::Result<()> {
        // Whoever watches the file sees the old or the new.
        let new = self.folder().join("facts.new");
        fs::write(&new, facts::all(cast).to_string())?;
        fs::rename(new, self.facts())
    }

    pub(crate) fn write_node(&self, node: &Node, client: &Identity, apiserver: &str, ca: &str) -> io::Result<()> {
        fs::create_dir(self.folder().join("nodes").join(&node.name))?;
        let client_ca = self.certificate("ca").display().to_string();
        fs::write(self.kubelet_configuration(&node.name), yaml(&facts::kubelet_configuration(node, &client_ca))?)?;
        let user = format!("system:node:{}", node.name);
        let config = kubeconfig(apiserver, &user, ca, client);
        private(&self.kubelet_kubeconfig(&node.name), &yaml(&config)?)
    }

    /// kube-apiserver's static pod, as kubeadm lays it out, with the flags by which this world's behaves.
    pub(crate) fn write_apiserver(&self, verifies_kubelets: bool, secure: SocketAddr) -> io::Result<()> {
        let certificate = |name: &str| self.certificate(name).display().to_string();
        let key = |name: &str| self.key(name).display().to_string();
        let mut command = vec![
            "kube-apiserver".to_owned(),
            format!("--advertise-address={}", secure.ip()),
            format!("--secure-port={}", secure.port()),
            "--anonymous-auth=true".to_owned(),
            format!("--authorization-config={}", self.authorization().display()),
            format!("--client-ca-file={}", certificate("ca")),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            "--enable-bootstrap-token-auth=true".to_owned(),
            format!("--kubelet-client-certificate={}", certificate("apiserver-kubelet-client")),
            format!("--kubelet-client-key={}", key("apiserver-kubelet-client")),
            "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname".to_owned(),
            format!("--tls-cert-file={}", certificate("apiserver")),
            format!("--tls-private-key-file={}", key("apiserver")),
        ];
        if verifies_kubelets {
            command.push(format!("--kubelet-certificate-authority={}", certificate("kubelet-ca")));
        }
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "kube-apiserver",
                "namespace": "kube-system",
                "labels": {"component": "kube-apiserver", "tier": "control-plane"},
            },
            "spec": {
                "hostNetwork": true,
                "priorityClassName": "system-node-critical",
                "containers": [{
                    "name": "kube-apiserver",
                    "image": format!("registry.k8s.io/kube-apiserver:{}", crate::KUBERNETES),
                    "command": command,
                }],
            },
        });
        fs::write(self.apiserver_manifest(), yaml(&pod)?)
    }

    /// The webhook first, then Node and RBAC; and how to reach the webhook.
    pub(crate) fn write_authorization(&self, webhook: SocketAddr, ca: &str, client: &Identity) -> io::Result<()> {
        let kubeconfig_file = self.folder().join("webhook.conf");
        let server = format!("https://{webhook}/authorize");
        private(&kubeconfig_file, &yaml(&kubeconfig(&server, "kube-apiserver", ca, client))?)?;
        let config = json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthorizationConfiguration",
            "authorizers": [
                {
                    "type": "Webhook",
                    "name": "pathgate",
                    "webhook": {
                        "timeout": "30s",
                        "subjectAccessReviewVersion": "v1",
                        "matchConditionSubjectAccessReviewVersion": "v1",
                        "failurePolicy": "NoOpinion",
                        "authorizedTTL": "0s",
                        "unauthorizedTTL": "0s",
                        "cacheAuthorizedRequests": false,
                        "cacheUnauthorizedRequests": false,
                        "connectionInfo": {
                            "type": "KubeConfigFile",
                            "kubeConfigFile": kubeconfig_file.display().to_string(),
                        },
                    },
                },
                {"type": "Node", "name": "node"},
                {"type": "RBAC", "name": "rbac"},
            ],
        });
        fs::write(self.authorization(), yaml(&config)?)
    }

    fn authorization(&self) -> PathBuf {
        self.folder().join("authorization.yaml")
    }
}

fn kubeconfig(server: &str, user: &str, ca: &str, client: &Identity) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "kubernetes",
            "cluster": {"certificate-authority-data": BASE64_STANDARD.encode(ca), "server": server},
        }],
        "users": [{
            "name": user,
            "user": {
                "client-certificate-data": BASE64_STANDARD.encode(&client.certificate),
                "client-key-data": BASE64_STANDARD.encode(&client.key),
            },
        }],
        "contexts": [{"name": "default", "context": {"cluster": "kubernetes", "user": user}}],
        "current-context": "default",
    })
}

fn yaml(value: &Value) -> io::Result<String> {
    serde_saphyr::to_string(value).map_err(io::Error::other)
}

/// For the owner only, from the first byte on.
fn private(path: &Path, content: &str) -> io::Result<()> {
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())
}
