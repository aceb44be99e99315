//! The one task that writes the journal: it gathers a batch, commits it, and keeps it until that succeeds.

use super::{
    Metrics, Tuning,
    line::Line,
    queue::Load,
    store::{Fault, Prepared, Store},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time::{self, MissedTickBehavior},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info, warn};
use wire::Event;

/// Whether the journal can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Ok,
    /// It cannot, and keeps trying. What is decided meanwhile waits in the queue until that is full.
    Degraded {
        /// Milliseconds since 1970-01-01 UTC.
        since: u64,
        error: String,
    },
}

/// What the writer and the handles share.
pub(super) struct Shared {
    pub(super) load: Load,
    pub(super) metrics: Metrics,
    pub(super) health: watch::Sender<Health>,
    /// The last committed row.
    pub(super) committed: watch::Sender<u64>,
    /// Take no more, write what is queued, end.
    pub(super) stop: CancellationToken,
    /// End now.
    pub(super) abandon: CancellationToken,
    /// The file is closed, and another process may open it.
    pub(super) closed: CancellationToken,
}

/// Writes the journal while it runs. It ends after [`super::Journal::close`], or when the last handle is gone.
#[must_use = "nothing is written unless it runs"]
pub struct Writer {
    pub(super) queue: mpsc::Receiver<Line>,
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
    pub(super) retention: Duration,
    pub(super) tuning: Tuning,
    /// What the writer itself has to say, with the next commit.
    pub(super) notes: Vec<Event>,
    /// INVARIANT: after `store`, so that the file is let go of when others hear of the end.
    pub(super) closed: DropGuard,
}

/// The writer was told to end before everything was written.
struct Abandoned;

/// Entries that are committed together.
#[derive(Default)]
struct Batch {
    prepared: Prepared,
    entries: u64,
    bytes: usize,
}

impl Writer {
    /// Run this as a task of its own.
    pub async fn run(mut self) {
        let mut tick = time::interval_at(time::Instant::now() + TICK, TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut step = self.expire().await;
        while step.is_ok() {
            step = tokio::select! {
                biased;
                () = self.shared.abandon.cancelled() => Err(Abandoned),
                () = self.shared.stop.cancelled(), if !self.queue.is_closed() => { self.queue.close(); Ok(()) }
                _ = tick.tick() => self.expire().await,
                item = self.queue.recv() => match item {
                    Some(first) => self.write(Some(first)).await,
                    None => { let _ = self.write(None).await; break }
                },
            };
        }
        self.end().await;
    }

    async fn end(self) {
        let Writer { store, shared, closed, .. } = self;
        let unwritten = shared.load.entries();
        if unwritten > 0 {
            error!(unwritten, "the journal ends with entries unwritten");
        }
        if let Err(fault) = store.close().await {
            warn!(error = %fault, "the journal closes uncleanly; it recovers when opened");
        }
        drop(closed);
    }

    /// Gathers what has come, commits it, and lets retention follow.
    async fn write(&mut self, first: Option<Line>) -> Result<(), Abandoned> {
        if first.is_some() && self.queue.len() < BATCH && !self.queue.is_closed() {
            // Rows that come together cost less. Senders do not wake anybody meanwhile.
            tokio::select! {
                () = time::sleep(LINGER) => (),
                () = self.shared.stop.cancelled() => (),
            }
        }
        let mut batch = Batch::default();
        let mut next = first;
        while let Some(line) = next {
            batch.add(line, &self.shared);
            next = if batch.is_full() { None } else { self.queue.try_recv().ok() };
        }
        // A gap is told once there is room again, so that a long overload is one gap and not one a batch.
        if self.queue.is_empty() || self.queue.capacity() > self.queue.max_capacity() / 8 {
            let gap = self.shared.load.take_losses();
            gap.into_iter().for_each(|gap| batch.say(Line::gap(gap)));
        }
        self.notes.drain(..).for_each(|note| batch.say(Line::event(note)));
        self.commit(batch).await
    }

    /// Tries until it succeeds: nothing that was queued is dropped, except by an end that cannot wait.
    async fn commit(&mut self, batch: Batch) -> Result<(), Abandoned> {
        let mut wait = RETRY_FIRST;
        while batch.prepared.rows() > 0 {
            let began = Instant::now();
            match self.store.append(&batch.prepared).await {
                Ok(appended) => {
                    self.shared.metrics.commit.observe(began.elapsed().as_secs_f64());
                    self.shared.metrics.committed.inc_by(appended.rows);
                    self.recovered();
                    if appended.rows < batch.prepared.rows() {
                        warn!(
                            rows = batch.prepared.rows(),
                            written = appended.rows,
                            "decisions have ids that are taken"
                        );
                    }
                    self.shared.committed.send_modify(|last| *last = appended.last.max(*last));
                    break;
                }
                Err(fault) => {
                    self.degraded(&fault);
                    // Where rows have aged meanwhile, theirs is the room. If not even that can be written, that was said.
                    let _ = self.store.expire(self.cutoff(), EXPIRE_ROWS).await;
                }
            }
            self.shared.metrics.depth(&self.shared.load);
            tokio::select! {
                () = time::sleep(wait) => wait = wait.saturating_mul(2).min(RETRY_MOST),
                () = self.shared.abandon.cancelled() => return Err(Abandoned),
            }
        }
        self.shared.load.settle(batch.entries, batch.bytes);
        self.shared.metrics.depth(&self.shared.load);
        Ok(())
    }

    /// Retention, in steps that are short enough for the rows that wait meanwhile. Also what is left to be said.
    async fn expire(&mut self) -> Result<(), Abandoned> {
        loop {
            match self.store.expire(self.cutoff(), EXPIRE_ROWS).await {
                Ok(0) => break,
                Ok(_) => self.recovered(),
                Err(fault) => {
                    self.degraded(&fault);
                    break;
                }
            }
            if self.queue.len() >= BATCH {
                let first = self.queue.try_recv().ok();
                self.write(first).await?;
            }
            if self.shared.stop.is_cancelled() {
                break;
            }
        }
        if self.queue.is_empty() { self.write(None).await } else { Ok(()) }
    }

    /// What is older is no longer kept.
    fn cutoff(&self) -> u64 {
        let retention = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX);
        (self.tuning.now)().saturating_sub(retention)
    }

    fn degraded(&self, fault: &Fault) {
        let error = fault.to_string();
        self.shared.health.send_if_modified(|health| match health {
            Health::Ok => {
                error!(%error, "the journal cannot write, and keeps trying");
                *health = Health::Degraded { since: (self.tuning.now)(), error };
                true
            }
            Health::Degraded { error: known, .. } if *known != error => {
                error!(%error, "the journal still cannot write");
                *known = error;
                true
            }
            Health::Degraded { .. } => false,
        });
    }

    fn recovered(&mut self) {
        if *self.shared.health.borrow() == Health::Ok {
            return;
        }
        if let Health::Degraded { since, error } = self.shared.health.send_replace(Health::Ok) {
            let until = (self.tuning.now)();
            info!(since, until, "the journal writes again");
            self.notes.push(Event {
                at: since,
                kind: "journal-degraded".into(),
                message: format!("the journal could not write for {} ms", until.saturating_sub(since)),
                attributes: vec![("until".into(), until.to_string()), ("error".into(), error)],
            });
        }
    }
}

impl Batch {
    fn add(&mut self, line: Line, shared: &Shared) {
        self.entries = self.entries.saturating_add(1);
        self.bytes = self.bytes.saturating_add(line.weight());
        let at = line.at;
        if let Err(error) = self.prepared.push(line) {
            error!(%error, "an entry cannot be written");
            shared.metrics.lost.inc();
            shared.load.lose(at);
        }
    }

    fn say(&mut self, line: Line) {
        if let Err(error) = self.prepared.push(line) {
            error!(%error, "an entry cannot be written");
        }
    }

    fn is_full(&self) -> bool {
        self.entries >= MOST_ENTRIES || self.bytes >= BATCH_BYTES
    }
}

/// More in one statement costs memory and saves nothing: at 128 the fixed costs are a tenth.
const BATCH: usize = 500;
const MOST_ENTRIES: u64 = 500;

/// Heavy entries are committed in smaller batches, so that few copies of them are held.
const BATCH_BYTES: usize = 4 << 20;

/// How old a decision is at most before it is on disk, in quiet times.
const LINGER: Duration = Duration::from_millis(20);

const RETRY_FIRST: Duration = Duration::from_millis(20);

/// A disk that has room again is noticed within this; a try costs next to nothing.
const RETRY_MOST: Duration = Duration::from_secs(1);

/// How often retention looks.
const TICK: Duration = Duration::from_secs(1);

/// Deleting this many takes about 5 ms.
const EXPIRE_ROWS: u32 = 500;
