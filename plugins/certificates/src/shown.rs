//! By what a certificate can be on a list.

use crate::crypto::sha256;
use data_encoding::HEXLOWER;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// A certificate's digests and names. None of it is verified.
pub struct Shown {
    /// SHA-256 of the certificate.
    pub certificate: Vec<u8>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub key: Vec<u8>,
    /// Serial number in hex, a space, and the issuer's name.
    pub serial: String,
    pub common_names: Vec<String>,
}

/// What a list could hold of this certificate; none if it cannot be read.
pub fn shown(der: &[u8]) -> Option<Shown> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject().iter_common_name();
    Some(Shown {
        certificate: sha256(der),
        key: sha256(certificate.public_key().raw),
        serial: format!("{} {}", HEXLOWER.encode(certificate.raw_serial()), certificate.issuer()),
        common_names: names.filter_map(|it| it.as_str().ok()).map(str::to_owned).collect(),
    })
}
