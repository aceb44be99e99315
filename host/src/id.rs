//! Names of things.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// Names decisions: sortable by time, unique across hosts. Every clone of the text is the same decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionId(String);

/// Makes ids that ascend also within one millisecond.
#[derive(Default)]
pub struct DecisionIds(Mutex<ulid::Generator>);

impl DecisionIds {
    /// The next id at this time, in milliseconds since 1970-01-01 UTC.
    pub fn next(&self, millis: u64) -> DecisionId {
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A generator overflows after 2^80 ids in a millisecond; a fresh one is as unique.
        let id = ids.generate_from_datetime(at).unwrap_or_else(|_| ulid::Ulid::from_datetime(at));
        DecisionId(id.to_string())
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
