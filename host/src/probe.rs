//! Looks at servers as a stranger does: connects, reads the certificate, asks once without credentials, and hangs up.
//!
//! It owns the dialling, and dials nothing without a permit. What the certificates are worth the path's plugin tells.
//! Whatever answers is bounded in bytes and time: a probe reads one status line, never a body.

mod dial;
mod shown;

#[cfg(test)]
mod tests;

use crate::{
    certificate,
    inventory::Node,
    judge::{Judge, Permit, Reach},
    peer::{Name, Peer, Role},
    posture::{Found, ProbeReport, ReadOnly, Shown, TlsFound},
};
use data_encoding::HEXLOWER;
use dial::Dialled;
use rustls::{
    ClientConfig, ProtocolVersion,
    pki_types::{CertificateDer, ServerName},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use wire::{Certificate, Path, Verified};

/// Whom to look at, and the permits for it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whose plugin verifies it, and what it is asked.
    pub path: Path,
    pub server: Permit,
    /// As it is dialled; its address without one.
    pub name: Option<String>,
    /// The Node that it must be, and its own addresses and names, if known.
    pub node: Option<String>,
    pub addresses: Vec<String>,
    /// None: nobody looks whether there is one.
    pub read_only: Option<Permit>,
}

/// Looks at servers. One for all of them.
pub struct Prober {
    judge: Arc<Judge>,
    tls: ClientConfig,
    limit: Duration,
}

impl Target {
    /// A kubelet by the address that kube-apiserver would use, and by the ports that its node tells, or else by these: the
    /// kubelet's, and the read-only one, 0 for none.
    pub fn of_node(name: &str, node: &Node, ports: (u16, u16), reach: &Reach) -> Result<Target, String> {
        let of = |wanted: &str| {
            node.addresses.iter().filter(|(kind, _)| kind == wanted).find_map(|(_, it)| it.parse::<IpAddr>().ok())
        };
        let Some(ip) = of("InternalIP").or_else(|| of("ExternalIP")) else {
            return Err("its node has no IP address to dial".into());
        };
        let permit = |port| reach.permit(SocketAddr::new(ip, port)).map_err(|refused| refused.to_string());
        let read_only = match node.read_only_port.unwrap_or(ports.1) {
            0 => None,
            port => Some(permit(port)?),
        };
        let server = permit(node.kubelet_port.unwrap_or(ports.0))?;
        let addresses = node.addresses.iter().map(|(_, it)| it.clone()).collect();
        Ok(Target { path: Path::ApiserverToKubelet, server, name: None, node: Some(name.into()), addresses, read_only })
    }

    /// What tells without credentials whether callers without a name get in; nothing where a request could do something.
    fn question(&self) -> Option<&'static str> {
        match self.path {
            Path::ApiserverToKubelet => Some("/pods"),
            Path::NodeToApiserver => Some("/api"),
            _ => None,
        }
    }
}

impl Prober {
    /// Asks this judge about certificates.
    ///
    /// # Errors
    /// The cryptography that this program is built with has no protocol to offer.
    pub fn new(judge: Arc<Judge>) -> Result<Prober, rustls::Error> {
        Ok(Prober { judge, tls: dial::stranger()?, limit: LIMIT })
    }

    /// Looks once. It always answers, within some seconds; `now` is in ms since 1970.
    pub async fn look(&self, target: &Target, now: u64) -> ProbeReport {
        let address = target.server.address();
        let deadline = Instant::now().checked_add(self.limit).unwrap_or_else(Instant::now);
        let server = self.server(target, now, deadline);
        let read_only = async {
            match &target.read_only {
                Some(permit) => Some(read_only(permit, deadline).await),
                None => None,
            }
        };
        let (found, read_only) = tokio::join!(server, read_only);
        let node = target.node.clone().unwrap_or_default();
        ProbeReport { path: target.path, node, address: address.to_string(), at: now, found, read_only }
    }

    async fn server(&self, target: &Target, now: u64, deadline: Instant) -> Found {
        let address = target.server.address();
        let stream = match timeout_at(deadline, dial::dial(&target.server)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Found::Silent(format!("connect to {address}: {error}")),
            Err(_) => return Found::Silent(format!("connect to {address}: no answer in time")),
        };
        let (tls, asked) = dial::asked(&self.tls);
        let (stream, hello) = Dialled::new(stream);
        let ip = || ServerName::IpAddress(address.ip().into());
        let name = target.name.as_ref().and_then(|it| ServerName::try_from(it.clone()).ok()).unwrap_or_else(ip);
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
        let chain = connection.peer_certificates().unwrap_or_default().to_vec();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(_) | None => "TLS",
        };
        let stranger = match target.question() {
            Some(path) => status(&mut stream, path, address, deadline).await,
            None => None,
        };
        let (shown, note, certificate) = self.verify(target, &chain, now).await;
        Found::Tls(Box::new(TlsFound {
            version: version.into(),
            shown,
            note,
            certificate,
            asks_for_certificate: asked.was_asked(),
            stranger,
        }))
    }

    /// What the chain is worth, and its first certificate with what was found.
    async fn verify(
        &self,
        target: &Target,
        chain: &[CertificateDer<'static>],
        now: u64,
    ) -> (Option<Shown>, String, Option<Certificate>) {
        let address = target.server.address();
        let Some(leaf) = chain.first() else {
            return (Some(Shown::Untrusted), "no certificate was shown".into(), None);
        };
        let peer = Peer {
            chain: chain.iter().map(|it| it.to_vec()).collect(),
            role: Role::Server,
            name: match &target.name {
                Some(name) => Name::Dns(name.clone()),
                None => Name::Ip(address.ip().to_canonical()),
            },
            node: target.node.clone(),
            facts: target.addresses.iter().map(|it| (ADDRESS.to_owned(), it.clone())).collect(),
        };
        let (judge, path) = (self.judge.clone(), target.path);
        // It takes a hundred microseconds and more, which no decision should wait for.
        let Ok(judged) = spawn_blocking(move || judge.verify(path, now, &peer)).await else {
            return (None, "verifying it broke off".into(), None);
        };
        let Some(mut certificate) = certificate::shown(leaf, purpose(target.path), &address.to_string()) else {
            return (Some(Shown::Untrusted), "what was shown is no certificate that can be read".into(), None);
        };
        certificate.node = target.node.clone().unwrap_or_default();
        let (subject, issuer) = certificate::common_names(leaf);
        let (shown, note) = shown::shown(&judged, &certificate, (&subject, &issuer), target);
        certificate.verified = Some(Verified {
            by: path.to_string(),
            at: now,
            state: shown::state(&judged),
            path: judged.path,
            findings: judged.findings,
            chain: chain.iter().take(MOST_CHAIN).map(|it| certificate::link(it)).collect(),
        });
        (shown, note, Some(certificate))
    }
}

fn purpose(path: Path) -> &'static str {
    match path {
        Path::ApiserverToKubelet => "a kubelet serves with it",
        Path::NodeToApiserver => "kube-apiserver serves with it",
        Path::Tunnel => "a tunnel's end serves with it",
        _ => "an endpoint serves with it",
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
    let hex = HEXLOWER.encode(begin);
    let what = if hex.is_empty() { "no byte came back".to_owned() } else { format!("it began with {hex}") };
    Found::Foreign(format!("no TLS: {}; {what}", error.to_string()))
}

/// A kubelet that needs longer is as good as down, and one that dawdles must not hold up the others.
const LIMIT: Duration = Duration::from_secs(5);
/// Real chains have two or three.
const MOST_CHAIN: usize = 10;
/// A name or address of the Node, as plugins are told.
const ADDRESS: &str = "pathgate.io/node-address";
/// `HTTP/1.1 401`.
const STATUS_LINE: usize = 12;
