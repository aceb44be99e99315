//! By what a certificate can be on a list.

use crate::{certificate::Certificate, crypto::sha256};
use data_encoding::HEXLOWER;
use x509_parser::{
    objects::{oid_registry, oid2abbrev},
    oid_registry::OID_X509_COMMON_NAME,
    prelude::FromDer,
    x509::X509Name,
};

/// A certificate's digests and names, each made when it is asked for. None of it is verified.
pub struct Shown<'a> {
    der: &'a [u8],
    certificate: Certificate<'a>,
}

impl<'a> Shown<'a> {
    /// What a list could hold of this certificate; none if it cannot be read.
    pub fn read(der: &'a [u8]) -> Option<Shown<'a>> {
        Some(Shown { der, certificate: Certificate::read(der)? })
    }

    /// SHA-256 of the certificate.
    pub fn certificate(&self) -> Vec<u8> {
        sha256(self.der)
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn key(&self) -> Vec<u8> {
        sha256(self.certificate.key.raw)
    }

    /// Serial number in hex, a space, and the issuer's name; none if that cannot be read.
    pub fn serial(&self) -> Option<String> {
        let (_, issuer) = X509Name::from_der(self.certificate.issuer.whole).ok()?;
        Some(format!("{} {issuer}", HEXLOWER.encode(self.certificate.serial)))
    }

    /// Those that are text.
    pub fn common_names(&self) -> impl Iterator<Item = &str> {
        self.certificate.subject.iter_common_name().filter_map(|it| it.as_str().ok())
    }
}

/// Readies what [`Shown::serial`] looks up. Made in `init` it is there for each call; else each would make it anew.
pub fn ready_serials() {
    let _ = oid2abbrev(&OID_X509_COMMON_NAME, oid_registry());
}
