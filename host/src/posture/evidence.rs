//! A piece of evidence, and what several of them come to.
//!
//! The rules: the strongest valid evidence decides; what is equally strong and disagrees is a conflict; a sighting newer
//! than a proof contests it; evidence that ran out proves nothing, but what it warned of stays in doubt until somebody
//! as good has looked again. So nothing gets better by waiting.

use std::sync::Arc;
use wire::{Strength, Witness};

/// What a field of a path's state may hold.
pub trait Value: Copy + Eq {
    /// Whether a safe path has it.
    fn is_good(self) -> bool;

    /// In words, for the column of what was found.
    fn says(self) -> &'static str;
}

/// One thing that one witness says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence<V> {
    pub value: V,
    pub strength: Strength,
    pub witness: Witness,
    /// Where exactly: a file, an address, a decision.
    pub from: Arc<str>,
    /// What was found, in words; empty where the value says it all.
    pub note: Arc<str>,
    pub at: u64,
    /// In ms; 0 if it does not run out.
    pub ttl: u64,
}

/// What is known of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a, V> {
    /// Nothing that is valid; what was known last, if anything.
    Unknown(Option<&'a Evidence<V>>),
    /// These two disagree.
    Conflict(&'a Evidence<V>, &'a Evidence<V>),
    Is(&'a Evidence<V>),
}

/// All evidence for one field: one piece for each witness, and for each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<V>(Vec<Evidence<V>>);

impl<V> Default for Field<V> {
    fn default() -> Field<V> {
        Field(Vec::new())
    }
}

impl<V> Evidence<V> {
    pub fn is_valid(&self, now: u64) -> bool {
        self.ttl == 0 || now < self.at.saturating_add(self.ttl)
    }
}

impl<V: Value> Evidence<V> {
    /// Whether this warning stands against that comfort.
    fn contests(&self, good: &Evidence<V>) -> bool {
        let sighting = self.strength == Strength::Observed && good.strength == Strength::Proved && self.at >= good.at;
        !self.value.is_good() && (self.strength <= good.strength || sighting)
    }
}

impl<V: Value> Field<V> {
    /// Takes evidence over older of its witness, unless that is better and still stands.
    pub fn add(&mut self, new: Evidence<V>) {
        let same =
            |old: &Evidence<V>| old.witness == new.witness && (new.witness != Witness::Files || old.from == new.from);
        let full = self.0.len() >= MOST;
        if let Some(old) = self.0.iter_mut().find(|it| same(it)) {
            let weaker = new.strength > old.strength;
            let stands = old.is_valid(new.at) || (!old.value.is_good() && new.value.is_good());
            if !(weaker && stands) && new.at >= old.at {
                *old = new;
            }
        } else if !full {
            self.0.push(new);
        } else if !new.value.is_good()
            // A warning is never the one that is left out.
            && let Some(old) = self.0.iter_mut().find(|it| it.value.is_good())
        {
            *old = new;
        }
    }

    /// Forgets what a witness said.
    pub fn forget(&mut self, witness: Witness) {
        self.0.retain(|it| it.witness != witness);
    }

    /// What it all comes to at this time.
    pub fn resolve(&self, now: u64) -> Known<'_, V> {
        let valid = || self.0.iter().filter(|it| it.is_valid(now));
        // The smallest strength is the best; of equals, the newest.
        let Some(best) = valid().min_by_key(|it| (it.strength, u64::MAX.saturating_sub(it.at))) else {
            return Known::Unknown(self.0.iter().max_by_key(|it| it.at));
        };
        if !best.value.is_good() {
            let other = valid().find(|it| it.strength == best.strength && it.value.is_good());
            return other.map_or(Known::Is(best), |other| Known::Conflict(best, other));
        }
        if let Some(bad) = valid().find(|it| it.contests(best)) {
            return Known::Conflict(best, bad);
        }
        match self.0.iter().find(|it| !it.is_valid(now) && it.contests(best)) {
            Some(bad) => Known::Unknown(Some(bad)),
            None => Known::Is(best),
        }
    }

    /// When the next piece runs out, after this time.
    pub fn until(&self, now: u64) -> u64 {
        let ends = self.0.iter().filter(|it| it.ttl > 0).map(|it| it.at.saturating_add(it.ttl));
        ends.filter(|end| *end > now).min().unwrap_or(u64::MAX)
    }
}

/// Three witnesses, and the manifests of as many control planes as a cluster may have.
const MOST: usize = 12;
