//! The SubjectAccessReview JSON of Kubernetes, known nowhere else.
//!
//! What a *user* of kube-apiserver can bring about (a selector of a megabyte, thousands of impersonated groups, a NUL in
//! a path) is a well-formed review of a malformed request: it is judged, and denied. Were it a fault, kube-apiserver
//! would follow its failure policy, which may be to ask RBAC alone, and anybody could switch the gate off for a request
//! by making it large. What kube-apiserver itself never sends is a [`ReviewFault`].

mod question;
mod raw;

pub use question::{question, read_answer, to_spec};
use raw::{Head, Object, RawReview, RawSpec};

use std::str;
use wire::{Request, Target, Verdict};

/// The API version of a review; the answer is in the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    /// Deprecated, and still what kube-apiserver's flags default to. It says `group` where v1 says `groups`.
    V1beta1,
}

impl Version {
    /// As `apiVersion` spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Version::V1 => "authorization.k8s.io/v1",
            Version::V1beta1 => "authorization.k8s.io/v1beta1",
        }
    }
}

/// A review, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub version: Version,
    pub request: Request,
}

/// Why bytes are not a review. kube-apiserver never sends such, so this is another client, or a broken one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewFault {
    #[error("byte {byte} is not UTF-8")]
    Text { byte: usize },
    #[error("line {line}, column {column}: {what}")]
    Json { line: usize, column: usize, what: String },
    #[error("`kind` is `{found}`, not `SubjectAccessReview`")]
    Kind { found: String },
    #[error("`apiVersion` is `{found}`, neither `authorization.k8s.io/v1` nor `authorization.k8s.io/v1beta1`")]
    Version { found: String },
    #[error("more than {BODY} bytes, and no review by its beginning")]
    Large,
}

/// Which of several reviews is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("review {number}, which starts at line {line} (byte {byte}): {fault}")]
pub struct ItemFault {
    /// From 1.
    pub number: usize,
    pub line: usize,
    pub byte: usize,
    /// Its lines and bytes count from the start of this review.
    pub fault: ReviewFault,
}

/// Understands one review.
///
/// # Errors
/// When the bytes are not a SubjectAccessReview of a known version. A review that asks for nothing sensible is none of
/// these: its target is [`Target::Malformed`].
pub fn parse(body: &[u8]) -> Result<Review, ReviewFault> {
    if body.len() > BODY {
        return oversized(body);
    }
    let text = str::from_utf8(body).map_err(|error| ReviewFault::Text { byte: error.valid_up_to() })?;
    let Object::<RawReview>(raw) = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let version = version(&raw.kind, &raw.api_version)?;
    Ok(Review { version, request: request(version, raw.spec.unwrap_or_default().0, body.contains(&b'\\')) })
}

/// Understands a SubjectAccessReviewSpec v1 by itself, as cases and vital flows write it.
///
/// # Errors
/// As [`parse`].
pub fn from_spec(spec: &serde_json::Value) -> Result<Request, ReviewFault> {
    let version = Version::V1.as_str();
    let review = serde_json::json!({"apiVersion": version, "kind": "SubjectAccessReview", "spec": spec});
    parse(review.to_string().as_bytes()).map(|review| review.request)
}

/// A request that was rebuilt from elsewhere, held to the bounds of a review: past them it is malformed, as it was for the
/// gate.
pub fn bounded(mut request: Request) -> Request {
    let fault = excess(&request).or_else(|| holds_nul(&request).then(|| "a NUL in a value".to_owned()));
    if let Some(fault) = fault {
        request.target = Target::Malformed { fault };
    }
    request
}

/// Answers for a review of which only the beginning was kept, because it is larger than [`BODY`].
///
/// # Errors
/// When the beginning does not show a SubjectAccessReview of a known version.
pub fn oversized(beginning: &[u8]) -> Result<Review, ReviewFault> {
    let head = Head::of(beginning.get(..BODY).unwrap_or(beginning));
    let version = version(&head.kind, &head.api_version).map_err(|_| ReviewFault::Large)?;
    let fault = format!("the review is larger than {} KiB", BODY / 1024);
    Ok(Review { version, request: Request { target: Target::Malformed { fault }, ..Request::default() } })
}

/// Understands one review, an array of them, or one after the other (JSON lines among them).
///
/// # Errors
/// The first that is at fault, with its place. Nothing is returned unless all is understood.
pub fn parse_many(input: &[u8]) -> Result<Vec<Review>, ItemFault> {
    let mut at = skip(input, 0);
    let array = input.get(at) == Some(&b'[');
    if array {
        at = skip(input, at + 1);
    }
    let mut reviews = Vec::new();
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        if array && rest.starts_with(b"]") {
            at = skip(input, at + 1);
            return match input.get(at) {
                None => Ok(reviews),
                Some(_) => Err(misplaced(input, at, reviews.len(), "nothing may follow the array")),
            };
        }
        let (item, end) = one(rest).map_err(|fault| item_fault(input, at, reviews.len(), fault))?;
        reviews.push(parse(item).map_err(|fault| item_fault(input, at, reviews.len(), fault))?);
        at = skip(input, at + end);
        if array && input.get(at) == Some(&b',') {
            at = skip(input, at + 1);
        } else if array && input.get(at) != Some(&b']') {
            return Err(misplaced(input, at, reviews.len(), "a comma or the end of the array was expected"));
        }
    }
    if array {
        return Err(misplaced(input, at, reviews.len(), "the array does not end"));
    }
    Ok(reviews)
}

/// The answer to a review: same kind, same version, `allowed` and `denied` never both.
pub fn answer(version: Version, verdict: Verdict, reason: &str) -> Vec<u8> {
    let status: &str = match verdict {
        Verdict::Allow => r#"{"allowed":true"#,
        Verdict::Deny => r#"{"allowed":false,"denied":true"#,
        Verdict::NoOpinion => r#"{"allowed":false"#,
    };
    let mut body = Vec::with_capacity(160 + reason.len() + reason.len() / 8);
    body.extend_from_slice(br#"{"kind":"SubjectAccessReview","apiVersion":""#);
    body.extend_from_slice(version.as_str().as_bytes());
    body.extend_from_slice(br#"","status":"#);
    body.extend_from_slice(status.as_bytes());
    if !reason.is_empty() {
        body.extend_from_slice(br#","reason":"#);
        #[expect(clippy::expect_used, reason = "text always is JSON, and memory takes every write")]
        serde_json::to_writer(&mut body, reason).expect("text is JSON");
    }
    body.extend_from_slice(b"}}");
    body
}

fn version(kind: &str, api_version: &str) -> Result<Version, ReviewFault> {
    if kind != "SubjectAccessReview" {
        return Err(ReviewFault::Kind { found: shortened(kind) });
    }
    [Version::V1, Version::V1beta1]
        .into_iter()
        .find(|version| version.as_str() == api_version)
        .ok_or_else(|| ReviewFault::Version { found: shortened(api_version) })
}

fn request(version: Version, mut spec: RawSpec, escapes: bool) -> Request {
    let (groups, misplaced, fault) = match version {
        Version::V1 => (spec.groups.take(), spec.group.take(), "`spec.group` is of v1beta1, v1 says `spec.groups`"),
        Version::V1beta1 => {
            (spec.group.take(), spec.groups.take(), "`spec.groups` is of v1, v1beta1 says `spec.group`")
        }
    };
    let groups = groups.unwrap_or_default();
    let fault = if misplaced.is_some() {
        Some(fault.to_owned())
    } else if groups.over {
        Some(format!("more than {} groups", raw::GROUPS))
    } else {
        spec.excess()
    };
    let target = match fault {
        Some(fault) => Target::Malformed { fault },
        None => target(spec.resource_attributes, spec.non_resource_attributes),
    };
    let extra = spec.extra.pairs.into_iter().map(|(key, values)| (key, values.items)).collect();
    let mut request = Request { user: spec.user, uid: spec.uid, groups: groups.items, extra, target };
    // Only an escape can put a NUL into JSON text, and most reviews have none.
    if escapes && holds_nul(&request) {
        request.target = Target::Malformed { fault: "a NUL in a value".into() };
    }
    request
}

/// Which bound is passed, in the words of [`RawSpec::excess`].
fn excess(request: &Request) -> Option<String> {
    if request.groups.len() > raw::GROUPS {
        return Some(format!("more than {} groups", raw::GROUPS));
    }
    if request.extra.len() > raw::EXTRA_KEYS {
        return Some(format!("more than {} extra keys", raw::EXTRA_KEYS));
    }
    if request.extra.iter().any(|(_, values)| values.len() > raw::VALUES) {
        return Some(format!("more than {} values of an extra key", raw::VALUES));
    }
    let Target::Resource(at) = &request.target else { return None };
    let selectors = [&at.field_selector, &at.label_selector];
    if selectors.iter().any(|it| it.len() > raw::REQUIREMENTS) {
        return Some(format!("more than {} requirements in a selector", raw::REQUIREMENTS));
    }
    (selectors.iter().any(|it| it.iter().any(|requirement| requirement.values.len() > raw::VALUES)))
        .then(|| format!("more than {} values in a requirement of a selector", raw::VALUES))
}

fn target(resource: Option<Object<raw::RawResource>>, other: Option<Object<raw::RawNonResource>>) -> Target {
    match (resource, other) {
        (Some(Object(resource)), None) => Target::Resource(Box::new(resource.into())),
        (None, Some(Object(other))) => Target::NonResource { path: other.path, verb: other.verb },
        (Some(_), Some(_)) => Target::Malformed { fault: "both resource and non-resource attributes".into() },
        (None, None) => Target::Malformed { fault: "no attributes".into() },
    }
}

fn holds_nul(request: &Request) -> bool {
    let texts = |values: &[String]| values.iter().any(|it| it.contains('\0'));
    let target = match &request.target {
        Target::Resource(at) => {
            let names = [&at.namespace, &at.verb, &at.group, &at.version, &at.resource, &at.subresource, &at.name];
            names.iter().any(|it| it.contains('\0'))
                || (at.field_selector.iter().chain(&at.label_selector))
                    .any(|it| it.key.contains('\0') || texts(&it.values))
        }
        Target::NonResource { path, verb } => path.contains('\0') || verb.contains('\0'),
        Target::Malformed { .. } => false,
    };
    target
        || request.user.contains('\0')
        || request.uid.contains('\0')
        || texts(&request.groups)
        || request.extra.iter().any(|(key, values)| key.contains('\0') || texts(values))
}

/// The first JSON value of the text, and where it ends.
fn one(text: &[u8]) -> Result<(&[u8], usize), ReviewFault> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<serde::de::IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let end = values.byte_offset();
            Ok((text.get(..end).unwrap_or(text), end))
        }
        Some(Err(error)) => Err(not_json(&error)),
        None => Ok((&[], text.len())),
    }
}

fn skip(input: &[u8], from: usize) -> usize {
    let rest = input.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

fn misplaced(input: &[u8], at: usize, before: usize, what: &str) -> ItemFault {
    item_fault(input, at, before, ReviewFault::Json { line: 1, column: 1, what: what.into() })
}

fn item_fault(input: &[u8], at: usize, before: usize, fault: ReviewFault) -> ItemFault {
    let line = 1 + input.iter().take(at).filter(|byte| **byte == b'\n').count();
    ItemFault { number: before + 1, line, byte: at, fault }
}

fn not_json(error: &serde_json::Error) -> ReviewFault {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = error.to_string();
    let what = what.strip_suffix(&place).unwrap_or(&what);
    ReviewFault::Json { line: error.line(), column: error.column(), what: shortened(what) }
}

/// Foreign text for an answer or a log: no more than a person reads.
fn shortened(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(160).collect()
}

/// The largest review that is read in full. kube-apiserver's own are below 2 KiB; the largest honest ones carry a
/// thousand groups of a hundred bytes.
pub const BODY: usize = 256 * 1024;

#[cfg(test)]
mod tests;
