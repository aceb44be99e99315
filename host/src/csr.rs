//! CertificateSigningRequests: reading Kubernetes' JSON and YAML, PEM to DER.
//!
//! It refuses what is no request, all faults at once, each with its place. What a request asks for is judged by plugins;
//! read here is only by what to look things up: the Node, the names, the key.

mod documents;
mod glance;
mod read;

pub use documents::{MAX_BYTES, parse_many};
pub use glance::Glance;
pub use read::from_object;

/// A CertificateSigningRequest of `certificates.k8s.io/v1`, as far as an approver looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub name: String,
    pub uid: String,
    /// Seconds since 1970-01-01 UTC, if it says so.
    pub created: Option<u64>,
    pub signer: String,
    pub user: String,
    pub user_uid: String,
    pub groups: Vec<String>,
    pub extra: Vec<(String, Vec<String>)>,
    pub usages: Vec<String>,
    pub expiration: Option<i32>,
    /// The first PEM block, decoded; empty if there is none, or if it is longer than [`MAX_REQUEST`].
    pub der: Vec<u8>,
    /// Of that block, in bytes.
    pub size: usize,
    /// What is wrong with the PEM, if it is not that block alone.
    pub pem_fault: Option<&'static str>,
    pub state: State,
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    #[default]
    Pending,
    /// Approved, and perhaps issued.
    Approved,
    /// Denied, or failed after approval.
    Refused,
}

/// The longest request that a plugin is given: the contract's limit. A kubelet's has some 500 bytes.
pub const MAX_REQUEST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
