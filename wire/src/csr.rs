//! What was decided about a kubelet's request for a certificate, and everything needed to decide it again.

use crate::paths::words;
use serde::Serialize;

words! {
    /// What an approver does with a certificate request.
    CsrVerdict {
        Approve = "approve",
        Deny = "deny",
        /// It stays pending, for another approver or a person.
        Leave = "leave",
    }
}

#[cfg(feature = "csr")]
mod decision;
#[cfg(feature = "csr")]
pub use decision::{CsrDecision, CsrNode, CsrOpinion, CsrQuestion};

/// What a browser reads of a decision about a request: it shows [`Join`](crate::Join)s, and loads a tenth less without the rest.
#[cfg(not(feature = "csr"))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct CsrDecision {
    pub at: u64,
}
