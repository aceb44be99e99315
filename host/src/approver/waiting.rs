//! Requests that wait for a decision: the oldest first, and one that was left less and less often.

use crate::csr::Request;
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;
use wire::CsrVerdict;

/// A request that nobody decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) request: Request,
    /// As the API showed it: what is written is written about this version.
    pub(super) object: Value,
    /// Verdict and rule of the last time, which need not be told again.
    told: Option<(CsrVerdict, String)>,
    due: Instant,
    tries: u32,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_name: HashMap<String, Entry>,
}

impl Entry {
    pub(super) fn new(request: Request, object: Value) -> Entry {
        Entry { request, object, told: None, due: Instant::now(), tries: 0 }
    }

    /// Whether this is what came of it the last time.
    pub(super) fn was_told(&self, verdict: CsrVerdict, rule: &str) -> bool {
        self.told.as_ref().is_some_and(|(before, by)| (*before, by.as_str()) == (verdict, rule))
    }

    pub(super) fn told(self, verdict: CsrVerdict, rule: String) -> Entry {
        Entry { told: Some((verdict, rule)), ..self }
    }

    /// To be looked at again: soon, for a Node that is about to tell its addresses, then once a minute.
    pub(super) fn later(self, now: Instant) -> Entry {
        let wait = FIRST.saturating_mul(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX)).min(LONGEST);
        let due = now.checked_add(wait).unwrap_or(now);
        Entry { due, tries: self.tries.saturating_add(1).min(30), ..self }
    }
}

impl Waiting {
    /// Takes in a request, over an older version of it, which keeps its turn: who touches a request gets no more of them.
    pub(super) fn put(&mut self, entry: Entry) {
        let name = entry.request.name.clone();
        let entry = match self.by_name.remove(&name) {
            Some(old) if old.request.uid == entry.request.uid && old.tries > entry.tries => {
                Entry { told: old.told, due: old.due, tries: old.tries, ..entry }
            }
            Some(_) | None if self.by_name.len() >= MOST => {
                tracing::warn!(request = name, "a certificate request is left: {MOST} wait already");
                return;
            }
            Some(_) | None => entry,
        };
        self.by_name.insert(name, entry);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    pub(super) fn keep_only(&mut self, names: &[String]) {
        let names: std::collections::HashSet<_> = names.iter().collect();
        self.by_name.retain(|name, _| names.contains(name));
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// When there is something to do next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.by_name.values().map(|entry| entry.due).min()
    }

    /// The oldest of those whose turn it is, taken out.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Entry> {
        let due = self.by_name.values().filter(|entry| entry.due <= now);
        let name = due.min_by_key(|it| (it.request.created, &it.request.name))?.request.name.clone();
        self.by_name.remove(&name)
    }
}

/// Looks at all of them for each decision, which so many allow; a cluster that starts has a few thousand.
const MOST: usize = 10_000;
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(name: &str, created: u64) -> Entry {
        let request = Request { name: name.into(), uid: "u".into(), created: Some(created), ..Request::default() };
        Entry::new(request, json!({}))
    }

    fn take(waiting: &mut Waiting, now: Instant) -> Option<String> {
        waiting.take_due(now).map(|entry| entry.request.name)
    }

    #[test]
    fn the_oldest_has_its_turn_first() {
        let mut waiting = Waiting::default();
        [entry("b", 2), entry("a", 3), entry("c", 1)].into_iter().for_each(|it| waiting.put(it));
        let now = Instant::now();
        let order: Vec<_> = std::iter::from_fn(|| take(&mut waiting, now)).collect();
        assert_eq!(order, ["c", "b", "a"]);
    }

    #[test]
    fn what_is_left_has_its_turn_less_and_less_often() {
        let now = Instant::now();
        let mut left = entry("a", 1);
        let waits: Vec<_> = (0..8)
            .map(|_| {
                left = left.clone().later(now);
                (left.due - now).as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn who_touches_a_request_gets_no_more_turns() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.put(entry("a", 1).told(CsrVerdict::Leave, "p/r".into()).later(now));
        waiting.put(entry("a", 1));
        assert_eq!(take(&mut waiting, now), None);
        let again = waiting.take_due(now + FIRST).unwrap();
        assert!(again.was_told(CsrVerdict::Leave, "p/r"));
    }

    #[test]
    fn what_is_decided_or_gone_is_forgotten() {
        let mut waiting = Waiting::default();
        ["a", "b", "c"].into_iter().for_each(|name| waiting.put(entry(name, 1)));
        waiting.remove("a");
        waiting.keep_only(&["c".into(), "d".into()]);
        assert_eq!((waiting.len(), take(&mut waiting, Instant::now())), (1, Some("c".into())));
    }
}
