//! Names in certificates: in which form they stand, and what else they could be taken for.

use rustls_pki_types::{Ipv4Addr, Ipv6Addr, ServerName};
use std::{fmt, net::IpAddr};
use x509_parser::{
    extensions::GeneralName,
    oid_registry::{OID_X509_SERIALNUMBER, OidRegistry},
    x509::X509Name,
};

/// What a certificate is called, short enough for a sentence.
pub(crate) fn show(name: &X509Name<'_>) -> String {
    let Ok(text) = name.to_string_with_registry(&attributes()) else { return "with a name that cannot be read".into() };
    let text: String = text.chars().filter(|it| !it.is_control()).take(120).collect();
    if text.is_empty() { "without a name".into() } else { format!("`{text}`") }
}

/// The parser knows the short names of what names are made of, but for this one. Its list of the others is long, and stays in memory
/// once it was asked.
fn attributes() -> OidRegistry<'static> {
    let mut attributes = OidRegistry::default();
    attributes.insert(OID_X509_SERIALNUMBER, ("serialNumber", ""));
    attributes
}

/// A subject alternative name that a server can be dialled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alternative<'a> {
    Dns(&'a str),
    Ip(IpAddr),
}

impl<'a> Alternative<'a> {
    pub(crate) fn of(name: &GeneralName<'a>) -> Option<Alternative<'a>> {
        match name {
            GeneralName::DNSName(name) => Some(Alternative::Dns(name)),
            GeneralName::IPAddress(bytes) => address(bytes).map(Alternative::Ip),
            _ => None,
        }
    }

    /// As the path builder compares it, if it is a name that it takes.
    pub(crate) fn server(&self) -> Option<ServerName<'a>> {
        match self {
            Alternative::Dns(name) => ServerName::try_from(*name).ok(),
            Alternative::Ip(IpAddr::V4(ip)) => Some(Ipv4Addr::from(ip.octets()).into()),
            Alternative::Ip(IpAddr::V6(ip)) => Some(Ipv6Addr::from(ip.segments()).into()),
        }
    }

    /// Whether this text, which is a name or an address in its one form, says the same.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Alternative::Dns(name) => name.eq_ignore_ascii_case(text),
            Alternative::Ip(address) => text.parse() == Ok(*address),
        }
    }
}

impl fmt::Display for Alternative<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Alternative::Dns(name) => f.write_str(&short(name)),
            Alternative::Ip(address) => address.fmt(f),
        }
    }
}

pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// What is wrong with a subject alternative name, if anything.
pub(crate) fn oddity(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) if !is_host(name) => Some(format!("the name `{}`", short(name))),
        GeneralName::IPAddress(bytes) if address(bytes).is_none() => Some("an address that is none".into()),
        GeneralName::Invalid(..) => Some("a name that cannot be read".into()),
        _ => None,
    }
}

/// Labels of letters, digits and hyphens; a wildcard is the whole first label, with at least one more behind it.
fn is_host(name: &str) -> bool {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // An address that stands as a name is matched by nobody who follows RFC 6125.
    name.len() <= 253 && rest.split('.').all(is_label) && rest.parse::<IpAddr>().is_err()
}

/// Whether a common name could be read as a name of something else: an address that is not in its one form, or an
/// internationalised name, which looks like others.
pub(crate) fn is_ambiguous(name: &str) -> bool {
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.to_string() != name;
    }
    let labels: Vec<_> = name.split('.').collect();
    let is_number = |part: &&str| match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(hex) => !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
    };
    let is_old_address = labels.iter().all(is_number) && (labels.len() == 4 || name.starts_with(['0']));
    let is_host = labels.len() > 1 && !name.contains([' ', ':', '@', '/']);
    let is_foreign =
        |label: &&str| !label.is_ascii() || label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"));
    is_old_address || is_host && labels.iter().any(is_foreign)
}

pub(crate) fn short(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(80).collect()
}
