//! What can be wrong, how bad it is, and where that is written.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub rule: &'static Rule,
    pub file: String,
    /// From 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A rule; its id is stable.
#[derive(Debug, PartialEq)]
pub struct Rule {
    pub id: &'static str,
    pub severity: Severity,
    pub summary: &'static str,
    pub source: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Low,
    Medium,
    High,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! rules {
    ($($name:ident = $id:literal $severity:ident $summary:literal $source:expr;)+) => {
        $(pub const $name: Rule = Rule { id: $id, severity: Severity::$severity, summary: $summary, source: $source };)+
        /// Every rule, for reports that list them.
        pub const RULES: &[&Rule] = &[$(&$name,)+];
    };
}

const AUTHORIZATION: &str = "https://kubernetes.io/docs/reference/access-authn-authz/authorization/";
const WEBHOOK: &str = "https://kubernetes.io/docs/reference/access-authn-authz/webhook/";
const REFERENCE: &str = "https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/";

rules! {
    INVALID = "invalid" High "kube-apiserver refuses the file." REFERENCE;
    API_VERSION = "api-version" Low "The configuration is of an API version that goes away." REFERENCE;
    DUPLICATE = "duplicate" High "Authorizers have names of their own, and types but Webhook come once." REFERENCE;
    ORDER = "order" High "The gate stands before every authorizer that may allow." AUTHORIZATION;
    ALWAYS_ALLOW = "always-allow" High "Nothing allows everything." AUTHORIZATION;
    NO_WEBHOOK = "no-webhook" High "The gate is in the chain." AUTHORIZATION;
    TIMEOUT = "timeout-budget" High "All calls of a request end before the request does."
        "https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/ (--request-timeout)";
    TTL = "ttl" Medium "No answer is kept longer than a revocation may take." REFERENCE;
    MATCH_CONDITIONS = "match-conditions" High "No request is skipped that a rule refuses." REFERENCE;
    REVIEW_VERSION = "review-version" Low "Reviews are of version v1." WEBHOOK;
    DEADLOCK = "self-hosting-deadlock" High
        "A gate that kube-apiserver cannot do without does not need kube-apiserver to start." AUTHORIZATION;
    PLAIN_HTTP = "kubeconfig-plain-http" High "kube-apiserver reaches the gate by TLS." WEBHOOK;
    UNCHECKED = "kubeconfig-unchecked-server" High "kube-apiserver checks the gate's certificate." WEBHOOK;
    NO_CERTIFICATE = "kubeconfig-no-client-certificate" High "kube-apiserver shows the gate a client certificate." WEBHOOK;
    KUBECONFIG = "kubeconfig-invalid" High "The webhook's kubeconfig leads somewhere." WEBHOOK;
    MASTERS = "masters-bypass" Low "Nobody works as system:masters, whom kube-apiserver asks nobody about."
        "https://kubernetes.io/docs/concepts/security/rbac-good-practices/";
    WRONG = "configuration" High "A component's configuration works."
        "https://kubernetes.io/docs/reference/command-line-tools-reference/";
}
