//! What one certificate looks like. It only ever objects.

use crate::{
    certificate::Certificate,
    checks::Objection,
    names::{address, is_ambiguous, oddity, short, show},
};
use sdk::verify_peer::Role;
use x509_parser::{
    extensions::{AuthorityKeyIdentifier, ExtendedKeyUsage, GeneralName, KeyUsage, ParsedExtension},
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
    },
    prelude::FromDer,
    public_key::RSAPublicKey,
};

/// Which key is whose: to compare a certificate with its issuer's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) own: Option<Vec<u8>>,
    pub(crate) issuers: Option<Vec<u8>>,
    pub(crate) is_self_issued: bool,
}

/// What was found out about a certificate.
pub(crate) struct Seen {
    pub(crate) objections: Vec<Objection>,
    pub(crate) keys: Keys,
    /// Its extended key usages, if it has any: for servers, for clients.
    pub(crate) purposes: Option<[bool; 2]>,
    pub(crate) signs_crls: bool,
    /// How many authorities may follow it, if it says.
    pub(crate) path_length: Option<u32>,
}

/// The extensions of a certificate that rules are about.
#[derive(Default)]
struct Extensions<'a> {
    purposes: Option<&'a ExtendedKeyUsage<'a>>,
    usage: Option<&'a KeyUsage>,
    names: Option<(&'a [GeneralName<'a>], bool)>,
    is_ca: bool,
    path_length: Option<u32>,
}

/// Whose certificate it is.
#[derive(Clone, Copy)]
enum Who {
    Peer,
    /// At a place in the chain.
    Authority(u32),
    Anchor,
}

/// One certificate on its way through the rules.
struct Look<'a> {
    certificate: &'a Certificate<'a>,
    who: Who,
    objections: Vec<Objection>,
}

/// Looks at an authority: `at` its place in the chain, none for an anchor.
pub(crate) fn authority(certificate: &Certificate<'_>, at: Option<u32>) -> Seen {
    let mut look = Look { certificate, who: at.map_or(Who::Anchor, Who::Authority), objections: Vec::new() };
    let (extensions, keys) = look.extensions(true);
    if !extensions.is_ca {
        look.object("ca-key-usage", "is no authority by its basic constraints");
    }
    if extensions.usage.is_some_and(|usage| !usage.key_cert_sign()) {
        look.object("ca-key-usage", "may not sign certificates by its key usage");
    }
    if !certificate.has_subject() {
        look.object("name-shape", "has no subject");
    }
    if !certificate.has_issuer() {
        look.object("name-shape", "has no issuer");
    }
    // An anchor is trusted for its key, whatever its number.
    if at.is_some() {
        look.serial();
    }
    look.key();
    Seen {
        objections: look.objections,
        keys,
        purposes: extensions.purposes.map(|it| [it.server_auth || it.any, it.client_auth || it.any]),
        signs_crls: extensions.usage.is_none_or(KeyUsage::crl_sign),
        path_length: extensions.path_length,
    }
}

/// Looks at the certificate of a peer.
pub(crate) fn leaf(certificate: &Certificate<'_>, role: Role) -> Seen {
    let mut look = Look { certificate, who: Who::Peer, objections: Vec::new() };
    let (extensions, keys) = look.extensions(false);
    match (extensions.purposes, role) {
        (None, Role::Server) => look.object("purpose-missing", "has no extended key usage; it needs serverAuth"),
        (None, Role::Client) => look.object("purpose-missing", "has no extended key usage; it needs clientAuth"),
        (Some(it), _) if it.any => look.object("purpose-missing", "is for any purpose, which says nothing"),
        (Some(it), role) if !is_exact(it, role) => look.object("purpose-other", "is for more than one purpose"),
        (Some(_), _) => {}
    }
    if let Some(usage) = extensions.usage {
        if !usage.digital_signature() {
            look.object("leaf-key-usage", "has a key usage without digitalSignature");
        }
        if usage.key_cert_sign() {
            look.object("leaf-key-usage", "has the key usage keyCertSign, which is for authorities");
        }
    }
    look.names(&extensions, role);
    look.serial();
    look.key();
    Seen { objections: look.objections, keys, purposes: None, signs_crls: false, path_length: None }
}

/// Looks at what else only the search for its authority would show, in the certificate of a peer that needs none.
pub(crate) fn alone(certificate: &Certificate<'_>) -> Vec<Objection> {
    let mut look = Look { certificate, who: Who::Peer, objections: Vec::new() };
    if !certificate.has_algorithm() {
        look.object("malformed", "does not say by what it is signed");
    }
    if !certificate.has_issuer() {
        look.object("name-shape", "has no issuer");
    }
    look.objections
}

pub(crate) fn is_exact(purposes: &ExtendedKeyUsage<'_>, role: Role) -> bool {
    let others = purposes.code_signing
        || purposes.email_protection
        || purposes.time_stamping
        || purposes.ocsp_signing
        || !purposes.other.is_empty();
    let (wanted, other) = match role {
        Role::Server => (purposes.server_auth, purposes.client_auth),
        Role::Client => (purposes.client_auth, purposes.server_auth),
    };
    wanted && !other && !others
}

impl<'a> Look<'a> {
    fn object(&mut self, code: &'static str, detail: impl AsRef<str>) {
        let detail = detail.as_ref();
        // A name is put into words only where something is said of it: that takes as long as a rule.
        let subject = || show(&self.certificate.subject);
        let (at, detail) = match self.who {
            Who::Peer => (Some(0), format!("the peer's certificate {detail}")),
            Who::Authority(at) => (Some(at), format!("the authority {} {detail}", subject())),
            Who::Anchor => (None, format!("the anchor {} {detail}", subject())),
        };
        self.objections.push(Objection { code, at, detail });
    }

    fn extensions(&mut self, is_authority: bool) -> (Extensions<'a>, Keys) {
        let mut found = Extensions::default();
        let mut keys = Keys { is_self_issued: self.certificate.is_self_issued, ..Keys::default() };
        let all = &self.certificate.extensions;
        for (at, extension) in all.iter().enumerate() {
            if all.iter().take(at).any(|earlier| earlier.oid == extension.oid) {
                self.object("malformed", format!("has the extension {} twice", extension.oid));
            }
            let critical = extension.critical;
            match extension.parsed_extension() {
                ParsedExtension::ParseError { .. } => {
                    self.object("malformed", format!("has an extension {} that cannot be read", extension.oid));
                }
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    self.not_critical(critical, "authority key identifier");
                    self.issuers_key(id);
                    keys.issuers = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::SubjectKeyIdentifier(id) => {
                    self.not_critical(critical, "subject key identifier");
                    keys.own = Some(id.0.to_vec());
                }
                ParsedExtension::AuthorityInfoAccess(_) => self.not_critical(critical, "authority information access"),
                ParsedExtension::ExtendedKeyUsage(purposes) => {
                    self.not_critical(critical, "extended key usage");
                    found.purposes = Some(purposes);
                }
                ParsedExtension::KeyUsage(usage) => found.usage = Some(usage),
                ParsedExtension::BasicConstraints(constraints) => {
                    found.is_ca = constraints.ca;
                    found.path_length = constraints.path_len_constraint;
                    if is_authority && !critical {
                        self.object("criticality-missing", "has basic constraints that are not critical");
                    }
                }
                ParsedExtension::NameConstraints(constraints) => {
                    let count = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
                    if !is_authority {
                        self.object("constraints-shape", "has name constraints, which are for authorities");
                    } else if count(&constraints.permitted_subtrees) + count(&constraints.excluded_subtrees) == 0 {
                        self.object("constraints-shape", "has name constraints that constrain nothing");
                    } else if !critical {
                        self.object("criticality-missing", "has name constraints that are not critical");
                    }
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    found.names = Some((&names.general_names, critical));
                }
                // The path builder refuses what is critical and unknown to it; the rest says nothing here.
                _ => {}
            }
        }
        (found, keys)
    }

    fn not_critical(&mut self, critical: bool, name: &str) {
        if critical {
            self.object("criticality", format!("has its {name} as a critical extension"));
        }
    }

    fn issuers_key(&mut self, id: &AuthorityKeyIdentifier<'_>) {
        if id.key_identifier.is_none() {
            self.object("key-identifier", "has an authority key identifier without a key");
        }
        if id.authority_cert_issuer.is_some() != id.authority_cert_serial.is_some() {
            self.object("key-identifier", "names its issuer's certificate by half: the name or the number is missing");
        }
    }

    fn serial(&mut self) {
        let serial = self.certificate.serial;
        let digits = serial.strip_prefix(&[0]).unwrap_or(serial);
        if serial.first().is_some_and(|byte| *byte >= 0x80) {
            self.object("serial-number", "has a negative serial number");
        } else if digits.iter().all(|byte| *byte == 0) {
            self.object("serial-number", "has the serial number 0");
        } else if digits.len() > 20 {
            self.object("serial-number", "has a serial number of more than 20 bytes");
        }
    }

    fn key(&mut self) {
        let key = &self.certificate.key;
        let algorithm = &key.algorithm;
        let curve = algorithm.parameters.as_ref().and_then(|it| it.as_oid().ok());
        if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
            let bits = RSAPublicKey::from_der(&key.subject_public_key.data).map_or(0, |(_, key)| bits(key.modulus));
            if !(2048..=8192).contains(&bits) || bits % 8 != 0 {
                self.object("weak-key", format!("has an RSA key of {bits} bits"));
            }
        } else if algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            if curve.is_none_or(|curve| curve != OID_EC_P256 && curve != OID_NIST_EC_P384) {
                self.object("weak-key", "has a key on a curve that is neither P-256 nor P-384, or does not name it");
            }
        } else if algorithm.algorithm != OID_SIG_ED25519 {
            self.object("weak-key", format!("has a key of the kind {}", algorithm.algorithm));
        }
    }

    fn names(&mut self, extensions: &Extensions<'_>, role: Role) {
        let (names, critical) = extensions.names.unwrap_or((&[], false));
        for odd in names.iter().filter_map(oddity).take(MOST_TOLD) {
            self.object("name-shape", format!("has among its names {odd}"));
        }
        if !self.certificate.has_subject() && !critical {
            self.object("name-shape", "has no subject, and its alternative names are not critical");
        }
        // Who is logged in is not looked up by name.
        if role == Role::Client {
            return;
        }
        for name in self.certificate.subject.iter_common_name().filter_map(|it| it.as_str().ok()) {
            let is_same = |it: &GeneralName<'_>| match it {
                GeneralName::DNSName(dns) => dns.eq_ignore_ascii_case(name),
                GeneralName::IPAddress(bytes) => {
                    address(bytes).is_some_and(|it| it.to_string().eq_ignore_ascii_case(name))
                }
                _ => false,
            };
            if is_ambiguous(name) && !names.iter().any(is_same) {
                self.object("common-name", format!("has the common name `{}`, which it is not for", short(name)));
            }
        }
    }
}

/// Whether a certificate names the key of its issuer as the issuer does. A pair in which neither names one is older than
/// Kubernetes 1.19, and hangs together.
pub(crate) fn link(child: &Keys, at: u32, issuer: &Keys) -> Option<Objection> {
    let detail = match (&child.issuers, &issuer.own) {
        (Some(named), Some(own)) if named != own => "names another key than its issuer's",
        (Some(_), None) => "names its issuer's key, and the issuer's certificate does not",
        (None, Some(_)) if !child.is_self_issued => "does not name its issuer's key",
        (Some(_) | None, Some(_)) | (None, None) => return None,
    };
    Some(Objection { code: "key-identifier", at: Some(at), detail: format!("the certificate at {at} {detail}") })
}

fn bits(modulus: &[u8]) -> usize {
    let digits = modulus.iter().position(|byte| *byte != 0).and_then(|at| modulus.get(at..)).unwrap_or_default();
    let leading = digits.first().map_or(0, |byte| byte.leading_zeros());
    (digits.len() * 8).saturating_sub(usize::try_from(leading).unwrap_or(8))
}

/// A certificate may have hundreds of names.
const MOST_TOLD: usize = 3;
