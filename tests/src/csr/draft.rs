//! A certificate request, written byte by byte: whoever attacks is not held to what a library can write.

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{KeyPair, PublicKeyData, RsaKeySize, SigningKey};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// A request with everything around it. The rows of the table say only what is special about theirs.
#[derive(Clone)]
pub struct Draft {
    pub name: &'static str,
    pub created: &'static str,
    pub signer: &'static str,
    pub user: String,
    pub groups: Vec<&'static str>,
    pub extra: Value,
    pub usages: Vec<&'static str>,
    pub expiration: Option<i32>,
    /// Sets of attributes: object identifier, kind of string, text.
    pub subject: Vec<Vec<(Oid, u8, Vec<u8>)>>,
    /// Tag and content, as in a GeneralName.
    pub names: Vec<(u8, Vec<u8>)>,
    /// Extensions besides the names, each as DER.
    pub extensions: Vec<Vec<u8>>,
    /// Attributes besides the extension request, each as DER.
    pub attributes: Vec<Vec<u8>>,
    pub key: Key,
    /// The algorithm that the signature says it is of, in place of the key's.
    pub signed_as: Option<Vec<u8>>,
    pub is_tampered: bool,
    pub after: &'static [u8],
    pub pem: fn(&str) -> String,
    /// What else the cluster holds.
    pub cluster: Vec<Value>,
    pub is_cluster_known: bool,
    pub config: Value,
}

#[derive(Clone)]
pub enum Key {
    /// Of its own, on P-256.
    Own,
    /// The same for all that say so.
    Shared,
    Rsa,
    Ed25519,
    P384,
    P521,
    /// A SubjectPublicKeyInfo that nobody has the private half of.
    Raw(Vec<u8>),
}

type Oid = &'static [u8];

pub const COMMON_NAME: Oid = &[0x55, 4, 3];
pub const ORGANIZATION: Oid = &[0x55, 4, 10];
pub const UNIT: Oid = &[0x55, 4, 11];
pub const UTF8: u8 = 0x0c;
pub const PRINTABLE: u8 = 0x13;
pub const DNS: u8 = 0x82;
pub const EMAIL: u8 = 0x81;
pub const URI: u8 = 0x86;
pub const IP: u8 = 0x87;

/// A kubelet's request for a serving certificate, as the kubelet writes it.
pub fn serving(node: &str) -> Draft {
    Draft {
        signer: "kubernetes.io/kubelet-serving",
        usages: vec!["digital signature", "server auth"],
        names: vec![(DNS, node.into())],
        ..renewal(node)
    }
}

/// For its next client certificate.
pub fn renewal(node: &str) -> Draft {
    Draft {
        name: "csr-1",
        created: "2026-01-20T00:00:00Z",
        signer: "kubernetes.io/kube-apiserver-client-kubelet",
        user: format!("system:node:{node}"),
        groups: vec!["system:nodes", "system:authenticated"],
        extra: json!({}),
        usages: vec!["digital signature", "client auth"],
        expiration: None,
        subject: vec![
            vec![(ORGANIZATION, PRINTABLE, "system:nodes".into())],
            vec![(COMMON_NAME, PRINTABLE, format!("system:node:{node}").into())],
        ],
        names: Vec::new(),
        extensions: Vec::new(),
        attributes: Vec::new(),
        key: Key::Own,
        signed_as: None,
        is_tampered: false,
        after: b"",
        pem: str::to_owned,
        cluster: Vec::new(),
        is_cluster_known: true,
        config: json!({}),
    }
}

/// For its first client certificate, by a bootstrap token.
pub fn bootstrap(node: &str) -> Draft {
    Draft {
        user: "system:bootstrap:abcdef".into(),
        groups: vec!["system:bootstrappers", "system:authenticated"],
        ..renewal(node)
    }
}

impl Draft {
    pub fn dns(mut self, name: &str) -> Draft {
        self.names.push((DNS, name.into()));
        self
    }

    pub fn ip(mut self, address: &str) -> Draft {
        let bytes = match address.parse() {
            Ok(std::net::IpAddr::V4(four)) => four.octets().to_vec(),
            Ok(std::net::IpAddr::V6(six)) => six.octets().to_vec(),
            Err(_) => Vec::new(),
        };
        self.names.push((IP, bytes));
        self
    }

    pub fn with(mut self, object: Value) -> Draft {
        self.cluster.push(object);
        self
    }

    /// As kube-apiserver keeps it.
    pub fn object(&self) -> Result<Value> {
        let pem = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            STANDARD.encode(self.der()?)
        );
        Ok(json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": self.name, "creationTimestamp": self.created},
            "spec": {
                "signerName": self.signer,
                "username": self.user,
                "groups": self.groups,
                "extra": self.extra,
                "usages": self.usages,
                "expirationSeconds": self.expiration,
                "request": STANDARD.encode((self.pem)(&pem)),
            }
        }))
    }

    /// The same, approved.
    pub fn approved(&self) -> Result<Value> {
        let mut object = self.object()?;
        if let Value::Object(object) = &mut object {
            object.insert("status".into(), json!({"conditions": [{"type": "Approved", "status": "True"}]}));
        }
        Ok(object)
    }

    pub fn der(&self) -> Result<Vec<u8>> {
        let key = self.key.pair()?;
        let (spki, own) = match (&self.key, &key) {
            (Key::Raw(spki), _) => (spki.clone(), sequence(&[oid(ECDSA_SHA256)])),
            (_, key) => (key.subject_public_key_info(), self.key.algorithm()),
        };
        let subject: Vec<_> = self
            .subject
            .iter()
            .map(|set| {
                let all = set.iter().map(|(kind, tag, text)| sequence(&[oid(kind), tlv(*tag, text)]));
                tlv(0x31, &all.collect::<Vec<_>>().concat())
            })
            .collect();
        let mut attributes = self.attributes.clone();
        let mut extensions = self.extensions.clone();
        if !self.names.is_empty() {
            let names: Vec<_> = self.names.iter().map(|(tag, content)| tlv(*tag, content)).collect();
            extensions.insert(0, extension(SUBJECT_ALT_NAME, &sequence(&names)));
        }
        if !extensions.is_empty() {
            attributes.insert(0, extension_request(&[extensions]));
        }
        let info = sequence(&[tlv(2, &[0]), sequence(&subject), spki, tlv(0xa0, &attributes.concat())]);
        let mut signature = key.sign(&info)?;
        if self.is_tampered {
            signature.reverse();
        }
        let signed_as = self.signed_as.clone().unwrap_or(own);
        let bits = tlv(3, &[&[0], signature.as_slice()].concat());
        Ok([sequence(&[info, signed_as, bits]).as_slice(), self.after].concat())
    }
}

impl Key {
    fn pair(&self) -> Result<KeyPair> {
        static SHARED: OnceLock<String> = OnceLock::new();
        Ok(match self {
            Key::Own | Key::Raw(_) => KeyPair::generate()?,
            Key::Shared => {
                let fresh = KeyPair::generate()?.serialize_pem();
                KeyPair::from_pem(SHARED.get_or_init(|| fresh))?
            }
            Key::Rsa => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?,
            Key::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519)?,
            Key::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)?,
            Key::P521 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512)?,
        })
    }

    fn algorithm(&self) -> Vec<u8> {
        match self {
            Key::Own | Key::Shared | Key::Raw(_) => sequence(&[oid(ECDSA_SHA256)]),
            Key::P384 => sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])]),
            Key::P521 => sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4])]),
            Key::Ed25519 => sequence(&[oid(&[0x2b, 0x65, 0x70])]),
            Key::Rsa => sequence(&[oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), tlv(5, &[])]),
        }
    }
}

/// An RSA key of that many bits, and with that exponent.
pub fn rsa(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let modulus = [&[0_u8][..], &vec![0xc1; bits / 8]].concat();
    let key = sequence(&[tlv(2, &modulus), tlv(2, exponent)]);
    let kind = sequence(&[oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), tlv(5, &[])]);
    sequence(&[kind, tlv(3, &[&[0], key.as_slice()].concat())])
}

/// An ECDSA key on whatever these parameters are.
pub fn ecdsa(parameters: &[u8]) -> Vec<u8> {
    let kind = sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), parameters.to_vec()]);
    sequence(&[kind, tlv(3, &[0, 4, 1, 2, 3, 4])])
}

/// `extensionRequest` with these lists as its values.
pub fn extension_request(lists: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let lists: Vec<_> = lists.iter().map(|list| sequence(list)).collect();
    attribute(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 14], &lists)
}

pub fn attribute(kind: &[u8], values: &[Vec<u8>]) -> Vec<u8> {
    sequence(&[oid(kind), tlv(0x31, &values.concat())])
}

pub fn extension(kind: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[oid(kind), tlv(4, value)])
}

pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub fn oid(bytes: &[u8]) -> Vec<u8> {
    tlv(6, bytes)
}

pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let length = match content.len() {
        short @ 0..=0x7f => vec![u8::try_from(short).unwrap_or_default()],
        _ => {
            let digits = length.get(zeros..).unwrap_or_default();
            [&[0x80 | u8::try_from(digits.len()).unwrap_or_default()], digits].concat()
        }
    };
    [&[tag], length.as_slice(), content].concat()
}

pub const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
pub const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
pub const CHALLENGE_PASSWORD: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7];
pub const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
pub const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
