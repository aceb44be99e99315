//! What was answered to a question already, by the question's digest.

use aws_lc_rs::digest::{SHA256, digest};
use std::{collections::HashMap, mem, sync::Arc};
use wire::{Path, Verdict};

/// What the plugins say now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) verdict: Verdict,
    pub(super) path: Path,
    pub(super) rule: Arc<str>,
    pub(super) reason: String,
}

pub(super) type Key = [u8; 32];

/// The digest of a question as JSON.
pub(super) fn key(asked: &[u8]) -> Key {
    digest(&SHA256, asked).as_ref().try_into().unwrap_or([0; 32]) // SHA-256 has 32 bytes
}

/// Two generations: when the young one is full it becomes the old one, and what nobody asked for again is forgotten.
#[derive(Default)]
pub(super) struct Known {
    young: HashMap<Key, Arc<Now>>,
    old: HashMap<Key, Arc<Now>>,
}

impl Known {
    pub(super) fn find(&mut self, key: &Key) -> Option<Arc<Now>> {
        if let Some(now) = self.young.get(key) {
            return Some(Arc::clone(now));
        }
        let now = self.old.remove(key)?;
        self.insert(*key, Arc::clone(&now));
        Some(now)
    }

    pub(super) fn keep(&mut self, key: Key, now: Now) -> Arc<Now> {
        let now = Arc::new(now);
        self.insert(key, Arc::clone(&now));
        now
    }

    fn insert(&mut self, key: Key, now: Arc<Now>) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, now);
    }
}

/// A cluster of 5,000 nodes asks some 50,000 different questions in a quiet hour; two generations of these take 50 MB.
pub(super) const GENERATION: usize = 131_072;
