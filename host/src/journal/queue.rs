//! The way into the journal: bounded in number and in bytes, never waiting, and counting what it could not take.

use super::line::Line;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
use tokio::sync::mpsc;
use wire::Gap;

/// What became of an entry. The caller decides what a loss means.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It will be written; it is not on disk yet.
    Queued,
    /// There was no room. It is counted, and a gap will say so.
    Lost,
}

/// What is on its way, and what did not make it.
#[derive(Default)]
pub(super) struct Load {
    /// Entries that were queued and are not committed yet.
    entries: AtomicU64,
    bytes: AtomicUsize,
    losses: Mutex<Option<Gap>>,
}

impl Load {
    /// Queues what this makes, or counts its loss. Where there is no room it is not even made.
    pub(super) fn offer(&self, queue: &mpsc::Sender<Line>, at: u64, make: impl FnOnce() -> Line) -> Recorded {
        if queue.capacity() > 0 {
            let line = make();
            let weight = line.weight();
            let before = self.bytes.fetch_add(weight, Ordering::Relaxed);
            self.entries.fetch_add(1, Ordering::Relaxed);
            // INVARIANT: one entry is always taken, however heavy, for its door has bounded it.
            let fits = before == 0 || before.saturating_add(weight) <= MOST_BYTES;
            if fits && queue.try_send(line).is_ok() {
                return Recorded::Queued;
            }
            self.settle(1, weight);
        }
        self.lose(at);
        Recorded::Lost
    }

    /// Takes entries off that were committed, or given up.
    pub(super) fn settle(&self, entries: u64, bytes: usize) {
        self.entries.fetch_sub(entries, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts the loss of an entry of this time.
    pub(super) fn lose(&self, at: u64) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        *losses = Some(match *losses {
            None => Gap { lost: 1, from: at, to: at },
            Some(gap) => Gap { lost: gap.lost.saturating_add(1), from: gap.from.min(at), to: gap.to.max(at) },
        });
    }

    /// What was lost since this was last asked.
    pub(super) fn take_losses(&self) -> Option<Gap> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }
}

/// What a long queue may take: the configured number of ordinary decisions fits, that of hostile ones does not.
const MOST_BYTES: usize = 128 << 20;

#[cfg(test)]
mod tests;
