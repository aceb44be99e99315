//! What was decided, for `/metrics`.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::Duration;
use wire::Decision;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    path: &'static str,
    source: &'static str,
    verdict: &'static str,
}

/// Decisions by path, source and verdict, and how long they took.
pub struct Metrics {
    decisions: Family<Kind, Counter>,
    seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Metrics {
        // A decision takes 20 to 100 µs, and kube-apiserver's own buckets start at 1 ms.
        let buckets = [1e-5, 2e-5, 3e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2e-2, 1e-1];
        Metrics { decisions: Family::default(), seconds: Histogram::new(buckets) }
    }
}

impl Metrics {
    pub(super) fn count(&self, decision: &Decision, elapsed: Duration) {
        let kind =
            Kind { path: decision.path.as_str(), source: decision.source.as_str(), verdict: decision.verdict.as_str() };
        self.decisions.get_or_create(&kind).inc();
        self.seconds.observe(elapsed.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("decisions", "Decisions by path, source and verdict", self.decisions.clone());
        let help = "From the end of parsing to the verdict";
        registry.register_with_unit("decision_duration", help, Unit::Seconds, self.seconds.clone());
    }
}
