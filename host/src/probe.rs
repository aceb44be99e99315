//! Looks at kubelets as a stranger does: connects, reads the certificate, asks once without credentials, and hangs up.
//!
//! It owns the dialling, and dials nothing without a permit. It reports what it found, and no verdict on who may what.
//! Whatever answers is bounded in bytes and time: a probe reads one status line, never a body.

mod dial;
mod trust;

#[cfg(test)]
mod tests;

use crate::{
    judge::Permit,
    posture::{Found, ProbeReport, ReadOnly, TlsFound},
};
use dial::Dialled;
use rustls::{ClientConfig, ProtocolVersion, pki_types::ServerName};
use std::{fmt::Write as _, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

pub use trust::{ReadTrust, Trust};

/// Whom to look at, and the permits for it.
#[derive(Clone, Debug)]
pub struct Target {
    pub node: String,
    pub kubelet: Permit,
    /// None: nobody looks whether there is one.
    pub read_only: Option<Permit>,
}

/// Looks at kubelets. One for all of them.
#[derive(Debug)]
pub struct Prober {
    trust: Option<Trust>,
    tls: ClientConfig,
    limit: Duration,
}

impl Prober {
    /// Without a CA no certificate counts as the cluster's.
    ///
    /// # Errors
    /// The cryptography that this program is built with has no protocol to offer.
    pub fn new(trust: Option<Trust>) -> Result<Prober, rustls::Error> {
        Ok(Prober { trust, tls: dial::stranger()?, limit: LIMIT })
    }

    /// Looks once. It always answers, within some seconds; `now` is in ms since 1970.
    pub async fn look(&self, target: &Target, now: u64) -> ProbeReport {
        let address = target.kubelet.address();
        let deadline = Instant::now().checked_add(self.limit).unwrap_or_else(Instant::now);
        let kubelet = self.kubelet(target, now, deadline);
        let read_only = async {
            match &target.read_only {
                Some(permit) => Some(read_only(permit, deadline).await),
                None => None,
            }
        };
        let (found, read_only) = tokio::join!(kubelet, read_only);
        ProbeReport { node: target.node.clone(), address: address.to_string(), at: now, found, read_only }
    }

    async fn kubelet(&self, target: &Target, now: u64, deadline: Instant) -> Found {
        let address = target.kubelet.address();
        let stream = match timeout_at(deadline, dial::dial(&target.kubelet)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Found::Silent(format!("connect to {address}: {error}")),
            Err(_) => return Found::Silent(format!("connect to {address}: no answer in time")),
        };
        let (tls, asked) = dial::asked(&self.tls);
        let (stream, hello) = Dialled::new(stream);
        let name = ServerName::IpAddress(address.ip().into());
        let connecting = TlsConnector::from(Arc::new(tls)).connect(name, stream);
        let mut stream = match timeout_at(deadline, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return not_tls(&hello.begin(), &error),
            Err(_) if hello.begin().is_empty() => {
                return Found::Silent(format!("{address} took the connection and said nothing"));
            }
            Err(_) => return not_tls(&hello.begin(), &"the handshake came to no end"),
        };
        let (_, connection) = stream.get_ref();
        let chain = connection.peer_certificates().unwrap_or_default();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(_) | None => "TLS",
        };
        let seen = trust::judge(self.trust.as_ref(), chain, &target.node, address, now);
        let digests = chain.iter().take(MOST_CHAIN).map(|it| trust::sha256(it)).collect();
        let stranger = status(&mut stream, "/pods", address, deadline).await;
        Found::Tls(Box::new(TlsFound {
            version: version.into(),
            shown: seen.shown,
            note: seen.note,
            certificate: seen.certificate,
            chain: digests,
            asks_for_certificate: asked.was_asked(),
            stranger,
        }))
    }
}

/// Whether something answers behind the port that knows no credentials.
async fn read_only(permit: &Permit, deadline: Instant) -> ReadOnly {
    let address = permit.address().to_string();
    let mut stream = match timeout_at(deadline, dial::dial(permit)).await {
        Ok(Ok(stream)) => stream,
        // Somebody said no: the port is closed for certain.
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => return ReadOnly::Closed { address },
        Ok(Err(error)) => return ReadOnly::Silent { address, why: error.to_string() },
        Err(_) => return ReadOnly::Silent { address, why: "no answer in time".into() },
    };
    match status(&mut stream, "/healthz", permit.address(), deadline).await {
        Some(_) => ReadOnly::Open { address },
        None => ReadOnly::Silent { address, why: "it took the connection, and speaks no HTTP".into() },
    }
}

/// Asks without credentials, and reads no further than the status.
async fn status(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    path: &str,
    host: SocketAddr,
    deadline: Instant,
) -> Option<u16> {
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: pathgate-probe\r\nConnection: close\r\n\r\n");
    let asking = async {
        stream.write_all(request.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        let mut head = Vec::with_capacity(STATUS_LINE);
        let mut limited = stream.take(u64::try_from(STATUS_LINE).unwrap_or(u64::MAX));
        // "HTTP/1.1 401", and what comes after does not matter.
        while head.len() < STATUS_LINE {
            if limited.read_buf(&mut head).await.ok()? == 0 {
                break;
            }
        }
        let line = std::str::from_utf8(head.get(..STATUS_LINE)?).ok()?;
        let code = line.strip_prefix("HTTP/1.")?.get(2..)?.parse().ok()?;
        (100..=599).contains(&code).then_some(code)
    };
    timeout_at(deadline, asking).await.ok().flatten()
}

/// Something answered, and it was no TLS.
fn not_tls(begin: &[u8], error: &impl ToString) -> Found {
    if begin.starts_with(b"HTTP/") {
        return Found::Plaintext;
    }
    let mut hex = String::new();
    for byte in begin {
        let _infallible = write!(hex, "{byte:02x}");
    }
    let what = if hex.is_empty() { "no byte came back".to_owned() } else { format!("it began with {hex}") };
    Found::Foreign(format!("no TLS: {}; {what}", error.to_string()))
}

/// A kubelet that needs longer is as good as down, and one that dawdles must not hold up the others.
const LIMIT: Duration = Duration::from_secs(5);
/// Real chains have two or three.
const MOST_CHAIN: usize = 10;
/// `HTTP/1.1 401`.
const STATUS_LINE: usize = 12;
