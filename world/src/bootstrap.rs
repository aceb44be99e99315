//! A node that joins: what it asks a certificate for.

use crate::authority;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

/// A CertificateSigningRequest as a joining kubelet creates it, with who kube-apiserver says created it.
///
/// # Errors
/// When the machine gives no key.
pub fn certificate_request(node: &str, token_id: &str) -> Result<Value, rcgen::Error> {
    let request = authority::request(&format!("system:node:{node}"), "system:nodes")?;
    Ok(json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": format!("node-csr-{node}")},
        "spec": {
            "request": BASE64_STANDARD.encode(request),
            "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
            "usages": ["digital signature", "client auth"],
            "username": format!("system:bootstrap:{token_id}"),
            "groups": ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated"],
        },
        "status": {},
    }))
}
