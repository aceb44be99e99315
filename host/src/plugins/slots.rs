//! Waiting for a sandbox happens here, in front of the pool: inside it there is no waiting, only refusal.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// As many permits as the pool has instances.
pub(super) struct Slots {
    places: Mutex<Places>,
    returned: Condvar,
}

struct Places {
    free: u32,
    /// Telling nobody costs a system call, and it would be one for each decision.
    waiting: u32,
}

/// A permit for one instance; given back when dropped.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    pub(super) waited: bool,
}

impl Slots {
    pub(super) fn new(count: u32) -> Slots {
        Slots { places: Mutex::new(Places { free: count, waiting: 0 }), returned: Condvar::new() }
    }

    /// Waits at most this long.
    pub(super) fn take(&self, limit: Duration) -> Option<Slot<'_>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = places.free == 0;
        if waited {
            places.waiting += 1;
            (places, _) = self
                .returned
                .wait_timeout_while(places, limit, |places| places.free == 0)
                .unwrap_or_else(PoisonError::into_inner);
            places.waiting -= 1;
        }
        places.free = places.free.checked_sub(1)?;
        Some(Slot { slots: self, waited })
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut places = self.slots.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.free += 1;
        if places.waiting > 0 {
            self.slots.returned.notify_one();
        }
    }
}
