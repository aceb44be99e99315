//! From the bytes a peer sent to an outcome.

use crate::{
    certificate::Certificate,
    checks::{Book, Objection},
    crypto::sha256,
    fault::told,
    leaf::Leaf,
    names::{Alternative, address, short},
    path::built,
    shape::{self, Keys},
    trust::{Peers, Trust},
};
use data_encoding::HEXLOWER;
use rustls_pki_types::{CertificateDer, ServerName};
use sdk::{
    Context, Finding, Severity,
    verify_peer::{Name, Outcome, Peer, Verdict},
};
use webpki::EndEntityCert;

/// What a path's plugin puts to the mechanics.
pub struct Question<'a> {
    pub book: Book<'a>,
    pub peers: &'a Peers,
    /// Where the peers stand in the config, for sentences: `servers`, `clients`.
    pub place: &'a str,
    /// What the path asks of whom the certificate is of.
    pub identity: &'a dyn Fn(&Leaf<'_>, &mut Vec<Objection>),
    /// Things to say whatever the verdict.
    pub notes: Vec<Finding>,
}

/// Everything that a path is judged by.
pub(crate) struct Ask<'a> {
    pub(crate) question: &'a Question<'a>,
    pub(crate) trust: &'a Trust,
    pub(crate) context: &'a Context,
    pub(crate) peer: &'a Peer,
    pub(crate) chain: &'a [CertificateDer<'a>],
    /// The peer's certificate, for the path builder and for the rules.
    pub(crate) end: &'a EndEntityCert<'a>,
    pub(crate) leaf: &'a Certificate<'a>,
    pub(crate) keys: &'a Keys,
}

/// How a certificate came to be trusted.
#[derive(Default)]
pub(crate) struct Found {
    /// Positions in the chain.
    pub(crate) path: Vec<u32>,
    pub(crate) anchor: Vec<u8>,
    pub(crate) objections: Vec<Objection>,
}

/// Verifies a peer. Never traps, whatever the bytes.
pub fn verify(question: &Question<'_>, context: &Context, peer: &Peer) -> Outcome {
    let (found, objections) = match judge(question, context, peer) {
        Ok(found) => (found, Vec::new()),
        Err(objections) => (Found::default(), objections),
    };
    let objections: Vec<_> = found.objections.into_iter().chain(objections).collect();
    let refusal = objections.iter().find(|it| question.book.refuses(it));
    let (verdict, rule, reason) = match refusal {
        Some(refusal) => (Verdict::Reject, refusal.code.into(), refusal.detail.clone()),
        None => (Verdict::Accept, String::new(), String::new()),
    };
    let is_accepted = verdict == Verdict::Accept;
    let finding = |it: &Objection| {
        let severity = question.book.severity(it.code)?;
        let advice = question.book.check(it.code).map(|check| check.rule.advice);
        let detail = match advice {
            Some(advice) => format!("{}. {advice} (rules.{})", it.detail, it.code),
            None => it.detail.clone(),
        };
        Some(Finding { code: it.code.into(), severity, at: it.at, detail })
    };
    let mut findings: Vec<_> = objections.iter().filter_map(finding).collect();
    findings.extend(question.notes.iter().cloned());
    Outcome {
        verdict,
        rule,
        reason,
        path: if is_accepted { found.path } else { Vec::new() },
        anchor: if is_accepted { found.anchor } else { Vec::new() },
        findings,
        attributes: Vec::new(),
    }
}

/// What is found on the path that was taken, or why there is none.
fn judge(question: &Question<'_>, context: &Context, peer: &Peer) -> Result<Found, Vec<Objection>> {
    let empty = Trust::default();
    let trust = question.peers.trust().unwrap_or(&empty);
    let object = |code, detail: String| vec![Objection { code, at: None, detail }];
    let Some(first) = peer.chain.first() else {
        return Err(object("no-certificate", "the peer sent no certificate".into()));
    };
    let size: usize = peer.chain.iter().map(Vec::len).sum();
    if peer.chain.len() > MOST_CERTIFICATES || size > MOST_BYTES {
        return Err(object(
            "too-large",
            format!("the peer sent {} certificates of {size} bytes; 64 of 65536 bytes are read", peer.chain.len()),
        ));
    }
    let chain: Vec<_> = peer.chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    // The path builder reads first: what it cannot read, nobody else looks at.
    let der = CertificateDer::from(first.as_slice());
    let end = EndEntityCert::try_from(&der).map_err(|error| vec![told(&error, question.place, Some(0), None)])?;
    let Some(leaf) = Certificate::read(first) else {
        let detail = "the peer's certificate cannot be read to its end".into();
        return Err(vec![Objection { code: "malformed", at: Some(0), detail }]);
    };
    let seen = shape::leaf(&leaf, peer.role);
    let ask = Ask { question, trust, context, peer, chain: &chain, end: &end, leaf: &leaf, keys: &seen.keys };
    let mut found = if trust.pins.is_empty() { built(&ask) } else { pinned(&ask, first) };
    found.objections.extend(trust.unusable.iter().cloned());
    found.objections.extend(seen.objections);
    found.objections.extend(named(question, peer, &end));
    found.objections.extend(life(question, context, &leaf));
    (question.identity)(&Leaf(&leaf), &mut found.objections);
    Ok(found)
}

/// A peer whose certificate or key is on the list needs no authority; every other one does.
fn pinned(ask: &Ask<'_>, first: &[u8]) -> Found {
    let Ask { question, trust, context, leaf, .. } = ask;
    let digests = [sha256(first), sha256(leaf.key.raw)];
    let [certificate, key] = &digests;
    if !digests.iter().any(|digest| trust.pins.contains(digest)) {
        let mut found = if trust.anchors.is_empty() { Found::default() } else { built(ask) };
        if trust.anchors.is_empty() {
            let detail = format!(
                "neither the certificate nor its key is among `{}.pins`; if it is the right one, add sha256:{} for its key",
                question.place,
                HEXLOWER.encode(key)
            );
            found.objections.push(Objection { code: "pin-mismatch", at: Some(0), detail });
        }
        return found;
    }
    let mut found = Found { path: vec![0], anchor: certificate.clone(), objections: shape::alone(leaf) };
    let now = i64::try_from(context.now).unwrap_or(i64::MAX);
    let validity = &leaf.validity;
    if now < validity.not_before.timestamp() {
        found.objections.push(late("not-yet-valid", question.place));
    } else if now > validity.not_after.timestamp() {
        found.objections.push(late("expired", question.place));
    }
    found
}

fn late(code: &'static str, place: &str) -> Objection {
    let detail = match code {
        "expired" => format!("the pinned certificate has expired: issue another, and change `{place}.pins`"),
        _ => "the pinned certificate is not valid yet: compare the clocks".into(),
    };
    Objection { code, at: Some(0), detail }
}

/// Whether the certificate is for the name that was dialled.
fn named(question: &Question<'_>, peer: &Peer, end: &EndEntityCert<'_>) -> Vec<Objection> {
    let object = |detail| vec![Objection { code: "name-mismatch", at: Some(0), detail }];
    let also = question.peers.names().iter().filter_map(|name| ServerName::try_from(name.as_str()).ok());
    let dialled = match &peer.name {
        Name::None => return Vec::new(),
        Name::Dns(name) => Alternative::Dns(name),
        Name::Ip(bytes) => match address(bytes) {
            Some(ip) => Alternative::Ip(ip),
            None => return object("the dialled address has neither 4 nor 16 bytes".into()),
        },
        Name::Uri(name) | Name::Email(name) => {
            return object(format!("`{}` is no name that a TLS peer is dialled by", short(name)));
        }
    };
    let holds = |name: &ServerName<'_>| end.verify_is_valid_for_subject_name(name).is_ok();
    if dialled.server().iter().any(holds) || also.into_iter().any(|name| holds(&name)) {
        return Vec::new();
    }
    object(format!(
        "the certificate is not for `{dialled}`: issue it with that subject alternative name, or put the one it has into `{}.names`",
        question.place
    ))
}

/// How long the peer's certificate lives, and still has.
fn life(question: &Question<'_>, context: &Context, leaf: &Certificate<'_>) -> Vec<Objection> {
    let (begin, end) = (leaf.validity.not_before.timestamp(), leaf.validity.not_after.timestamp());
    let mut objections = Vec::new();
    let mut object = |code, detail| objections.push(Objection { code, at: Some(0), detail });
    if is_ending(begin, end, context.now) {
        object("expires-soon", format!("the peer's certificate ends in {}", left(end, context.now)));
    }
    let days = end.saturating_sub(begin) / 86_400;
    if let Some(most) = question.peers.max_days()
        && days > i64::from(most)
    {
        object("lifetime", format!("the peer's certificate lives {days} days, and {most} are allowed"));
    }
    objections
}

/// Whether less than a tenth of a life is left, but some.
pub(crate) fn is_ending(begin: i64, end: i64, now: u64) -> bool {
    let left = end.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
    left >= 0 && left < end.saturating_sub(begin) / 10
}

pub(crate) fn left(end: i64, now: u64) -> String {
    let left = end.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
    match left / 86_400 {
        0 => format!("{} hours", left / 3_600),
        days => format!("{days} days"),
    }
}

/// A note that is no objection.
pub fn note(code: &str, detail: &str) -> Finding {
    Finding { code: code.into(), severity: Severity::Info, at: None, detail: detail.into() }
}

/// As the contract says.
const MOST_CERTIFICATES: usize = 64;
const MOST_BYTES: usize = 64 << 10;
