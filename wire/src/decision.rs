//! What was decided, by whom, and everything needed to decide it again.

use crate::{Path, Request, Source, Traversal, paths::words};
use serde::{Deserialize, Serialize};

words! {
    /// What the gate says. `no-opinion` leaves the request to the authorizers that follow, RBAC among them.
    Verdict {
        Deny = "deny",
        NoOpinion = "no-opinion",
        Allow = "allow",
    }
}

words! {
    /// Where a question came in.
    Door {
        /// The authorization webhook.
        Webhook = "webhook",
        /// A command, which counts nowhere.
        Command = "command",
    }
}

words! {
    /// Why a plugin gave no answer. The values of the metric label `error`.
    Failure {
        Trap = "trap",
        Fuel = "fuel",
        Deadline = "deadline",
        Memory = "memory",
        /// It answered more than the host takes back.
        Output = "output",
        /// It answered what its role may not.
        Role = "role",
        /// Its breaker is open after failing too often.
        Quarantined = "quarantined",
        /// It never became ready.
        NotReady = "not-ready",
        /// No sandbox was free in time.
        Busy = "busy",
    }
}

/// One decision of the gate, as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// In the reason that the user sees, and in kube-apiserver's audit log. A ULID: sortable by time.
    pub id: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: u64,
    pub door: Door,
    /// Who asked, as the door authenticated it: the client certificate's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub peer: String,
    pub request: Request,
    pub source: Source,
    pub traversal: Traversal,
    pub path: Path,
    /// The facts that the plugins were given, besides the time, which is `at` in whole seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    pub verdict: Verdict,
    /// `plugin/rule`, or `gate/RULE`; empty when nothing decided.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// The sentence for the user, without the id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opinions: Vec<Opinion>,
    /// The WebAssembly engine and its version.
    pub engine: String,
    /// From the end of parsing to the verdict.
    pub micros: u64,
}

/// What one plugin said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opinion {
    pub plugin: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// SHA-256 of the config as canonical JSON, in hex.
    pub config: String,
    /// Asked and recorded, never counted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shadow: bool,
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Set when the plugin gave no answer; `verdict` is then the host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Units that the call burnt; the same for the same question. Zero if it failed.
    pub fuel: u64,
    pub micros: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
