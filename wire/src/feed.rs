//! The names of the feed's events. `id:` is the journal row; events without one do not move a reader's place.

/// A [`Row`](crate::Row) with a decision. Has an id.
pub const DECISION: &str = "decision";
/// A [`Row`](crate::Row) with a gap: decisions that the journal lost. Has an id.
pub const GAP: &str = "gap";
/// A [`Row`](crate::Row) with an event of the gate. Has an id.
pub const EVENT: &str = "event";
/// A [`Row`](crate::Row) with a decision about a certificate request. Has an id.
pub const CSR: &str = "csr";
/// [`Expired`]: retention took rows that were asked for. Its id is the last of them.
pub const EXPIRED: &str = "expired";
/// [`Replaced`]: the row that was asked for is of another journal. Everything follows from the first row on.
pub const REPLACED: &str = "replaced";
/// [`Beat`]: nothing new, and the gate lives. Has an id: rows up to it were sent, or do not match the query.
pub const BEAT: &str = "beat";
/// A [`Summary`](crate::Summary). Without an id.
pub const SUMMARY: &str = "summary";
/// A [`Demo`](crate::Demo). Without an id, and only from `pathgate demo`.
pub const DEMO: &str = "demo";
/// [`Dropped`]: this reader is too slow, and the stream ends. It may come back with its last id.
pub const DROPPED: &str = "dropped";

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    pub from: u64,
    pub to: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    pub asked: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The gate's time, in ms since 1970-01-01 UTC.
    pub at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The last row that was sent.
    pub row: u64,
}
