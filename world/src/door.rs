//! A server's way in: an address, TLS or not, and what it answers. Bounded, and ended with the world.

use crate::tasks::Tasks;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, header, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use rustls::{ServerConfig, pki_types::CertificateDer};
use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    time,
};
use tokio_rustls::TlsAcceptor;

/// What a client showed, the leaf first; empty for nothing.
pub(crate) type Shown = Vec<CertificateDer<'static>>;

/// What is answered to whom.
pub(crate) type Answer = Arc<dyn Fn(&Shown, &Request<Incoming>) -> Response<Full<Bytes>> + Send + Sync>;

/// Takes a free port of an address.
pub(crate) async fn bind(address: Ipv4Addr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind((address, 0)).await?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Answers until the world ends.
pub(crate) fn open(tasks: &Tasks, socket: TcpListener, tls: Option<Arc<ServerConfig>>, answer: Answer) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let own = tasks.clone();
    tasks.run(async move {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = socket.accept().await else {
                // Out of file descriptors: others must end first.
                let _ = time::timeout(PAUSE, own.stopped()).await;
                continue;
            };
            // As Go's servers do; without it answers wait, and nothing else is lost.
            let _ = stream.set_nodelay(true);
            let (tls, answer, tasks) = (tls.clone(), answer.clone(), own.clone());
            own.run(async move {
                let _place = place;
                let Some(config) = tls else { return speak(stream, Shown::new(), answer, tasks).await };
                let handshake = TlsAcceptor::from(config).accept(stream);
                let Ok(Ok(stream)) = time::timeout(HANDSHAKE, handshake).await else { return };
                let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let shown = shown.iter().map(|it| it.clone().into_owned()).collect();
                speak(stream, shown, answer, tasks).await;
            });
        }
    });
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, shown: Shown, answer: Answer, tasks: Tasks) {
    let service = service_fn(|request| {
        let response = answer(&shown, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = auto::Builder::new(tasks);
    server.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    // A client that breaks off is its own affair.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// An answer of text.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", body)
}

/// An answer of JSON.
pub(crate) fn json(body: &serde_json::Value) -> Response<Full<Bytes>> {
    typed(StatusCode::OK, "application/json", body.to_string())
}

fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

/// One apiserver, one prober and some attackers; far from what a file table holds, for one door of thousands.
const CONNECTIONS: usize = 32;
/// On loopback it takes a millisecond.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Longer than the pause between two probes.
const IDLE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
