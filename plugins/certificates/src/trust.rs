//! What a path trusts: read and judged once, in `init`, so that no call parses an anchor or a list again.

use crate::{
    certificate::Certificate,
    checks::Objection,
    crypto::sha256,
    names::show,
    shape::{self, Keys},
    verify::{is_ending, left},
};
use rustls_pki_types::{
    CertificateDer, TrustAnchor,
    pem::{PemObject, SectionKind},
};
use sdk::{Fault, JsonSchema, schemars, serde, verify_peer::Role};
use std::sync::OnceLock;
use webpki::{CertRevocationList, OwnedCertRevocationList};
use x509_parser::{extensions::ParsedExtension, prelude::FromDer, revocation_list::CertificateRevocationList};

/// Whom to take for a peer.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(crate = "sdk::serde", deny_unknown_fields, rename_all = "camelCase", default)]
#[schemars(crate = "sdk::schemars")]
pub struct Peers {
    /// Trust anchors: certificates in PEM, one or several a text.
    anchors: Vec<Pem>,
    /// Certificate revocation lists in PEM, one or several a text.
    crls: Vec<Pem>,
    /// Peers that are taken without an authority, each by the SHA-256 of its certificate or of its public key, as
    /// `sha256:` and 64 hex digits: for kubelets that signed their own certificates.
    pins: Vec<String>,
    /// Names that a server may have instead of the dialled one: for what is dialled by an address that changes.
    names: Vec<String>,
    /// How many authorities may stand between a peer and an anchor: 6 if not said, and at most.
    max_intermediates: Option<usize>,
    /// How many days a peer's certificate may live; without it, as long as its authority says.
    max_days: Option<u32>,
    #[serde(skip)]
    trust: OnceLock<Trust>,
}

/// Blocks of PEM, as they are kept: the text is dropped at once.
struct Pem(Result<Vec<(SectionKind, Vec<u8>)>, String>);

impl<'de> serde::Deserialize<'de> for Pem {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Pem, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        let blocks: Result<Vec<_>, _> = <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()).collect();
        Ok(Pem(blocks.map_err(|_| "holds a PEM block that cannot be read".into())))
    }
}

impl JsonSchema for Pem {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PEM".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "minLength": 1})
    }
}

/// What is parsed.
#[derive(Default)]
pub(crate) struct Trust {
    pub(crate) anchors: Vec<TrustAnchor<'static>>,
    /// What else is known of each, in the same order.
    pub(crate) known: Vec<Anchor>,
    pub(crate) crls: Vec<Crl>,
    pub(crate) pins: Vec<Vec<u8>>,
    /// What cannot be used, and is trusted for nothing.
    pub(crate) unusable: Vec<Objection>,
}

/// An anchor beyond what the path builder takes from it.
pub(crate) struct Anchor {
    pub(crate) digest: Vec<u8>,
    pub(crate) name: String,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) keys: Keys,
    pub(crate) objections: Vec<Objection>,
    /// Its extended key usages, if it has any: for servers, for clients.
    pub(crate) purposes: Option<[bool; 2]>,
    pub(crate) signs_crls: bool,
    pub(crate) path_length: Option<u32>,
}

pub(crate) struct Crl {
    pub(crate) list: CertRevocationList<'static>,
    pub(crate) defect: Option<&'static str>,
}

impl Peers {
    /// Parses everything, once. Faults have pointers that begin with this one.
    pub fn prepare(&self, pointer: &str, faults: &mut Vec<Fault>) {
        let mut trust = Trust::default();
        for (at, pem) in self.anchors.iter().enumerate() {
            let fault = |message: &str| Fault { pointer: format!("{pointer}/anchors/{at}"), message: message.into() };
            if let Err(message) = read(pem, SectionKind::Certificate, |der| trust.anchor(der)) {
                faults.push(fault(&message));
            }
        }
        for (at, pem) in self.crls.iter().enumerate() {
            let fault = |message: &str| Fault { pointer: format!("{pointer}/crls/{at}"), message: message.into() };
            if let Err(message) = read(pem, SectionKind::Crl, |der| trust.crl(der)) {
                faults.push(fault(&message));
            }
        }
        for (at, text) in self.pins.iter().enumerate() {
            match pin(text) {
                Some(pin) => trust.pins.push(pin),
                None => faults.push(Fault {
                    pointer: format!("{pointer}/pins/{at}"),
                    message: "a pin is `sha256:` and 64 hex digits".into(),
                }),
            }
        }
        if self.max_intermediates.is_some_and(|it| it > MOST_INTERMEDIATES) {
            faults.push(Fault { pointer: format!("{pointer}/maxIntermediates"), message: "is at most 6".into() });
        }
        // The second time it is the same.
        let _ = self.trust.set(trust);
    }

    pub(crate) fn trust(&self) -> Option<&Trust> {
        self.trust.get()
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn max_intermediates(&self) -> usize {
        self.max_intermediates.unwrap_or(MOST_INTERMEDIATES)
    }

    pub(crate) fn max_days(&self) -> Option<u32> {
        self.max_days
    }
}

/// Whom a path takes at its two ends.
pub struct Sides<'a> {
    pub servers: &'a Peers,
    pub clients: &'a Peers,
}

impl<'a> Sides<'a> {
    /// Readies what is trusted, and finds what is wrong with it.
    pub fn prepare(&self, faults: &mut Vec<Fault>) {
        self.servers.prepare("/servers", faults);
        self.clients.prepare("/clients", faults);
    }

    /// Those of a role, and where they stand in the config.
    pub fn of(&self, role: Role) -> (&'a Peers, &'static str) {
        match role {
            Role::Server => (self.servers, "servers"),
            Role::Client => (self.clients, "clients"),
        }
    }
}

impl Anchor {
    /// The rules on an anchor that the time decides, or what it is for.
    pub(crate) fn at(&self, now: u64, role: Role, place: &str) -> Vec<Objection> {
        let mut objections = Vec::new();
        let mut object = |code, detail| objections.push(Objection { code, at: None, detail });
        let time = i64::try_from(now).unwrap_or(i64::MAX);
        let name = &self.name;
        if time > self.not_after {
            object("anchor-expired", format!("the anchor {name} in `{place}.anchors` has expired"));
        } else if time < self.not_before {
            object("anchor-expired", format!("the anchor {name} in `{place}.anchors` is not valid yet"));
        } else if is_ending(self.not_before, self.not_after, now) {
            let left = left(self.not_after, now);
            object("anchor-expires-soon", format!("the anchor {name} in `{place}.anchors` ends in {left}"));
        }
        let is_for = self.purposes.is_none_or(|[servers, clients]| match role {
            Role::Server => servers,
            Role::Client => clients,
        });
        if !is_for {
            object("purpose", format!("the anchor {name} is for another purpose by its extended key usage"));
        }
        objections
    }
}

impl Trust {
    fn anchor(&mut self, der: &[u8]) -> Result<(), String> {
        let certificate =
            Certificate::read(der).ok_or("holds what is no X.509 certificate, or something behind one")?;
        let name = show(&certificate.subject);
        let der = CertificateDer::from(der);
        match webpki::anchor_from_trusted_cert(&der) {
            Ok(anchor) => self.anchors.push(anchor.to_owned()),
            Err(error) => {
                let detail = format!("the anchor {name} cannot be used: {error}; put another into `anchors`");
                self.unusable.push(Objection { code: "malformed", at: None, detail });
                return Ok(());
            }
        }
        let seen = shape::authority(&certificate, None);
        self.known.push(Anchor {
            digest: sha256(&der),
            name,
            not_before: certificate.validity.not_before.timestamp(),
            not_after: certificate.validity.not_after.timestamp(),
            keys: seen.keys,
            objections: seen.objections,
            purposes: seen.purposes,
            signs_crls: seen.signs_crls,
            path_length: seen.path_length,
        });
        Ok(())
    }

    fn crl(&mut self, der: &[u8]) -> Result<(), String> {
        if der.len() > MAX_CRL {
            return Err(format!("holds a revocation list of more than {MAX_CRL} bytes"));
        }
        let (_, parsed) =
            CertificateRevocationList::from_der(der).map_err(|_| "holds what is no certificate revocation list")?;
        let name = show(parsed.issuer());
        match OwnedCertRevocationList::from_der(der) {
            Ok(list) => self.crls.push(Crl { list: CertRevocationList::Owned(list), defect: defect(&parsed) }),
            Err(error) => {
                let detail = format!("the revocation list of {name} cannot be used: {error}; put another into `crls`");
                self.unusable.push(Objection { code: "revocation-list", at: None, detail });
            }
        }
        Ok(())
    }
}

fn defect(list: &CertificateRevocationList<'_>) -> Option<&'static str> {
    let number = list.extensions().iter().find(|it| matches!(it.parsed_extension(), ParsedExtension::CRLNumber(_)));
    match number {
        Some(number) if number.critical => Some("has its number as a critical extension"),
        Some(_) => None,
        None => Some("has no number"),
    }
}

fn read(pem: &Pem, kind: SectionKind, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
    let blocks = pem.0.as_ref().map_err(Clone::clone)?;
    let mut any = false;
    for (_, der) in blocks.iter().filter(|(found, _)| *found == kind) {
        any = true;
        take(der)?;
    }
    match (any, kind) {
        (true, _) => Ok(()),
        (false, SectionKind::Crl) => Err("holds no certificate revocation list in PEM".into()),
        (false, _) => Err("holds no certificate in PEM".into()),
    }
}

/// The format of kubeadm's --discovery-token-ca-cert-hash.
fn pin(text: &str) -> Option<Vec<u8>> {
    let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

/// As many as webpki goes along.
const MOST_INTERMEDIATES: usize = 6;
/// What the host's `crypto` takes for a message.
const MAX_CRL: usize = 1 << 20;
