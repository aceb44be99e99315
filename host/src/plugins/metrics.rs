//! What plugins cost, for `/metrics`.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// A plugin's own handles, so that a decision looks nothing up.
#[derive(Clone)]
pub(super) struct PluginMetrics {
    pub(super) seconds: Histogram,
    pub(super) fuel: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfPlugin {
    pub(super) plugin: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfError {
    pub(super) plugin: String,
    pub(super) error: &'static str,
}

/// Of all plugins.
pub(super) struct Metrics {
    pub(super) errors: Family<OfError, Counter>,
    pub(super) generation: Gauge,
    pub(super) quarantined: Family<OfPlugin, Gauge>,
    pub(super) wait: Histogram,
    seconds: Family<OfPlugin, Histogram, fn() -> Histogram>,
    fuel: Family<OfPlugin, Histogram, fn() -> Histogram>,
}

impl Metrics {
    pub(super) fn new() -> Metrics {
        Metrics {
            errors: Family::default(),
            generation: Gauge::default(),
            quarantined: Family::default(),
            wait: micros(),
            seconds: Family::new_with_constructor(micros),
            fuel: Family::new_with_constructor(units),
        }
    }

    pub(super) fn of(&self, plugin: &str) -> PluginMetrics {
        let label = OfPlugin { plugin: plugin.to_owned() };
        PluginMetrics {
            seconds: self.seconds.get_or_create(&label).clone(),
            fuel: self.fuel.get_or_create(&label).clone(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("plugin");
        registry.register("errors", "Calls that gave no answer, by why", self.errors.clone());
        registry.register("generation", "Ascends with each set of plugins that took effect", self.generation.clone());
        registry.register(
            "quarantined",
            "1 while a plugin that failed too often is not asked",
            self.quarantined.clone(),
        );
        registry.register_with_unit(
            "duration",
            "Time of a call, instance included",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register("fuel", "Units of fuel that a call burnt", self.fuel.clone());
        registry.register_with_unit("wait", "Time until a sandbox was free", Unit::Seconds, self.wait.clone());
    }
}

impl Default for PluginMetrics {
    fn default() -> PluginMetrics {
        PluginMetrics { seconds: micros(), fuel: units() }
    }
}

/// A decision takes 10 to 100 µs; its deadline is 20 ms.
fn micros() -> Histogram {
    Histogram::new([5e-6, 1e-5, 1.5e-5, 2e-5, 3e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2e-2, 1e-1])
}

fn units() -> Histogram {
    Histogram::new([2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6])
}
