//! What a kubelet's certificate is worth: who issued it, for which address, for which node, and when.

use crate::posture::Shown;
use rustls::{
    CertificateError, Error, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// Who issues the serving certificates of kubelets.
#[derive(Clone, Debug)]
pub struct Trust(Arc<WebPkiServerVerifier>);

/// Why a file is no list of issuers.
#[derive(Debug, thiserror::Error)]
pub enum ReadTrust {
    #[error("it holds no certificate; write PEM, as in `-----BEGIN CERTIFICATE-----`")]
    Empty,
    #[error("read certificate {number} of it")]
    Pem { number: usize, source: rustls::pki_types::pem::Error },
    #[error("take certificate {number} of it for an issuer")]
    Anchor { number: usize, source: Error },
    #[error("verify with it: {why}")]
    Verifier { why: String },
}

/// What is to say of a chain.
pub(super) struct Seen {
    pub shown: Option<Shown>,
    pub note: String,
    pub certificate: Option<wire::Certificate>,
}

impl Trust {
    /// Reads certificates in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Trust, ReadTrust> {
        let mut roots = RootCertStore::empty();
        for (at, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let number = at.saturating_add(1);
            let certificate = certificate.map_err(|source| ReadTrust::Pem { number, source })?;
            roots.add(certificate).map_err(|source| ReadTrust::Anchor { number, source })?;
        }
        if roots.is_empty() {
            return Err(ReadTrust::Empty);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
        verifier.map(Trust).map_err(|error| ReadTrust::Verifier { why: error.to_string() })
    }
}

/// Looks at a chain that was shown by this node at this address.
pub(super) fn judge(
    trust: Option<&Trust>,
    chain: &[CertificateDer<'_>],
    node: &str,
    address: SocketAddr,
    now: u64,
) -> Seen {
    let nothing = |note: String| Seen { shown: Some(Shown::Untrusted), note, certificate: None };
    let Some((leaf, rest)) = chain.split_first() else { return nothing("no certificate was shown".into()) };
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return nothing("what was shown is no certificate that can be read".into());
    };
    let names = names(&parsed);
    let subject = common_name(parsed.subject());
    let issuer = common_name(parsed.issuer());
    let seconds = |at: i64| u64::try_from(at).unwrap_or(0).saturating_mul(1_000);
    let certificate = wire::Certificate {
        sha256: sha256(leaf),
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        not_before: seconds(parsed.validity().not_before.timestamp()),
        not_after: seconds(parsed.validity().not_after.timestamp()),
        names: names.clone(),
        purpose: "a kubelet serves with it".into(),
        from: address.to_string(),
        node: node.into(),
    };
    let verified = trust.map(|trust| {
        let name = ServerName::IpAddress(address.ip().to_canonical().into());
        let at = UnixTime::since_unix_epoch(Duration::from_millis(now));
        trust.0.verify_server_cert(leaf, rest, &name, &[], at)
    });
    let own_ip = names
        .iter()
        .any(|it| it.strip_prefix("ip:").and_then(|it| it.parse().ok()) == Some(address.ip().to_canonical()));
    let facts = Facts { subject: &subject, issuer: &issuer, names: &names, own_ip, node };
    let in_time = (certificate.not_before..=certificate.not_after).contains(&now);
    let (shown, note) = facts.say(verified, in_time);
    Seen { shown, note, certificate: Some(certificate) }
}

struct Facts<'a> {
    subject: &'a str,
    issuer: &'a str,
    /// As `dns:NAME` and `ip:ADDRESS`.
    names: &'a [String],
    /// Whether the address dialled is among the names.
    own_ip: bool,
    node: &'a str,
}

impl Facts<'_> {
    fn say<T>(&self, verified: Option<Result<T, Error>>, in_time: bool) -> (Option<Shown>, String) {
        let for_node = self.subject.strip_prefix("system:node:") == Some(self.node);
        let other_node = || {
            let note = format!("it is of {}, not of system:node:{}", quoted(self.subject), self.node);
            (Some(Shown::OtherNode), note)
        };
        let other_address = || {
            let note = format!("it names {}; the address dialled is missing", list(self.names));
            (Some(Shown::OtherAddress), note)
        };
        let outdated = (Some(Shown::Outdated), "it has run out, or is not valid yet".to_owned());
        let self_signed = (Some(Shown::SelfSigned), format!("self-signed: issuer {}", quoted(self.issuer)));
        match verified {
            Some(Ok(_)) if for_node => (
                Some(Shown::Genuine),
                format!("issued by {}, for {} and {}", quoted(self.issuer), quoted(self.subject), list(self.names)),
            ),
            Some(Ok(_)) => other_node(),
            Some(Err(Error::InvalidCertificate(error))) => match error {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => outdated,
                // The chain is good; of two wrongs, the wrong node is worse.
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } if for_node => {
                    other_address()
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => other_node(),
                _ if self.is_self_signed() => self_signed,
                other => (Some(Shown::Untrusted), format!("issued by {}: {other}", quoted(self.issuer))),
            },
            Some(Err(error)) => (Some(Shown::Untrusted), format!("issued by {}: {error}", quoted(self.issuer))),
            // Without a CA nothing is known to be right, and some things are known to be wrong.
            None if self.is_self_signed() => self_signed,
            None if !in_time => outdated,
            None if !for_node => other_node(),
            None if !self.own_ip => other_address(),
            None => (None, format!("issued by {}; there is no CA to check it against", quoted(self.issuer))),
        }
    }

    /// A kubelet that gets no certificate makes a CA `HOST-ca@TIME` and signs `HOST@TIME` with it.
    fn is_self_signed(&self) -> bool {
        let own_ca = || {
            let (name, time) = self.issuer.rsplit_once('@')?;
            let shaped = (9..=11).contains(&time.len()) && time.bytes().all(|it| it.is_ascii_digit());
            name.strip_suffix("-ca").filter(|it| shaped && !it.is_empty())
        };
        self.subject == self.issuer || own_ca().is_some()
    }
}

pub(super) fn sha256(der: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in aws_lc_rs_digest(der).as_ref() {
        let _infallible = write!(hex, "{byte:02x}");
    }
    hex
}

fn aws_lc_rs_digest(der: &[u8]) -> ::aws_lc_rs::digest::Digest {
    ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, der)
}

fn common_name(name: &X509Name<'_>) -> String {
    let first = name.iter_common_name().next().and_then(|it| it.as_str().ok());
    first.unwrap_or_default().chars().filter(|it| !it.is_control()).take(LONGEST).collect()
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => {
            Some(format!("dns:{}", name.chars().filter(|it| !it.is_control()).take(LONGEST).collect::<String>()))
        }
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let ip = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(format!("ip:{ip}"))
        }
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).take(MOST_NAMES).collect()
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        some => some
            .iter()
            .take(4)
            .map(|it| it.split_once(':').map_or(it.as_str(), |(_, it)| it))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn quoted(name: &str) -> &str {
    if name.is_empty() { "nobody by name" } else { name }
}

/// A DNS name has 253 letters at most.
const LONGEST: usize = 253;
/// A kubelet has some addresses and names.
const MOST_NAMES: usize = 16;
