//! Waiting for a sandbox happens here, in front of the pool: inside it there is no waiting, only refusal.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// As many permits as the pool has instances.
pub(super) struct Slots {
    free: Mutex<u32>,
    returned: Condvar,
}

/// A permit for one instance; given back when dropped.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    pub(super) waited: bool,
}

impl Slots {
    pub(super) fn new(count: u32) -> Slots {
        Slots { free: Mutex::new(count), returned: Condvar::new() }
    }

    /// Waits at most this long.
    pub(super) fn take(&self, limit: Duration) -> Option<Slot<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = *free == 0;
        if waited {
            (free, _) = self
                .returned
                .wait_timeout_while(free, limit, |free| *free == 0)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free = free.checked_sub(1)?;
        Some(Slot { slots: self, waited })
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.slots.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.slots.returned.notify_one();
    }
}
