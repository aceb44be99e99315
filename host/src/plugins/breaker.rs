//! Keeps a plugin that fails again and again from costing every request its full limits.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Opens after [`FAILURES`] within [`WINDOW`] milliseconds, for [`REST`] milliseconds; then one call tries again.
#[derive(Default)]
pub(super) struct Breaker {
    /// Until when it is open, in the caller's milliseconds; 0 when closed, which is all that a good call reads.
    open_until: AtomicU64,
    failures: Mutex<VecDeque<u64>>,
}

impl Breaker {
    /// Whether a call may go through now. Once the rest is over, one caller in each [`TRIAL`] gets a yes.
    pub(super) fn admits(&self, now: u64) -> bool {
        let until = self.open_until.load(Ordering::Acquire);
        if until == 0 {
            return true;
        }
        let next = now.saturating_add(TRIAL);
        until <= now && self.open_until.compare_exchange(until, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// A call went well: what was open closes.
    pub(super) fn succeeded(&self) {
        if self.open_until.load(Ordering::Acquire) != 0 {
            self.failures.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.open_until.store(0, Ordering::Release);
        }
    }

    /// A call failed. True when this is what opened it.
    pub(super) fn failed(&self, now: u64) -> bool {
        let was_open = self.open_until.load(Ordering::Acquire) != 0;
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push_back(now);
        failures.retain(|&at| at.saturating_add(WINDOW) > now);
        if was_open || failures.len() >= FAILURES {
            failures.clear();
            self.open_until.store(now.saturating_add(REST), Ordering::Release);
        }
        !was_open && self.open_until.load(Ordering::Acquire) != 0
    }

    /// Whether calls are being refused without a try.
    pub(super) fn is_open(&self) -> bool {
        self.open_until.load(Ordering::Acquire) != 0
    }
}

/// Five calls at the limit cost a worker thread at most a tenth of a second.
const FAILURES: usize = 5;
const WINDOW: u64 = 10_000;
const REST: u64 = 30_000;
const TRIAL: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_five_failures_in_ten_seconds_and_not_before() {
        let breaker = Breaker::default();
        let opened: Vec<_> = [0, 1, 2, 3, 4].map(|at| breaker.failed(at)).into();
        assert_eq!(opened, [false, false, false, false, true]);
        assert!(!breaker.admits(5));
    }

    #[test]
    fn failures_far_apart_do_not_open_it() {
        let breaker = Breaker::default();
        assert!((0..20).all(|n| !breaker.failed(n * 5_000)));
    }

    #[test]
    fn one_caller_tries_after_the_rest_and_success_closes() {
        let breaker = Breaker::default();
        (0..5).for_each(|at| _ = breaker.failed(at));
        assert_eq!([30_003, 30_004, 30_004].map(|at| breaker.admits(at)), [false, true, false]);
        breaker.succeeded();
        assert!(breaker.admits(30_005));
    }

    #[test]
    fn a_failed_try_rests_again() {
        let breaker = Breaker::default();
        (0..5).for_each(|at| _ = breaker.failed(at));
        assert!(breaker.admits(40_000));
        assert!(!breaker.failed(40_000));
        assert!(!breaker.admits(69_999));
        assert!(breaker.admits(70_000));
    }
}
