//! What became of a kubelet's request for a certificate, from the token to the first use.

use crate::CsrVerdict;
use serde::{Deserialize, Serialize};

/// A request that was judged, and how far it came. Times are in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    /// Of the decision.
    pub id: String,
    /// Of the CertificateSigningRequest.
    pub name: String,
    pub signer: String,
    /// Who asked: a bootstrap token's user, or a node's.
    pub user: String,
    pub common_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// None if the object does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    pub judged: u64,
    pub verdict: CsrVerdict,
    pub rule: String,
    pub reason: String,
    /// When its certificate was seen first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<u64>,
    /// SHA-256 of the certificate, in hex; empty before it is issued.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// When it was used first: in a request to kube-apiserver, or shown to a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
}
