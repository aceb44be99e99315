//! By what a request is looked up. No judgement: the plugin reads the request for itself.

use std::net::IpAddr;
use x509_parser::{
    certification_request::X509CertificationRequest,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

/// The Node, the names and the key in a PKCS#10 request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// The first common name.
    pub common_name: Option<String>,
    /// DNS names and addresses, as text; at most [`MAX_NAMES`].
    pub names: Vec<String>,
    /// SHA-256 over the SubjectPublicKeyInfo.
    pub key: Option<[u8; 32]>,
}

impl Glance {
    /// Reads what there is; of bytes that are no request, nothing.
    pub fn at(der: &[u8]) -> Glance {
        let Ok((_, request)) = X509CertificationRequest::from_der(der) else { return Glance::default() };
        let info = &request.certification_request_info;
        let common_name = info.subject.iter_common_name().next().and_then(|it| it.as_str().ok());
        let names = request.requested_extensions().into_iter().flatten().filter_map(|it| match it {
            ParsedExtension::SubjectAlternativeName(listed) => Some(&listed.general_names),
            _ => None,
        });
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, info.subject_pki.raw);
        Glance {
            common_name: common_name.map(str::to_owned),
            names: names.flatten().filter_map(text).take(MAX_NAMES).collect(),
            key: digest.as_ref().try_into().ok(),
        }
    }

    /// The Node in the common name.
    pub fn node(&self) -> Option<&str> {
        self.common_name.as_deref()?.strip_prefix("system:node:")
    }
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|it| it.to_string())
        }
        _ => None,
    }
}

/// A node has ten or so; more are not looked up, and the plugin finds them foreign.
pub const MAX_NAMES: usize = 256;
