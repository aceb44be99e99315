//! What one call of a plugin may cost, and the names of the ways to fail.

use super::sandbox::{MAX_MEMORY, SPARE, TICK};
use cpu_time::ThreadTime;
use std::time::{Duration, Instant};
use wasmtime::{
    AsContextMut, Error, PoolConcurrencyLimitError, ResourceLimiter, Result, Store, StoreLimits, StoreLimitsBuilder,
    Trap, UpdateDeadline, WasmCoreDump,
};

/// The bounds of one instance, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Instructions, roughly. The contract: it alone gives the same result on every machine.
    pub fuel: u64,
    /// The backstop, for what fuel does not count. Time of the processor: what other programs take of a busy machine is
    /// not the plugin's.
    pub deadline: Duration,
    /// What the caller waits at most, by the clock on the wall.
    pub patience: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Bytes of strings and lists that the host takes back from one call.
    pub output: usize,
}

impl Bounds {
    /// Fuel must run out well before the time does, also on a busy machine, or a loop would end now so, now so.
    pub const DECISION: Bounds = Bounds {
        fuel: 2_000_000,
        deadline: Duration::from_millis(20),
        patience: Duration::from_secs(3),
        memory: 8 << 20,
        output: 64 << 10,
    };
    /// A config is parsed once, a hundred thousand revoked credentials among it, and its snapshot is read back as one
    /// list: the size of the memory.
    pub const INIT: Bounds = Bounds {
        fuel: 2_000_000_000,
        deadline: Duration::from_secs(5),
        patience: Duration::from_secs(60),
        memory: MAX_MEMORY,
        output: 2 * MAX_MEMORY,
    };

    /// Grants what a call may use up, once more. Memory is not among it: that bound is the [`Ledger`]'s, for good.
    pub(super) fn refill(&self, store: &mut Store<Ledger>) -> Result<()> {
        store.data_mut().clock = Clock::start(self);
        self.grant(store)
    }

    /// Grants it to a store whose clock has just been started.
    pub(super) fn grant(&self, store: &mut Store<Ledger>) -> Result<()> {
        store.set_epoch_deadline(ticks(self.deadline.min(self.patience)));
        store.set_hostcall_fuel(self.output);
        store.set_fuel(self.fuel)
    }
}

/// Why a plugin gave no answer. What that means for the request is decided by the judge, in one place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", match self.detail.as_str() { "" => self.kind.as_str().to_owned(), detail => format!("{}: {detail}", self.kind) })]
pub struct Failed {
    pub kind: wire::Failure,
    /// The message of a panic, where there is one.
    pub detail: String,
}

impl Failed {
    pub(super) fn new(kind: wire::Failure, detail: impl Into<String>) -> Failed {
        Failed { kind, detail: detail.into() }
    }

    /// Tells what ended a call, and reads a panic's last words out of the memory of the instance.
    pub(super) fn of(error: &Error, mut store: impl AsContextMut) -> Failed {
        let words = error
            .downcast_ref::<WasmCoreDump>()
            .and_then(|dump| dump.memories().iter().find_map(|memory| last_words(memory.data(store.as_context_mut()))));
        Failed::kind_of(error, words)
    }

    /// Tells what kept an instance from starting.
    pub(super) fn kind_of(error: &Error, words: Option<String>) -> Failed {
        use wire::Failure;
        let text = || words.clone().unwrap_or_else(|| error.root_cause().to_string());
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Failed::new(Failure::Fuel, ""),
            Some(Trap::Interrupt) => Failed::new(Failure::Deadline, ""),
            Some(_) => Failed::new(Failure::Trap, text()),
            None if error.is::<MemoryRefused>() => Failed::new(Failure::Memory, ""),
            None if error.is::<PoolConcurrencyLimitError>() => Failed::new(Failure::Busy, ""),
            None if error.is::<Late>() => Failed::new(Failure::Busy, Late.to_string()),
            // Wasmtime has no public type for it; a test holds the words.
            None if format!("{error:#}").contains("fuel allocated for hostcalls") => Failed::new(Failure::Output, ""),
            None => Failed::new(Failure::Trap, text()),
        }
    }
}

/// The SDK leaves a panic's message behind sixteen bytes that occur nowhere else.
fn last_words(memory: &[u8]) -> Option<String> {
    const MARK: &[u8; 16] = b"pathgate-panic\xf0\x01";
    let at = memory.windows(MARK.len()).position(|window| window == MARK)?;
    let rest = memory.get(at + MARK.len()..)?;
    let (length, text) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?.min(512);
    let text = text.get(..length).filter(|text| !text.is_empty())?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// When a call has to end. The processor's time is asked for only once the deadline has passed on the wall: a decision
/// that takes its usual 10 µs pays nothing for it, and one that spins ends within twice its deadline.
struct Clock {
    deadline: Duration,
    end: Instant,
    /// What the thread had used when it was asked first.
    seen: Option<Duration>,
}

impl Clock {
    fn start(bounds: &Bounds) -> Clock {
        Clock { deadline: bounds.deadline, end: Instant::now() + bounds.patience, seen: None }
    }

    /// How many ticks it may go on, if any.
    fn more(&mut self) -> Result<Option<u64>, Late> {
        let left = self.end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()).ok_or(Late)?;
        let now = ThreadTime::now().as_duration();
        let used = now.saturating_sub(*self.seen.get_or_insert(now));
        let rest = self.deadline.checked_sub(used).filter(|rest| !rest.is_zero());
        Ok(rest.map(|rest| ticks(rest.min(left))))
    }
}

/// Not the plugin's fault: the caller gave it too little, or the machine did.
#[derive(Debug, thiserror::Error)]
#[error("the caller waits no longer")]
struct Late;

/// The tick that is running does not count in full, hence one more.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// What is counted while a call runs. It says by type, not only by text, that memory was what ran out.
pub(super) struct Ledger {
    memory: StoreLimits,
    /// What was granted besides, in bytes.
    besides: usize,
    clock: Clock,
}

#[derive(Debug, thiserror::Error)]
#[error("memory limit")]
struct MemoryRefused;

impl Ledger {
    pub(super) fn new(bounds: &Bounds) -> Ledger {
        let limits = StoreLimitsBuilder::new()
            .memory_size(bounds.memory)
            .memories(1)
            .table_elements(10_000)
            .tables(2)
            .instances(4)
            // A refused grow ends the call. A plugin that saw -1 could answer differently, and replay would break.
            .trap_on_grow_failure(true);
        Ledger { memory: limits.build(), besides: 0, clock: Clock::start(bounds) }
    }

    /// Grants the pages in which wizer's accessors put what they read, however full the memory is.
    pub(super) fn let_accessors_in(&mut self) {
        self.besides = SPARE;
    }

    /// Puts the limits into force that are not a matter of one call.
    pub(super) fn hold(store: &mut Store<Ledger>) {
        store.limiter(|ledger| ledger);
        store.epoch_deadline_callback(|mut store| {
            Ok(store.data_mut().clock.more()?.map_or(UpdateDeadline::Interrupt, UpdateDeadline::Continue))
        });
    }
}

impl ResourceLimiter for Ledger {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let desired = desired.saturating_sub(self.besides);
        self.memory.memory_growing(current, desired, maximum).map_err(|error| error.context(MemoryRefused))
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.memory.memory_grow_failed(error).map_err(|error| error.context(MemoryRefused))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.memory.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.memory.instances()
    }

    fn tables(&self) -> usize {
        self.memory.tables()
    }

    fn memories(&self) -> usize {
        self.memory.memories()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn only_the_plugins_own_time_counts_against_it() {
        let deadline = Duration::from_millis(10);
        let mut clock = Clock::start(&Bounds { deadline, patience: Duration::from_secs(600), ..Bounds::DECISION });
        assert!(clock.more().is_ok_and(|more| more.is_some()));
        // Nothing is sent: the thread is away for three deadlines.
        let (_open, silence) = mpsc::channel::<()>();
        silence.recv_timeout(3 * deadline).expect_err("nothing is sent");
        assert!(clock.more().is_ok_and(|more| more.is_some()));
        let begin = ThreadTime::now();
        while begin.elapsed() < deadline {}
        assert!(clock.more().is_ok_and(|more| more.is_none()));
    }

    #[test]
    fn nobody_waits_longer_than_they_said() {
        let mut clock = Clock::start(&Bounds { patience: Duration::ZERO, ..Bounds::INIT });
        assert!(clock.more().is_err());
    }
}
