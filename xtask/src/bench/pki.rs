//! One authority, a server's and a client's certificate, in files: what a bench needs to speak mTLS on loopback.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

/// Where the PEM files are.
pub struct Pki {
    pub authority: PathBuf,
    pub server: Pair,
    pub client: Pair,
}

/// A certificate and its key.
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("sign")]
    Sign(#[from] rcgen::Error),
    #[error("write `{path}`")]
    Write { path: PathBuf, source: io::Error },
}

impl Pki {
    /// Issues to a server on 127.0.0.1 and to a client that calls itself `kube-apiserver`.
    pub fn make(folder: &Path) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "bench");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let issue = |name: &str, usage| {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate()?;
            let certificate = write(folder, &format!("{name}.crt"), &params.signed_by(&key, &authority)?.pem())?;
            Ok::<Pair, Error>(Pair { certificate, key: write(folder, &format!("{name}.key"), &key.serialize_pem())? })
        };
        Ok(Self {
            authority: write(folder, "authority.crt", &authority.pem())?,
            server: issue("webhook", ExtendedKeyUsagePurpose::ServerAuth)?,
            client: issue("kube-apiserver", ExtendedKeyUsagePurpose::ClientAuth)?,
        })
    }
}

fn write(folder: &Path, name: &str, pem: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    fs::write(&path, pem).map_err(|source| Error::Write { path: path.clone(), source })?;
    Ok(path)
}
