//! What a kubelet's certificate is worth, in the words of a path's state: the plugin's findings tell.

use super::Target;
use crate::{judge::Judged, posture::Shown};
use wire::{Certificate, Severity, State};

/// What kind of certificate it is, and a sentence; no kind where nothing is known to be right or wrong. A rule that the
/// operator put into the shadow, or switched off, makes nothing genuine: what a path's state says does not depend on it.
pub(super) fn shown(
    judged: &Judged,
    certificate: &Certificate,
    (subject, issuer): (&str, &str),
    target: &Target,
) -> (Option<Shown>, String) {
    let found: Vec<_> =
        judged.findings.iter().filter(|it| matches!(it.severity, Severity::High | Severity::Medium)).collect();
    let has = |codes: &[&str]| found.iter().any(|it| codes.contains(&it.code.as_str()));
    let is_self_signed = certificate.subject == certificate.issuer || is_own_ca(issuer);
    let (subject, issuer) = (named(subject), named(issuer));
    let names = list(&certificate.names);
    if let (true, [_]) = (judged.is_accepted, judged.path.as_slice()) {
        return (Some(Shown::Pinned), format!("pinned: {subject}, by its SHA-256 or its key's"));
    }
    let first = || found.first().map_or("it is refused without a reason", |it| it.detail.as_str());
    // Where there is no anchor, what the certificate says of itself may be wrong all the same.
    let is_untold = has(&["no-anchors", "no-answer"]);
    if !is_untold && has(&UNTRUSTED) {
        return match is_self_signed {
            true => (Some(Shown::SelfSigned), format!("self-signed: issuer {issuer}")),
            false => (Some(Shown::Untrusted), format!("issued by {issuer}: {}", first())),
        };
    }
    let other_node = target.node.as_ref().filter(|node| subject.strip_prefix("system:node:") != Some(node.as_str()));
    let ip = format!("ip:{}", target.server.address().ip().to_canonical());
    let other_address = target.name.is_none() && !certificate.names.contains(&ip);
    if is_self_signed {
        (Some(Shown::SelfSigned), format!("self-signed: issuer {issuer}"))
    } else if has(&["expired", "not-yet-valid"]) {
        (Some(Shown::Outdated), "it has run out, or is not valid yet".to_owned())
    } else if let Some(node) = other_node.or(target.node.as_ref().filter(|_| has(&["node-mismatch"]))) {
        (Some(Shown::OtherNode), format!("it is of {subject}, not of system:node:{node}"))
    } else if other_address || has(&["name-mismatch"]) {
        (Some(Shown::OtherAddress), format!("it names {names}; the address dialled is missing"))
    } else if is_untold {
        (None, format!("issued by {issuer}; {}", first()))
    } else if judged.is_accepted {
        (Some(Shown::Genuine), format!("issued by {issuer}, for {subject} and {names}"))
    } else {
        (Some(Shown::Refused), first().to_owned())
    }
}

/// How far what a plugin made of it can be relied on.
pub(super) fn state(judged: &Judged) -> State {
    let has = |codes: &[&str]| judged.findings.iter().any(|it| codes.contains(&it.code.as_str()));
    let is_doubted = judged.findings.iter().any(|it| matches!(it.severity, Severity::High | Severity::Medium));
    match judged.is_accepted {
        true if is_doubted => State::Unverified,
        true => State::Safe,
        false if has(&["no-anchors", "no-answer"]) => State::Unknown,
        false => State::Unverified,
    }
}

/// A kubelet that gets no certificate makes a CA `HOST-ca@TIME` and signs `HOST@TIME` with it.
fn is_own_ca(issuer: &str) -> bool {
    let Some((name, time)) = issuer.rsplit_once('@') else { return false };
    let shaped = (9..=11).contains(&time.len()) && time.bytes().all(|it| it.is_ascii_digit());
    shaped && name.strip_suffix("-ca").is_some_and(|it| !it.is_empty())
}

fn named(name: &str) -> &str {
    if name.is_empty() { "nobody by name" } else { name }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        some => some
            .iter()
            .take(4)
            .map(|it| it.split_once(':').map_or(it.as_str(), |(_, it)| it))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// What says that nobody who is trusted stands behind it. Whatever else it says then proves nothing.
const UNTRUSTED: [&str; 6] =
    ["untrusted", "bad-signature", "pin-mismatch", "no-certificate", "malformed", "unsupported-algorithm"];
