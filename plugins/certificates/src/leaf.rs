//! The certificate of a peer, as rules on whose it is see it.

use crate::{certificate::Certificate, shape};
use sdk::verify_peer::Role;
use x509_parser::extensions::{GeneralName, ParsedExtension};

/// The certificate of a peer, for rules on whose it is.
pub struct Leaf<'a>(pub(crate) &'a Certificate<'a>);

impl<'a> Leaf<'a> {
    /// All common names; one that is no text is empty.
    pub fn common_names(&self) -> Vec<&'a str> {
        self.0.subject.iter_common_name().map(|it| it.as_str().unwrap_or_default()).collect()
    }

    pub fn organizations(&self) -> Vec<&'a str> {
        self.0.subject.iter_organization().map(|it| it.as_str().unwrap_or_default()).collect()
    }

    /// Its subject alternative names.
    pub fn alternatives(&self) -> impl Iterator<Item = &'a GeneralName<'a>> {
        let extensions = self.0.extensions.iter();
        extensions
            .filter_map(|it| match it.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => Some(names.general_names.iter()),
                _ => None,
            })
            .flatten()
    }

    /// Whether it says of itself that it is a node's, by name or by group.
    pub fn is_node(&self) -> bool {
        self.common_names().iter().any(|name| name.starts_with("system:node:"))
            || self.organizations().contains(&"system:nodes")
    }

    /// Whether this DNS name is among its names, byte for byte.
    pub fn is_for(&self, dns: &str) -> bool {
        self.alternatives().any(|it| matches!(it, GeneralName::DNSName(name) if *name == dns))
    }

    pub fn has_wildcard(&self) -> bool {
        self.alternatives().any(|it| matches!(it, GeneralName::DNSName(name) if name.starts_with('*')))
    }

    pub(crate) fn is_exact(&self, role: Role) -> bool {
        let mut extensions = self.0.extensions.iter();
        extensions.any(|it| match it.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(purposes) => shape::is_exact(purposes, role),
            _ => false,
        })
    }
}
