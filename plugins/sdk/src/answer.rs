//! Saying yes, no and nothing; asking a request what it is.

use crate::{Answer, Context, Request, ResourceAttributes, Target, Verdict};

/// One rule, as `describe` tells the host and the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable for ever, in kebab-case. The first argument of [`Answer::deny`].
    pub id: &'static str,
    /// A sentence for the person who is refused.
    pub summary: &'static str,
    /// A sentence for the operator: why, and what to change if the refusal is not wanted.
    pub advice: &'static str,
    /// Where the rule comes from.
    pub source: &'static str,
}

/// A client certificate by its SHA-256 in hex, or a token by its JWT id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    Certificate(&'a str),
    Token(&'a str),
}

impl Answer {
    /// No objection. Never an allowance: the authorizers that follow decide.
    pub fn none() -> Answer {
        Answer::of(Verdict::NoOpinion, "", String::new())
    }

    /// Refused by this rule. The reason goes to the user and to the audit log: no secrets.
    pub fn deny(rule: &str, reason: impl Into<String>) -> Answer {
        Answer::of(Verdict::Deny, rule, reason.into())
    }

    /// Allowed, for a plugin with the role `grant`.
    pub fn allow(rule: &str, reason: impl Into<String>) -> Answer {
        Answer::of(Verdict::Allow, rule, reason.into())
    }

    /// Adds what a person who looks into this decision should know.
    pub fn note(mut self, note: impl Into<String>) -> Answer {
        self.notes.push(note.into());
        self
    }

    fn of(verdict: Verdict, rule: &str, reason: String) -> Answer {
        Answer { verdict, rule: rule.into(), reason, notes: Vec::new(), attributes: Vec::new() }
    }
}

impl Context {
    /// The value of a fact; none if the host does not know it.
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|it| it.key == key).map(|it| it.value.as_str())
    }

    /// Who asks, in the words of the host's classification: `node`, `pod`, `user`.
    pub fn source(&self) -> &str {
        self.fact("pathgate.io/source").unwrap_or_default()
    }

    /// What the request opens: `stream`, `node-proxy`, `plain`.
    pub fn traversal(&self) -> &str {
        self.fact("pathgate.io/traversal").unwrap_or_default()
    }
}

impl Request {
    /// Whether the caller is in this group, byte for byte.
    pub fn is_member(&self, group: &str) -> bool {
        self.groups.iter().any(|member| member == group)
    }

    /// The values of an extra key; empty if it is not there.
    pub fn extra(&self, key: &str) -> &[String] {
        self.extra.iter().find(|it| it.key == key).map_or(&[], |it| &it.values)
    }

    /// The name of the Node that asks: who has both the name and the group, as in kube-apiserver's node identifier.
    pub fn node(&self) -> Option<&str> {
        self.user.strip_prefix("system:node:").filter(|_| self.is_member("system:nodes"))
    }

    /// By what the caller proved who it is, as kube-apiserver tells since 1.32. Nothing for older ones, for callers who
    /// are impersonated, and for authenticators that do not say.
    pub fn credential(&self) -> Option<Credential<'_>> {
        let id = self.extra("authentication.kubernetes.io/credential-id").first()?;
        match id.split_once('=')? {
            ("X509SHA256", fingerprint) => Some(Credential::Certificate(fingerprint)),
            ("JTI", id) => Some(Credential::Token(id)),
            _ => None,
        }
    }

    pub fn verb(&self) -> &str {
        match &self.target {
            Target::Resource(at) => &at.verb,
            Target::NonResource(at) => &at.verb,
        }
    }
}

impl ResourceAttributes {
    /// Group, resource and subresource: match all three, never a part.
    pub fn tuple(&self) -> (&str, &str, &str) {
        (&self.group, &self.resource, &self.subresource)
    }

    /// Whether the verb changes nothing. A verb that nobody knows is a write. Mind that reading `pods/exec` or a proxy is
    /// more than reading.
    pub fn is_read(&self) -> bool {
        matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    /// Whether it is one of those that change the API for everybody: admission, custom resources, aggregated APIs
    /// (Kubernetes documentation, RBAC good practices, "Control admission webhooks").
    pub fn is_extension(&self) -> bool {
        matches!(
            (self.group.as_str(), self.resource.as_str()),
            ("admissionregistration.k8s.io", _)
                | ("apiextensions.k8s.io", "customresourcedefinitions")
                | ("apiregistration.k8s.io", "apiservices")
        )
    }

    /// Whether it asks to act as somebody else, in any of the modes of KEP-5284.
    pub fn is_impersonation(&self) -> bool {
        self.verb == "impersonate" || self.verb.starts_with("impersonate:") || self.verb.starts_with("impersonate-on:")
    }

    /// Whether it opens a way into workloads: proxy, exec, attach, port-forward, by whatever verb.
    pub fn is_door(&self) -> bool {
        match self.tuple() {
            ("", "nodes" | "pods" | "services", "proxy") | ("", "pods", "exec" | "attach" | "portforward") => true,
            // The verb of `/api/v1/proxy/…`, which apiservers of long ago served.
            ("", "nodes" | "pods" | "services", "") => self.verb == "proxy",
            _ => false,
        }
    }

    /// What is asked for, as in `kubectl`: `update nodes/status`.
    pub fn describe(&self) -> String {
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.verb, self.resource, self.subresource)
    }
}

/// The name in `[scheme:]name[:port]`, as kube-apiserver takes the name of a proxied node, pod or service apart:
/// scheme, name, port, each possibly empty. None if it is none of that.
pub fn proxied(name: &str) -> Option<(&str, &str, &str)> {
    let parts: Vec<_> = name.split(':').collect();
    match *parts.as_slice() {
        [name] => Some(("", name, "")),
        [name, port] => Some(("", name, port)),
        [scheme, name, port] => Some((scheme, name, port)),
        _ => None,
    }
}
