//! The one thing a plugin may import: whether a signature is right, and digests. Pure and total: what is malformed or out of
//! bounds is `false`, never a trap. Every call pays in fuel before anything is computed.

use super::{bindings::CRYPTO, limits::Ledger};
use aws_lc_rs::{
    digest,
    signature::{self, ParsedPublicKey, VerificationAlgorithm},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};
use wasmtime::{
    AsContextMut, Result, StoreContextMut, Trap,
    component::{ComponentType, Lift, Linker, WasmList},
};
use x509_parser::{prelude::FromDer, public_key::RSAPublicKey};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by the guest")]
pub(super) enum Algorithm {
    #[component(name = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
    #[component(name = "ecdsa-p256-sha384")]
    EcdsaP256Sha384,
    #[component(name = "ecdsa-p384-sha256")]
    EcdsaP384Sha256,
    #[component(name = "ecdsa-p384-sha384")]
    EcdsaP384Sha384,
    #[component(name = "ed25519")]
    Ed25519,
    #[component(name = "rsa-pkcs1-sha256")]
    RsaPkcs1Sha256,
    #[component(name = "rsa-pkcs1-sha384")]
    RsaPkcs1Sha384,
    #[component(name = "rsa-pkcs1-sha512")]
    RsaPkcs1Sha512,
    #[component(name = "rsa-pss-sha256")]
    RsaPssSha256,
    #[component(name = "rsa-pss-sha384")]
    RsaPssSha384,
    #[component(name = "rsa-pss-sha512")]
    RsaPssSha512,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[cfg_attr(not(test), expect(dead_code, reason = "made by the guest"))]
pub(super) enum Hash {
    #[component(name = "sha256")]
    Sha256,
    #[component(name = "sha384")]
    Sha384,
    #[component(name = "sha512")]
    Sha512,
}

/// Defines `crypto`, and nothing else, for components to import.
pub(super) fn serve(linker: &mut Linker<Ledger>) -> Result<()> {
    type Signed = (Algorithm, WasmList<u8>, WasmList<u8>, WasmList<u8>);
    let mut crypto = linker.instance(CRYPTO)?;
    let keys = Keys::default();
    crypto.func_wrap("verify-signature", move |mut store: StoreContextMut<'_, Ledger>, given: Signed| {
        let (algorithm, key, message, signature) = given;
        let known = keys.find(algorithm, key.as_le_slice(&store));
        let work = known.as_ref().map(|it| it.work).or_else(|| work(algorithm, key.as_le_slice(&store)));
        charge(&mut store, CALL + work.unwrap_or_default() + hashing(message.len()))?;
        let [key, message, signature] = [key, message, signature].map(|list| list.as_le_slice(&store));
        Ok((keys.verify(known, algorithm, key, message, signature),))
    })?;
    crypto.func_wrap("digest", |mut store: StoreContextMut<'_, Ledger>, (hash, data): (Hash, WasmList<u8>)| {
        charge(&mut store, CALL + hashing(data.len()))?;
        Ok((digest(hash, data.as_le_slice(&store)),))
    })
}

/// Takes fuel from the call, as if the guest had run that many instructions.
fn charge(store: &mut StoreContextMut<'_, Ledger>, price: u64) -> Result<()> {
    let mut store = store.as_context_mut();
    match store.get_fuel()?.checked_sub(price) {
        Some(left) => store.set_fuel(left),
        None => {
            store.set_fuel(0)?;
            Err(Trap::OutOfFuel.into())
        }
    }
}

/// Public keys by which something was signed, parsed: for RSA a tenth of a verification. A path is verified from its anchor down, so
/// that no stranger's keys get in here by a certificate, and what is used stays.
#[derive(Default)]
pub(super) struct Keys(Mutex<VecDeque<Arc<Key>>>);

/// A public key that has the form the contract asks for.
pub(super) struct Key {
    algorithm: Algorithm,
    bytes: Box<[u8]>,
    parsed: ParsedPublicKey,
    /// What a verification costs, in fuel. It does not depend on whether the key was kept.
    work: u64,
}

impl Keys {
    pub(super) fn find(&self, algorithm: Algorithm, bytes: &[u8]) -> Option<Arc<Key>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = keys.iter().position(|it| it.is(algorithm, bytes))?;
        let key = keys.remove(at)?;
        keys.push_front(Arc::clone(&key));
        Some(key)
    }

    /// Whether `signature` over `message` is by the key in `bytes`; `known` if that was found here.
    pub(super) fn verify(
        &self,
        known: Option<Arc<Key>>,
        algorithm: Algorithm,
        bytes: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let is_new = known.is_none();
        let Some(key) = known.or_else(|| Key::read(algorithm, bytes).map(Arc::new)) else { return false };
        let holds = key.verify(message, signature);
        if holds && is_new {
            let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have come first.
            keys.retain(|it| !it.is(algorithm, bytes));
            keys.truncate(MOST_KEYS - 1);
            keys.push_front(key);
        }
        holds
    }
}

impl Key {
    fn read(algorithm: Algorithm, bytes: &[u8]) -> Option<Key> {
        let work = work(algorithm, bytes)?;
        let parsed = ParsedPublicKey::new(of(algorithm), bytes).ok()?;
        Some(Key { algorithm, bytes: bytes.into(), parsed, work })
    }

    fn is(&self, algorithm: Algorithm, bytes: &[u8]) -> bool {
        self.algorithm == algorithm && *self.bytes == *bytes
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let fits = match self.algorithm {
            Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP256Sha384 => signature.len() <= 72,
            Algorithm::EcdsaP384Sha256 | Algorithm::EcdsaP384Sha384 => signature.len() <= 104,
            Algorithm::Ed25519 => signature.len() == 64,
            Algorithm::RsaPkcs1Sha256
            | Algorithm::RsaPkcs1Sha384
            | Algorithm::RsaPkcs1Sha512
            | Algorithm::RsaPssSha256
            | Algorithm::RsaPssSha384
            | Algorithm::RsaPssSha512 => signature.len() <= MAX_MODULUS,
        };
        fits && message.len() <= MAX_MESSAGE && self.parsed.verify_sig(message, signature).is_ok()
    }
}

pub(super) fn digest(hash: Hash, data: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, data).as_ref().to_vec()
}

fn of(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
        Algorithm::EcdsaP256Sha384 => &signature::ECDSA_P256_SHA384_ASN1,
        Algorithm::EcdsaP384Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
        Algorithm::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
        Algorithm::Ed25519 => &signature::ED25519,
        Algorithm::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RsaPkcs1Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RsaPkcs1Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::RsaPssSha256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::RsaPssSha384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
    }
}

/// An uncompressed point (SEC 1, section 2.3.3). That it is on the curve is for the library.
fn is_point(key: &[u8], length: usize) -> bool {
    key.len() == length && key.first() == Some(&4)
}

/// The public exponent of an RSAPublicKey (RFC 8017, A.1.1) whose size is within bounds, if it is one to verify by: odd, at
/// least 3, and below 2^32. How many bits the modulus has, the library counts.
fn exponent(key: &[u8]) -> Option<u64> {
    let (rest, rsa) = RSAPublicKey::from_der(key).ok().filter(|_| key.len() <= MAX_RSA_KEY)?;
    let exponent = rsa.try_exponent().ok()?;
    let is_sane = rest.is_empty() && exponent >= 3 && exponent % 2 == 1 && exponent <= u64::from(u32::MAX);
    is_sane.then_some(exponent)
}

/// What a verification by this key costs, in fuel; nothing if it has not the form that the contract asks for. The library also takes
/// a SubjectPublicKeyInfo for a key, and a compressed point.
fn work(algorithm: Algorithm, key: &[u8]) -> Option<u64> {
    match algorithm {
        Algorithm::EcdsaP256Sha256 | Algorithm::EcdsaP256Sha384 => is_point(key, 65).then_some(P256),
        Algorithm::EcdsaP384Sha256 | Algorithm::EcdsaP384Sha384 => is_point(key, 97).then_some(P384),
        Algorithm::Ed25519 => (key.len() == 32).then_some(ED25519),
        Algorithm::RsaPkcs1Sha256
        | Algorithm::RsaPkcs1Sha384
        | Algorithm::RsaPkcs1Sha512
        | Algorithm::RsaPssSha256
        | Algorithm::RsaPssSha384
        | Algorithm::RsaPssSha512 => exponent(key).map(|exponent| rsa(key.len(), exponent)),
    }
}

/// The square of the length, for each multiplication; 65537 needs 17.
fn rsa(length: usize, exponent: u64) -> u64 {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let steps = u64::from(exponent.ilog2() + exponent.count_ones());
    RSA_KEY + length.saturating_mul(length).saturating_mul(steps) / RSA_STEP
}

fn hashing(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX) / BYTES
}

/// A revocation list of 1 MiB, which is the largest thing that is signed here.
const MAX_MESSAGE: usize = 1 << 20;
/// 8,192 bits.
const MAX_MODULUS: usize = 1024;
/// The authorities of a cluster, old and new, with room for some between.
const MOST_KEYS: usize = 16;
/// Modulus, exponent, and their headers.
const MAX_RSA_KEY: usize = MAX_MODULUS + 32;

// One unit of fuel for 5 ns, so that whoever spends all of a decision's here still ends within half its deadline. Measured with
// aws-lc-rs 1.19 in one thread of a shared server, the key parsed each time, the best of 200 runs: P-256 60 µs, P-384 230 µs,
// Ed25519 44 µs, RSA of 2,048, 3,072, 4,096 and 8,192 bits with 65537 24, 46, 91 and 328 µs, a MiB
// of SHA-256 0.7 ms, of SHA-384 and SHA-512 2 ms.
const CALL: u64 = 100;
const P256: u64 = 12_000;
const P384: u64 = 48_000;
const ED25519: u64 = 10_000;
const RSA_KEY: u64 = 1_500;
const RSA_STEP: u64 = 300;
const BYTES: u64 = 2;

#[cfg(test)]
mod tests;
