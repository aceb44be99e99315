//! From bytes to a running instance.

use super::{
    Cache, LoadError, Sandbox,
    approve::{self, WitOutcome},
    bindings::{
        self, APPROVE_CSR, AUTHORIZE, CRYPTO, INTERFACES, PLUGIN, VERIFY_PEER, WitAnswer, WitContext, WitFault,
        WitInfo, WitRequest,
    },
    crypto,
    limits::{Bounds, Failed, Ledger},
    peers,
};
use wasmtime::{
    Store,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, Instance as Raw, InstancePre, Lift, Linker, Lower,
        TypedFunc,
    },
};

/// A compiled component that imports nothing it may not, and exports at least `plugin`.
pub(super) struct Code {
    linked: InstancePre<Ledger>,
    pub(super) exports: Exports,
}

/// Where its exports are, looked up once: a decision does no search by name.
pub(super) struct Exports {
    describe: ComponentExportIndex,
    init: ComponentExportIndex,
    authorize: Option<ComponentExportIndex>,
    pub(super) approve: Option<ComponentExportIndex>,
    pub(super) verify_peer: Option<ComponentExportIndex>,
}

impl Code {
    /// Compiles WebAssembly; never loads machine code made elsewhere.
    pub(super) fn compile(sandbox: &Sandbox, component: &[u8]) -> Result<Code, LoadError> {
        Code::link(sandbox, Component::from_binary(&sandbox.engine, component).map_err(LoadError::Compile)?)
    }

    /// What the cache has under this key, if anything.
    pub(super) fn kept(sandbox: &Sandbox, cache: Option<&Cache>, key: &str) -> Option<Result<Code, LoadError>> {
        cache?.load(sandbox, key).map(|component| Code::link(sandbox, component))
    }

    /// What the cache has under this key, or else what `make` makes, kept for the next time. Code that is kept is run from the file,
    /// page by page as it is needed: what was compiled takes memory to its last byte.
    pub(super) fn cached(
        sandbox: &Sandbox,
        cache: Option<&Cache>,
        key: &str,
        make: impl FnOnce() -> Result<Code, LoadError>,
    ) -> Result<Code, LoadError> {
        if let Some(code) = Code::kept(sandbox, cache, key) {
            return code;
        }
        let code = make()?;
        if let (Some(cache), Ok(bytes)) = (cache, code.linked.component().serialize())
            && let Err(error) = cache.store(key, &bytes)
        {
            tracing::warn!(%error, "a compiled plugin is not cached");
            return Ok(code);
        }
        Code::kept(sandbox, cache, key).unwrap_or(Ok(code))
    }

    /// The same code once more, with no memory that was ever used.
    pub(super) fn again(&self, sandbox: &Sandbox) -> Result<Code, LoadError> {
        let bytes = self.linked.component().serialize().map_err(LoadError::Compile)?;
        // SAFETY: the bytes come from this very engine, a line above.
        Code::link(sandbox, unsafe { Component::deserialize(&sandbox.engine, bytes) }.map_err(LoadError::Compile)?)
    }

    /// Checks what a component imports and exports.
    pub(super) fn link(sandbox: &Sandbox, component: Component) -> Result<Code, LoadError> {
        let engine = &sandbox.engine;
        if let Some((name, _)) = component.component_type().imports(engine).find(|(name, _)| *name != CRYPTO) {
            return Err(LoadError::Import { name: name.to_owned(), hint: "plugins import nothing but `crypto`" });
        }
        let find = |interface, function| {
            let (_, interface) = component.get_export(None, interface)?;
            component.get_export(Some(&interface), function).map(|(_, index)| index)
        };
        let required = |function| find(PLUGIN, function).ok_or(LoadError::Export(PLUGIN));
        // An interface is exported whole, or not at all.
        let optional = |interface, function| match find(interface, function) {
            None if component.get_export(None, interface).is_some() => Err(LoadError::Export(interface)),
            found => Ok(found),
        };
        let exports = Exports {
            describe: required("describe")?,
            init: required("init")?,
            authorize: optional(AUTHORIZE, "decide")?,
            approve: optional(APPROVE_CSR, "decide")?,
            verify_peer: optional(VERIFY_PEER, "verify")?,
        };
        let mut linker = Linker::new(engine);
        crypto::serve(&mut linker).map_err(LoadError::World)?;
        let linked = linker.instantiate_pre(&component).map_err(LoadError::World)?;
        let code = Code { linked, exports };
        code.start(&Bounds::INIT).map_err(LoadError::Start)?.check().map_err(LoadError::World)?;
        Ok(code)
    }

    /// The interfaces that it exports.
    pub(super) fn interfaces(&self) -> Vec<&'static str> {
        let component = self.linked.component();
        INTERFACES.into_iter().filter(|name| component.get_export(None, *name).is_some()).collect()
    }

    /// The interfaces that it imports: `crypto`, or nothing.
    pub(super) fn imports(&self) -> Vec<String> {
        let component = self.linked.component();
        component.component_type().imports(self.linked.engine()).map(|(name, _)| name.to_owned()).collect()
    }

    pub(super) fn can_authorize(&self) -> bool {
        self.exports.authorize.is_some()
    }

    /// Starts a fresh instance. The only place that makes a store, so no store is without limits.
    pub(super) fn start(&self, bounds: &Bounds) -> Result<Instance<'_>, Failed> {
        let mut store = Store::new(self.linked.engine(), Ledger::new(bounds));
        Ledger::hold(&mut store);
        bounds.grant(&mut store).map_err(|error| Failed::kind_of(&error, None))?;
        let raw = self.linked.instantiate(&mut store).map_err(|error| Failed::of(&error, &mut store))?;
        Ok(Instance { store, raw, exports: &self.exports })
    }
}

/// One running copy of a plugin. After a failure it answers nothing more; drop it.
pub(super) struct Instance<'a> {
    pub(super) store: Store<Ledger>,
    pub(super) raw: Raw,
    pub(super) exports: &'a Exports,
}

/// What `describe` and `init` answer, and what `decide` is asked.
type Description = (WitInfo,);
type Outcome = (Result<(), Vec<WitFault>>,);
type Question<'a> = (WitContext<'a>, WitRequest<'a>);

impl Instance<'_> {
    /// Whether every function has the type that the contract gives it.
    fn check(&mut self) -> wasmtime::Result<()> {
        let Instance { store, raw, exports } = self;
        raw.get_typed_func::<(), Description>(&mut *store, &exports.describe)?;
        raw.get_typed_func::<(&str,), Outcome>(&mut *store, &exports.init)?;
        if let Some(decide) = &exports.authorize {
            raw.get_typed_func::<Question<'_>, (WitAnswer,)>(&mut *store, decide)?;
        }
        if let Some(decide) = &exports.approve {
            raw.get_typed_func::<approve::Arguments<'_>, (WitOutcome,)>(&mut *store, decide)?;
        }
        if let Some(verify) = &exports.verify_peer {
            raw.get_typed_func::<peers::Arguments<'_>, peers::Answer>(&mut *store, verify)?;
        }
        Ok(())
    }

    pub(super) fn describe(&mut self) -> Result<WitInfo, Failed> {
        // SAFETY: these are the types of `check`.
        let call = unsafe { typed::<(), Description>(&self.raw, &mut self.store, &self.exports.describe) };
        let answer = call.and_then(|call| call.call(&mut self.store, ()));
        answer.map(|(info,)| info).map_err(|error| Failed::of(&error, &mut self.store))
    }

    pub(super) fn init(&mut self, config: &str) -> Result<Result<(), Vec<WitFault>>, Failed> {
        // SAFETY: these are the types of `check`.
        let call = unsafe { typed::<(&str,), Outcome>(&self.raw, &mut self.store, &self.exports.init) };
        let answer = call.and_then(|call| call.call(&mut self.store, (config,)));
        answer.map(|(outcome,)| outcome).map_err(|error| Failed::of(&error, &mut self.store))
    }

    pub(super) fn decide(
        &mut self,
        now: u64,
        facts: &[(String, String)],
        request: &wire::Request,
    ) -> Result<WitAnswer, Failed> {
        let Some(index) = &self.exports.authorize else {
            return Err(Failed::new(wire::Failure::NotReady, "it does not export `authorize`"));
        };
        let Instance { store, raw, .. } = self;
        let answer = bindings::lend(now, facts, request, |context, request| {
            // SAFETY: these are the types of `check`.
            let call = unsafe { typed::<Question<'_>, (WitAnswer,)>(raw, store, index) }?;
            call.call(&mut *store, (context, request))
        });
        answer.map(|(answer,)| answer).map_err(|error| Failed::of(&error, &mut self.store))
    }

    /// Grants the limits anew, for what follows `init` in the same instance.
    pub(super) fn refill(&mut self, bounds: &Bounds) -> Result<(), Failed> {
        bounds.refill(&mut self.store).map_err(|error| Failed::kind_of(&error, None))
    }

    pub(super) fn fuel_left(&self) -> u64 {
        self.store.get_fuel().unwrap_or(0)
    }
}

/// A function of an instance, without another look at its type: comparing records takes longer than passing them.
///
/// # Safety
/// `P` and `R` are what [`Instance::check`] has found this function to have, as it has for every [`Code`].
pub(super) unsafe fn typed<P, R>(
    raw: &Raw,
    store: &mut Store<Ledger>,
    index: &ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<P, R>>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let function = raw.get_func(store, index).ok_or_else(|| wasmtime::Error::msg("no such function"))?;
    // SAFETY: as the caller promises.
    Ok(unsafe { TypedFunc::new_unchecked(function) })
}
