//! What one connection is doing, so that one that does nothing, or next to nothing, can be ended.

use hyper::body::{Body, Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// How long a connection may take for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) head: Duration,
    pub(super) idle: Duration,
}

/// When a connection is to be looked at again, or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Later(Instant),
    /// Nothing was asked for long: it may go, in good order.
    Idle,
    /// The head of a request began and did not end.
    SlowHead,
}

/// Times are in milliseconds since `start`, and never 0.
pub(super) struct Activity {
    start: Instant,
    /// Over http/1.1 the bytes that arrive while nothing runs are the head of a request. Over h2 they may be pings.
    heads: bool,
    running: AtomicUsize,
    idle_since: AtomicU64,
    /// 0: no head has begun.
    head_since: AtomicU64,
}

impl Activity {
    pub(super) fn of_http1() -> Arc<Activity> {
        Activity::new(true)
    }

    pub(super) fn of_h2() -> Arc<Activity> {
        Activity::new(false)
    }

    fn new(heads: bool) -> Arc<Activity> {
        Arc::new(Activity {
            start: Instant::now(),
            heads,
            running: AtomicUsize::new(0),
            idle_since: AtomicU64::new(1),
            head_since: AtomicU64::new(0),
        })
    }

    /// A request's head is read; it runs until the guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
        Running(Arc::clone(self))
    }

    pub(super) fn due(&self, now: Instant, patience: Patience) -> Due {
        if self.running.load(Relaxed) > 0 {
            return Due::Later(now + patience.head.min(patience.idle));
        }
        let head_since = self.head_since.load(Relaxed);
        if head_since != 0 {
            let end = self.start + Duration::from_millis(head_since) + patience.head;
            return if end <= now { Due::SlowHead } else { Due::Later(end) };
        }
        let end = self.start + Duration::from_millis(self.idle_since.load(Relaxed)) + patience.idle;
        // A head may begin right after this look.
        if end <= now { Due::Idle } else { Due::Later(end.min(now + patience.head)) }
    }

    /// Whether several requests run on it at once.
    pub(super) fn is_shared(&self) -> bool {
        !self.heads
    }

    fn bytes(&self) {
        if self.heads && self.running.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0 {
            self.head_since.store(self.millis(), Relaxed);
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// A request that is at work.
pub(super) struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.millis(), Relaxed);
        self.0.running.fetch_sub(1, Relaxed);
    }
}

/// The body of an answer, and its request, which is at work for as long as the body is.
pub(super) struct Held<B> {
    body: B,
    _running: Running,
}

impl<B> Held<B> {
    pub(super) fn new(body: B, running: Running) -> Held<B> {
        Held { body, _running: running }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose arriving bytes are noticed.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if into.filled().len() > before {
            self.activity.bytes();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    // No vectored writes: TLS copies what it encrypts anyway, and an HTTP that believes in them writes each answer by
    // itself instead of all that are ready at once.

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
