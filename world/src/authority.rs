//! Certificate authorities and what they issue: P-256, with the names and usages that kubeadm and kubelet give.

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::CertifiedKey,
};
use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with what is sent after it, and its key.
pub struct Identity {
    /// The leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// PEM of the chain.
    pub certificate: String,
    /// PEM of the key, PKCS #8.
    pub key: String,
    secret: Vec<u8>,
}

/// Every authority of the cluster. Each vouches for one thing only.
pub struct Authorities {
    /// Clients of kube-apiserver and of kubelets, and kube-apiserver's own serving certificate.
    pub cluster: Authority,
    /// Serving certificates of kubelets.
    pub kubelets: Authority,
    /// The two ends of the connection between kube-apiserver and its webhook.
    pub webhook: Authority,
}

impl Authorities {
    pub(crate) fn new() -> Result<Authorities, rcgen::Error> {
        Ok(Authorities {
            cluster: Authority::new("kubernetes")?,
            kubelets: Authority::new("kubelet-serving")?,
            webhook: Authority::new("pathgate-webhook")?,
        })
    }
}

impl Authority {
    /// A root of its own.
    ///
    /// # Errors
    /// When the machine gives no key.
    pub fn new(common_name: &str) -> Result<Authority, rcgen::Error> {
        Ok(Authority(CertifiedIssuer::self_signed(ca(common_name), KeyPair::generate()?)?))
    }

    /// A server's certificate.
    ///
    /// # Errors
    /// When a name is no DNS name.
    pub fn server(
        &self,
        common_name: &str,
        organization: Option<&str>,
        names: &[&str],
        addresses: &[Ipv4Addr],
    ) -> Result<Identity, rcgen::Error> {
        let mut params = leaf(common_name, organization, ExtendedKeyUsagePurpose::ServerAuth);
        for name in names {
            params.subject_alt_names.push(SanType::DnsName((*name).try_into()?));
        }
        params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress((*address).into())));
        self.issue(params, false)
    }

    /// A client's certificate. Kubernetes reads the common name as the user, the organization as the group.
    ///
    /// # Errors
    /// When the machine gives no key.
    pub fn client(&self, common_name: &str, organization: Option<&str>) -> Result<Identity, rcgen::Error> {
        self.issue(leaf(common_name, organization, ExtendedKeyUsagePurpose::ClientAuth), false)
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// The authority's own certificate, PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn key_pem(&self) -> String {
        self.0.key().serialize_pem()
    }

    fn issue(&self, mut params: CertificateParams, with_root: bool) -> Result<Identity, rcgen::Error> {
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.0)?;
        let mut certificate = leaf.pem();
        let mut chain = vec![leaf.der().clone()];
        if with_root {
            certificate.push_str(&self.pem());
            chain.push(self.certificate());
        }
        Ok(Identity { chain, certificate, key: key.serialize_pem(), secret: key.serialize_der() })
    }
}

impl Identity {
    /// What a kubelet makes for itself when nobody signs: an authority for this one certificate, thrown away. The chain
    /// that it serves has both, and no address.
    pub(crate) fn of_lone_kubelet(node: &str) -> Result<Identity, rcgen::Error> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let authority = Authority::new(&format!("{node}-ca@{at}"))?;
        let mut params = leaf(&format!("{node}@{at}"), None, ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names.push(SanType::DnsName(node.try_into()?));
        authority.issue(params, true)
    }

    /// The SHA-256 of the leaf, as kube-apiserver writes it into `credential-id`.
    pub fn fingerprint(&self) -> String {
        let leaf = self.chain.first().map(|it| it.as_ref()).unwrap_or_default();
        digest(&SHA256, leaf).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.secret.clone().into())
    }

    pub(crate) fn certified(&self) -> Result<Arc<CertifiedKey>, rustls::Error> {
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&self.key_der())?;
        Ok(Arc::new(CertifiedKey::new(self.chain.clone(), key)))
    }
}

/// A request for a certificate, PEM, signed by a key that nobody keeps.
pub(crate) fn request(common_name: &str, organization: &str) -> Result<String, rcgen::Error> {
    let mut params = leaf(common_name, Some(organization), ExtendedKeyUsagePurpose::ClientAuth);
    // The usages of a request are fields of its Kubernetes object.
    params.extended_key_usages.clear();
    params.key_usages.clear();
    params.serialize_request(&KeyPair::generate()?)?.pem()
}

fn leaf(common_name: &str, organization: Option<&str>, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = named(common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params
}

fn ca(common_name: &str) -> CertificateParams {
    let mut params = named(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    params
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = SystemTime::now();
    params.not_before = (now - BACK).into();
    params.not_after = (now + LIFE).into();
    params
}

/// As the signer of kube-controller-manager backdates, for clocks that are late.
const BACK: Duration = Duration::from_secs(5 * 60);
/// As kubeadm issues.
const LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
