//! What plugins find besides a verdict, in certificates and in requests for them.

use crate::paths::words;
use serde::{Deserialize, Serialize};

/// Something that a person should see, whatever the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule that found it.
    pub code: String,
    pub severity: Severity,
    /// The position in the chain; none if it is about all of it.
    pub at: Option<u32>,
    pub detail: String,
}

words! {
    /// How much a finding weighs.
    Severity {
        Info = "info",
        Low = "low",
        Medium = "medium",
        High = "high",
    }
}
