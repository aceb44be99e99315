//! A certificate as the rules see it.
//!
//! It is taken into its parts here, and x509-parser reads those that rules are about. Reading all of it takes a tenth of a verification
//! by RSA.

use std::borrow::Cow;
use x509_parser::{
    certificate::Validity,
    error::X509Error,
    extensions::{
        AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyIdentifier, KeyUsage, NameConstraints,
        ParsedExtension, SubjectAlternativeName, X509Extension,
    },
    nom::IResult,
    oid_registry::Oid,
    prelude::FromDer,
    x509::{AlgorithmIdentifier, RelativeDistinguishedName, SubjectPublicKeyInfo, X509Name},
};

/// A certificate (RFC 5280, section 4.1).
pub(crate) struct Certificate<'a> {
    /// By which it is signed, as DER.
    algorithm: &'a [u8],
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: Element<'a>,
    /// Whether its subject is its issuer, byte for byte.
    pub(crate) is_self_issued: bool,
    pub(crate) validity: Validity,
    pub(crate) subject: X509Name<'a>,
    pub(crate) key: SubjectPublicKeyInfo<'a>,
    pub(crate) extensions: Vec<X509Extension<'a>>,
}

impl<'a> Certificate<'a> {
    /// None if it cannot be read, or not to its end.
    pub(crate) fn read(der: &'a [u8]) -> Option<Certificate<'a>> {
        let mut parts = only(der, SEQUENCE)?;
        let mut fields = take(&mut parts, SEQUENCE)?.value;
        let algorithm = take(&mut parts, SEQUENCE)?.whole;
        only(parts, BIT_STRING)?;

        if fields.first() == Some(&VERSION) {
            take(&mut fields, VERSION)?;
        }
        let serial = take(&mut fields, INTEGER)?.value;
        Some(take(&mut fields, SEQUENCE)?.whole).filter(|same| *same == algorithm)?;
        let issuer = take(&mut fields, SEQUENCE)?;
        let validity = whole(Validity::from_der(take(&mut fields, SEQUENCE)?.whole))?;
        let subject = take(&mut fields, SEQUENCE)?.whole;
        let is_self_issued = subject == issuer.whole;
        let subject = whole(X509Name::from_der(subject))?;
        let key = whole(SubjectPublicKeyInfo::from_der(take(&mut fields, SEQUENCE)?.whole))?;
        for unique_id in UNIQUE_IDS {
            if fields.first() == Some(&unique_id) {
                take(&mut fields, unique_id)?;
            }
        }
        let mut extensions = Vec::new();
        if !fields.is_empty() {
            let mut rest = only(only(fields, EXTENSIONS)?, SEQUENCE)?;
            while !rest.is_empty() {
                let extension = take(&mut rest, SEQUENCE)?;
                // x509-parser looks each up in a map of all that it knows.
                let read = usual(extension.value).or_else(|| whole(X509Extension::from_der(extension.whole)));
                extensions.push(read?);
            }
        }
        Some(Certificate { algorithm, serial, issuer, is_self_issued, validity, subject, key, extensions })
    }

    pub(crate) fn has_subject(&self) -> bool {
        self.subject.iter().next().is_some()
    }

    /// Whether it says by what it is signed. Who verifies the signature knows.
    pub(crate) fn has_algorithm(&self) -> bool {
        whole(AlgorithmIdentifier::from_der(self.algorithm)).is_some()
    }

    /// Whether it says by whom it is issued. Who has found that authority knows.
    pub(crate) fn has_issuer(&self) -> bool {
        RelativeDistinguishedName::from_der(self.issuer.value).is_ok()
    }
}

/// An extension that certificates of clusters have. None for any other, or if it cannot be read: then x509-parser says what it finds.
fn usual(mut extension: &[u8]) -> Option<X509Extension<'_>> {
    let oid = take(&mut extension, OBJECT_IDENTIFIER)?.value;
    let critical = match extension.first() {
        Some(&BOOLEAN) if take(&mut extension, BOOLEAN)?.value == [0xff] => true,
        Some(&OCTET_STRING) => false,
        _ => return None,
    };
    let value = only(extension, OCTET_STRING)?;
    // {id-ce}, 2.5.29 (RFC 5280, section 4.2.1).
    let [0x55, 0x1d, kind] = oid else { return None };
    let parsed = match kind {
        14 => ParsedExtension::SubjectKeyIdentifier(whole(KeyIdentifier::from_der(value))?),
        15 => ParsedExtension::KeyUsage(whole(KeyUsage::from_der(value))?),
        17 => ParsedExtension::SubjectAlternativeName(whole(SubjectAlternativeName::from_der(value))?),
        19 => ParsedExtension::BasicConstraints(whole(BasicConstraints::from_der(value))?),
        30 => ParsedExtension::NameConstraints(whole(NameConstraints::from_der(value))?),
        35 => ParsedExtension::AuthorityKeyIdentifier(whole(AuthorityKeyIdentifier::from_der(value))?),
        37 => ParsedExtension::ExtendedKeyUsage(whole(ExtendedKeyUsage::from_der(value))?),
        _ => return None,
    };
    Some(X509Extension::new(Oid::new(Cow::Borrowed(oid)), critical, value, parsed))
}

fn whole<T>(read: IResult<&[u8], T, X509Error>) -> Option<T> {
    read.ok().filter(|(rest, _)| rest.is_empty()).map(|(_, it)| it)
}

/// One element of DER (X.690, section 8.1).
pub(crate) struct Element<'a> {
    pub(crate) whole: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// Takes the next element, which must have this tag.
fn take<'a>(rest: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    let (header, length) = match **rest {
        [found, length @ 0..=0x7f, ..] if found == tag => (2, usize::from(length)),
        [found, 0x81, length @ 0x80..=0xff, ..] if found == tag => (3, usize::from(length)),
        [found, 0x82, high @ 1..=0xff, low, ..] if found == tag => (4, usize::from(u16::from_be_bytes([high, low]))),
        [found, 0x83, high @ 1..=0xff, middle, low, ..] if found == tag => {
            (5, usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?)
        }
        _ => return None,
    };
    let (whole, after) = rest.split_at_checked(header + length)?;
    *rest = after;
    Some(Element { whole, value: whole.get(header..)? })
}

/// The value of the only element.
fn only(mut der: &[u8], tag: u8) -> Option<&[u8]> {
    let element = take(&mut der, tag)?;
    der.is_empty().then_some(element.value)
}

// Tags (X.690, section 8.1.2; X.680, section 8.6).
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// Of a certificate: `[0]`.
const VERSION: u8 = 0xa0;
/// Of a certificate: `[1]` and `[2]`, which nobody has used since 1996.
const UNIQUE_IDS: [u8; 2] = [0x81, 0x82];
/// Of a certificate: `[3]`.
const EXTENSIONS: u8 = 0xa3;

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;
    use rustls_pki_types::CertificateDer;
    use serde_json::Value;
    use webpki::EndEntityCert;
    use x509_parser::certificate::X509Certificate;

    const PKITS: &str = include_str!("../../../tests/fixtures/certificates/pkits.jsonl");
    const LIMBO: &str = include_str!("../../../tests/fixtures/certificates/x509-limbo-a.jsonl");

    fn certificates(lines: &str) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        for line in lines.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let all = ["anchors", "chain"].into_iter().filter_map(|name| case[name].as_array()).flatten();
            found.extend(all.map(|it| BASE64.decode(it.as_str().unwrap().as_bytes()).unwrap()));
        }
        found
    }

    /// Whether both read it; then they read the same. What the path builder takes and is read here, x509-parser reads.
    fn are_alike(der: &[u8]) -> bool {
        let Some(ours) = Certificate::read(der) else { return false };
        let theirs = match X509Certificate::from_der(der) {
            Ok(([], theirs)) => theirs,
            _ if !ours.has_algorithm() => return false,
            _ if EndEntityCert::try_from(&CertificateDer::from(der)).is_err() => return false,
            _ => panic!("only we read {}", BASE64.encode(der)),
        };
        assert_eq!(ours.serial, theirs.raw_serial());
        // x509-parser ends a name where it cannot read on.
        assert!(ours.issuer.whole.starts_with(theirs.issuer().as_raw()));
        assert_eq!(ours.has_issuer(), theirs.issuer().iter().next().is_some());
        assert_eq!(&ours.validity, theirs.validity());
        assert_eq!(&ours.subject, theirs.subject());
        assert_eq!(&ours.key, theirs.public_key());
        assert_eq!(ours.extensions, theirs.extensions());
        true
    }

    #[test]
    fn what_x509_parser_reads_is_read_alike() {
        let all = [certificates(PKITS), certificates(LIMBO)].concat();
        let unread: Vec<_> = all.iter().filter(|der| !are_alike(der)).collect();
        assert_eq!((all.len() > 1_500, unread.len()), (true, 0));
    }

    #[test]
    fn a_damaged_certificate_is_read_alike_or_not_at_all() {
        let (mut read, mut refused) = (0, 0);
        for mut der in certificates(PKITS).into_iter().step_by(40) {
            for at in 0..der.len() {
                for flip in [0x01, 0x20, 0x80, 0xff] {
                    der[at] ^= flip;
                    let count = if are_alike(&der) { &mut read } else { &mut refused };
                    *count += 1;
                    der[at] ^= flip;
                }
                assert!(Certificate::read(&der[..at]).is_none());
            }
            der.push(0);
            assert!(Certificate::read(&der).is_none());
        }
        assert!(read > 10_000 && refused > 1_000, "{read} read, {refused} refused");
    }

    /// webpki takes it apart, and looks at the algorithm only to verify a signature.
    #[test]
    fn a_certificate_without_an_algorithm_is_told() {
        const SHA256_WITH_RSA: [u8; 13] = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0b, 5, 0];
        let der = certificates(PKITS).remove(0);
        let mut forged = der.clone();
        let places: Vec<_> = (0..der.len()).filter(|at| der[*at..].starts_with(&SHA256_WITH_RSA)).collect();
        for at in &places {
            // Longer than what is there.
            forged[at + 1] = 12;
        }
        let takes = |der: &[u8]| EndEntityCert::try_from(&CertificateDer::from(der)).is_ok();
        assert_eq!((places.len(), takes(&der), takes(&forged)), (2, true, true));
        let has = |der: &[u8]| Certificate::read(der).unwrap().has_algorithm();
        assert_eq!((has(&der), has(&forged)), (true, false));
    }
}
