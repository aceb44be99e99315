//! A PKCS#10 request (RFC 2986), taken apart.

use super::der::{self, Element};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};
use x509_parser::{
    certification_request::X509CertificationRequest,
    cri_attributes::ParsedCriAttribute,
    extensions::{GeneralName, ParsedExtension, X509Extension},
    oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME, Oid},
    prelude::FromDer,
    x509::AttributeTypeAndValue,
};

/// A request in DER to the last byte.
pub struct Pkcs10<'a> {
    pub request: X509CertificationRequest<'a>,
    /// Values of `extensionRequest` attributes beyond the first.
    pub superfluous: usize,
}

/// A subject alternative name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    Dns(&'a str),
    Address(IpAddr),
    /// An address of that many bytes.
    Misshapen(usize),
    /// Another kind, in its own word.
    Other(&'static str),
}

impl<'a> Pkcs10<'a> {
    /// Reads it, or says what it is not.
    pub fn read(der: &'a [u8]) -> Result<Pkcs10<'a>, &'static str> {
        let superfluous = shape(der)?;
        let request = match X509CertificationRequest::from_der(der) {
            Ok(([], request)) => request,
            Ok(_) => return Err("something follows the request"),
            Err(_) => return Err("it is no PKCS#10 request"),
        };
        let pkcs10 = Pkcs10 { request, superfluous };
        let is_der = |it: &X509Extension<'_>| matches!(der::first(it.value), Some((_, []))) && der::is_der(it.value);
        if !pkcs10.extensions().all(is_der) {
            return Err("the value of an extension is not DER");
        }
        Ok(pkcs10)
    }

    /// The alternative names that any extension asks for.
    pub fn names(&self) -> Vec<Name<'_>> {
        let listed = self.extensions().filter_map(|it| match it.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(listed) => Some(&listed.general_names),
            _ => None,
        });
        listed.flatten().map(name).collect()
    }

    /// Everything that any `extensionRequest` asks for.
    pub fn extensions(&self) -> impl Iterator<Item = &X509Extension<'_>> {
        self.request.certification_request_info.iter_attributes().flat_map(|attribute| {
            match attribute.parsed_attribute() {
                ParsedCriAttribute::ExtensionRequest(requested) => requested.extensions.as_slice(),
                ParsedCriAttribute::ChallengePassword(_) | ParsedCriAttribute::UnsupportedAttribute => &[],
            }
        })
    }

    pub fn subject(&self) -> impl Iterator<Item = &AttributeTypeAndValue<'a>> {
        self.request.certification_request_info.subject.iter_attributes()
    }

    /// The values of an attribute of the subject, those that are text.
    fn values(&self, of: &Oid<'_>) -> Vec<&str> {
        self.subject().filter(|it| it.attr_type() == of).map(|it| it.as_str().unwrap_or_default()).collect()
    }

    pub fn common_names(&self) -> Vec<&str> {
        self.values(&OID_X509_COMMON_NAME)
    }

    pub fn organizations(&self) -> Vec<&str> {
        self.values(&OID_X509_ORGANIZATION_NAME)
    }

    /// The Node in the common name, if that is the name of one.
    pub fn node(&self) -> Option<&str> {
        match self.common_names().as_slice() {
            [name] => name.strip_prefix("system:node:"),
            _ => None,
        }
    }
}

/// Counts what the parser overlooks. How many values of extension requests are beyond the first.
fn shape(der: &[u8]) -> Result<usize, &'static str> {
    const NOT: &str = "it is no PKCS#10 request in DER";
    let (whole, rest) = der::first(der).ok_or(NOT)?;
    if !rest.is_empty() {
        return Err("something follows the request");
    }
    if whole.tag != der::SEQUENCE || !der::is_der(der) {
        return Err(NOT);
    }
    let parts = whole.children().ok_or(NOT)?;
    let [info, algorithm, signature] = parts.as_slice() else { return Err(NOT) };
    let info = info.children().ok_or(NOT)?;
    let [version, subject, key, attributes] = info.as_slice() else { return Err(NOT) };
    if (version.tag, subject.tag, key.tag) != (der::INTEGER, der::SEQUENCE, der::SEQUENCE)
        || attributes.tag != der::ATTRIBUTES
        || !is_named(*algorithm, 1..=2)
        || !is_of_whole_bytes(*signature)
        || !matches!(key.children().as_deref(), Some([kind, bits]) if is_named(*kind, 1..=2) && is_of_whole_bytes(*bits))
        || !subject.children().is_some_and(|sets| sets.iter().all(|it| is_set_of_pairs(*it)))
    {
        return Err(NOT);
    }
    let mut values = 0_usize;
    for attribute in attributes.children().ok_or(NOT)? {
        values = values.saturating_add(extension_requests(attribute).ok_or(NOT)?);
    }
    Ok(values.saturating_sub(1))
}

/// A sequence that begins with an object identifier. The parser takes any tag for one.
fn is_named(element: Element<'_>, length: RangeInclusive<usize>) -> bool {
    let parts = element.children().filter(|_| element.tag == der::SEQUENCE).unwrap_or_default();
    length.contains(&parts.len()) && parts.first().is_some_and(|it| it.tag == der::OBJECT_IDENTIFIER)
}

fn is_set_of_pairs(element: Element<'_>) -> bool {
    element.tag == der::SET && element.children().is_some_and(|all| all.iter().all(|it| is_named(*it, 2..=2)))
}

/// A bit string without bits to be left out, as every key and signature here is.
fn is_of_whole_bytes(element: Element<'_>) -> bool {
    element.tag == der::BIT_STRING && element.content.first() == Some(&0)
}

/// How many values an attribute has, if it is an extension request; and whether it has the shape of an attribute.
fn extension_requests(attribute: Element<'_>) -> Option<usize> {
    let parts = attribute.children().filter(|_| attribute.tag == der::SEQUENCE)?;
    let [kind, set] = parts.as_slice() else { return None };
    let values = set.children().filter(|it| set.tag == der::SET && !it.is_empty())?;
    if kind.tag != der::OBJECT_IDENTIFIER {
        return None;
    }
    if kind.content != EXTENSION_REQUEST {
        return Some(0);
    }
    for list in &values {
        // Its name, perhaps whether it is critical, its value.
        if !list.children()?.iter().all(|it| is_named(*it, 2..=3)) {
            return None;
        }
    }
    Some(values.len())
}

fn name<'a>(name: &GeneralName<'a>) -> Name<'a> {
    match name {
        GeneralName::DNSName(name) => Name::Dns(name),
        GeneralName::IPAddress(bytes) => match address(bytes) {
            Some(address) => Name::Address(address),
            None => Name::Misshapen(bytes.len()),
        },
        GeneralName::RFC822Name(_) => Name::Other("email"),
        GeneralName::URI(_) => Name::Other("URI"),
        GeneralName::OtherName(..) => Name::Other("otherName"),
        GeneralName::DirectoryName(_) => Name::Other("directoryName"),
        GeneralName::X400Address(_) => Name::Other("x400Address"),
        GeneralName::EDIPartyName(_) => Name::Other("ediPartyName"),
        GeneralName::RegisteredID(_) => Name::Other("registeredID"),
        GeneralName::Invalid(..) => Name::Other("malformed"),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|it| IpAddr::V4(Ipv4Addr::from(it)));
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|it| IpAddr::V6(Ipv6Addr::from(it)))).ok()
}

/// 1.2.840.113549.1.9.14
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
