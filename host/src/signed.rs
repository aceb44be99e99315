//! Documents that somebody signed away from the gate: who wrote them, and that nobody changed them since.
//!
//! Ed25519 (RFC 8032) over the kind of the document and its canonical JSON. Document and signature are one file, so that both
//! change at once.

use crate::json::canonical;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What can be signed.
pub trait Document: Serialize + DeserializeOwned {
    /// In what is signed, so that no signature over something else counts as one over this.
    const KIND: &str;

    /// `apiVersion` and `kind`, as the document has them.
    fn names(&self) -> (&str, &str);

    /// What is wrong with the content, in words that follow the name of the file.
    fn check(&self) -> Result<(), String>;
}

/// A document with its signature, as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    document: T,
    /// In base64.
    signature: String,
}

/// Why a document, or a key, is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("is {0} bytes long, and may have {LONGEST}")]
    Long(usize),
    #[error("is no {kind}: {source}")]
    Json { kind: &'static str, source: serde_json::Error },
    #[error("must have `apiVersion: {API_VERSION}` and `kind: {0}`")]
    Version(&'static str),
    #[error("{0}")]
    Content(String),
    #[error("is not signed by that key: it was changed, or signed by another")]
    Signature,
    #[error("is no Ed25519 private key in PEM; make one with `openssl genpkey -algorithm ed25519`")]
    PrivateKey,
    #[error("is no Ed25519 public key in PEM; `openssl pkey -pubout` makes it from the private one")]
    PublicKey,
}

/// Signs documents. Whoever has it decides: keep it away from the gate.
pub struct Key(Ed25519KeyPair);

/// Tells whether a document was signed by the [`Key`] that belongs to it.
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

impl<T: Document> Signed<T> {
    pub fn sign(document: T, key: &Key) -> Result<Signed<T>, Error> {
        check(&document)?;
        let signature = STANDARD.encode(key.0.sign(&message(&document)?));
        Ok(Signed { document, signature })
    }

    /// Reads what may be a document; nothing in it counts before [`Signed::verify`].
    pub fn from_json(bytes: &[u8]) -> Result<Signed<T>, Error> {
        if bytes.len() > LONGEST {
            return Err(Error::Long(bytes.len()));
        }
        serde_json::from_slice(bytes).map_err(json::<T>)
    }

    pub fn to_json(&self) -> Result<String, Error> {
        let text = serde_json::to_string_pretty(self).map_err(json::<T>)? + "\n";
        if text.len() > LONGEST { Err(Error::Long(text.len())) } else { Ok(text) }
    }

    /// The document, if the owner of the key wrote it.
    pub fn verify(self, key: &PublicKey) -> Result<T, Error> {
        let signature = STANDARD.decode(&self.signature).map_err(|_| Error::Signature)?;
        let message = message(&self.document)?;
        UnparsedPublicKey::new(&ED25519, &key.0).verify(&message, &signature).map_err(|_| Error::Signature)?;
        check(&self.document)?;
        Ok(self.document)
    }

    /// The document of whoever wrote it: for a question that a person puts by hand, never for a gate.
    pub fn unverified(self) -> Result<T, Error> {
        check(&self.document)?;
        Ok(self.document)
    }
}

fn check<T: Document>(document: &T) -> Result<(), Error> {
    if document.names() != (API_VERSION, T::KIND) {
        return Err(Error::Version(T::KIND));
    }
    document.check().map_err(Error::Content)
}

fn message<T: Document>(document: &T) -> Result<Vec<u8>, Error> {
    let value = serde_json::to_value(document).map_err(json::<T>)?;
    Ok(format!("{API_VERSION} {}\n{}", T::KIND, canonical(&value)).into_bytes())
}

fn json<T: Document>(source: serde_json::Error) -> Error {
    Error::Json { kind: T::KIND, source }
}

pub const API_VERSION: &str = "pathgate.io/v1alpha1";
/// A list of a hundred thousand fingerprints has 8 MB.
const LONGEST: usize = 32 << 20;
/// SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING } (RFC 8410, section 4); the key follows.
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

#[cfg(test)]
mod tests;
