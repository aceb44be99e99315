//! Certificate authorities for tests, and what they issue. Everything is P-256 and valid from a day ago for ten years, so
//! that a slow clock or a long-lived cache of test data does no harm.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Issues certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// The files of an [`Identity`].
#[derive(Clone, Debug)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// A root of its own.
    pub fn new(common_name: &str) -> Result<Authority> {
        let mut params = params(common_name, None, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Authority(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// A server's certificate; names are DNS names or addresses.
    pub fn server(&self, common_name: &str, names: &[&str]) -> Result<Identity> {
        self.issue(params(common_name, None, names)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate. Kubernetes reads the common name as the user and the organization as the group.
    pub fn client(&self, common_name: &str, organization: Option<&str>) -> Result<Identity> {
        self.issue(params(common_name, organization, &[])?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The authority's own certificate, and the key that signs.
    pub fn identity(&self) -> Identity {
        Identity { certificate: self.0.pem(), key: self.0.key().serialize_pem() }
    }

    fn issue(&self, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok(Identity { certificate: params.signed_by(&key, &self.0)?.pem(), key: key.serialize_pem() })
    }
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key`, the key for the owner only.
    pub fn write(&self, folder: &Path, name: &str) -> Result<Files> {
        let files = Files { certificate: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) };
        fs::write(&files.certificate, &self.certificate).with_context(|| format!("write {:?}", files.certificate))?;
        let mut key = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(&files.key)?;
        std::io::Write::write_all(&mut key, self.key.as_bytes()).with_context(|| format!("write {:?}", files.key))?;
        Ok(files)
    }
}

/// A key pair without a certificate, as PEM: private (PKCS #8) and public (SPKI).
pub fn key_pair() -> Result<(String, String)> {
    let key = KeyPair::generate()?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn params(common_name: &str, organization: Option<&str>, names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        params.distinguished_name.push(DnType::OrganizationName, organization);
    }
    let now = std::time::SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + 3650 * DAY).into();
    Ok(params)
}

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);
