//! What the webhook counts. `result` says what kube-apiserver's own webhook metrics say, so that graphs line up.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Instant;

/// How a request ended, in kube-apiserver's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It has a verdict.
    Success,
    /// The asker went away.
    Canceled,
    /// It did not arrive in time.
    Timeout,
    /// It has no verdict.
    Error,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Canceled => "canceled",
            Outcome::Timeout => "timeout",
            Outcome::Error => "error",
        }
    }
}

/// Why a request has no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    Large,
    Late,
    Broken,
    Path,
    Method,
    Overload,
}

impl Refusal {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Refusal::Malformed => "malformed",
            Refusal::Large => "large",
            Refusal::Late => "late",
            Refusal::Broken => "broken",
            Refusal::Path => "path",
            Refusal::Method => "method",
            Refusal::Overload => "overload",
        }
    }
}

/// The webhook's metrics.
#[derive(Clone)]
pub struct Metrics {
    success: Counter,
    canceled: Counter,
    timeout: Counter,
    error: Counter,
    refused: Family<[(&'static str, &'static str); 1], Counter>,
    in_flight: Gauge,
    duration: Histogram,
}

impl Metrics {
    /// Registers them; names start with the registry's prefix.
    pub fn register(registry: &mut Registry) -> Metrics {
        let requests = Family::<[(&'static str, &'static str); 1], Counter>::default();
        let of = |outcome: Outcome| requests.get_or_create_owned(&[("result", outcome.as_str())]);
        let metrics = Metrics {
            success: of(Outcome::Success),
            canceled: of(Outcome::Canceled),
            timeout: of(Outcome::Timeout),
            error: of(Outcome::Error),
            refused: Family::default(),
            in_flight: Gauge::default(),
            duration: Histogram::new(BUCKETS),
        };
        registry.register("webhook_requests", "Requests to the authorization webhook, by result", requests);
        registry.register("webhook_refused", "Requests without a verdict, by reason", metrics.refused.clone());
        registry.register("webhook_in_flight", "Requests that are read or judged", metrics.in_flight.clone());
        let help = "Seconds from the request's head to its answer, in buckets of microseconds";
        registry.register("webhook_duration_seconds", help, metrics.duration.clone());
        metrics
    }

    /// Counts a request that starts now; it is counted as over when the guard is dropped.
    pub(super) fn start(&self) -> Running<'_> {
        self.in_flight.inc();
        Running { metrics: self, since: Instant::now(), outcome: Outcome::Canceled }
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refused.get_or_create(&[("reason", refusal.as_str())]).inc();
    }
}

/// A request that is read or judged.
pub(super) struct Running<'a> {
    metrics: &'a Metrics,
    since: Instant,
    /// What it counts as if it ended now.
    pub(super) outcome: Outcome,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        self.metrics.duration.observe(self.since.elapsed().as_secs_f64());
        match self.outcome {
            Outcome::Success => &self.metrics.success,
            Outcome::Canceled => &self.metrics.canceled,
            Outcome::Timeout => &self.metrics.timeout,
            Outcome::Error => &self.metrics.error,
        }
        .inc();
    }
}

/// 10 µs to 100 ms: a decision takes about 30 µs, a plugin's deadline is 20 ms.
const BUCKETS: [f64; 13] = [10e-6, 20e-6, 30e-6, 50e-6, 75e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 20e-3, 100e-3];
