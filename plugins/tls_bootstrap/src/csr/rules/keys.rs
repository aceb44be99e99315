//! The key: strong, the requester's own, and nobody else's.

use super::{SIGNERS, deny, leave};
use crate::{
    Config,
    csr::{Asked, Check, pkcs10::Pkcs10, shown},
};
use data_encoding::HEXLOWER;
use sdk::{
    Rule,
    crypto::{self, Algorithm, Hash},
};
use x509_parser::{
    asn1_rs::Tag,
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_DSA, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_HASH_SHA256,
        OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512, OID_PKCS1_MD5WITHRSAENC, OID_PKCS1_RSAENCRYPTION,
        OID_PKCS1_RSASSAPSS, OID_PKCS1_SHA1WITHRSA, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA,
        OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ED25519, Oid,
    },
    public_key::PublicKey,
    signature_algorithm::SignatureAlgorithm,
};

pub const RULES: &[Check] = &[
    deny(
        Rule {
            id: "csr-key",
            summary: "The key is strong: RSA of 2048 to 8192 bits with an odd exponent from 65537, or a named curve from P-256.",
            advice: "Go's crypto makes no weaker one, so this request is not a kubelet's of today.",
            source: "NIST SP 800-131A revision 2; CVE-2020-0601 for curves that a key brings along",
        },
        strength,
    ),
    deny(
        Rule {
            id: "csr-key-listed",
            summary: "The key is none of those that the operator knows to be public.",
            advice: "`weakKeys` lists them as `sha256:` and 64 hex digits over the SubjectPublicKeyInfo, as kubeadm writes pins.",
            source: "CVE-2008-0166",
        },
        listed,
    ),
    deny(
        Rule {
            id: "csr-signature-hash",
            summary: "The request is not signed with MD5 or SHA-1.",
            advice: "No kubelet signs so. Signatures with these hashes can be transferred to other documents.",
            source: "RFC 6151; RFC 9155",
        },
        hash,
    ),
    leave(
        Rule {
            id: "csr-algorithm",
            summary: "Keys and signatures of other kinds cannot be checked here.",
            advice: "Checked are RSA (PKCS#1 and PSS), ECDSA on P-256 and P-384, and Ed25519. Approve the request by hand if \
                     you know the machine.",
            source: SIGNERS,
        },
        algorithm,
    ),
    deny(
        Rule {
            id: "csr-possession",
            summary: "Whoever asks holds the key: the request is signed with it.",
            advice: "kube-apiserver refuses a request with a wrong signature, so this one did not come through it, or changed \
                     since.",
            source: "RFC 2986, section 3",
        },
        possession,
    ),
    deny(
        Rule {
            id: "csr-key-of-another",
            summary: "No two identities share a key.",
            advice: "An image was copied with its key inside, or a key was stolen. Remove the key (/var/lib/kubelet/pki) on both \
                     machines; each makes a new one.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/",
        },
        of_another,
    ),
    leave(
        Rule {
            id: "csr-key-again",
            summary: "A new certificate has a new key.",
            advice: "A kubelet makes a key for each certificate. Something else asked with the old one; approve by hand if you \
                     know what. Set `rules.csr-key-again` to `off` where keys are kept on purpose, in a TPM say.",
            source: "https://kubernetes.io/docs/tasks/tls/certificate-rotation/",
        },
        again,
    ),
];

fn strength(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let key = &asked.read().filter(|_| asked.is_ours())?.request.certification_request_info.subject_pki;
    let kind = &key.algorithm.algorithm;
    if *kind == OID_KEY_TYPE_DSA {
        return Some("the key is for DSA".into());
    }
    if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY {
        return match curve(asked.read()?) {
            None => Some("the key brings its own curve".into()),
            Some(curve) => {
                SHORT.contains(&curve.to_id_string().as_str()).then(|| format!("curve {curve} is too short"))
            }
        };
    }
    if *kind != OID_PKCS1_RSAENCRYPTION {
        return None;
    }
    let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return Some("the RSA key is malformed".into()) };
    let bits = bits(rsa.modulus);
    if !(2048..=8192).contains(&bits) {
        return Some(format!("the RSA key has {bits} bits"));
    }
    match rsa.try_exponent() {
        Ok(exponent) if exponent >= 65_537 && exponent % 2 == 1 => None,
        Ok(exponent) => Some(format!("the exponent of the RSA key is {exponent}")),
        Err(_) => Some("the exponent of the RSA key is malformed".into()),
    }
}

/// Of a number, big-endian.
fn bits(number: &[u8]) -> usize {
    let significant =
        number.iter().position(|byte| *byte != 0).and_then(|zeros| number.get(zeros..)).unwrap_or_default();
    let first = significant.first().map_or(0, |byte| 8 - byte.leading_zeros());
    8 * significant.len().saturating_sub(1) + usize::try_from(first).unwrap_or_default()
}

/// The curve that an ECDSA key names.
fn curve<'a>(pkcs10: &Pkcs10<'a>) -> Option<Oid<'a>> {
    let parameters = pkcs10.request.certification_request_info.subject_pki.algorithm.parameters.clone()?;
    if parameters.tag() == Tag::Oid { parameters.oid().ok() } else { None }
}

fn listed(config: &Config, asked: &Asked<'_>) -> Option<String> {
    let pkcs10 = asked.read().filter(|_| asked.is_ours() && !config.weak_keys.is_empty())?;
    let digest = crypto::digest(Hash::Sha256, pkcs10.request.certification_request_info.subject_pki.raw);
    let pin = format!("sha256:{}", HEXLOWER.encode(&digest));
    config.weak_keys.contains(&pin).then(|| format!("the key is one of `weakKeys`, {pin}"))
}

fn hash(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let used = &asked.read().filter(|_| asked.is_ours())?.request.signature_algorithm.algorithm;
    let is_old =
        *used == OID_PKCS1_MD5WITHRSAENC || *used == OID_PKCS1_SHA1WITHRSA || used.to_id_string() == ECDSA_SHA1;
    is_old.then(|| "the request is signed with MD5 or SHA-1".to_owned())
}

fn algorithm(config: &Config, asked: &Asked<'_>) -> Option<String> {
    let pkcs10 = asked.read().filter(|_| asked.is_ours())?;
    let is_refused = strength(config, asked).is_some() || hash(config, asked).is_some();
    (!is_refused && signed_by(pkcs10).is_none()).then(|| {
        let request = &pkcs10.request;
        let key = shown(&request.certification_request_info.subject_pki.algorithm.algorithm.to_id_string());
        let signature = shown(&request.signature_algorithm.algorithm.to_id_string());
        format!("a key of the kind {key} with a signature of the kind {signature} cannot be checked")
    })
}

fn possession(config: &Config, asked: &Asked<'_>) -> Option<String> {
    let pkcs10 = asked.read().filter(|_| asked.is_ours())?;
    let algorithm = signed_by(pkcs10)?;
    // The host verifies with no key that is out of bounds, and this rule would say the wrong thing of it.
    if strength(config, asked).is_some() {
        return None;
    }
    let info = &pkcs10.request.certification_request_info;
    let (key, signature) = (&info.subject_pki.subject_public_key.data, &pkcs10.request.signature_value.data);
    (!crypto::verify_signature(algorithm, key, info.raw, signature))
        .then(|| "the request is not signed with the key that it is for".to_owned())
}

/// How the request is signed, as the host can verify it: what key and signature say of themselves must fit.
fn signed_by(pkcs10: &Pkcs10<'_>) -> Option<Algorithm> {
    let key = &pkcs10.request.certification_request_info.subject_pki.algorithm.algorithm;
    let signature = &pkcs10.request.signature_algorithm;
    let used = &signature.algorithm;
    if *key == OID_SIG_ED25519 {
        return (*used == OID_SIG_ED25519).then_some(Algorithm::Ed25519);
    }
    if *key == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = curve(pkcs10)?;
        return match (curve == OID_EC_P256, curve == OID_NIST_EC_P384) {
            (true, _) if *used == OID_SIG_ECDSA_WITH_SHA256 => Some(Algorithm::EcdsaP256Sha256),
            (true, _) if *used == OID_SIG_ECDSA_WITH_SHA384 => Some(Algorithm::EcdsaP256Sha384),
            (_, true) if *used == OID_SIG_ECDSA_WITH_SHA256 => Some(Algorithm::EcdsaP384Sha256),
            (_, true) if *used == OID_SIG_ECDSA_WITH_SHA384 => Some(Algorithm::EcdsaP384Sha384),
            (true | false, true | false) => None,
        };
    }
    if *key != OID_PKCS1_RSAENCRYPTION {
        return None;
    }
    if *used == OID_PKCS1_RSASSAPSS {
        let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) = SignatureAlgorithm::try_from(signature) else {
            return None;
        };
        let hash = parameters.hash_algorithm_oid();
        let pss = [
            (OID_NIST_HASH_SHA256, Algorithm::RsaPssSha256),
            (OID_NIST_HASH_SHA384, Algorithm::RsaPssSha384),
            (OID_NIST_HASH_SHA512, Algorithm::RsaPssSha512),
        ];
        return pss.into_iter().find(|(oid, _)| oid == hash).map(|(_, algorithm)| algorithm);
    }
    let pkcs1 = [
        (OID_PKCS1_SHA256WITHRSA, Algorithm::RsaPkcs1Sha256),
        (OID_PKCS1_SHA384WITHRSA, Algorithm::RsaPkcs1Sha384),
        (OID_PKCS1_SHA512WITHRSA, Algorithm::RsaPkcs1Sha512),
    ];
    pkcs1.into_iter().find(|(oid, _)| oid == used).map(|(_, algorithm)| algorithm)
}

fn of_another(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let other = asked.facts("pathgate.io/key-of").next().filter(|_| asked.is_ours())?;
    Some(format!("the key is also in a request for `{}`", shown(other)))
}

fn again(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let earlier = asked.facts("pathgate.io/key-again").next().filter(|_| asked.is_ours())?;
    Some(format!("the key is that of the approved request `{}`", shown(earlier)))
}

const ECDSA_SHA1: &str = "1.2.840.10045.4.1";
/// P-192, P-224, and the SEC and Brainpool curves of that size and below.
const SHORT: &[&str] = &[
    "1.2.840.10045.3.1.1",
    "1.3.132.0.31",
    "1.3.132.0.32",
    "1.3.132.0.33",
    "1.3.132.0.8",
    "1.3.132.0.9",
    "1.3.132.0.30",
    "1.3.36.3.3.2.8.1.1.1",
    "1.3.36.3.3.2.8.1.1.3",
    "1.3.36.3.3.2.8.1.1.5",
];
