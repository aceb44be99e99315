//! Policy plugins: loaded, checked, initialised once, and asked in a fresh sandbox each time. Owns the WebAssembly engine.
//!
//! What a failure of a plugin means for a request is not decided here: the judge does.

mod approve;
mod asks;
mod bindings;
mod breaker;
mod cache;
mod cases;
mod component;
mod crypto;
mod limits;
mod metrics;
mod peers;
mod plugin;
mod sandbox;
mod slots;
mod snapshot;

#[cfg(test)]
mod tests;

use crate::config::{OnFailure, Role};
use data_encoding::HEXLOWER;
use metrics::Metrics;
use prometheus_client::registry::Registry;
use serde_json::Value;
use slots::Slots;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use wire::{Failure, Request, Source, Traversal};

pub use approve::Approval;
pub use cache::Cache;
pub use cases::{Case, Expect, Outcome as CaseOutcome};
pub use limits::{Bounds, Failed};
pub use peers::Verifier;
pub use plugin::{Answer, Info, Plugin, Rule};
pub use sandbox::{MAX_MEMORY, Sandbox};

/// Everything that makes a plugin: bytes, config, and what the host grants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    pub name: String,
    pub component: Arc<[u8]>,
    /// SHA-256 that the component must have, in hex; none for a built-in one.
    pub sha256: Option<String>,
    pub role: Role,
    pub shadow: bool,
    pub on_failure: OnFailure,
    pub bounds: Bounds,
    pub config: Value,
}

impl Spec {
    /// With what the host grants when nothing else is said: it may refuse, it counts, and its failure refuses.
    pub fn new(name: &str, component: &[u8], config: Value) -> Spec {
        Spec {
            name: name.to_owned(),
            component: component.into(),
            sha256: None,
            role: Role::Restrict,
            shadow: false,
            on_failure: OnFailure::Deny,
            bounds: Bounds::DECISION,
            config,
        }
    }
}

/// Why a plugin was not loaded. What decided before stays in force.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("component has {0} bytes, and may have 4194304")]
    Size(usize),
    #[error("component has sha256 {found}, and the configuration pins {pinned}")]
    Digest { pinned: String, found: String },
    #[error("wrap the core module")]
    Encode(#[source] encode::EncodeError),
    #[error("compile the component")]
    Compile(#[source] wasmtime::Error),
    #[error("component imports `{name}`: {hint}")]
    Import { name: String, hint: &'static str },
    #[error("component does not export `{0}`")]
    Export(&'static str),
    #[error("match the component with the contract")]
    World(#[source] wasmtime::Error),
    #[error("start the component: {0}")]
    Start(Failed),
    #[error("ask the plugin to describe itself: {0}")]
    Describe(Failed),
    #[error("plugin wants to be asked about `{0}`, which is neither `source:NAME` nor `traversal:NAME`")]
    Asks(String),
    #[error("plugin's config schema is not a JSON Schema: {0}")]
    Schema(String),
    #[error("config is not what the plugin takes: {}", list(.0))]
    Config(Vec<(String, String)>),
    #[error("plugin's own cases cannot be read: {0}")]
    Cases(String),
    #[error("plugin fails its own case `{description}`: {fault}")]
    Case { description: String, fault: String },
    #[error("initialise the plugin: {0}")]
    Init(Failed),
    #[error("snapshot the initialised plugin")]
    Snapshot(#[source] wasmtime::Error),
}

impl LoadError {
    fn config(faults: Vec<bindings::WitFault>) -> LoadError {
        LoadError::Config(faults.into_iter().map(|it| (it.pointer, it.message)).collect())
    }
}

fn list(faults: &[(String, String)]) -> String {
    let say = |(pointer, message): &(String, String)| match pointer.as_str() {
        "" => message.clone(),
        pointer => format!("`{pointer}`: {message}"),
    };
    faults.iter().map(say).collect::<Vec<_>>().join("; ")
}

/// The plugins that decide together. Immutable: a change is a new set.
pub struct Set {
    /// Ascends with each set that took effect.
    pub generation: u64,
    pub plugins: Vec<Arc<Plugin>>,
}

impl Set {
    /// The plugins that a request of this class is for, in the order of the configuration.
    pub fn asked(&self, source: Source, traversal: Traversal) -> impl Iterator<Item = &Arc<Plugin>> {
        self.plugins.iter().filter(move |plugin| plugin.is_asked(source, traversal))
    }

    /// The plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }
}

/// The plugins of a host: the set in force, and the way to the next one.
pub struct Plugins {
    sandbox: Sandbox,
    cache: Option<Cache>,
    slots: Slots,
    metrics: Metrics,
    rest: bool,
    current: RwLock<Arc<Set>>,
}

impl Plugins {
    /// Starts the engine; no plugin is loaded yet.
    pub fn new(cache: Option<Cache>) -> wasmtime::Result<Plugins> {
        Ok(Plugins {
            sandbox: Sandbox::new()?,
            cache,
            slots: Slots::new(sandbox::SLOTS),
            metrics: Metrics::new(),
            rest: true,
            current: RwLock::new(Arc::new(Set { generation: 0, plugins: Vec::new() })),
        })
    }

    /// What one test has compiled the others find, and the next run does, until the program of the tests is another.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Plugins {
        static FOLDER: std::sync::LazyLock<std::path::PathBuf> = std::sync::LazyLock::new(|| {
            let program = std::env::current_exe().expect("a program");
            let folder = program.with_extension("compiled");
            let made = |path: &std::path::Path| path.metadata().and_then(|about| about.modified());
            if made(&folder).is_ok_and(|of_folder| made(&program).is_ok_and(|of_program| of_folder < of_program)) {
                std::fs::remove_dir_all(&folder).expect("the folder goes");
            }
            folder
        });
        Plugins::new(Some(Cache::open(&FOLDER).expect("a folder"))).expect("an engine")
    }

    /// Plugins that never rest, however often they fail: for questions from another time, where every one counts.
    pub fn restless(self) -> Plugins {
        Plugins { rest: false, ..self }
    }

    /// The set in force.
    pub fn current(&self) -> Arc<Set> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads a set without letting it decide: all of it, or every reason why not. What is loaded already is kept as it is.
    pub fn prepare(&self, specs: Vec<Spec>) -> Result<Set, Vec<(String, LoadError)>> {
        let current = self.current();
        let mut plugins = Vec::with_capacity(specs.len());
        let mut faults = Vec::new();
        for spec in specs {
            match current.plugins.iter().find(|plugin| *plugin.spec == spec) {
                Some(same) => plugins.push(same.clone()),
                None => match self.load(spec) {
                    Ok(plugin) => plugins.push(Arc::new(plugin)),
                    Err((name, error)) => faults.push((name, error)),
                },
            }
        }
        if plugins.iter().any(|plugin| !current.plugins.iter().any(|it| Arc::ptr_eq(it, plugin))) {
            sandbox::give_back();
        }
        if faults.is_empty() { Ok(Set { generation: current.generation + 1, plugins }) } else { Err(faults) }
    }

    /// Loads one plugin.
    pub fn load(&self, mut spec: Spec) -> Result<Plugin, (String, LoadError)> {
        let name = spec.name.clone();
        let pinned_as_module = spec.sha256.as_ref().is_some_and(|pin| *pin == digest(&spec.component));
        match encode::encode(&spec.component) {
            // A core module is pinned as the file that it is.
            Ok(component) if pinned_as_module && component != *spec.component => {
                spec.sha256 = None;
                spec.component = component.into();
            }
            Ok(component) => spec.component = component.into(),
            Err(error) => return Err((name, LoadError::Encode(error))),
        }
        let mut plugin =
            Plugin::load(&self.sandbox, self.cache.as_ref(), Arc::new(spec)).map_err(|error| (name.clone(), error))?;
        plugin.metrics = self.metrics.of(&name);
        plugin.rests = self.rest;
        Ok(plugin)
    }

    /// Loads a plugin for a single question, and asks it: for explanations. Nothing of it is counted, and no breaker knows.
    pub fn ask_once(
        &self,
        spec: Spec,
        now: u64,
        facts: &[(String, String)],
        request: &Request,
    ) -> Result<Result<Answer, Failed>, LoadError> {
        let plugin = self.load(spec).map_err(|(_, error)| error)?;
        Ok(match self.slots.take(plugin.bounds.patience) {
            Some(_slot) => plugin.decide(now, facts, request, None),
            None => Err(Failed { kind: Failure::Busy, detail: "no sandbox was free in time".into() }),
        })
    }

    /// Lets a set decide, from the next request on. Requests that are being judged keep the set they began with.
    pub fn activate(&self, set: Set) -> Arc<Set> {
        let set = Arc::new(set);
        self.metrics.generation.set(i64::try_from(set.generation).unwrap_or(i64::MAX));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = set.clone();
        set
    }

    /// Goes back to a set that was in force before.
    pub fn restore(&self, set: Arc<Set>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = set;
    }

    /// Asks one plugin, within its limits and what is left of the caller's time, waiting for a sandbox included.
    pub fn ask(
        &self,
        plugin: &Plugin,
        now: u64,
        facts: &[(String, String)],
        request: &Request,
        left: Option<Duration>,
    ) -> Result<Answer, Failed> {
        let begin = Instant::now();
        let limit = left.map_or(plugin.bounds.patience, |left| left.min(plugin.bounds.patience));
        let answer = match self.slots.take(limit) {
            Some(slot) => {
                let mut left = limit;
                if slot.waited {
                    left = limit.saturating_sub(begin.elapsed());
                    self.metrics.wait.observe(begin.elapsed().as_secs_f64());
                }
                plugin.decide(now, facts, request, Some(left))
            }
            None => Err(Failed { kind: Failure::Busy, detail: "no sandbox was free in time".into() }),
        };
        plugin.metrics.seconds.observe(begin.elapsed().as_secs_f64());
        match &answer {
            #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "fuel is far below 2^52")]
            Ok(answer) => plugin.metrics.fuel.observe(answer.fuel as f64),
            Err(failed) => self.count(plugin, failed.kind),
        }
        answer
    }

    /// Asks about bytes that a stranger chose: a certificate, a request for one. Whoever sends them must not make the plugin
    /// rest for everybody's requests, nor wake it: what fails is counted, and the breaker does not hear of it. A plugin that
    /// rests is not asked.
    fn ask_for_stranger<T>(
        &self,
        plugin: &Plugin,
        ask: impl FnOnce(&component::Code) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let begin = Instant::now();
        let answer = match self.slots.take(plugin.bounds.patience) {
            Some(_) if plugin.is_quarantined() => Err(Failed::new(Failure::Quarantined, "it failed too often")),
            Some(_slot) => ask(&plugin.code),
            None => Err(Failed::new(Failure::Busy, "no sandbox was free in time")),
        };
        plugin.metrics.seconds.observe(begin.elapsed().as_secs_f64());
        if let Err(failed) = &answer {
            self.count(plugin, failed.kind);
        }
        answer
    }

    /// Runs a plugin's own cases, each in a fresh instance with its own config.
    pub fn run_cases(&self, component: &[u8], more: Vec<Case>) -> Result<Vec<CaseOutcome>, LoadError> {
        let component = encode::encode(component).map_err(LoadError::Encode)?;
        plugin::run_cases(&self.sandbox, &component, more)
    }

    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    fn count(&self, plugin: &Plugin, kind: Failure) {
        let label = metrics::OfError { plugin: plugin.name.clone(), error: kind.as_str() };
        self.metrics.errors.get_or_create(&label).inc();
        let quarantined = i64::from(plugin.is_quarantined());
        self.metrics.quarantined.get_or_create(&metrics::OfPlugin { plugin: plugin.name.clone() }).set(quarantined);
    }
}

/// The nine plugins' components that this version carries, by name.
pub fn builtin() -> BTreeMap<&'static str, &'static [u8]> {
    include!(concat!(env!("OUT_DIR"), "/builtin.rs")).into_iter().collect()
}

/// SHA-256 in hex.
pub fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}
