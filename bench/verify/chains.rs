//! The chains that are timed: what clusters have, and what is made to be slow within 64 certificates and 64 KiB.

use host::{
    bundle::{Kind, to_pem},
    peer::{Name, Peer, Role},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RsaKeySize, SanType, SerialNumber,
    SignatureAlgorithm, date_time_ymd,
};
use serde_json::{Value, json};
use std::error::Error;

/// A peer, and by what it is judged.
pub struct Chain {
    pub name: String,
    pub peer: Peer,
    pub anchor: Vec<u8>,
    /// Revocation lists in PEM.
    pub crls: Vec<String>,
    /// Milliseconds since 1970.
    pub at: u64,
}

impl Chain {
    /// What the plugin of the path is told.
    pub fn config(&self) -> Value {
        json!({"servers": {"anchors": [to_pem(&self.anchor, Kind::Certificate)], "crls": self.crls}})
    }
}

/// A kubelet's serving certificate, as clusters issue it.
pub fn ordinary() -> Result<Vec<Chain>, Box<dyn Error>> {
    let (p256, rsa) = (&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_RSA_SHA256);
    Ok(vec![
        issued("P-256, straight from the anchor", p256, 0)?,
        issued("P-256, one authority between", p256, 1)?,
        issued("RSA-2048, straight from the anchor", rsa, 0)?,
        issued("RSA-2048, one authority between", rsa, 1)?,
    ])
}

/// What makes a path builder work: its budgets end it, or the plugin's fuel.
pub fn pathological() -> Result<Vec<Chain>, Box<dyn Error>> {
    let (p256, p384) = (&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384);
    let mut chains = vec![
        many_keys("61 authorities of one name on P-256, none the right one", p256, MOST - 1)?,
        many_keys("61 authorities of one name on P-384, none the right one", p384, MOST - 1)?,
        mesh("61 authorities of one name that issued each other", false)?,
        mesh("the same, with a revocation list", true)?,
    ];
    for line in LIMBO.lines() {
        let vector: Value = serde_json::from_str(line)?;
        let id = vector["id"].as_str().unwrap_or_default();
        if let Some(name) = id.strip_prefix("pathological::") {
            chains.push(of_limbo(name, &vector)?);
        }
    }
    Ok(chains)
}

fn issued(name: &str, algorithm: &'static SignatureAlgorithm, between: usize) -> Result<Chain, Box<dyn Error>> {
    let root = CertifiedIssuer::self_signed(authority("kubernetes"), key(algorithm)?)?;
    let mut chain = Vec::new();
    let mut above: Option<CertifiedIssuer<'_, KeyPair>> = None;
    for at in 0..between {
        let issuer: &Issuer<'_, KeyPair> = above.as_ref().map_or(&root, |it| it);
        let next = CertifiedIssuer::signed_by(authority(&format!("kubelets {at}")), key(algorithm)?, issuer)?;
        chain.insert(0, next.as_ref().der().to_vec());
        above = Some(next);
    }
    let issuer: &Issuer<'_, KeyPair> = above.as_ref().map_or(&root, |it| it);
    chain.insert(0, leaf().signed_by(&key(algorithm)?, issuer)?.der().to_vec());
    Ok(kubelet(name, chain, root.as_ref().der().to_vec()))
}

/// Each authority leads to the anchor, and each signature that it should have made has to be tried.
fn many_keys(name: &str, algorithm: &'static SignatureAlgorithm, count: usize) -> Result<Chain, Box<dyn Error>> {
    let root = CertifiedIssuer::self_signed(authority("kubernetes"), key(algorithm)?)?;
    let right = Issuer::new(authority("kubelets"), key(algorithm)?);
    let mut chain = vec![leaf().signed_by(&key(algorithm)?, &right)?.der().to_vec()];
    for _ in 0..count {
        chain.push(authority("kubelets").signed_by(&key(algorithm)?, &root)?.der().to_vec());
    }
    Ok(kubelet(name, chain, root.as_ref().der().to_vec()))
}

/// Each authority may have issued each other one, and none leads to the anchor.
fn mesh(name: &str, with_list: bool) -> Result<Chain, Box<dyn Error>> {
    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    let root = CertifiedIssuer::self_signed(authority("kubernetes"), key(algorithm)?)?;
    let issuer = Issuer::new(authority("kubelets"), key(algorithm)?);
    let mut chain = vec![leaf().signed_by(&key(algorithm)?, &issuer)?.der().to_vec()];
    for _ in 1..MOST {
        chain.push(authority("kubelets").signed_by(&key(algorithm)?, &issuer)?.der().to_vec());
    }
    let mut made = kubelet(name, chain, root.as_ref().der().to_vec());
    if with_list {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2027, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        made.crls.push(to_pem(list.signed_by(&root)?.der(), Kind::RevocationList));
    }
    Ok(made)
}

/// One of x509-limbo's, from the fixtures of the tests.
fn of_limbo(name: &str, vector: &Value) -> Result<Chain, Box<dyn Error>> {
    let ders = |key: &str| -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
        let texts = vector[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        texts
            .map(|text| Ok(host::bundle::read(text.as_bytes(), Kind::Certificate).map_err(faults)?.blocks.concat()))
            .collect()
    };
    let dialled = vector["name"].as_str().unwrap_or_default().parse()?;
    let peer = Peer { chain: ders("chain")?, role: Role::Server, name: dialled, node: None, facts: Vec::new() };
    let anchor = ders("anchors")?.concat();
    Ok(Chain {
        name: format!("x509-limbo, {name}"),
        peer,
        anchor,
        crls: Vec::new(),
        at: vector["at"].as_u64().unwrap_or(AT),
    })
}

fn faults(faults: impl std::fmt::Debug) -> Box<dyn Error> {
    format!("{faults:?}").into()
}

fn kubelet(name: &str, chain: Vec<Vec<u8>>, anchor: Vec<u8>) -> Chain {
    let dialled = Name::Ip([10, 0, 0, 1].into());
    let peer = Peer { chain, role: Role::Server, name: dialled, node: Some("n1".into()), facts: Vec::new() };
    Chain { name: name.into(), peer, anchor, crls: Vec::new(), at: AT }
}

fn leaf() -> CertificateParams {
    let mut params = named("system:node:n1");
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.subject_alt_names = vec![SanType::IpAddress([10, 0, 0, 1].into())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

fn key(algorithm: &'static SignatureAlgorithm) -> Result<KeyPair, rcgen::Error> {
    match algorithm == &rcgen::PKCS_RSA_SHA256 {
        true => KeyPair::generate_rsa_for(algorithm, RsaKeySize::_2048),
        false => KeyPair::generate_for(algorithm),
    }
}

/// 2026-06-15, midnight UTC.
const AT: u64 = 1_781_481_600_000;
/// Certificates in a chain, of 64 that are read.
const MOST: usize = 62;
const LIMBO: &str = include_str!("../../tests/fixtures/certificates/x509-limbo-a.jsonl");
