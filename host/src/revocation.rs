//! The signed list of credentials that must no longer work.
//!
//! One file holds the list and its Ed25519 signature, so that both change at once. What it holds are the lists of the plugin
//! `revocation`, which judges; here is only who wrote them, when, and whether they are newer than what was known. A list
//! that has expired goes on revoking: what is wrong with it is what it may lack.

use crate::json::canonical;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::SystemTime};

/// What a credential is known by. The words are the keys of the plugin's config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// SHA-256 of a client certificate, in hex.
    Certificates,
    /// The `jti` of a token.
    Tokens,
    Users,
    Uids,
    Pods,
    Nodes,
}

/// Entry to reason, by kind.
pub type Revoked = BTreeMap<Kind, BTreeMap<String, String>>;

/// A list as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct List {
    pub api_version: String,
    pub kind: String,
    /// Goes up with every change. A gate takes no lower one than it had.
    pub serial: u64,
    /// RFC 3339.
    pub issued: String,
    /// RFC 3339. After it the gate asks for a newer list, and goes on with this one.
    pub expires: String,
    pub revoked: Revoked,
}

/// A list with its signature, as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    list: List,
    /// Base64 of Ed25519 (RFC 8032) over [`CONTEXT`] and the canonical JSON of `list`.
    signature: String,
}

/// Why a list, or a key, is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("is {0} bytes long; a revocation list has at most {LONGEST}")]
    Long(usize),
    #[error("is no revocation list: {0}")]
    Json(#[from] serde_json::Error),
    #[error("must have `apiVersion: {API_VERSION}` and `kind: {KIND}`")]
    Version,
    #[error("has {0} entries; at most {MOST} fit into the plugin's memory")]
    Many(usize),
    #[error("`{0}` must be a time, as 2027-01-31T00:00:00Z")]
    Time(String),
    #[error("is not signed by that key: it was changed, or signed by another")]
    Signature,
    #[error("has the serial {serial}, and {known} was in force before: an older list must not bring a credential back")]
    Rollback { serial: u64, known: u64 },
    #[error("is no Ed25519 private key in PEM; make one with `openssl genpkey -algorithm ed25519`")]
    PrivateKey,
    #[error("is no Ed25519 public key in PEM; `openssl pkey -pubout` makes it from the private one")]
    PublicKey,
}

/// Signs lists. Whoever has it decides who is locked out: keep it away from the gate.
pub struct Key(Ed25519KeyPair);

/// Tells whether a list was signed by the [`Key`] that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl Key {
    /// PKCS #8 (RFC 8410) in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Key, Error> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| Error::PrivateKey)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Key).map_err(|_| Error::PrivateKey)
    }

    pub fn public(&self) -> PublicKey {
        use aws_lc_rs::signature::KeyPair;
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }
}

impl PublicKey {
    /// SubjectPublicKeyInfo (RFC 8410) in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<PublicKey, Error> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| Error::PublicKey)?;
        let key = der.strip_prefix(&ED25519_SPKI[..]).and_then(|key| key.try_into().ok());
        key.map(PublicKey).ok_or(Error::PublicKey)
    }
}

impl List {
    /// The first list of a cluster: nothing is revoked.
    pub fn new() -> List {
        List {
            api_version: API_VERSION.into(),
            kind: KIND.into(),
            serial: 0,
            issued: String::new(),
            expires: String::new(),
            revoked: Revoked::new(),
        }
    }

    /// The list with these changes made at `now`, as the next in its line.
    pub fn next(mut self, now: SystemTime, expires: SystemTime) -> List {
        self.serial = self.serial.saturating_add(1);
        self.issued = humantime::format_rfc3339_seconds(now).to_string();
        self.expires = humantime::format_rfc3339_seconds(expires).to_string();
        self
    }

    pub fn sign(self, key: &Key) -> Result<Signed, Error> {
        self.check()?;
        let signature = STANDARD.encode(key.0.sign(&self.message()?));
        Ok(Signed { list: self, signature })
    }

    /// How many credentials are revoked.
    pub fn count(&self) -> usize {
        self.revoked.values().map(BTreeMap::len).sum()
    }

    pub fn is_expired(&self, now: SystemTime) -> bool {
        humantime::parse_rfc3339(&self.expires).map_or(true, |end| end < now)
    }

    /// The plugin's config with these entries besides its own.
    pub fn merge_into(&self, config: &Value) -> Result<Value, Error> {
        let mut config = config.as_object().cloned().unwrap_or_default();
        for (kind, entries) in &self.revoked {
            let key = serde_json::to_value(kind)?.as_str().unwrap_or_default().to_owned();
            let own = config.remove(&key).unwrap_or_default();
            let mut all: Map<_, _> =
                entries.iter().map(|(entry, reason)| (entry.clone(), reason.as_str().into())).collect();
            match own {
                Value::Object(own) => all.extend(own),
                Value::Array(own) => {
                    all.extend(own.iter().filter_map(Value::as_str).map(|it| (it.to_owned(), "".into())))
                }
                // Not the plugin's config at all: it says so itself.
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
            config.insert(key, Value::Object(all));
        }
        Ok(Value::Object(config))
    }

    fn check(&self) -> Result<(), Error> {
        if (self.api_version.as_str(), self.kind.as_str()) != (API_VERSION, KIND) {
            return Err(Error::Version);
        }
        if self.count() > MOST {
            return Err(Error::Many(self.count()));
        }
        match [&self.issued, &self.expires].into_iter().find(|time| humantime::parse_rfc3339(time).is_err()) {
            Some(time) => Err(Error::Time(time.clone())),
            None => Ok(()),
        }
    }

    fn message(&self) -> Result<Vec<u8>, Error> {
        let list = serde_json::to_value(self)?;
        Ok([CONTEXT, canonical(&list).to_string().as_bytes()].concat())
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl Signed {
    /// Reads what may be a list; nothing in it counts before [`Signed::verify`].
    pub fn from_json(bytes: &[u8]) -> Result<Signed, Error> {
        if bytes.len() > LONGEST {
            return Err(Error::Long(bytes.len()));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    pub fn to_json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The list, if the owner of the key wrote it.
    pub fn verify(self, key: &PublicKey) -> Result<List, Error> {
        let signature = STANDARD.decode(&self.signature).map_err(|_| Error::Signature)?;
        let message = self.list.message()?;
        UnparsedPublicKey::new(&ED25519, &key.0).verify(&message, &signature).map_err(|_| Error::Signature)?;
        self.list.check()?;
        Ok(self.list)
    }
}

/// Refuses to go back behind a serial that was in force.
pub fn follows(serial: u64, known: u64) -> Result<(), Error> {
    if serial < known { Err(Error::Rollback { serial, known }) } else { Ok(()) }
}

/// So that no signature over something else counts as one over a list.
pub const CONTEXT: &[u8] = b"pathgate.io/v1alpha1 RevocationList\n";
const API_VERSION: &str = "pathgate.io/v1alpha1";
const KIND: &str = "RevocationList";
/// A hundred thousand fingerprints are 8 MB.
const LONGEST: usize = 32 << 20;
/// As many as the plugin holds in its 16 MiB.
const MOST: usize = 100_000;
/// SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING } (RFC 8410, section 4); the key follows.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

#[cfg(test)]
mod tests;
