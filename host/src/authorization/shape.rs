//! From YAML to authorizers with their lines. What kube-apiserver's own validation refuses is a fault here.

use crate::config::raw::{Faults, Field, Node, Section};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Read {
    pub version: Option<(String, u64)>,
    pub authorizers: Vec<Authorizer>,
}

#[derive(Debug)]
pub(super) struct Authorizer {
    pub kind: Kind,
    pub name: String,
    pub line: u64,
    pub webhook: Option<Webhook>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Webhook,
    Node,
    Rbac,
    Abac,
    AlwaysAllow,
    AlwaysDeny,
}

#[derive(Debug)]
pub(super) struct Webhook {
    pub line: u64,
    pub timeout: Option<(Duration, u64)>,
    pub ttls: [Ttl; 2],
    pub review_version: Option<(String, u64)>,
    pub conditions: Vec<(String, u64)>,
    pub lead: Option<Lead>,
}

/// How long answers of one kind are kept.
#[derive(Debug)]
pub(super) struct Ttl {
    pub name: &'static str,
    pub default: Duration,
    pub written: Option<Duration>,
    pub cached: bool,
    pub line: u64,
}

impl Ttl {
    /// How long an answer is kept: kube-apiserver takes 0 for its default.
    pub fn value(&self) -> Duration {
        match (self.cached, self.written) {
            (false, _) => Duration::ZERO,
            (true, Some(written)) if !written.is_zero() => written,
            (true, Some(_) | None) => self.default,
        }
    }
}

/// Where a webhook's kubeconfig is, and what it means if it leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    pub kubeconfig: String,
    pub line: u64,
    pub failure: FailurePolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    NoOpinion,
    Deny,
}

impl Kind {
    pub fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

/// Whether it says that it is an AuthorizationConfiguration.
pub(super) fn is_one(node: &Node) -> bool {
    let mut faults = Faults::new("");
    let kind = node.root().section(KEYS, &mut faults).and_then(|it| it.optional("kind"));
    kind.and_then(|it| it.text(&mut faults)) == Some(KIND)
}

pub(super) fn read(node: &Node, faults: &mut Faults) -> Read {
    let Some(root) = node.root().section(KEYS, faults) else { return Read::default() };
    let version = root.required("apiVersion", VERSIONS[0].0, faults).and_then(|it| {
        let version = it.word(&VERSIONS, faults)?;
        Some((version.to_owned(), it.line()))
    });
    let list = root.required("authorizers", "[…]", faults).and_then(|it| {
        let list = it.list(MOST, faults)?;
        if list.is_empty() {
            it.fault(faults, "is empty; an authorizer at least is needed");
        }
        Some(list)
    });
    let authorizers = list.unwrap_or_default().iter().filter_map(|it| authorizer(it, faults)).collect();
    Read { version, authorizers }
}

fn authorizer(field: &Field, faults: &mut Faults) -> Option<Authorizer> {
    let at = field.section(&["type", "name", "webhook"], faults)?;
    let kind = at.required("type", "Webhook", faults).and_then(|it| it.word(KINDS, faults));
    let name = at.required("name", "pathgate", faults).and_then(|it| {
        let name = it.text(faults)?;
        if !is_subdomain(name) {
            it.fault(faults, "must be lower-case letters, digits, `-` and `.`, as a DNS name");
        }
        Some(name.to_owned())
    });
    let kind = kind?;
    let webhook = match (kind, at.optional("webhook")) {
        (Kind::Webhook, Some(it)) => webhook(&it, faults),
        (Kind::Webhook, None) => {
            field.fault(faults, "is of type Webhook and has no `webhook`");
            None
        }
        (_, Some(it)) => {
            it.fault(faults, format!("is for type Webhook only, not {}", kind.word()));
            None
        }
        (_, None) => None,
    };
    Some(Authorizer { kind, name: name.unwrap_or_default(), line: field.line(), webhook })
}

fn webhook(field: &Field, faults: &mut Faults) -> Option<Webhook> {
    let at = field.section(WEBHOOK_KEYS, faults)?;
    let timeout = at.required("timeout", "3s", faults).and_then(|it| {
        let timeout = duration(&it, faults)?;
        if timeout.is_zero() || timeout > Duration::from_secs(30) {
            it.fault(faults, "must be more than 0s, and at most 30s");
            return None;
        }
        Some((timeout, it.line()))
    });
    let ttls = [
        ttl(&at, field, ("authorizedTTL", "cacheAuthorizedRequests", Duration::from_secs(300)), faults),
        ttl(&at, field, ("unauthorizedTTL", "cacheUnauthorizedRequests", Duration::from_secs(30)), faults),
    ];
    let review_version = at.required("subjectAccessReviewVersion", "v1", faults).and_then(|it| {
        let version = it.word(&[("v1", "v1"), ("v1beta1", "v1beta1")], faults)?;
        Some((version.to_owned(), it.line()))
    });
    let policies = [("NoOpinion", FailurePolicy::NoOpinion), ("Deny", FailurePolicy::Deny)];
    let policy = at.required("failurePolicy", "NoOpinion", faults);
    let line = policy.as_ref().map_or(field.line(), Field::line);
    let failure = policy.and_then(|it| it.word(&policies, faults));
    let conditions = conditions(&at, faults);
    let version = at.optional("matchConditionSubjectAccessReviewVersion");
    match version {
        Some(it) => {
            it.word(&[("v1", ())], faults);
        }
        None if !conditions.is_empty() => {
            at.required("matchConditionSubjectAccessReviewVersion", "v1", faults);
        }
        None => {}
    }
    let kubeconfig = at.required("connectionInfo", "{type: KubeConfigFile, kubeConfigFile: FILE}", faults);
    let kubeconfig = kubeconfig.and_then(|it| connection(&it, faults));
    let lead = match (kubeconfig, failure) {
        (Some(kubeconfig), Some(failure)) => Some(Lead { kubeconfig, line, failure }),
        (Some(_) | None, Some(_) | None) => None,
    };
    Some(Webhook { line: field.line(), timeout, ttls, review_version, conditions, lead })
}

fn ttl(
    at: &Section,
    webhook: &Field,
    (name, cached, default): (&'static str, &str, Duration),
    faults: &mut Faults,
) -> Ttl {
    let field = at.optional(name);
    let line = field.as_ref().map_or(webhook.line(), Field::line);
    let written = field.and_then(|it| duration(&it, faults));
    let cached = at.optional(cached).is_none_or(|it| it.boolean(faults) != Some(false));
    Ttl { name, default, written, cached, line }
}

fn conditions(at: &Section, faults: &mut Faults) -> Vec<(String, u64)> {
    let Some(list) = at.optional("matchConditions").and_then(|it| it.list(64, faults)) else { return Vec::new() };
    let mut all: Vec<(String, u64)> = Vec::new();
    for condition in &list {
        let expression = condition
            .section(&["expression"], faults)
            .and_then(|it| it.required("expression", "\"request.user != 'a'\"", faults))
            .and_then(|it| it.text(faults));
        let Some(expression) = expression else { continue };
        if all.iter().any(|(earlier, _)| earlier == expression) {
            condition.fault(faults, "is given twice; keep one");
        }
        all.push((expression.to_owned(), condition.line()));
    }
    all
}

fn connection(field: &Field, faults: &mut Faults) -> Option<String> {
    let at = field.section(&["type", "kubeConfigFile"], faults)?;
    let file = at.optional("kubeConfigFile").map(|it| (it.text(faults), it));
    let kind = at.required("type", "KubeConfigFile", faults)?;
    // kube-apiserver's own: it cannot authorize itself through itself.
    if kind.word(&[("KubeConfigFile", true), ("InClusterConfig", false)], faults)? {
        let Some((file, field)) = file else {
            field.fault(faults, "must have `kubeConfigFile`, an absolute path");
            return None;
        };
        let file = file?;
        if !file.starts_with('/') {
            field.fault(faults, "must be an absolute path");
        }
        return Some(file.to_owned());
    }
    kind.fault(faults, "kube-apiserver takes `KubeConfigFile` only");
    None
}

/// As Go reads it: without days.
fn duration(field: &Field, faults: &mut Faults) -> Option<Duration> {
    let text = field.text(faults)?;
    if text.ends_with('d') {
        field.fault(faults, "is in days, which Kubernetes does not know; write hours, as `24h`");
        return None;
    }
    let longest = Duration::from_secs(365 * 24 * 3_600);
    field.duration(("0s", Duration::ZERO), ("8760h", longest), faults)
}

fn is_subdomain(name: &str) -> bool {
    let word = |word: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !word.is_empty() && !word.starts_with('-') && !word.ends_with('-') && word.bytes().all(inner)
    };
    name.len() <= 253 && name.split('.').all(word)
}

pub(super) const KIND: &str = "AuthorizationConfiguration";
const KEYS: &[&str] = &["apiVersion", "kind", "authorizers"];
const WEBHOOK_KEYS: &[&str] = &[
    "timeout",
    "authorizedTTL",
    "unauthorizedTTL",
    "cacheAuthorizedRequests",
    "cacheUnauthorizedRequests",
    "subjectAccessReviewVersion",
    "matchConditionSubjectAccessReviewVersion",
    "failurePolicy",
    "connectionInfo",
    "matchConditions",
];
const VERSIONS: [(&str, &str); 3] = [
    ("apiserver.config.k8s.io/v1", "v1"),
    ("apiserver.config.k8s.io/v1beta1", "v1beta1"),
    ("apiserver.config.k8s.io/v1alpha1", "v1alpha1"),
];
const KINDS: &[(&str, Kind)] = &[
    ("Webhook", Kind::Webhook),
    ("Node", Kind::Node),
    ("RBAC", Kind::Rbac),
    ("ABAC", Kind::Abac),
    ("AlwaysAllow", Kind::AlwaysAllow),
    ("AlwaysDeny", Kind::AlwaysDeny),
];
/// A chain is asked in order for each request; nobody has that many.
const MOST: usize = 64;
