//! What all doors count of their sockets.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Why a connection was refused or ended by this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// As many are open as may be.
    Full,
    /// The handshake took too long.
    Timeout,
    /// It has no client certificate.
    NoCertificate,
    /// Its certificate is not from the client CA, not for clients, or not valid.
    Untrusted,
    /// Its certificate is expired, or not valid yet.
    Expired,
    /// Its certificate is good, and its name is not on the list.
    Name,
    /// It does not speak TLS as it should.
    Protocol,
    /// It broke off during the handshake.
    Broken,
    /// It began a request and did not go on.
    SlowHead,
    /// It went on doing nothing when told to go.
    Idle,
}

impl Cause {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Cause::Full => "full",
            Cause::Timeout => "timeout",
            Cause::NoCertificate => "no-certificate",
            Cause::Untrusted => "untrusted",
            Cause::Expired => "expired",
            Cause::Name => "name",
            Cause::Protocol => "protocol",
            Cause::Broken => "broken",
            Cause::SlowHead => "slow-head",
            Cause::Idle => "idle",
        }
    }
}

type ByDoor = [(&'static str, &'static str); 1];
type ByCause = [(&'static str, &'static str); 2];

/// The sockets' metrics, of all doors.
#[derive(Clone)]
pub struct Metrics {
    open: Family<ByDoor, Gauge>,
    accepted: Family<ByDoor, Counter>,
    refused: Family<ByCause, Counter>,
    expiry: Family<ByDoor, Gauge>,
    reload_faults: Family<ByDoor, Counter>,
}

impl Metrics {
    /// Registers them; names start with the registry's prefix.
    pub fn register(registry: &mut Registry) -> Metrics {
        let metrics = Metrics {
            open: Family::default(),
            accepted: Family::default(),
            refused: Family::default(),
            expiry: Family::default(),
            reload_faults: Family::default(),
        };
        registry.register("connections_open", "Connections that are open", metrics.open.clone());
        registry.register("connections_accepted", "Connections that were accepted", metrics.accepted.clone());
        let help = "Connections that were refused or cut off, by cause";
        registry.register("connections_refused", help, metrics.refused.clone());
        let help = "When the serving certificate expires, in seconds since 1970-01-01 UTC";
        registry.register("tls_certificate_expiry_timestamp_seconds", help, metrics.expiry.clone());
        let help = "Reloads of certificates that failed and left the old ones serving";
        registry.register("tls_reload_faults", help, metrics.reload_faults.clone());
        metrics
    }

    /// Those of one door.
    pub fn door(&self, name: &'static str) -> DoorMetrics {
        let door = [("door", name)];
        DoorMetrics {
            name,
            open: self.open.get_or_create_owned(&door),
            accepted: self.accepted.get_or_create_owned(&door),
            refused: self.refused.clone(),
            expiry: self.expiry.clone(),
            reload_faults: self.reload_faults.get_or_create_owned(&door),
        }
    }
}

/// The sockets' metrics of one door.
#[derive(Clone)]
pub struct DoorMetrics {
    pub(super) name: &'static str,
    open: Gauge,
    accepted: Counter,
    refused: Family<ByCause, Counter>,
    expiry: Family<ByDoor, Gauge>,
    pub(super) reload_faults: Counter,
}

impl DoorMetrics {
    /// Counts a connection as open until the guard is dropped.
    pub(super) fn open(&self) -> Open {
        self.accepted.inc();
        self.open.inc();
        Open(self.open.clone())
    }

    pub(super) fn refuse(&self, cause: Cause) {
        self.refused.get_or_create(&[("door", self.name), ("cause", cause.as_str())]).inc();
    }

    pub(super) fn expires(&self, at: i64) {
        self.expiry.get_or_create(&[("door", self.name)]).set(at);
    }
}

/// A connection that is open.
pub(super) struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
