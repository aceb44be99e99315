//! The path builder's errors, in sentences that name the setting to change.

use crate::{certificate::Certificate, checks::Objection, names::show};
use rustls_pki_types::CertificateDer;
use sdk::Context;
use webpki::Error;
use x509_parser::{prelude::FromDer, x509::X509Name};

/// Which certificate of the chain an error of time is about.
pub(crate) fn whose(error: &Error, chain: &[CertificateDer<'_>], context: &Context) -> Option<u32> {
    let now = i64::try_from(context.now).unwrap_or(i64::MAX);
    let is_it = |der: &CertificateDer<'_>| {
        let Some(certificate) = Certificate::read(der) else { return false };
        match error {
            Error::CertExpired { .. } => now > certificate.validity.not_after.timestamp(),
            Error::CertNotValidYet { .. } => now < certificate.validity.not_before.timestamp(),
            _ => false,
        }
    };
    chain.iter().position(is_it).and_then(|at| u32::try_from(at).ok())
}

/// An error of the path builder, with the setting to change.
pub(crate) fn told(error: &Error, place: &str, at: Option<u32>, leaf: Option<&Certificate<'_>>) -> Objection {
    let (code, detail) = match error {
        Error::UnknownIssuer => {
            let issuer = leaf.and_then(|leaf| X509Name::from_der(leaf.issuer.whole).ok());
            let issuer = issuer.map_or_else(|| "unknown".into(), |(_, name)| show(&name));
            (
                "untrusted",
                format!(
                    "no path leads from the issuer {issuer} to an anchor: put the authority that issued the chain \
                into `{place}.anchors`, and let the peer send the authorities between"
                ),
            )
        }
        Error::CertExpired { .. } => (
            "expired",
            "the certificate has expired: issue another; if rotation is on, see why \
            it did not happen"
                .into(),
        ),
        Error::CertNotValidYet { .. } => (
            "not-yet-valid",
            "the certificate is not valid yet: compare the clocks of issuer \
            and host"
                .into(),
        ),
        Error::InvalidSignatureForPublicKey => (
            "bad-signature",
            format!(
                "a signature of the chain is wrong: the authority in \
            `{place}.anchors` has another key than the one that signed"
            ),
        ),
        Error::CaUsedAsEndEntity => (
            "ca-as-leaf",
            "the peer shows the certificate of an authority: issue one that is \
            none"
                .into(),
        ),
        Error::EndEntityUsedAsCa => ("not-a-ca", "the chain goes through a certificate that is no authority".into()),
        Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => (
            "path-length",
            "the chain is longer than an \
            authority in it allows, or than 6 authorities"
                .into(),
        ),
        Error::NameConstraintViolation => (
            "name-constraint",
            "the certificate is for a name that an authority's name \
            constraints exclude or cannot cover"
                .into(),
        ),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => (
            "purpose",
            "the certificate is for another \
            purpose: a server's has the extended key usage serverAuth, a client's clientAuth"
                .into(),
        ),
        Error::CertRevoked => {
            ("revoked", format!("a certificate of the chain is on a revocation list of `{place}.crls`"))
        }
        Error::CrlExpired { .. } => (
            "revocation-list",
            format!(
                "a revocation list has expired: put the next one into \
            `{place}.crls`"
            ),
        ),
        Error::InvalidCrlSignatureForPublicKey
        | Error::IssuerNotCrlSigner
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
        | Error::UnknownRevocationStatus => (
            "revocation-list",
            format!(
                "a revocation list of `{place}.crls` is not signed \
            as it must be: {error}"
            ),
        ),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => (
            "unsupported-algorithm",
            "a certificate of the chain is signed with an \
            algorithm that is too weak or not known: issue it with SHA-256 and RSA, P-256, P-384 or Ed25519"
                .into(),
        ),
        Error::UnsupportedCriticalExtension => (
            "unsupported-extension",
            "a certificate of the chain has a critical extension \
            that is not known: issue it without"
                .into(),
        ),
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded => (
            "too-complex",
            "the chain takes too long to verify: let the peer send \
            only the authorities of its own path"
                .into(),
        ),
        other => ("malformed", format!("a certificate cannot be read: {other}")),
    };
    Objection { code, at, detail }
}
