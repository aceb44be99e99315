//! What one call of a plugin may cost, and the names of the ways to fail.

use super::sandbox::TICK;
use std::time::Duration;
use wasmtime::{
    AsContextMut, Error, PoolConcurrencyLimitError, ResourceLimiter, Result, Store, StoreLimits, StoreLimitsBuilder,
    Trap, WasmCoreDump,
};

/// The bounds of one instance, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Instructions, roughly. The contract: it alone gives the same result on every machine.
    pub fuel: u64,
    /// The backstop, for a host that was descheduled.
    pub deadline: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Bytes of strings and lists that the host takes back from one call.
    pub output: usize,
}

impl Bounds {
    /// Fuel must run out well before the time does, also on a busy machine, or a loop would end now so, now so.
    pub const DECISION: Bounds =
        Bounds { fuel: 2_000_000, deadline: Duration::from_millis(20), memory: 8 << 20, output: 64 << 10 };
    /// A config is parsed once, and its snapshot is read back as one list: the size of the memory.
    pub const INIT: Bounds =
        Bounds { fuel: 200_000_000, deadline: Duration::from_secs(5), memory: 16 << 20, output: 32 << 20 };

    /// Grants what a call may use up. Memory is not among it: that bound is the [`Ledger`]'s, for good.
    pub(super) fn refill(&self, store: &mut Store<Ledger>) -> Result<()> {
        let ticks = u64::try_from(self.deadline.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX);
        // The tick that is running does not count in full, hence one more.
        store.set_epoch_deadline(ticks.saturating_add(1));
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

/// [`StoreLimits`] that say by type, not only by text, that memory was what ran out.
pub(super) struct Ledger(StoreLimits);

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
        Ledger(limits.build())
    }
}

impl ResourceLimiter for Ledger {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.0.memory_growing(current, desired, maximum).map_err(|error| error.context(MemoryRefused))
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.0.memory_grow_failed(error).map_err(|error| error.context(MemoryRefused))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.0.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.0.instances()
    }

    fn tables(&self) -> usize {
        self.0.tables()
    }

    fn memories(&self) -> usize {
        self.0.memories()
    }
}
