//! A decision about a request, with everything that it was made on.

use super::CsrVerdict;
use crate::{Failure, Finding};
use serde::{Deserialize, Serialize};

/// A CertificateSigningRequest that was judged, as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CsrDecision {
    /// In the condition's message, which `kubectl describe csr` shows. A ULID: sortable by time.
    pub id: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: u64,
    pub question: CsrQuestion,
    pub verdict: CsrVerdict,
    /// `plugin/rule`, or `gate/RULE`.
    pub rule: String,
    /// The sentence for the condition, without the id.
    pub reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opinions: Vec<CsrOpinion>,
    /// The WebAssembly engine and its version.
    pub engine: String,
    pub micros: u64,
}

/// Everything that plugins were told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CsrQuestion {
    /// The object's.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Seconds since 1970-01-01 UTC, if the object says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    pub signer: String,
    pub user: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_uid: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<(String, Vec<String>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usages: Vec<String>,
    /// Seconds for which the certificate is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<i32>,
    /// The PKCS#10 request, as DER in base64: a public document.
    pub request: String,
    /// What its subject and its names say: for a reader, not for plugins.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub common_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Facts about the cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<(String, String)>,
    /// Facts about the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// The Node that it names, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<CsrNode>,
}

/// What plugins were told of a Node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsrNode {
    pub name: String,
    pub uid: String,
    /// Seconds since 1970-01-01 UTC.
    pub created: u64,
    pub ready: bool,
    /// Type and value, as in `Node.status.addresses`.
    pub addresses: Vec<(String, String)>,
}

/// What one plugin said of a certificate request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CsrOpinion {
    pub plugin: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// SHA-256 of the config as canonical JSON, in hex.
    pub config: String,
    /// Asked and recorded, never counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    pub verdict: CsrVerdict,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Set when the plugin gave no answer; `verdict` is then the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Units that the call burnt. Zero if it failed.
    pub fuel: u64,
    pub micros: u64,
}
