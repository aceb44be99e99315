//! What is loaded, and what it did.

use crate::{Failure, Finding, Row, State};
use serde::{Deserialize, Serialize};

/// A plugin in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginInfo {
    pub name: String,
    pub version: String,
    /// SHA-256 of the component and of the config, in hex.
    pub digest: String,
    pub config: String,
    /// `restrict` or `grant`.
    pub role: String,
    pub shadow: bool,
    /// What it means that it gives no answer: `deny` or `no-opinion`.
    pub on_failure: String,
    /// Not asked at present, because it failed too often.
    pub resting: bool,
    pub exports: Vec<String>,
    pub imports: Vec<String>,
    /// What it is asked about; empty for everything.
    pub asks: Vec<String>,
    pub limits: PluginLimits,
    pub rules: Vec<RuleText>,
    pub acts: PluginActs,
}

/// What a call of a plugin may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginLimits {
    pub fuel: u64,
    pub deadline_micros: u64,
    /// In bytes.
    pub memory: u64,
}

/// A rule in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleText {
    pub id: String,
    /// For the person who is refused.
    pub summary: String,
    /// For the operator.
    pub advice: String,
    /// Where it comes from.
    pub source: String,
    /// Refusals by it in the last 15 minutes.
    #[serde(default)]
    pub refused: u64,
    #[serde(default)]
    pub would_refuse: u64,
}

/// What a plugin did since the gate started, by 15 minutes at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginActs {
    pub asked: u64,
    pub refused: u64,
    /// In shadow, or by a rule in shadow.
    pub would_refuse: u64,
    pub failed: Vec<FailureCount>,
    /// Buckets by powers of two: `buckets[i]` counts values below `2^i`, and not below `2^(i-1)`.
    pub micros: Vec<u64>,
    pub fuel: Vec<u64>,
    pub p50: u64,
    pub p99: u64,
    pub fuel_p50: u64,
    pub fuel_max: u64,
}

/// How often it gave no answer, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    pub kind: Failure,
    pub count: u64,
}

/// One decision with everything around it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionDetail {
    pub row: Row,
    /// The text of the rules that spoke, by `plugin/rule`; those that are loaded no more are left out.
    pub rules: Vec<(String, RuleText)>,
    /// Who else the deciding rule hit in the last 24 hours, most hit first; at most 20.
    pub hits: Vec<Hit>,
}

/// A caller that a rule hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub user: String,
    pub count: u64,
}

/// A decision, executed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// None if it cannot be told.
    pub same: Option<bool>,
    /// What differs, or why it cannot be told; a sentence each.
    pub differences: Vec<String>,
    pub at: u64,
    /// How long it took.
    pub micros: u64,
}

/// A page of decisions and of what stands between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionPage {
    /// Newest first; with `since`, oldest first.
    pub rows: Vec<Row>,
    /// What to give as `before` (or `since`) for the next page; none at the end.
    pub next: Option<u64>,
    /// Rows that were looked at.
    pub scanned: u64,
    /// The last row of the journal at that moment: where the feed goes on.
    pub last: u64,
}

/// A certificate that the gate uses or has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// SHA-256 of its DER, in hex.
    pub sha256: String,
    pub subject: String,
    pub issuer: String,
    pub not_before: u64,
    pub not_after: u64,
    /// As `dns:NAME` and `ip:ADDRESS`.
    pub names: Vec<String>,
    /// What it is for, in words.
    pub purpose: String,
    /// Where it was seen: a file or an address.
    pub from: String,
    #[serde(default)]
    pub node: String,
    /// What a plugin says of it, where one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// What stood in its place before, if the gate saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Link>,
}

/// What the plugin of a path makes of the chain that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    pub by: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: u64,
    /// Safe if it is accepted and nothing was found, unknown if nobody could tell, unverified if it is refused or doubted.
    pub state: State,
    /// SHA-256 of each certificate of the path, leaf first, anchor last; empty unless accepted.
    pub path: Vec<String>,
    pub findings: Vec<Finding>,
    /// What was sent, leaf first.
    pub chain: Vec<Link>,
}

/// A certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// SHA-256 of its DER, in hex.
    pub sha256: String,
    pub subject: String,
    pub issuer: String,
    pub not_after: u64,
}
