//! The journal: every decision on record, in order, and readable while it is written.
//!
//! One bounded queue, one writer, batched commits, SQLite. Recording never waits: what does not fit is lost, counted, and
//! told as a gap. A row is told to subscribers once it is committed, and a committed row survives the end of the process.
//! It decides nothing: what a loss means for a verdict is the caller's to say, with [`Journal::is_strict`].

mod brief;
mod feed;
mod line;
mod queue;
mod store;
mod words;
mod writer;

pub use feed::{Delivery, Subscription};
pub use queue::Recorded;
pub use store::{Artifact, Fault, KeepError, OpenError, ReadError, Reader, Search};
pub use writer::{Health, Writer};

use line::Line;
use prometheus_client::{
    metrics::{
        counter::Counter,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use queue::Load;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use store::{Durability, Place, Store};
use tokio::{
    sync::{mpsc, watch},
    time,
};
use tokio_util::sync::CancellationToken;
use wire::{CsrDecision, Decision, Event};
use words::Words;
use writer::Shared;

/// How a journal is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite:///PATH`; the directory must exist.
    pub url: String,
    /// Rows older than this are deleted.
    pub retention: Duration,
    /// How many decisions may wait to be written.
    pub queue: usize,
    /// Every commit waits for the disk, and a decision that cannot be recorded is refused by `judge`.
    pub strict: bool,
}

/// Records decisions. Clones are the same journal.
#[derive(Clone)]
pub struct Journal {
    queue: mpsc::Sender<Line>,
    shared: Arc<Shared>,
    words: Arc<Words>,
    reader: Reader,
    place: Place,
    strict: bool,
}

/// A journal was closed before everything in it was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entries} entries were not written to the journal in time")]
pub struct Unwritten {
    pub entries: u64,
}

impl Journal {
    /// Opens or creates it, for this process alone. Nothing is written unless the writer runs.
    pub async fn open(options: Options) -> Result<(Journal, Writer), OpenError> {
        Journal::open_tuned(options, Tuning { now: wall_clock }).await
    }

    /// Opens a journal to read, also while another process writes it.
    pub async fn read_only(url: &str) -> Result<Reader, OpenError> {
        Reader::open(&Place::parse(url)?).await
    }

    async fn open_tuned(options: Options, tuning: Tuning) -> Result<(Journal, Writer), OpenError> {
        let place = Place::parse(&options.url)?;
        let durability = if options.strict { Durability::Power } else { Durability::Process };
        let mut store = Store::open(place.clone(), durability).await?;
        let last = store.last_row().await.map_err(|source| store.blame(source))?;
        let (sender, queue) = mpsc::channel(options.queue.max(1));
        let closed = CancellationToken::new();
        let shared = Arc::new(Shared {
            load: Load::default(),
            metrics: Metrics::default(),
            health: watch::Sender::new(Health::Ok),
            committed: watch::Sender::new(last),
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            closed: closed.clone(),
        });
        let (reader, words) = (Reader::of(&place), Arc::clone(&store.words));
        let writer = Writer {
            queue,
            store,
            shared: Arc::clone(&shared),
            retention: options.retention,
            tuning,
            notes: Vec::new(),
            closed: closed.drop_guard(),
        };
        Ok((Journal { queue: sender, shared, words, reader, place, strict: options.strict }, writer))
    }

    /// Puts a decision on record. It neither waits nor blocks; it serialises, which takes about 1 µs.
    pub fn record(&self, decision: Decision) -> Recorded {
        self.offer(decision.at, || Line::decision(decision, &self.words))
    }

    /// Puts on record what was decided about a certificate request.
    pub fn record_request(&self, decision: CsrDecision) -> Recorded {
        self.offer(decision.at, || Line::csr(decision))
    }

    /// Puts on record what an operator should know of the gate itself.
    pub fn note(&self, event: Event) -> Recorded {
        self.offer(event.at, || Line::event(event))
    }

    /// Whether a decision that cannot be recorded must be refused.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// Keeps a component or a config, so that decisions by it can be made again. Answers its SHA-256 in hex.
    pub async fn keep(&self, kind: Artifact, bytes: &[u8]) -> Result<String, KeepError> {
        self.place.keep(kind, bytes).await
    }

    /// What is committed, for reading.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The last committed row; 0 if there never was one.
    pub fn last_row(&self) -> u64 {
        *self.shared.committed.borrow()
    }

    /// Every row after this one, as it is committed.
    pub fn subscribe(&self, after: u64) -> Subscription {
        let closed = self.shared.closed.clone();
        Subscription::new(self.reader.clone(), self.shared.committed.subscribe(), closed, after)
    }

    /// Whether it can write.
    pub fn health(&self) -> Health {
        self.shared.health.borrow().clone()
    }

    /// Wakes whenever that changes.
    pub fn watch_health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Takes no more, and waits until what is queued is committed and the file closed, for as long as the deadline.
    pub async fn close(&self, deadline: Duration) -> Result<(), Unwritten> {
        self.shared.stop.cancel();
        let closed = time::timeout(deadline, self.shared.closed.cancelled()).await;
        self.shared.abandon.cancel();
        match (closed, self.shared.load.entries()) {
            (Ok(()), 0) => Ok(()),
            (_, entries) => Err(Unwritten { entries }),
        }
    }

    fn offer(&self, at: u64, make: impl FnOnce() -> Line) -> Recorded {
        let recorded = self.shared.load.offer(&self.queue, at, make);
        match recorded {
            Recorded::Queued => self.shared.metrics.recorded.inc(),
            Recorded::Lost => self.shared.metrics.lost.inc(),
        };
        recorded
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What the journal counts.
#[derive(Clone, Debug)]
pub struct Metrics {
    recorded: Counter,
    lost: Counter,
    committed: Counter,
    waiting: Gauge,
    commit: Histogram,
}

impl Metrics {
    pub fn register(&self, registry: &mut Registry) {
        let mut counter = |name, help, metric: &Counter| registry.register(name, help, metric.clone());
        counter("journal_recorded", "Entries that the journal took", &self.recorded);
        counter("journal_lost", "Entries that the journal could not take", &self.lost);
        counter("journal_committed", "Rows that are on disk", &self.committed);
        registry.register("journal_queue_depth", "Entries that wait to be committed", self.waiting.clone());
        registry.register("journal_commit_duration_seconds", "How long a commit took", self.commit.clone());
    }

    fn depth(&self, load: &Load) {
        self.waiting.set(i64::try_from(load.entries()).unwrap_or(i64::MAX));
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            recorded: Counter::default(),
            lost: Counter::default(),
            committed: Counter::default(),
            waiting: Gauge::default(),
            // 100 µs to 3.3 s: a batch in memory, and a disk that is at its end.
            commit: Histogram::new(exponential_buckets(100e-6, 2.0, 16)),
        }
    }
}

/// What tests set otherwise.
struct Tuning {
    /// Milliseconds since 1970-01-01 UTC.
    now: fn() -> u64,
}

fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
