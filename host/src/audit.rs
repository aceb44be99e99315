//! The JSON of an audit.k8s.io/v1 event, and the request that the gate was asked about because of it. Refuses to guess: what
//! an event does not hold is named in [`Left`] and in [`Unseen`].
//!
//! One request has several events. Only the last, of the stage `ResponseComplete` or `Panic`, is rebuilt: each request has
//! exactly one of these, so that no table of ids is needed to count it once.

mod selector;
mod uri;

#[cfg(test)]
mod tests;

use crate::review;
use serde::Deserialize;
use std::collections::BTreeMap;
use uri::Uri;
use wire::{Request, Resource, Target, Verdict};

/// A request that kube-apiserver has authorized or refused, as it asked the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `auditID`.
    pub id: String,
    /// When the request came, in milliseconds since 1970-01-01 UTC, if the event says so.
    pub at: Option<u64>,
    pub request: Request,
    pub was: Was,
    /// The questions to the gate that came with this request and are in no audit log.
    pub unseen: Vec<Unseen>,
}

/// What was decided then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Was {
    /// What the gate said. A refusal or a permission that does not carry its words is another authorizer's.
    pub verdict: Verdict,
    /// `plugin/rule`; empty when the gate had no opinion.
    pub rule: String,
    /// Whether the request was allowed in the end, by whomever.
    pub allowed: bool,
}

/// What an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    Event(Box<Event>),
    /// An event whose review cannot be rebuilt, or that had none.
    Left(Left),
    /// JSON, but no event.
    Foreign,
}

/// Why an event yields no review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    EarlierStage,
    Masters,
    Undecided,
    Level,
    NoUser,
    NoTarget,
    NoPath,
    Large,
}

impl Left {
    /// For people and for JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Left::EarlierStage => "earlier stage: a request counts at its end",
            Left::Masters => "system:masters: kube-apiserver asks no webhook",
            Left::Undecided => "not decided: refused or failed before authorization",
            Left::Level => "audit level below Metadata",
            Left::NoUser => "no user in the event",
            Left::NoTarget => "no objectRef for a resource",
            Left::NoPath => "no verb, or requestURI is not a path",
            Left::Large => "larger than a review may be",
        }
    }
}

/// Questions that no event shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    Impersonation,
    Connect,
    Review,
}

impl Unseen {
    /// For people and for JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Unseen::Impersonation => "impersonate: whether the caller may act as another user",
            Unseen::Connect => "create beside get: exec, attach, port-forward by WebSocket since Kubernetes 1.35",
            Unseen::Review => "the question inside an access review",
        }
    }
}

/// Understands one line of an audit log.
///
/// # Errors
/// When the bytes are not JSON, or a field that is needed has another type than Kubernetes gives it.
pub fn parse(line: &[u8]) -> Result<Parsed, serde_json::Error> {
    let raw: Raw = serde_json::from_slice(line)?;
    if raw.kind.as_deref() != Some("Event") || raw.api_version.as_deref() != Some("audit.k8s.io/v1") {
        return Ok(Parsed::Foreign);
    }
    Ok(rebuild(raw).map_or_else(Parsed::Left, |event| Parsed::Event(Box::new(event))))
}

fn rebuild(raw: Raw) -> Result<Event, Left> {
    if !matches!(raw.stage.as_deref(), Some("ResponseComplete" | "Panic")) {
        return Err(Left::EarlierStage);
    }
    if !matches!(raw.level.as_deref(), Some("Metadata" | "Request" | "RequestResponse")) {
        return Err(Left::Level);
    }
    let annotations = raw.annotations.unwrap_or_default();
    let is_impersonated = raw.impersonated_user.is_some();
    let user = raw.impersonated_user.or(raw.user).ok_or(Left::NoUser)?;
    let name = user.username.filter(|it| !it.is_empty()).ok_or(Left::NoUser)?;
    let groups = user.groups.unwrap_or_default();
    if groups.iter().any(|it| it == "system:masters") {
        return Err(Left::Masters);
    }
    let was = was(&annotations).ok_or(Left::Undecided)?;
    let verb = raw.verb.filter(|it| !it.is_empty()).ok_or(Left::NoPath)?;
    let uri = Uri::parse(raw.request_uri.as_deref().unwrap_or_default()).ok_or(Left::NoPath)?;
    let unseen = unseen(is_impersonated, &verb, raw.object_ref.as_ref());
    let target = match raw.object_ref {
        Some(at) if uri.is_resource() => Target::Resource(Box::new(resource(at, verb, &uri))),
        None if uri.is_resource() => return Err(Left::NoTarget),
        Some(_) | None => Target::NonResource { path: uri.path().to_owned(), verb },
    };
    let extra = user.extra.unwrap_or_default().into_iter().map(|(key, it)| (key, it.unwrap_or_default())).collect();
    let request = Request { user: name, uid: user.uid.unwrap_or_default(), groups, extra, target };
    let time = raw.request_received_timestamp.or(raw.stage_timestamp);
    Ok(Event {
        id: raw.audit_id.unwrap_or_default(),
        at: time.as_deref().and_then(millis),
        request: review::bounded(request),
        was,
        unseen,
    })
}

/// The attributes that kube-apiserver took from the URL. It completes `objectRef` from the body later, so that a name or a
/// namespace that the URL does not hold was not in the review.
fn resource(at: RawObject, verb: String, uri: &Uri) -> Resource {
    let resource = at.resource.unwrap_or_default();
    let reads_many = matches!(verb.as_str(), "list" | "watch" | "deletecollection");
    let name = at.name.filter(|name| reads_many || uri.holds(&resource, name)).unwrap_or_default();
    let namespace = at.namespace.filter(|it| uri.holds("namespaces", it)).unwrap_or_default();
    let selects = reads_many && !uri.is_verb_in_path();
    let of = |key: &str| uri.query(key).filter(|_| selects);
    Resource {
        field_selector: of("fieldSelector").map(|it| selector::fields(&it)).unwrap_or_default(),
        label_selector: of("labelSelector").map(|it| selector::labels(&it)).unwrap_or_default(),
        namespace,
        verb,
        group: at.api_group.unwrap_or_default(),
        version: at.api_version.unwrap_or_default(),
        resource,
        subresource: at.subresource.unwrap_or_default(),
        name,
    }
}

fn unseen(is_impersonated: bool, verb: &str, at: Option<&RawObject>) -> Vec<Unseen> {
    let mut unseen = Vec::new();
    if is_impersonated {
        unseen.push(Unseen::Impersonation);
    }
    let Some(at) = at else { return unseen };
    let (resource, subresource) = (at.resource.as_deref(), at.subresource.as_deref());
    match (verb, resource, subresource) {
        ("get", Some("pods"), Some("exec" | "attach" | "portforward")) => unseen.push(Unseen::Connect),
        ("create", Some("subjectaccessreviews" | "localsubjectaccessreviews" | "selfsubjectaccessreviews"), _) => {
            unseen.push(Unseen::Review);
        }
        _ => {}
    }
    unseen
}

/// None if the authorizers did not come to a decision.
fn was(annotations: &BTreeMap<String, String>) -> Option<Was> {
    let allowed = match annotations.get("authorization.k8s.io/decision")?.as_str() {
        "allow" => true,
        "forbid" => false,
        _ => return None,
    };
    let reason = annotations.get("authorization.k8s.io/reason").map(String::as_str).unwrap_or_default();
    Some(match (rule_of(reason), allowed) {
        (None, _) => Was { verdict: Verdict::NoOpinion, rule: String::new(), allowed },
        (Some(rule), true) => Was { verdict: Verdict::Allow, rule: rule.to_owned(), allowed },
        (Some(rule), false) => Was { verdict: Verdict::Deny, rule: rule.to_owned(), allowed },
    })
}

/// From `pathgate: … (rule RULE, decision ID)`.
fn rule_of(reason: &str) -> Option<&str> {
    if reason.starts_with("pathgate: no opinion") {
        return None;
    }
    let (rest, _) = reason.strip_prefix("pathgate: ")?.strip_suffix(')')?.rsplit_once(", decision ")?;
    rest.rsplit_once(" (rule ").map(|(_, rule)| rule)
}

fn millis(time: &str) -> Option<u64> {
    let since = humantime::parse_rfc3339(time).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    kind: Option<String>,
    api_version: Option<String>,
    level: Option<String>,
    stage: Option<String>,
    #[serde(rename = "auditID")]
    audit_id: Option<String>,
    #[serde(rename = "requestURI")]
    request_uri: Option<String>,
    verb: Option<String>,
    user: Option<RawUser>,
    impersonated_user: Option<RawUser>,
    object_ref: Option<RawObject>,
    request_received_timestamp: Option<String>,
    stage_timestamp: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct RawUser {
    username: Option<String>,
    uid: Option<String>,
    groups: Option<Vec<String>>,
    /// Go writes maps in the order of their keys, into events and reviews alike.
    extra: Option<BTreeMap<String, Option<Vec<String>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawObject {
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    api_group: Option<String>,
    api_version: Option<String>,
    subresource: Option<String>,
}
