//! Runs `init` once and turns the memory after it into a new component: a decision starts where `init` ended.

use super::{
    LoadError, Sandbox,
    component::{Code, Instance},
    limits::Bounds,
};
use std::{
    pin::pin,
    task::{self, Poll, Waker},
};
use wasmtime::{
    Result,
    component::{Lift, WasmList},
};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

/// A component with wizer's accessors in it, ready to run `init`.
pub(super) struct Instrumented<'a> {
    wizer: Wizer,
    original: wasmtime_wizer::ComponentContext<'a>,
    pub(super) code: Code,
}

impl<'a> Instrumented<'a> {
    pub(super) fn new(sandbox: &Sandbox, component: &'a [u8]) -> Result<Instrumented<'a>, LoadError> {
        let wizer = Wizer::new();
        let (original, instrumented) = wizer.instrument_component(component).map_err(LoadError::Compile)?;
        Ok(Instrumented { code: Code::compile(sandbox, &instrumented)?, wizer, original })
    }

    /// The component as it is after `init(config)`.
    pub(super) fn initialise(&self, config: &str) -> Result<Vec<u8>, LoadError> {
        let mut instance = self.code.start(&Bounds::INIT).map_err(LoadError::Start)?;
        instance.init(config).map_err(LoadError::Init)?.map_err(LoadError::config)?;
        // What follows runs wizer's own accessors only. It must not fail for what `init` has used up.
        instance.refill(&Bounds::INIT).map_err(LoadError::Init)?;
        instance.store.data_mut().let_accessors_in();
        let snapshot = ready(self.wizer.snapshot_component(&self.original, &mut Accessors(instance)));
        snapshot.map_err(LoadError::Snapshot)
    }
}

/// Wizer reads memories and globals through exports that it has added to the component.
struct Accessors<'a>(Instance<'a>);

impl Accessors<'_> {
    fn read<T: Lift + 'static>(&mut self, interface: &str, name: &str) -> T {
        let Instance { store, raw, .. } = &mut self.0;
        let mut read = || -> Result<T> {
            let interface = raw.get_export_index(&mut *store, None, interface);
            let name = raw.get_export_index(&mut *store, interface.as_ref(), name);
            let name = name.ok_or_else(|| wasmtime::Error::msg("no such accessor"))?;
            Ok(raw.get_typed_func::<(), (T,)>(&mut *store, name)?.call(&mut *store, ())?.0)
        };
        #[expect(clippy::expect_used, reason = "wizer generated the accessors, and its trait leaves no way to fail")]
        read().expect("wizer's accessors only read")
    }
}

impl ComponentInstanceState for Accessors<'_> {
    async fn call_func_ret_list_u8(&mut self, interface: &str, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let bytes: WasmList<u8> = self.read(interface, name);
        contents(bytes.as_le_slice(&self.0.store));
    }

    async fn call_func_ret_s32(&mut self, interface: &str, name: &str) -> i32 {
        self.read(interface, name)
    }

    async fn call_func_ret_s64(&mut self, interface: &str, name: &str) -> i64 {
        self.read(interface, name)
    }

    async fn call_func_ret_f32(&mut self, interface: &str, name: &str) -> u32 {
        self.read::<f32>(interface, name).to_bits()
    }

    async fn call_func_ret_f64(&mut self, interface: &str, name: &str) -> u64 {
        self.read::<f64>(interface, name).to_bits()
    }
}

/// Wizer's face is async, but nothing behind ours waits: the first poll is the last.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        #[expect(clippy::unreachable, reason = "all accessors are synchronous")]
        Poll::Pending => unreachable!("all accessors are synchronous"),
    }
}
