//! From three PEM files to a server configuration, or to a sentence that says which file is wrong and what to do.
//! Nothing of a file's content is ever part of the sentence.

use super::{Files, client::Named};
use crate::certificate;
use ::aws_lc_rs::digest::{self, SHA256};
use rustls::{
    Error, InconsistentKeys, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{PemObject, SectionKind},
    },
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Why certificates were not taken.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error("`{path}` cannot be read: it must exist, and be readable for the user that runs this")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is not a file of PEM: name a regular file of at most 1 MiB")]
    NotAFile { path: PathBuf },
    #[error("`{path}` is not PEM: a section in it is cut off or garbled, so write the file anew")]
    Garbled { path: PathBuf },
    #[error("`{path}` holds no certificate: put the certificate there in PEM, followed by its intermediates")]
    NoCertificate { path: PathBuf },
    #[error("`{path}` holds no CA certificate: put the CA that signs client certificates there in PEM")]
    NoCa { path: PathBuf },
    #[error(
        "`{path}` holds a private key where certificates belong: take it out, and replace it if others could read it"
    )]
    KeyAmongCertificates { path: PathBuf },
    #[error("`{path}` holds no private key: put the certificate's key there in PEM, unencrypted")]
    NoKey { path: PathBuf },
    #[error("`{path}` holds a certificate that does not parse: issue it anew")]
    BadCertificate { path: PathBuf },
    #[error("`{path}` holds a key of an unsupported kind: use ECDSA P-256, P-384, Ed25519 or RSA from 2048 bits")]
    BadKey { path: PathBuf },
    #[error("the key in `{key}` is not that of the certificate in `{certificate}`: write both from the same issue")]
    Mismatch { key: PathBuf, certificate: PathBuf },
    #[error("no client names are allowed, so nobody could connect: list at least one")]
    NoNames,
}

/// Certificates and key, understood.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    /// The first expiry in the served chain, in seconds since 1970-01-01 UTC.
    pub(super) not_after: i64,
    /// The served chain and the trusted CAs, for people.
    pub(super) shown: Vec<wire::Certificate>,
}

/// The bytes of the three files.
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Vec<u8>,
}

impl Contents {
    /// Reads all three. Kubernetes swaps a secret's files by one symbolic link, which this follows.
    pub(super) fn read(files: &Files) -> Result<Contents, TlsFault> {
        Ok(Contents {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
            client_ca: read(&files.client_ca)?,
        })
    }

    /// Equal if nothing changed.
    pub(super) fn digest(&self) -> [Vec<u8>; 3] {
        [&self.certificate, &self.key, &self.client_ca].map(|it| digest::digest(&SHA256, it).as_ref().to_vec())
    }

    /// Builds what serves new connections.
    pub(super) fn load(&self, files: &Files) -> Result<Loaded, TlsFault> {
        if files.client_names.is_empty() {
            return Err(TlsFault::NoNames);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&self.certificate, &files.certificate, Key::MayBeThere)?;
        if chain.is_empty() {
            return Err(TlsFault::NoCertificate { path: files.certificate.clone() });
        }
        let not_after = first_expiry(&chain, &files.certificate)?;
        let (served, path) = (files.certificate.display().to_string(), files.client_ca.display().to_string());
        let mut shown: Vec<_> =
            chain.iter().filter_map(|der| certificate::shown(der, "serves the webhook", &served)).collect();
        let trusted_cas = certificates(&self.client_ca, &files.client_ca, Key::Refuse)?;
        shown
            .extend(trusted_cas.iter().filter_map(|der| certificate::shown(der, "signs the webhook's clients", &path)));
        let certified = certified(chain, &self.key, files, &provider)?;
        let roots = roots(&self.client_ca, &files.client_ca)?;
        let trusted = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|_| TlsFault::NoCa { path: files.client_ca.clone() })?;
        let named = Named { trusted, allowed: files.client_names.clone() };
        #[expect(clippy::expect_used, reason = "the provider has suites for TLS 1.2 and 1.3, always")]
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_client_cert_verifier(Arc::new(named))
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // INVARIANT: no connection is resumed. A resumed one skips the client's proof, so it would outlive a change of
        // the client CA or of the list; and kube-apiserver never asks for it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Loaded { config: Arc::new(config), not_after, shown })
    }
}

/// Whether a private key may stand in the same file.
enum Key {
    /// kubelets, among others, write certificate and key into one file.
    MayBeThere,
    Refuse,
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let fault = |source| TlsFault::Read { path: path.into(), source };
    // Opening a pipe would wait for its writer.
    if !path.metadata().map_err(fault)?.is_file() {
        return Err(TlsFault::NotAFile { path: path.into() });
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(fault)?;
    match u64::try_from(read) {
        Ok(read) if read <= LARGEST => Ok(bytes),
        _ => Err(TlsFault::NotAFile { path: path.into() }),
    }
}

fn certificates(pem: &[u8], path: &Path, key: Key) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let mut chain = Vec::new();
    let mut keys = false;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let (kind, der) = section.map_err(|_| TlsFault::Garbled { path: path.into() })?;
        match kind {
            SectionKind::Certificate => chain.push(CertificateDer::from(der)),
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => keys = true,
            _ => {}
        }
    }
    let refused = match key {
        Key::MayBeThere => chain.is_empty(),
        Key::Refuse => true,
    };
    if keys && refused {
        return Err(TlsFault::KeyAmongCertificates { path: path.into() });
    }
    Ok(chain)
}

fn first_expiry(chain: &[CertificateDer<'_>], path: &Path) -> Result<i64, TlsFault> {
    let mut first = i64::MAX;
    for der in chain {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| TlsFault::BadCertificate { path: path.into() })?;
        first = first.min(certificate.validity().not_after.timestamp());
    }
    Ok(first)
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    pem: &[u8],
    files: &Files,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsFault> {
    let key = match PrivateKeyDer::pem_slice_iter(pem).next() {
        None => return Err(TlsFault::NoKey { path: files.key.clone() }),
        Some(Err(_)) => return Err(TlsFault::Garbled { path: files.key.clone() }),
        Some(Ok(key)) => key,
    };
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsFault::Mismatch { key: files.key.clone(), certificate: files.certificate.clone() }
        }
        Error::InvalidCertificate(_) => TlsFault::BadCertificate { path: files.certificate.clone() },
        _ => TlsFault::BadKey { path: files.key.clone() },
    })
}

fn roots(pem: &[u8], path: &Path) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, path, Key::Refuse)? {
        roots.add(certificate).map_err(|_| TlsFault::BadCertificate { path: path.into() })?;
    }
    if roots.is_empty() {
        return Err(TlsFault::NoCa { path: path.into() });
    }
    Ok(roots)
}

/// A bundle of every public CA is a quarter of it.
const LARGEST: u64 = 1024 * 1024;
