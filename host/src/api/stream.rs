//! One page's place in the feed, and the body that carries it.
//!
//! Memory is bounded for each page: what it has not taken waits in a channel of a few chunks, and everything else stays in
//! the ring and in the journal, which all pages share.

use super::feed::{self, Next, Ring, frame, wants};
use crate::journal::{Delivery, Journal, Subscription};
use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time,
};
use tokio_util::sync::CancellationToken;
use wire::{
    Query,
    feed::{BEAT, Beat, DROPPED, Dropped, EXPIRED, Expired, REPLACED, Replaced},
};

/// Chunks that come one after the other, and a last word.
pub struct Chunks {
    chunks: mpsc::Receiver<Bytes>,
    farewell: Arc<OnceLock<Bytes>>,
    said: bool,
}

/// What an answer carries: all at once, or as it comes.
pub enum Content {
    Whole(Full<Bytes>),
    Streamed(Chunks),
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Content::Whole(bytes) => Pin::new(bytes).poll_frame(cx),
            Content::Streamed(chunks) => Pin::new(chunks).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Content::Whole(bytes) => bytes.is_end_stream(),
            Content::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(bytes) => bytes.size_hint(),
            Content::Streamed(_) => SizeHint::default(),
        }
    }
}

/// The other end of [`Chunks`].
pub(super) struct Pipe {
    chunks: mpsc::Sender<Bytes>,
    farewell: Arc<OnceLock<Bytes>>,
}

/// A pipe that holds a few chunks.
pub(super) fn pipe() -> (Pipe, Chunks) {
    let (sender, chunks) = mpsc::channel(MAX_CHUNKS);
    let farewell = Arc::new(OnceLock::new());
    (Pipe { chunks: sender, farewell: farewell.clone() }, Chunks { chunks, farewell, said: false })
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = ready!(self.chunks.poll_recv(cx));
        let last = match chunk {
            Some(chunk) => Some(chunk),
            None if self.said => None,
            None => {
                self.said = true;
                self.farewell.get().cloned()
            }
        };
        Poll::Ready(last.map(|chunk| Ok(Frame::data(chunk))))
    }
}

/// The page is gone, or too slow.
pub(super) struct Over;

impl Pipe {
    /// Sends, and waits for room as long as a page may take.
    pub(super) async fn send(&self, chunk: Bytes) -> Result<(), Over> {
        if chunk.is_empty() {
            return Ok(());
        }
        match time::timeout(STALL, self.chunks.send(chunk)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }

    fn say_last(&self, word: Bytes) {
        // Only one is ever said.
        drop(self.farewell.set(word));
    }
}

/// What a page follows.
pub(super) struct Follow {
    pub(super) journal: Journal,
    pub(super) ring: Ring,
    pub(super) query: Query,
    /// The last row that the page has.
    pub(super) at: u64,
    /// The newest summary as an event, and what the demo tells; empty if there is none.
    pub(super) summary: watch::Receiver<Bytes>,
    pub(super) demo: watch::Receiver<Bytes>,
    pub(super) stop: CancellationToken,
    pub(super) now: fn() -> u64,
}

impl Follow {
    /// Sends until the page goes, the gate stops, or the page is too slow.
    pub(super) async fn run(mut self, pipe: Pipe) {
        let stop = self.stop.clone();
        let told = stop.run_until_cancelled(self.tell(&pipe)).await;
        if let Some(Err(Over)) = told {
            pipe.say_last(frame(DROPPED, None, &Dropped { row: self.at }));
        }
    }

    async fn tell(&mut self, pipe: &Pipe) -> Result<(), Over> {
        let mut rows = self.ring.watch();
        // What has not changed since is told all the same, once.
        self.summary.mark_changed();
        self.demo.mark_changed();
        let mut beat = time::interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        self.catch_up(pipe).await?;
        loop {
            rows.mark_unchanged();
            self.live(pipe).await?;
            tokio::select! {
                changed = rows.changed() => changed.map_err(|_| Over)?,
                Ok(()) = self.summary.changed() => {
                    let summary = self.summary.borrow_and_update().clone();
                    pipe.send(summary).await?;
                }
                Ok(()) = self.demo.changed() => {
                    let demo = self.demo.borrow_and_update().clone();
                    pipe.send(demo).await?;
                }
                _ = beat.tick() => pipe.send(frame(BEAT, Some(self.at), &Beat { at: (self.now)() })).await?,
                () = pipe.chunks.closed() => return Ok(()),
            }
        }
    }

    /// From the ring, until there is nothing new.
    async fn live(&mut self, pipe: &Pipe) -> Result<(), Over> {
        loop {
            match self.ring.after(self.at) {
                Next::Wait => return Ok(()),
                // It was in the ring, and the ring has moved on past it.
                Next::Gone => return Err(Over),
                Next::Batch(batch) => {
                    pipe.send(batch.pick(self.at, &self.query, (self.now)())).await?;
                    self.at = batch.last();
                }
            }
        }
    }

    /// From the journal, until the ring has what follows.
    async fn catch_up(&mut self, pipe: &Pipe) -> Result<(), Over> {
        if !self.is_behind() {
            return Ok(());
        }
        let mut subscription = self.journal.subscribe(self.at);
        while self.is_behind() {
            let chunk = self.page(&mut subscription).await?;
            pipe.send(chunk).await?;
        }
        Ok(())
    }

    fn is_behind(&self) -> bool {
        self.at > self.journal.last_row() || matches!(self.ring.after(self.at), Next::Gone)
    }

    /// Some rows of the journal that are wanted, as events.
    async fn page(&mut self, subscription: &mut Subscription) -> Result<Bytes, Over> {
        let mut bytes = BytesMut::new();
        let now = (self.now)();
        for _ in 0..CATCH_UP {
            match subscription.next().await {
                Ok(Some(Delivery::Row(row))) => {
                    if wants(&self.query, &row, now) {
                        feed::write_row(&mut bytes, &row);
                    }
                    self.at = row.row;
                }
                Ok(Some(Delivery::Expired { from, to })) => {
                    feed::write(&mut bytes, EXPIRED, Some(to), &Expired { from, to });
                    self.at = to;
                }
                Ok(Some(Delivery::Replaced { asked })) => {
                    feed::write(&mut bytes, REPLACED, Some(0), &Replaced { asked });
                    self.at = 0;
                }
                Ok(None) => return Err(Over),
                Err(error) => {
                    tracing::warn!(%error, "a page cannot be told what it missed");
                    return Err(Over);
                }
            }
            if !self.is_behind() {
                break;
            }
        }
        Ok(bytes.freeze())
    }
}

/// Each is some rows; together they are what a page may hold back before it counts as slow.
const MAX_CHUNKS: usize = 8;
/// A page in a hidden tab still reads; one that does not for so long is stuck.
const STALL: Duration = Duration::from_secs(10);
/// A page says "no news" after a few of these are missing.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Rows of the journal in one chunk.
const CATCH_UP: usize = 128;
