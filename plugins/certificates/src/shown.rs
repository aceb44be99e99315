//! By what a certificate can be on a list.

use crate::{certificate::Certificate, crypto::sha256};
use data_encoding::HEXLOWER;
use x509_parser::{prelude::FromDer, x509::X509Name};

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
    let certificate = Certificate::read(der)?;
    let (_, issuer) = X509Name::from_der(certificate.issuer.whole).ok()?;
    let names = certificate.subject.iter_common_name();
    Some(Shown {
        certificate: sha256(der),
        key: sha256(certificate.key.raw),
        serial: format!("{} {}", HEXLOWER.encode(certificate.serial), issuer),
        common_names: names.filter_map(|it| it.as_str().ok()).map(str::to_owned).collect(),
    })
}
