//! The life of one connection: handshake, requests, end.

use super::{
    Guard, Options, Payload,
    activity::{Activity, Due, Held, Patience, Watched},
    metrics::{Cause, DoorMetrics},
    tls,
};
use futures_util::FutureExt;
use hyper::{Request, Response, body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{self, Instant},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What all connections of a door share.
pub(super) struct Shared<H> {
    handler: H,
    guard: Guard,
    patience: Patience,
    handshake: Duration,
    http1: auto::Builder<Owned>,
    http2: auto::Builder<Owned>,
    metrics: DoorMetrics,
    kill: CancellationToken,
}

impl<H> Shared<H> {
    pub(super) fn new(
        handler: H,
        guard: Guard,
        options: Options,
        metrics: DoorMetrics,
        tasks: TaskTracker,
        kill: CancellationToken,
    ) -> Shared<H> {
        let owned = Owned { tasks, kill: kill.clone() };
        Shared {
            handler,
            guard,
            patience: Patience { head: options.head, idle: options.idle },
            handshake: options.handshake,
            http1: http1(owned.clone(), &options),
            http2: http2(owned, &options),
            metrics,
            kill,
        }
    }
}

/// What a handshake settles.
struct Agreed {
    activity: Arc<Activity>,
    peer: Arc<str>,
    /// When the client has to prove itself anew.
    retired: CancellationToken,
}

/// Serves a connection from its first byte to its last.
pub(super) async fn serve<H, F, B>(shared: &Shared<H>, stream: TcpStream, stop: CancellationToken)
where
    H: Fn(Request<Incoming>, Arc<str>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Payload,
{
    let kill = shared.kill.child_token();
    // An answer is one small write: waiting for more to send with it only costs time.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let life = async {
        match &shared.guard {
            Guard::Loopback => {
                let retired = CancellationToken::new();
                let agreed = Agreed { activity: Activity::of_http1(), peer: Arc::from(""), retired };
                speak(shared, &shared.http1, stream, agreed, stop).await;
            }
            Guard::Mutual(reloader) => secure(shared, &reloader.current(), stream, stop).await,
        }
    };
    kill.run_until_cancelled(life).await;
}

async fn secure<H, F, B>(shared: &Shared<H>, current: &tls::Current, stream: TcpStream, stop: CancellationToken)
where
    H: Fn(Request<Incoming>, Arc<str>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Payload,
{
    let accept = TlsAcceptor::from(Arc::clone(&current.config)).accept(stream);
    let stream = match time::timeout(shared.handshake, accept).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let cause = tls::cause(&error);
            tracing::debug!(%error, cause = cause.as_str(), "the handshake failed");
            return shared.metrics.refuse(cause);
        }
        Err(_) => return shared.metrics.refuse(Cause::Timeout),
    };
    let session = stream.get_ref().1;
    // The verifier let it in by this very list, so it has a name; without one it would be nobody's connection.
    let Some(peer) = current.name(session.peer_certificates()) else {
        return shared.metrics.refuse(Cause::Name);
    };
    let h2 = session.alpn_protocol() == Some(b"h2");
    let (http, activity) = if h2 { (&shared.http2, Activity::of_h2()) } else { (&shared.http1, Activity::of_http1()) };
    let agreed = Agreed { activity, peer, retired: current.retired.child_token() };
    speak(shared, http, stream, agreed, stop).await;
}

/// HTTP, until one of the sides has enough.
async fn speak<H, F, B, S>(
    shared: &Shared<H>,
    http: &auto::Builder<Owned>,
    stream: S,
    agreed: Agreed,
    stop: CancellationToken,
) where
    H: Fn(Request<Incoming>, Arc<str>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Payload,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Agreed { activity, peer, retired } = agreed;
    let service = service_fn(|request| {
        let running = activity.request();
        // Mapped and not awaited: an `async` block keeps what it awaits a second time.
        let answer = (shared.handler)(request, Arc::clone(&peer));
        answer.map(|response| Ok::<_, Infallible>(response.map(|body| Held::new(body, running))))
    });
    let io = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
    let mut requests = pin!(http.serve_connection(io, service));
    let mut leave = pin!(async {
        tokio::select! { () = stop.cancelled() => {}, () = retired.cancelled() => {} }
    });
    let mut look = pin!(time::sleep(shared.patience.head));
    let (mut leaving, mut stepped_back) = (false, false);
    loop {
        tokio::select! {
            biased;
            end = poll_fn(|context| {
                if activity.is_shared() && steps_back(&mut stepped_back, context) {
                    return Poll::Pending;
                }
                requests.as_mut().poll(context)
            }) => {
                if let Err(error) = end {
                    tracing::debug!(error, "the connection broke off");
                }
                return;
            }
            () = leave.as_mut(), if !leaving => {
                leaving = true;
                requests.as_mut().graceful_shutdown();
            }
            () = look.as_mut() => match activity.due(Instant::now(), shared.patience) {
                Due::Later(at) => look.as_mut().reset(at),
                Due::Idle if !leaving => {
                    leaving = true;
                    requests.as_mut().graceful_shutdown();
                    look.as_mut().reset(Instant::now() + shared.patience.head);
                }
                Due::Idle => return shared.metrics.refuse(Cause::Idle),
                Due::SlowHead => return shared.metrics.refuse(Cause::SlowHead),
            },
        }
    }
}

/// Every other turn of a connection is given up, so that the answers that are ready are made before it writes: they leave in
/// one write instead of one each, a seventh of all work under load. A task that wakes itself while it runs goes behind those
/// that are ready.
fn steps_back(stepped_back: &mut bool, context: &Context<'_>) -> bool {
    *stepped_back = !*stepped_back;
    if *stepped_back {
        context.waker().wake_by_ref();
    }
    *stepped_back
}

/// hyper's own tasks (one for each h2 stream), drained and killed with the connections.
#[derive(Clone)]
struct Owned {
    tasks: TaskTracker,
    kill: CancellationToken,
}

impl<F> Executor<F> for Owned
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let kill = self.kill.clone();
        // In a box, for a task is moved about as a whole.
        let stream = Box::pin(stream);
        self.tasks.spawn(async move {
            tokio::select! { biased; () = stream => {}, () = kill.cancelled() => {} }
        });
    }
}

fn http1(owned: Owned, options: &Options) -> auto::Builder<Owned> {
    let mut http = auto::Builder::new(owned).http1_only();
    // Its own clock of heads also runs while nothing is asked; `Activity` tells the two apart.
    http.http1()
        .header_read_timeout(None)
        .max_buf_size(usize::try_from(options.head_bytes).unwrap_or(usize::MAX))
        .max_headers(HEADERS);
    http
}

fn http2(owned: Owned, options: &Options) -> auto::Builder<Owned> {
    let mut http = auto::Builder::new(owned).http2_only();
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.streams)
        .max_header_list_size(options.head_bytes)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    http
}

/// Go's client sends eight.
const HEADERS: usize = 64;
/// As much of a request as is ever kept, so that no honest body waits for a window.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Four of the largest requests, or hundreds of usual ones.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams reset by the client before they were looked at (CVE-2023-44487); past it the connection ends.
const RESETS: usize = 20;
/// Streams reset by this side for the client's errors (CVE-2025-8671); past it the connection ends.
const LOCAL_RESETS: usize = 256;
/// A peer that vanished without a word is found out within the minute.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
