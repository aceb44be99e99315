//! Sockets: one accept loop for all doors. It owns the bounds of connections, TLS, the HTTP versions, waits, and an
//! orderly end. It refuses plain HTTP anywhere but on loopback, and knows nothing of what is asked.

mod activity;
mod connection;
pub mod drain;
mod metrics;
pub mod tls;

use bytes::Bytes;
use connection::Shared;
use drain::{Cut, drain};
use hyper::{
    Request, Response,
    body::{Body, Incoming},
};
use metrics::Cause;
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tls::Reloader;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

pub use metrics::{DoorMetrics, Metrics};

/// How much a door takes on, and how long it waits. Each has a default with its reason.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections at once, handshakes among them; more are closed at once.
    pub connections: usize,
    /// The longest handshake.
    pub handshake: Duration,
    /// The longest wait for a request's head, once it has begun (http/1.1).
    pub head: Duration,
    /// How long a connection may ask nothing.
    pub idle: Duration,
    /// How long what runs may go on after the stop.
    pub grace: Duration,
    /// Bytes of a request's head.
    pub head_bytes: u32,
    /// Streams of one h2 connection at once.
    pub streams: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            // kube-apiserver opens one for each of its 600 requests at worst (http/1.1); the rest of the usual 1,024
            // open files is for the journal and plugins.
            connections: 768,
            // Two round trips, even over a bad line.
            handshake: Duration::from_secs(5),
            // kube-apiserver writes a head in one go.
            head: Duration::from_secs(10),
            // Go's clients close after 90 s themselves; later than they do, so that no request meets a closing.
            idle: Duration::from_secs(300),
            // A decision takes milliseconds, and Kubernetes kills after 30 s.
            grace: Duration::from_secs(20),
            // Real heads are below 1 KiB; hyper wants at least 8 KiB.
            head_bytes: 16 * 1024,
            // What Go's servers allow, so that clients behave as they are known to.
            streams: 250,
        }
    }
}

/// What an answer carries: bytes that come whole, or one after the other. It does not fail: it ends.
pub trait Payload: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static> Payload for B {}

/// Who may connect.
pub enum Guard {
    /// Clients with a certificate that the reloader accepts.
    Mutual(Arc<Reloader>),
    /// Everybody on this machine, by plain http/1.1; the address must be a loopback one.
    Loopback,
}

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindFault {
    #[error("listen on `{address}`: another process has it, or it is not of this machine")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("`{address}` is reachable from outside and has no TLS: use a loopback address")]
    Exposed { address: SocketAddr },
}

/// A door that has its address and waits to be run.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
    options: Options,
    metrics: DoorMetrics,
}

/// Takes the address; connections wait in the kernel until [`Bound::run`].
///
/// # Errors
/// When the address cannot be had, or must not be.
pub async fn bind(
    address: SocketAddr,
    guard: Guard,
    options: Options,
    metrics: DoorMetrics,
) -> Result<Bound, BindFault> {
    match &guard {
        Guard::Loopback if !address.ip().is_loopback() => return Err(BindFault::Exposed { address }),
        Guard::Loopback | Guard::Mutual(_) => {}
    }
    let fault = |source| BindFault::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    Ok(Bound { listener, address, guard, options, metrics })
}

impl Bound {
    /// Where it listens: the port is the real one if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until stopped, then lets what runs come to its end. The handler gets each request and the listed name of
    /// its client, which is empty on loopback.
    ///
    /// # Errors
    /// When something was still running after the grace, and was cut off.
    pub async fn run<H, F, B>(self, handler: H, stop: CancellationToken) -> Result<(), Cut>
    where
        H: Fn(Request<Incoming>, Arc<str>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Payload,
    {
        let tasks = TaskTracker::new();
        let kill = CancellationToken::new();
        let places = Arc::new(Semaphore::new(self.options.connections));
        let (grace, metrics) = (self.options.grace, self.metrics.clone());
        let shared =
            Arc::new(Shared::new(handler, self.guard, self.options, self.metrics, tasks.clone(), kill.clone()));
        while let Some((stream, client)) = next(&self.listener, &stop).await {
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                metrics.refuse(Cause::Full);
                continue;
            };
            let (shared, open, stop) = (Arc::clone(&shared), metrics.open(), stop.child_token());
            let span = tracing::debug_span!("connection", door = metrics.name, %client);
            let life = async move {
                connection::serve(&shared, stream, stop).await;
                drop((open, place));
            };
            tasks.spawn(life.instrument(span));
        }
        drop(self.listener);
        drain(&tasks, grace, &kill).await
    }
}

/// The next connection; nothing after the stop.
async fn next(listener: &TcpListener, stop: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    loop {
        match stop.run_until_cancelled(listener.accept()).await? {
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of files or memory: the next attempt would fail as fast.
                stop.run_until_cancelled(time::sleep(BREATH)).await?;
            }
        }
    }
}

/// Long enough to not spin, short enough to not be felt.
const BREATH: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
