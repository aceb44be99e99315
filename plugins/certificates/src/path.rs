//! Path building, by webpki; then what it does not look at.

use crate::{
    certificate::Certificate,
    checks::Objection,
    crypto::ALGORITHMS,
    fault::{told, whose},
    shape::{self, Keys},
    trust::Trust,
    verify::{Ask, Found},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use sdk::verify_peer::Role;
use std::{borrow::Cow, cell::RefCell, time::Duration};
use webpki::{
    EndEntityCert, Error, ExpirationPolicy, KeyUsage, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
    VerifiedPath,
};

/// A path to an anchor, by webpki; then what it does not look at.
pub(crate) fn built(ask: &Ask<'_>) -> Found {
    let Ask { question, trust, chain, end, .. } = ask;
    let refused = |objection| Found { objections: vec![objection], ..Found::default() };
    if trust.anchors.is_empty() {
        let detail =
            format!("there is no trust anchor: put the authority's certificate into `{}.anchors`", question.place);
        return refused(Objection { code: "no-anchors", at: None, detail });
    }
    let rest = chain.get(1..).unwrap_or_default();
    let lists: Vec<_> = trust.crls.iter().map(|it| &it.list).collect();
    let Ok(options) = RevocationOptionsBuilder::new(&lists) else { return search(ask, end, rest, None) };
    let options = options.with_expiration_policy(ExpirationPolicy::Enforce);
    let mut found = search(ask, end, rest, Some(options.with_status_policy(UnknownStatusPolicy::Allow).build()));
    // A list without a distribution point tells of all that its issuer issued, so that its name is enough.
    let is_partial = trust.crls.iter().any(|it| it.list.issuing_distribution_point().is_some());
    if found.path.is_empty() || !is_partial || found.objections.iter().any(|it| it.code == "no-crl") {
        return found;
    }
    let sure = search(ask, end, rest, Some(options.with_status_policy(UnknownStatusPolicy::Deny).build()));
    if !sure.path.is_empty() {
        return sure;
    }
    let detail = "no revocation list in `crls` tells of some certificate of the path: by their distribution points the lists of its \
        issuer are for others";
    found.objections.push(Objection { code: "no-crl", at: None, detail: detail.into() });
    found
}

/// The first path that the rules let pass.
fn search(
    ask: &Ask<'_>,
    end: &EndEntityCert<'_>,
    rest: &[CertificateDer<'_>],
    revocation: Option<RevocationOptions<'_>>,
) -> Found {
    let Ask { question, trust, context, peer, chain, leaf, .. } = ask;
    let usage = match peer.role {
        Role::Server => KeyUsage::server_auth(),
        Role::Client => KeyUsage::client_auth(),
    };
    // The first path that the rules refuse says why, if no other holds.
    let (taken, first_refused) = (RefCell::new(None), RefCell::new(None));
    let consider = |path: &VerifiedPath<'_>| {
        let found = along(ask, path);
        if found.objections.iter().any(|it| question.book.refuses(it)) {
            first_refused.borrow_mut().get_or_insert(found);
            return Err(Error::UnknownIssuer);
        }
        *taken.borrow_mut() = Some(found);
        Ok(())
    };
    let time = UnixTime::since_unix_epoch(Duration::from_secs(context.now));
    let built = end.verify_for_usage(ALGORITHMS, &trust.anchors, rest, time, usage, revocation, Some(&consider));
    match (built.map(drop), taken.into_inner(), first_refused.into_inner()) {
        (Ok(()), Some(found), _) => found,
        (Err(_), _, Some(found)) => Found { path: Vec::new(), anchor: Vec::new(), ..found },
        (Err(error), _, None) => {
            let objection = told(&error, question.place, whose(&error, chain, context), Some(leaf));
            Found { objections: vec![objection], ..Found::default() }
        }
        // Not reached: a path that holds was considered.
        (Ok(()), None, found) => found.unwrap_or_default(),
    }
}

/// The rules on the authorities of a path.
fn along(ask: &Ask<'_>, path: &VerifiedPath<'_>) -> Found {
    let Ask { question, trust, context, peer, chain, leaf, keys, .. } = ask;
    let mut found = Found { path: vec![0], ..Found::default() };
    let mut child: (Cow<'_, Keys>, u32) = (Cow::Borrowed(*keys), 0);
    let mut issued: Vec<_> = Issued::by(trust, leaf).into_iter().collect();
    let mut signs_crls = Vec::new();
    let mut counted = 0;
    for certificate in path.intermediate_certificates() {
        let der = certificate.der();
        let at = chain.iter().position(|it| *it == der).and_then(|at| u32::try_from(at).ok()).unwrap_or_default();
        found.path.push(at);
        let Some(parsed) = Certificate::read(&der) else {
            let detail = format!("the certificate at {at} cannot be read to its end");
            found.objections.push(Objection { code: "malformed", at: Some(at), detail });
            continue;
        };
        let seen = shape::authority(&parsed, Some(at));
        found.objections.extend(seen.objections);
        found.objections.extend(shape::link(&child.0, child.1, &seen.keys));
        // Who issued itself does not count (RFC 5280, section 4.2.1.9).
        counted += u32::from(!seen.keys.is_self_issued);
        child = (Cow::Owned(seen.keys), at);
        issued.extend(Issued::by(trust, &parsed));
        signs_crls.push(seen.signs_crls);
    }
    let anchor = trust.anchors.iter().position(|it| std::ptr::eq(it, path.anchor())).and_then(|at| trust.known.get(at));
    if let Some(anchor) = anchor {
        found.anchor.clone_from(&anchor.digest);
        found.objections.extend(anchor.objections.iter().cloned());
        found.objections.extend(shape::link(&child.0, child.1, &anchor.keys));
        found.objections.extend(anchor.at(context.now, peer.role, question.place));
        signs_crls.push(anchor.signs_crls);
        // The path builder takes no constraint from an anchor but those on names.
        if let Some(most) = anchor.path_length.filter(|most| counted > *most) {
            let detail = format!("{counted} authorities stand below the anchor {}, which allows {most}", anchor.name);
            found.objections.push(Objection { code: "path-length", at: None, detail });
        }
    }
    let between = found.path.len().saturating_sub(1);
    if between > question.peers.max_intermediates() {
        let most = question.peers.max_intermediates();
        let detail = format!("{between} authorities stand between the peer and the anchor, and {most} may");
        found.objections.push(Objection { code: "chain-length", at: None, detail });
    }
    found.objections.extend(lists(trust, question.place, &issued, &signs_crls));
    found
}

/// By what a revocation list names a certificate.
struct Issued {
    /// The issuer's name, as DER without its header.
    issuer: Vec<u8>,
    serial: Vec<u8>,
}

impl Issued {
    /// Nothing where no list is configured.
    fn by(trust: &Trust, certificate: &Certificate<'_>) -> Option<Issued> {
        let issued = || Issued { issuer: certificate.issuer.value.to_vec(), serial: certificate.serial.to_vec() };
        (!trust.crls.is_empty()).then(issued)
    }
}

/// The rules on revocation lists, where any are configured.
fn lists(trust: &Trust, place: &str, issued: &[Issued], signs_crls: &[bool]) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (at, Issued { issuer, serial }) in issued.iter().enumerate() {
        let position = u32::try_from(at).ok();
        let mut object = |code, detail: &str| objections.push(Objection { code, at: position, detail: detail.into() });
        let of: Vec<_> = trust.crls.iter().filter(|it| it.list.issuer() == issuer).collect();
        // The path builder asks one list for each certificate; an issuer may have several, for parts of what it issued.
        if of.iter().any(|it| !matches!(it.list.find_serial(serial), Ok(None))) {
            object("revoked", &format!("this certificate is on a revocation list of its issuer in `{place}.crls`"));
        }
        match of.first() {
            None => object("no-crl", "the issuer of this certificate has no revocation list in `crls`"),
            Some(_) if signs_crls.get(at) == Some(&false) => {
                object(
                    "crl-key-usage",
                    "the issuer of this certificate may not sign its revocation list by its key usage",
                );
            }
            Some(_) => {
                if let Some(defect) = of.iter().find_map(|it| it.defect) {
                    object("crl-shape", &format!("the revocation list of this certificate's issuer {defect}"));
                }
            }
        }
    }
    objections
}
