//! The engine that all plugins share: how code is compiled, where memories come from, how time passes.

use std::{
    sync::mpsc::{self, RecvTimeoutError, SyncSender},
    thread,
    time::Duration,
};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result};

/// One per process: its pool reserves address space for every slot.
pub struct Sandbox {
    pub(super) engine: Engine,
    /// Dropped with the sandbox, which ends the ticking.
    _alive: SyncSender<()>,
}

impl Sandbox {
    /// Starts the engine and its clock. An error is the system's: no address space, no thread.
    pub fn new() -> Result<Sandbox> {
        let mut config = Config::new();
        config
            .allocation_strategy(InstanceAllocationStrategy::Pooling(pool()))
            // A fresh memory is a copy-on-write mapping of the snapshot, not a copy of it.
            .memory_init_cow(true)
            .consume_fuel(true)
            .epoch_interruption(true)
            .max_wasm_stack(256 * KIB)
            // A panic's message lies in the memory of the instance that trapped; a backtrace costs 40 µs a trap.
            .coredump_on_trap(true)
            .wasm_backtrace_max_frames(None)
            // A synchronous host pays half a microsecond a call for the default, true.
            .concurrency_support(false)
            // Same request, same answer: nothing below may depend on the machine.
            .cranelift_nan_canonicalization(true)
            .wasm_relaxed_simd(false)
            .wasm_memory64(false)
            .wasm_multi_memory(false);
        let engine = Engine::new(&config)?;
        let alive = start_ticking(&engine)?;
        Ok(Sandbox { engine, _alive: alive })
    }

    /// The engine and its version, as the journal names it.
    pub fn engine_name() -> &'static str {
        concat!("wasmtime ", env!("WASMTIME_VERSION"))
    }
}

/// A slot that goes back to the pool keeps its pages and is reset by writing back what changed. Without the
/// `keep_resident` and `pagemap_scan` lines each decision pays `madvise` and page faults: two to three times the time.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(SLOTS)
        .total_core_instances(4 * SLOTS)
        .total_memories(SLOTS)
        .total_tables(2 * SLOTS)
        // One module is the plugin; wizer's accessors while `init` runs, and the two that wire up an import.
        .max_core_instances_per_component(4)
        .max_memories_per_component(1)
        .max_tables_per_component(2)
        .max_memory_size(MAX_MEMORY + SPARE)
        .linear_memory_keep_resident(4 * 1024 * KIB)
        .table_keep_resident(64 * KIB)
        .pagemap_scan(Enabled::Auto); // Linux 6.7 and newer
    pool
}

/// Advances the epoch once a [`TICK`] until the sandbox is gone. A late tick is skipped, never made up for: a host that
/// was descheduled must not then expire the deadlines of all decisions at once.
fn start_ticking(engine: &Engine) -> Result<SyncSender<()>> {
    let engine = engine.weak();
    let (alive, gone) = mpsc::sync_channel::<()>(0);
    thread::Builder::new().name("epoch".into()).spawn(move || {
        while let Err(RecvTimeoutError::Timeout) = gone.recv_timeout(TICK) {
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    })?;
    Ok(alive)
}

/// Returns to the system what compiling took: glibc would keep it, for each thread that compiled.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it looks at nothing but what the allocator holds and nobody uses, under the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The unit of deadlines.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// More than the worker threads of any host: a decision runs on the thread that took the request, so no more than that
/// many are alive at once. Callers beyond it wait in front of the pool, not inside it.
pub(super) const SLOTS: u32 = 64;
const KIB: usize = 1024;
/// The ceiling of what a config may grant. A slot reserves addresses for it, and no memory.
pub const MAX_MEMORY: usize = 64 * 1024 * KIB;
/// Each of wizer's accessors grows the memory by a page of 64 KiB when it is called.
pub(super) const SPARE: usize = 1024 * KIB;
