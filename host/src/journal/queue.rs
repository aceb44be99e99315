//! The way into the journal: bounded in number and in bytes, never waiting, and counting what it could not take.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
use tokio::sync::mpsc;
use wire::{Decision, Entry, Gap, Target};

/// What became of an entry. The caller decides what a loss means.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It will be written; it is not on disk yet.
    Queued,
    /// There was no room. It is counted, and a gap will say so.
    Lost,
}

/// An entry on its way, with what it weighs in memory.
pub(super) struct Item {
    pub(super) entry: Entry,
    pub(super) weight: usize,
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
    /// Queues it, or counts its loss.
    pub(super) fn offer(&self, queue: &mpsc::Sender<Item>, entry: Entry) -> Recorded {
        let (at, weight) = (entry.at(), weigh(&entry));
        let before = self.bytes.fetch_add(weight, Ordering::Relaxed);
        self.entries.fetch_add(1, Ordering::Relaxed);
        // INVARIANT: one entry is always taken, however heavy, for its door has bounded it.
        let fits = before == 0 || before.saturating_add(weight) <= MOST_BYTES;
        if fits && queue.try_send(Item { entry, weight }).is_ok() {
            return Recorded::Queued;
        }
        self.settle(1, weight);
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

/// About what an entry takes in memory and in the database. What a caller can make long is counted.
fn weigh(entry: &Entry) -> usize {
    match entry {
        Entry::Decision(decision) => weigh_decision(decision),
        Entry::Gap(_) => FIXED,
        Entry::Event(event) => {
            let attributes: usize = event.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
            FIXED + event.message.len() + attributes
        }
    }
}

fn weigh_decision(decision: &Decision) -> usize {
    let request = &decision.request;
    let groups: usize = request.groups.iter().map(|group| EACH + group.len()).sum();
    let extra: usize = request.extra.iter().map(|(key, values)| EACH + key.len() + texts(values)).sum();
    let target = match &request.target {
        Target::Resource(resource) => {
            let selectors = resource.field_selector.iter().chain(&resource.label_selector);
            let selectors: usize = selectors.map(|it| EACH + it.key.len() + texts(&it.values)).sum();
            resource.name.len() + resource.namespace.len() + resource.resource.len() + selectors
        }
        Target::NonResource { path, .. } => path.len(),
        Target::Malformed { fault } => fault.len(),
    };
    let facts: usize = decision.facts.iter().map(|(key, value)| EACH + key.len() + value.len()).sum();
    let opinions: usize = decision.opinions.iter().map(|it| FIXED + it.reason.len() + texts(&it.notes)).sum();
    FIXED + request.user.len() + groups + extra + target + facts + opinions
}

fn texts(texts: &[String]) -> usize {
    texts.iter().map(|text| EACH + text.len()).sum()
}

/// What a long queue may take: the configured number of ordinary decisions fits, that of hostile ones does not.
const MOST_BYTES: usize = 128 << 20;

/// A text's or a list's own place.
const EACH: usize = 24;

/// An entry, or an opinion in it, without what grows.
const FIXED: usize = 512;

#[cfg(test)]
mod tests;
