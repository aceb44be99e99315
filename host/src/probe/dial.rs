//! Connecting as a stranger who checks nothing yet, but makes the server prove that it holds the key it shows.

use crate::judge::Permit;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The only place that dials.
pub(super) async fn dial(permit: &Permit) -> io::Result<TcpStream> {
    TcpStream::connect(permit.address()).await
}

/// A client without a name that takes any certificate, once its key is proved.
pub(super) fn stranger() -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(rustls::ALL_VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyKey(provider)))
        .with_no_client_auth();
    // Every probe is a whole handshake, so that it sees the certificate of today.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The same client for one connection, and whether that asks for a certificate.
pub(super) fn asked(config: &ClientConfig) -> (ClientConfig, Arc<Asked>) {
    let asked = Arc::new(Asked::default());
    let mut config = config.clone();
    config.client_auth_cert_resolver = asked.clone();
    (config, asked)
}

/// Remembers that a server wanted a certificate, and has none to give.
#[derive(Debug, Default)]
pub(super) struct Asked(AtomicBool);

impl Asked {
    pub fn was_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    /// It has to say so, or it is never asked.
    fn has_certs(&self) -> bool {
        true
    }
}

/// Takes any certificate; what it is worth is looked at afterwards. The signature is checked: a copied certificate is
/// no proof of anything.
#[derive(Debug)]
struct AnyKey(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection that keeps the first bytes it hears.
pub(super) struct Dialled {
    stream: TcpStream,
    begin: Arc<Mutex<Vec<u8>>>,
}

/// What was heard first.
pub(super) struct Hello(Arc<Mutex<Vec<u8>>>);

impl Hello {
    pub fn begin(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Dialled {
    pub fn new(stream: TcpStream) -> (Dialled, Hello) {
        let begin = Arc::new(Mutex::new(Vec::new()));
        (Dialled { stream, begin: begin.clone() }, Hello(begin))
    }
}

impl AsyncRead for Dialled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let heard = buffer.filled().get(before..).unwrap_or_default();
        if !heard.is_empty() {
            let mut begin = self.begin.lock().unwrap_or_else(PoisonError::into_inner);
            let room = BEGIN.saturating_sub(begin.len());
            begin.extend(heard.iter().take(room));
        }
        polled
    }
}

impl AsyncWrite for Dialled {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Enough to tell TLS, HTTP and SSH apart.
const BEGIN: usize = 8;
