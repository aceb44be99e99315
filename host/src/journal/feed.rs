//! Following the journal: every committed row once, in order, from a given one on.
//!
//! A subscription holds one page of rows, whoever reads it and however slowly: it reads from the database, and is only
//! woken when there is more.

use super::{ReadError, Reader};
use std::collections::VecDeque;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wire::Row;

/// One reader's place in the journal.
#[derive(Debug)]
pub struct Subscription {
    reader: Reader,
    committed: watch::Receiver<u64>,
    closed: CancellationToken,
    /// The last row that was delivered, or skipped and said so.
    at: u64,
    page: VecDeque<Row>,
    /// Told before the first row.
    replaced: Option<u64>,
}

/// What a subscription brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Row(Row),
    /// These rows were asked for, and retention has taken them.
    Expired {
        from: u64,
        to: u64,
    },
    /// Row `asked` is not in this journal yet, so it was another one that the reader knows. Everything follows from the
    /// first row on.
    Replaced {
        asked: u64,
    },
}

impl Subscription {
    pub(super) fn new(
        reader: Reader,
        committed: watch::Receiver<u64>,
        closed: CancellationToken,
        after: u64,
    ) -> Subscription {
        let replaced = Some(after).filter(|after| *after > *committed.borrow());
        let at = if replaced.is_some() { 0 } else { after };
        Subscription { reader, committed, closed, at, page: VecDeque::new(), replaced }
    }

    /// The next of it; waits until there is one. Nothing, once the journal is closed and all of it was delivered.
    /// Cancelling loses nothing.
    pub async fn next(&mut self) -> Result<Option<Delivery>, ReadError> {
        if let Some(asked) = self.replaced.take() {
            return Ok(Some(Delivery::Replaced { asked }));
        }
        loop {
            if let Some(row) = self.page.pop_front() {
                self.at = row.row;
                return Ok(Some(Delivery::Row(row)));
            }
            // Before the look at the rows: the last commit comes before the closing.
            let closed = self.closed.is_cancelled() || self.committed.has_changed().is_err();
            let committed = *self.committed.borrow_and_update();
            if committed > self.at {
                if let Some(expired) = self.turn(committed).await? {
                    return Ok(Some(expired));
                }
                continue;
            }
            if closed {
                return Ok(None);
            }
            tokio::select! {
                _ = self.committed.changed() => (),
                () = self.closed.cancelled() => (),
            }
        }
    }

    /// Reads the next page, and says what is missing before it.
    async fn turn(&mut self, committed: u64) -> Result<Option<Delivery>, ReadError> {
        let page = self.reader.since(self.at, PAGE).await?;
        let next = self.at.saturating_add(1);
        let found = page.first().map_or(committed.saturating_add(1), |row| row.row);
        // A number that was never given to a row is nothing to tell; only retention takes from the lower end.
        let is_expired = found > next && self.reader.first_row().await?.is_none_or(|first| first >= found);
        self.page = page.into();
        self.at = found.saturating_sub(1);
        Ok(is_expired.then_some(Delivery::Expired { from: next, to: self.at }))
    }
}

/// Enough to make the reading cheap, and little to hold for a slow browser.
const PAGE: usize = 128;
