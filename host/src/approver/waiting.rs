//! Requests that wait for a decision: new ones first, by age, and one that was left less and less often.

use crate::csr::Request;
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;
use wire::{CsrDecision, CsrVerdict};

/// A request that nobody decided.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) request: Request,
    /// As the API showed it: what is written is written about this version.
    pub(super) object: Value,
    told: Option<Told>,
    due: Instant,
    tries: u32,
}

/// What was decided the last time, and is on record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) verdict: CsrVerdict,
    pub(super) rule: String,
    pub(super) id: String,
    /// For the condition.
    pub(super) sentence: String,
}

impl Told {
    pub(super) fn of(decision: &CsrDecision, sentence: String) -> Told {
        Told { verdict: decision.verdict, rule: decision.rule.clone(), id: decision.id.clone(), sentence }
    }
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_name: HashMap<String, Entry>,
}

impl Entry {
    pub(super) fn new(request: Request, object: Value) -> Entry {
        Entry { request, object, told: None, due: Instant::now(), tries: 0 }
    }

    /// What is on record already, if the decision is the same as before.
    pub(super) fn told_before(&self, decision: &CsrDecision) -> Option<Told> {
        self.told.clone().filter(|it| (it.verdict, &it.rule) == (decision.verdict, &decision.rule))
    }

    /// Of the object and of what was read from it, the request itself is nearly all.
    fn weight(&self) -> usize {
        self.request.size.max(self.request.der.len())
    }

    /// The id of the decision, if this is the first try to write it.
    pub(super) fn told_first(&self) -> Option<&str> {
        self.told.as_ref().filter(|_| self.tries == 0).map(|it| it.id.as_str())
    }

    pub(super) fn told(self, told: Told) -> Entry {
        Entry { told: Some(told), ..self }
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
            Some(_) | None if self.by_name.len() >= MOST || self.bytes() + entry.weight() > MOST_BYTES => {
                tracing::warn!(request = name, "a certificate request is left: too many wait already");
                return;
            }
            Some(_) | None => entry,
        };
        self.by_name.insert(name, entry);
    }

    fn bytes(&self) -> usize {
        self.by_name.values().map(Entry::weight).sum()
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

    /// Of those whose turn it is, one that was looked at least often, and of these the oldest; taken out.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Entry> {
        let due = self.by_name.values().filter(|entry| entry.due <= now);
        let name = due.min_by_key(|it| (it.tries, it.request.created, &it.request.name))?.request.name.clone();
        self.by_name.remove(&name)
    }
}

/// Looks at all of them for each decision, which so many allow; a cluster that starts has a few thousand.
const MOST: usize = 10_000;
/// In memory it is four times as much. A kubelet's request has half a kilobyte.
const MOST_BYTES: usize = 16 * 1024 * 1024;
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

    /// Whoever fills the list with what nobody can decide must not keep a new node from its turn.
    #[test]
    fn what_is_new_has_its_turn_before_what_was_left() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.put(entry("left", 1).later(now));
        waiting.put(entry("new", 9));
        let later = now + FIRST;
        assert_eq!([take(&mut waiting, later), take(&mut waiting, later)], [Some("new".into()), Some("left".into())]);
    }

    #[test]
    fn so_many_bytes_wait_and_no_more() {
        let mut waiting = Waiting::default();
        let of = |name: &str, bytes| {
            let request = Request { name: name.into(), der: vec![0; bytes], ..Request::default() };
            Entry::new(request, json!({}))
        };
        waiting.put(of("a", MOST_BYTES / 2));
        waiting.put(of("b", MOST_BYTES));
        waiting.put(of("c", 1));
        assert_eq!(waiting.by_name.keys().filter(|it| ["a", "c"].contains(&it.as_str())).count(), waiting.len());
        waiting.remove("a");
        waiting.put(of("b", MOST_BYTES / 2));
        assert_eq!(waiting.len(), 2);
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
        let told = Told { verdict: CsrVerdict::Leave, rule: "p/r".into(), id: "i".into(), sentence: "s".into() };
        waiting.put(entry("a", 1).told(told.clone()).later(now));
        waiting.put(entry("a", 1));
        assert_eq!(take(&mut waiting, now), None);
        let again = waiting.take_due(now + FIRST).unwrap();
        assert_eq!(again.told, Some(told));
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
