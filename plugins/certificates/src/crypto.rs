//! The host's signatures, as webpki asks for them.

use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sdk::crypto::{self, Algorithm, Hash};

#[derive(Debug)]
struct ByHost {
    algorithm: Algorithm,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for ByHost {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if crypto::verify_signature(self.algorithm, key, message, signature) { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// Everything that may sign: nothing with SHA-1, no DSA, no other curve. They are tried in turn: first what Kubernetes signs with.
pub(crate) static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    &by(Algorithm::EcdsaP256Sha256, alg_id::ECDSA_P256, alg_id::ECDSA_SHA256),
    &by(Algorithm::RsaPkcs1Sha256, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256),
    &by(Algorithm::EcdsaP256Sha384, alg_id::ECDSA_P256, alg_id::ECDSA_SHA384),
    &by(Algorithm::EcdsaP384Sha256, alg_id::ECDSA_P384, alg_id::ECDSA_SHA256),
    &by(Algorithm::EcdsaP384Sha384, alg_id::ECDSA_P384, alg_id::ECDSA_SHA384),
    &by(Algorithm::Ed25519, alg_id::ED25519, alg_id::ED25519),
    &by(Algorithm::RsaPkcs1Sha384, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384),
    &by(Algorithm::RsaPkcs1Sha512, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512),
    &by(Algorithm::RsaPssSha256, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256),
    &by(Algorithm::RsaPssSha384, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384),
    &by(Algorithm::RsaPssSha512, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512),
];

const fn by(algorithm: Algorithm, key: AlgorithmIdentifier, signature: AlgorithmIdentifier) -> ByHost {
    ByHost { algorithm, key, signature }
}

/// SHA-256.
pub(crate) fn sha256(data: &[u8]) -> Vec<u8> {
    crypto::digest(Hash::Sha256, data)
}
