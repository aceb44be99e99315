use super::*;
use crate::serve::Metrics;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use prometheus_client::registry::Registry;
use std::{
    io,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use tokio::{
    io::{DuplexStream, ReadBuf},
    sync::{Notify, Semaphore},
    task::JoinSet,
};

/// A stream that counts how often it is written to, and takes several pieces at once.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Relaxed);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Relaxed);
        Pin::new(&mut self.0).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

// One worker, as on one processor, whose next task is the one that was woken last: here the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_that_are_ready_at_once_leave_at_once() {
    let (gate, begun, writes) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (opens, begins) = (Arc::clone(&gate), Arc::clone(&begun));
    let handler = move |_: Request<Incoming>, _: Arc<str>| {
        let (opens, begins) = (Arc::clone(&opens), Arc::clone(&begins));
        async move {
            let opened = opens.notified();
            begins.add_permits(1);
            opened.await;
            // As long as the answer to a review.
            Response::new(Full::new(Bytes::from_static(&[b' '; 400])))
        }
    };
    let metrics = Metrics::register(&mut Registry::default()).door("webhook");
    let (tasks, kill) = (TaskTracker::new(), CancellationToken::new());
    let shared = Shared::new(handler, Guard::Loopback, Options::default(), metrics, tasks, kill);
    let (server, client) = tokio::io::duplex(1 << 16);
    let stream = Counted(server, Arc::clone(&writes));
    let agreed = Agreed { activity: Activity::of_h2(), peer: Arc::from(""), retired: CancellationToken::new() };
    let mut lives = JoinSet::new();
    lives.spawn(async move { speak(&shared, &shared.http2, stream, agreed, CancellationToken::new()).await });
    let (asks, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client)).await.expect("a handshake");
    lives.spawn(async move { connection.await.expect("it ends in good order") });
    let mut answers = JoinSet::new();
    for _ in 0..ANSWERS {
        let mut asks = asks.clone();
        answers.spawn(async move {
            let request = Request::get("http://gate/").body(Full::<Bytes>::default()).expect("a request");
            let body = asks.send_request(request).await.expect("an answer").into_body();
            body.collect().await.expect("its body").to_bytes().len()
        });
    }
    begun.acquire_many(ANSWERS).await.expect("all are asked").forget();
    let before = writes.load(Relaxed);
    // On the worker, so that all are woken before any of them runs.
    lives.spawn(async move { gate.notify_waiters() });
    let bodies = answers.join_all().await;
    let written = writes.load(Relaxed) - before;
    assert!(bodies == [400; 8] && written <= 2, "{written} writes for {bodies:?}");
}

const ANSWERS: u32 = 8;
