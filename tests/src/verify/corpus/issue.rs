//! Issues what a row says, and asks what it asks.

use super::Row;
use anyhow::{Context, Result, anyhow};
use host::{
    bundle::{self, Kind},
    peer::{Name, Peer, Role},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose as Purpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose as Usage,
    NameConstraints, RevokedCertParams, SanType, SerialNumber, SigningKey, date_time_ymd,
};
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};

/// 2026-06-15, midnight UTC: the time of every question.
pub const NOW: u64 = 1_781_481_600;

/// Whom a row is about, as long as nothing is changed.
pub struct Scene {
    pub path: &'static str,
    role: Role,
    name: &'static str,
    node: Option<&'static str>,
    cn: &'static str,
    o: &'static str,
    san: &'static str,
}

impl Scene {
    pub fn of(row: &Row<'_>) -> Result<Scene> {
        let scene = |path, role, name, node, cn, o, san| Ok(Scene { path, role, name, node, cn, o, san });
        use Role::{Client, Server};
        match row.scene {
            "kubelet" => {
                let (cn, san) = ("system:node:n1", "n1,10.0.0.1");
                scene("apiserver_to_kubelet", Server, "ip:10.0.0.1", Some("n1"), cn, "system:nodes", san)
            }
            "caller" => {
                let (cn, o) = ("kube-apiserver-kubelet-client", "kubeadm:cluster-admins");
                scene("apiserver_to_kubelet", Client, "none", None, cn, o, "none")
            }
            "apiserver" => {
                let san = "kubernetes,kubernetes.default,kubernetes.default.svc,10.96.0.1";
                let name = "dns:kubernetes.default.svc";
                scene("node_to_apiserver", Server, name, None, "kube-apiserver", "none", san)
            }
            "node" => scene("node_to_apiserver", Client, "none", Some("n1"), "system:node:n1", "system:nodes", "none"),
            "endpoint" => {
                scene("apiserver_to_endpoint", Server, "dns:web.shop.svc", None, "web", "none", "web.shop.svc")
            }
            "konnectivity" => {
                let name = "konnectivity.example";
                scene("tunnel", Server, "dns:konnectivity.example", None, "konnectivity-server", "none", name)
            }
            "agent" => scene("tunnel", Client, "none", None, "konnectivity-agent", "none", "none"),
            other => Err(anyhow!("nobody is called {other}")),
        }
    }

    /// The config of the plugin, and the peer to ask it about.
    pub fn issue(&self, row: &Row<'_>) -> Result<(Value, Peer)> {
        let root = CertifiedIssuer::self_signed(authority(row, "root", "anchor.")?, key(row.value("anchor.key"))?)?;
        let mut chain = Vec::new();
        let mut issuer = root.as_ref().der().to_vec();
        let via = row.value("via").unwrap_or("0").parse::<usize>()?;
        let mut between: Option<CertifiedIssuer<'_, KeyPair>> = None;
        for at in 0..via {
            let params = authority(row, &format!("between {at}"), "between.")?;
            let above: &Issuer<'_, KeyPair> = between.as_ref().map_or(&root, |it| it);
            let next = CertifiedIssuer::signed_by(params, KeyPair::generate()?, above)?;
            chain.insert(0, next.as_ref().der().to_vec());
            between = Some(next);
        }
        let above: &Issuer<'_, KeyPair> = between.as_ref().map_or(&root, |it| it);
        let own = key(row.value("key"))?;
        let leaf = self.leaf(row)?.signed_by(&own, above)?.der().to_vec();
        let anchors = match row.value("anchor") {
            None => vec![std::mem::take(&mut issuer)],
            Some("none") => Vec::new(),
            Some("same-name") => vec![self_signed(row, "root")?],
            Some(_) => vec![self_signed(row, "other")?],
        };
        let config = self.config(row, &leaf, &own, anchors, &root)?;
        let chain = match row.value("mutate") {
            None => [vec![leaf], chain].concat(),
            Some("empty") => Vec::new(),
            Some("truncate") => vec![leaf[..leaf.len() - 1].to_vec()],
            Some("trailing") => vec![[&leaf[..], &[0]].concat()],
            Some(_) => vec![flipped(leaf)],
        };
        let name = match row.value("name").unwrap_or(self.name) {
            "none" => Name::None,
            name => name.parse().map_err(|error| anyhow!("{error}"))?,
        };
        let node = row.value("node").or(self.node).filter(|node| *node != "none").map(str::to_owned);
        let addresses = row.values("address").flat_map(|it| it.split(','));
        let facts = addresses.map(|it| ("pathgate.io/node-address".to_owned(), it.to_owned())).collect();
        Ok((config, Peer { chain, role: self.role, name, node, facts }))
    }

    fn leaf(&self, row: &Row<'_>) -> Result<CertificateParams> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        // The second of a kind is put in by its number: rcgen keeps one for each name.
        for (kind, own, oid) in [("cn", self.cn, [2, 5, 4, 3]), ("o", self.o, [2, 5, 4, 10])] {
            match row.value(kind).unwrap_or(own) {
                "none" => {}
                value if kind == "cn" => params.distinguished_name.push(DnType::CommonName, value),
                value => params.distinguished_name.push(DnType::OrganizationName, value),
            }
            for more in row.values(&format!("{kind}+")) {
                params.distinguished_name.push(DnType::CustomDnType(oid.to_vec()), more);
            }
        }
        let names = row.value("san").unwrap_or(self.san).split(',').chain(row.values("san+"));
        params.subject_alt_names = names.filter(|it| *it != "none").map(alternative).collect::<Result<_>>()?;
        let more = row.value("names").unwrap_or("0").parse::<u32>()?;
        let more = (0..more).map(|at| alternative(&format!("n{at}.example"))).collect::<Result<Vec<_>>>()?;
        params.subject_alt_names.extend(more);
        let (right, wrong) = match self.role {
            Role::Server => (Purpose::ServerAuth, Purpose::ClientAuth),
            Role::Client => (Purpose::ClientAuth, Purpose::ServerAuth),
        };
        let purpose = |it: &str| match it {
            "right" => Some(right.clone()),
            "wrong" => Some(wrong.clone()),
            "code" => Some(Purpose::CodeSigning),
            "any" => Some(Purpose::Any),
            _ => None,
        };
        params.extended_key_usages = row.value("eku").unwrap_or("right").split(',').filter_map(purpose).collect();
        params.key_usages = usages(row.value("ku").unwrap_or("ds"));
        params.use_authority_key_identifier_extension = row.value("aki") != Some("no");
        if row.value("ca").is_some() {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        if let Some(serial) = row.value("serial") {
            params.serial_number = Some(SerialNumber::from_slice(&bytes(serial)?));
        }
        if row.value("constraints").is_some() {
            params.custom_extensions.push(constraints());
        }
        match row.value("critical") {
            Some("eku") => {
                params.extended_key_usages.clear();
                params.custom_extensions.push(critical_purpose(self.role));
            }
            Some(_) => {
                let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
                unknown.set_criticality(true);
                params.custom_extensions.push(unknown);
            }
            None => {}
        }
        lifetime(&mut params, row, "", -1, 365)?;
        Ok(params)
    }

    fn config(
        &self,
        row: &Row<'_>,
        leaf: &[u8],
        key: &KeyPair,
        anchors: Vec<Vec<u8>>,
        root: &CertifiedIssuer<'_, KeyPair>,
    ) -> Result<Value> {
        let mut peers = json!({"anchors": super::pem(&anchors, Kind::Certificate)});
        let mut config = json!({});
        for (key_name, value) in row.changes.iter().filter_map(|(key, value)| Some((key.strip_prefix("set.")?, *value)))
        {
            match key_name.strip_prefix("rules.") {
                Some(rule) => config["rules"][rule] = json!(value),
                None if key_name == "names" => {
                    let own = self.name.split_once(':').map_or(self.name, |(_, name)| name);
                    peers["names"] = json!([own]);
                }
                None if key_name == "pins" => peers["pins"] = json!([pin(value, leaf, key)]),
                None if key_name == "agentNames" => config["agentNames"] = json!([value]),
                None => peers[key_name] = json!(value.parse::<u32>()?),
            }
        }
        if let Some(kinds) = row.value("crl") {
            let lists: Result<Vec<_>> = kinds.split(',').map(|kind| crl(row, kind, leaf, root)).collect();
            peers["crls"] = json!(lists?);
        }
        config[if self.role == Role::Server { "servers" } else { "clients" }] = peers;
        Ok(config)
    }
}

/// An authority with the changes of a row that begin so.
fn authority(row: &Row<'_>, name: &str, prefix: &str) -> Result<CertificateParams> {
    let value = |key: &str| row.value(&format!("{prefix}{key}"));
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = match (value("ca"), value("pathlen")) {
        (Some("no"), _) => IsCa::ExplicitNoCa,
        (_, Some(length)) => IsCa::Ca(BasicConstraints::Constrained(length.parse()?)),
        (_, None) => IsCa::Ca(BasicConstraints::Unconstrained),
    };
    params.key_usages = usages(value("ku").unwrap_or("ds,kcs,crl"));
    params.use_authority_key_identifier_extension = true;
    if let Some(name) = value("permit") {
        let permitted_subtrees = vec![
            GeneralSubtree::DnsName(name.into()),
            GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v4_prefix([203, 0, 113, 0], 24)),
        ];
        params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    }
    if let Some(how) = value("exclude") {
        params.custom_extensions.push(excluded(how == "critical"));
    }
    lifetime(&mut params, row, prefix, -10, 3_650)?;
    Ok(params)
}

fn self_signed(row: &Row<'_>, name: &str) -> Result<Vec<u8>> {
    // The same key identifier, or the identifier would give it away before the signature does.
    let mut params = authority(row, name, "anchor.")?;
    if name == "root" {
        let root = authority(row, name, "anchor.")?.key_identifier(&KeyPair::generate()?);
        params.key_identifier_method = KeyIdMethod::PreSpecified(root);
    }
    Ok(params.self_signed(&KeyPair::generate()?)?.der().to_vec())
}

fn lifetime(params: &mut CertificateParams, row: &Row<'_>, prefix: &str, from: i64, to: i64) -> Result<()> {
    let day = |key: &str, otherwise: i64| -> Result<_> {
        let days = row.value(&format!("{prefix}{key}")).map_or(Ok(otherwise), str::parse::<i64>)?;
        let by = Duration::from_secs(days.unsigned_abs() * 86_400);
        let now = date_time_ymd(2026, 6, 15);
        Ok(if days < 0 { now - by } else { now + by })
    };
    // What ends before it begins would be refused for that.
    params.not_after = day("to", to)?;
    params.not_before = day("from", from)?.min(params.not_after - Duration::from_secs(86_400));
    Ok(())
}

fn crl(row: &Row<'_>, kind: &str, leaf: &[u8], root: &CertifiedIssuer<'_, KeyPair>) -> Result<String> {
    let name = if kind == "other" { "other" } else { "root" };
    let mut signer = authority(row, name, "anchor.")?;
    signer.key_usages = usages("kcs,crl");
    let now = date_time_ymd(2026, 6, 15);
    let serial = x509_serial(leaf)?;
    let day = Duration::from_secs(86_400);
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from_slice(&serial),
        revocation_time: now - day,
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: now - 2 * day,
        next_update: if kind == "expired" { now - day } else { now + day },
        crl_number: SerialNumber::from(7),
        issuing_distribution_point: (kind == "authorities").then(|| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec!["http://example/authorities.crl".into()] },
            scope: Some(CrlScope::CaCertsOnly),
        }),
        revoked_certs: if kind == "revoked" { vec![revoked] } else { Vec::new() },
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = match kind {
        "forged" | "other" => params.signed_by(&Issuer::new(signer, KeyPair::generate()?))?,
        _ => params.signed_by(&Issuer::from_params(&signer, root.key()))?,
    };
    let der = list.der().to_vec();
    let der = if kind == "unnumbered" { unnumbered(der, root.key())? } else { der };
    Ok(bundle::to_pem(&der, Kind::RevocationList))
}

fn usages(text: &str) -> Vec<Usage> {
    let usage = |it: &str| match it {
        "ds" => Some(Usage::DigitalSignature),
        "ke" => Some(Usage::KeyEncipherment),
        "kcs" => Some(Usage::KeyCertSign),
        "crl" => Some(Usage::CrlSign),
        _ => None,
    };
    text.split(',').filter_map(usage).collect()
}

fn key(kind: Option<&str>) -> Result<KeyPair> {
    Ok(KeyPair::generate_for(match kind {
        Some("p384") => &rcgen::PKCS_ECDSA_P384_SHA384,
        Some("p521") => &rcgen::PKCS_ECDSA_P521_SHA512,
        Some("ed25519") => &rcgen::PKCS_ED25519,
        Some(_) | None => &rcgen::PKCS_ECDSA_P256_SHA256,
    })?)
}

fn alternative(name: &str) -> Result<SanType> {
    if let Some(text) = name.strip_prefix("dns/") {
        return Ok(SanType::DnsName(text.try_into()?));
    }
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.try_into()?)),
    }
}

fn pin(kind: &str, leaf: &[u8], key: &KeyPair) -> String {
    use rcgen::PublicKeyData;
    let digest = match kind {
        "certificate" => host::plugins::digest(leaf),
        "key" => host::plugins::digest(&key.subject_public_key_info()),
        _ => "00".repeat(32),
    };
    format!("sha256:{digest}")
}

/// id-ce-nameConstraints, permitting `example`.
fn constraints() -> CustomExtension {
    let subtree = [&[0x30, 0x0d, 0xa0, 0x0b, 0x30, 0x09, 0x82, 0x07][..], b"example"].concat();
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], subtree);
    extension.set_criticality(true);
    extension
}

/// id-ce-nameConstraints, excluding `x.example`.
fn excluded(is_critical: bool) -> CustomExtension {
    let subtree = [&[0x30, 0x0f, 0xa1, 0x0d, 0x30, 0x0b, 0x82, 0x09][..], b"x.example"].concat();
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], subtree);
    extension.set_criticality(is_critical);
    extension
}

/// A revocation list whose number became an extension that nobody knows, signed anew by an Ed25519 key: its signatures are all
/// of 64 bytes, so that no length changes.
fn unnumbered(mut der: Vec<u8>, key: &KeyPair) -> Result<Vec<u8>> {
    const NUMBER: [u8; 3] = [0x55, 0x1d, 0x14];
    let number = der.windows(3).position(|it| it == NUMBER).context("no number")?;
    der[number + 2] = 0x63;
    let (outer, _) = header(&der)?;
    let (inner, length) = header(&der[outer..])?;
    let signature = key.sign(&der[outer..outer + inner + length])?;
    let at = der.len().checked_sub(signature.len()).filter(|_| signature.len() == 64).context("not by Ed25519")?;
    der[at..].copy_from_slice(&signature);
    Ok(der)
}

/// How long the header of a value is, and its content.
fn header(der: &[u8]) -> Result<(usize, usize)> {
    let first = usize::from(*der.get(1).context("no length")?);
    let more = first.saturating_sub(0x80);
    let bytes = der.get(2..2 + more).context("no length")?;
    let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    Ok((2 + more, if more == 0 { first } else { length }))
}

/// id-ce-extKeyUsage as a critical extension.
fn critical_purpose(role: Role) -> CustomExtension {
    let last = if role == Role::Server { 1 } else { 2 };
    let content = vec![0x30, 0x0a, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, last];
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 37], content);
    extension.set_criticality(true);
    extension
}

/// A certificate whose signature is wrong in its last bit.
fn flipped(mut der: Vec<u8>) -> Vec<u8> {
    if let Some(last) = der.last_mut() {
        *last ^= 1;
    }
    der
}

/// The serial number: rcgen tells it only to whom chose it.
fn x509_serial(der: &[u8]) -> Result<Vec<u8>> {
    // SEQUENCE { SEQUENCE { [0] { INTEGER 2 }, INTEGER serial, with lengths of two bytes.
    let at = der.windows(5).position(|it| it == [0xa0, 3, 2, 1, 2]).context("no version")? + 5;
    let length = usize::from(*der.get(at + 1).context("no serial")?);
    Ok(der.get(at + 2..at + 2 + length).context("no serial")?.to_vec())
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    pairs.collect()
}
