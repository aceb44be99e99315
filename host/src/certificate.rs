//! A certificate in words, for people. Nothing is judged here.

use ::aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use std::net::IpAddr;
use wire::{Certificate, Link};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// What a certificate says of itself; nothing if it does not parse.
pub fn shown(der: &[u8], purpose: &str, from: &str) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let millis = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000);
    let validity = certificate.validity();
    Some(Certificate {
        sha256: HEXLOWER.encode(digest(&SHA256, der).as_ref()),
        subject: bounded(&certificate.subject().to_string()),
        issuer: bounded(&certificate.issuer().to_string()),
        not_before: millis(validity.not_before.timestamp()),
        not_after: millis(validity.not_after.timestamp()),
        names: names(&certificate),
        purpose: purpose.to_owned(),
        from: from.to_owned(),
        node: String::new(),
        verified: None,
        before: None,
    })
}

/// Notes what this certificate took the place of, now or earlier. `last` is what stood there when it was looked at before.
pub fn succeed(next: &mut Certificate, last: &Certificate) {
    next.before = if next.sha256 == last.sha256 {
        last.before.clone()
    } else {
        let (sha256, subject, issuer) = (last.sha256.clone(), last.subject.clone(), last.issuer.clone());
        Some(Link { sha256, subject, issuer, not_after: last.not_after })
    };
}

/// What a certificate of a chain says of itself; its digest alone if it does not parse.
pub fn link(der: &[u8]) -> Link {
    let shown = shown(der, "", "");
    let told = shown.map(|it| (it.subject, it.issuer, it.not_after));
    let (subject, issuer, not_after) = told.unwrap_or_else(|| ("cannot be read".into(), String::new(), 0));
    Link { sha256: HEXLOWER.encode(digest(&SHA256, der).as_ref()), subject, issuer, not_after }
}

/// The first common names of subject and issuer; empty where there is none. Not from the text that is shown: a comma in
/// another part of a name reads like one.
pub fn common_names(der: &[u8]) -> (String, String) {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Default::default() };
    let of = |name: &X509Name<'_>| {
        let first = name.iter_common_name().next().and_then(|it| it.as_str().ok());
        bounded(first.unwrap_or_default())
    };
    (of(certificate.subject()), of(certificate.issuer()))
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(format!("dns:{}", bounded(name))),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| format!("ip:{address}")),
        GeneralName::URI(uri) => Some(format!("uri:{}", bounded(uri))),
        _ => None,
    };
    extension.value.general_names.iter().take(MAX_NAMES).filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// More is no list that a person reads.
const MAX_NAMES: usize = 64;
/// The longest common name of RFC 5280 is 64 characters; a whole subject is some of them.
const MAX_TEXT: usize = 512;
