//! The live feed: one reader of the journal for all pages, which encodes every row once and keeps the newest. A page that
//! comes late or comes back reads what it missed from the journal; one that cannot keep up is told so and let go.

use crate::journal::{Delivery, ReadError, Subscription};
use bytes::{BufMut, Bytes, BytesMut};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;
use wire::{Entry, Query, Row, feed};

/// The newest rows, encoded. Clones are the same ring.
#[derive(Clone)]
pub(super) struct Ring(Arc<Shared>);

struct Shared {
    batches: Mutex<Batches>,
    /// The last row in it, or the one before the first that will be.
    last: watch::Sender<u64>,
}

#[derive(Default)]
struct Batches {
    list: VecDeque<Arc<Batch>>,
    bytes: usize,
}

/// Rows that were committed together, as the feed sends them.
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    places: Vec<Range<usize>>,
    bytes: Bytes,
}

/// What a reader gets from a place on.
pub(super) enum Next {
    /// The rows after its place, all or some.
    Batch(Arc<Batch>),
    /// Nothing new yet.
    Wait,
    /// The ring begins later: the journal has what lies between.
    Gone,
}

impl Ring {
    /// A ring whose first row will come after this one.
    pub(super) fn new(after: u64) -> Ring {
        Ring(Arc::new(Shared { batches: Mutex::default(), last: watch::Sender::new(after) }))
    }

    /// Where the feed is.
    pub(super) fn last(&self) -> u64 {
        *self.0.last.borrow()
    }

    /// Wakes on every batch.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.0.last.subscribe()
    }

    /// What comes after a row.
    pub(super) fn after(&self, row: u64) -> Next {
        let batches = self.0.batches.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that what was pushed and what is last agree.
        if row >= self.last() {
            return Next::Wait;
        }
        let place = batches.list.partition_point(|batch| batch.last() <= row);
        match batches.list.get(place) {
            // Rows may be missing in between only where the journal has none.
            Some(batch) if place > 0 || batch.first() <= row.saturating_add(1) => Next::Batch(Arc::clone(batch)),
            Some(_) | None => Next::Gone,
        }
    }

    /// Takes a batch, and lets the oldest go.
    pub(super) fn push(&self, batch: Arc<Batch>) {
        let last = batch.last();
        let mut batches = self.0.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.bytes += batch.bytes.len();
        batches.list.push_back(batch);
        while batches.bytes > MAX_BYTES && batches.list.len() > 1 {
            let oldest = batches.list.pop_front();
            batches.bytes -= oldest.map_or(0, |oldest| oldest.bytes.len());
        }
        self.0.last.send_replace(last);
    }
}

impl Batch {
    /// Encodes rows; there must be one.
    pub(super) fn new(rows: Vec<Row>) -> Batch {
        let mut bytes = BytesMut::with_capacity(rows.len() * ORDINARY);
        let mut places = Vec::with_capacity(rows.len());
        for row in &rows {
            let from = bytes.len();
            write_row(&mut bytes, row);
            places.push(from..bytes.len());
        }
        Batch { rows, places, bytes: bytes.freeze() }
    }

    pub(super) fn first(&self) -> u64 {
        self.rows.first().map_or(0, |row| row.row)
    }

    pub(super) fn last(&self) -> u64 {
        self.rows.last().map_or(0, |row| row.row)
    }

    /// What of it a reader wants who has everything up to `after`; empty if it wants none.
    pub(super) fn pick(&self, after: u64, query: &Query, now: u64) -> Bytes {
        let skip = self.rows.partition_point(|row| row.row <= after);
        let is_wanted = |row: &Row| wants(query, row, now);
        if skip == 0 && query.is_empty() {
            return self.bytes.clone();
        }
        let wanted: Vec<_> = self.rows.iter().zip(&self.places).skip(skip).filter(|(row, _)| is_wanted(row)).collect();
        let mut picked = BytesMut::with_capacity(wanted.iter().map(|(_, place)| place.len()).sum());
        for (_, place) in wanted {
            picked.extend_from_slice(self.bytes.get(place.clone()).unwrap_or_default());
        }
        picked.freeze()
    }
}

/// Gaps and events are for every reader: without them, what is shown would look complete.
pub(super) fn wants(query: &Query, row: &Row, now: u64) -> bool {
    match &row.entry {
        Entry::Decision(decision) => query.matches(decision, now),
        Entry::Gap(_) | Entry::Event(_) | Entry::Csr(_) => true,
    }
}

/// Waits for the next rows, and takes as many as are there at once. Nothing once the journal is closed.
pub(super) async fn batch(subscription: &mut Subscription) -> Result<Option<Vec<Row>>, ReadError> {
    let mut rows = loop {
        match subscription.next().await? {
            Some(Delivery::Row(row)) => break vec![row],
            // What this reader never asked for is missed by nobody.
            Some(Delivery::Expired { .. } | Delivery::Replaced { .. }) => {}
            None => return Ok(None),
        }
    };
    while rows.len() < MAX_ROWS {
        let more = tokio::select! {
            biased;
            more = subscription.next() => more?,
            () = std::future::ready(()) => break,
        };
        match more {
            Some(Delivery::Row(row)) => rows.push(row),
            Some(Delivery::Expired { .. } | Delivery::Replaced { .. }) => {}
            // The end is found again at the next call.
            None => break,
        }
    }
    Ok(Some(rows))
}

/// A row as an event, with its number as the id.
pub(super) fn write_row(bytes: &mut BytesMut, row: &Row) {
    let name = match &row.entry {
        Entry::Decision(_) => feed::DECISION,
        Entry::Gap(_) => feed::GAP,
        Entry::Event(_) => feed::EVENT,
        Entry::Csr(_) => feed::CSR,
    };
    write(bytes, name, Some(row.row), row);
}

/// An event of the feed. JSON has no line breaks of its own, so it is one line.
pub(super) fn write<T: serde::Serialize>(bytes: &mut BytesMut, name: &str, id: Option<u64>, data: &T) {
    if let Some(id) = id {
        bytes.extend_from_slice(b"id: ");
        bytes.extend_from_slice(id.to_string().as_bytes());
        bytes.extend_from_slice(b"\n");
    }
    bytes.extend_from_slice(b"event: ");
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\ndata: ");
    let mut out = bytes.writer();
    #[expect(clippy::expect_used, reason = "texts, numbers and lists have a JSON form, and the buffer grows")]
    serde_json::to_writer(&mut out, data).expect("wire words serialise");
    bytes.extend_from_slice(b"\n\n");
}

/// One event on its own.
pub(super) fn frame<T: serde::Serialize>(name: &str, id: Option<u64>, data: &T) -> Bytes {
    let mut bytes = BytesMut::new();
    write(&mut bytes, name, id, data);
    bytes.freeze()
}

/// Six seconds of a thousand rows each: longer than a page needs to come back.
const MAX_BYTES: usize = 8 << 20;
/// Small enough that the first of them does not wait long.
const MAX_ROWS: usize = 128;
/// A usual row.
const ORDINARY: usize = 1_536;
