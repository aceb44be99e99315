//! One of several gates acts: whoever holds the Lease. As client-go elects leaders: written with the version that was
//! read, so two never get it, and waited for by this host's own clock, so clocks need not agree.
//!
//! Own code, because the libraries for it patch without a version, or compare clocks.

use super::{Cluster, watch::told};
use k8s_openapi::{
    api::coordination::v1::{Lease as Object, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{Api, api::PostParams};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A Lease that this gate wants to hold.
pub struct Lease {
    api: Api<Object>,
    name: &'static str,
    identity: String,
    /// Who held it when last looked, by its own words, and since when that has not changed.
    seen: Option<(LeaseSpec, Instant)>,
    told: watch::Sender<Hold>,
    memory: Memory,
}

/// What every holder must know of those before it: written with each renewal, and read before the first act.
pub struct Memory {
    pub tell: Box<dyn Fn() -> String + Send + Sync>,
    pub learn: Box<dyn Fn(&str) + Send + Sync>,
}

/// Whether this gate may act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// It may until then, unless it is told a later time.
    pub until: Option<Instant>,
    /// Who may instead.
    pub holder: String,
    /// Why nobody can tell, if the API cannot be asked.
    pub fault: Option<String>,
}

impl Hold {
    /// Whether what is begun now may still be written.
    pub fn is_ours(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

impl Cluster {
    /// A Lease in a namespace, for the holder of this name, which no other gate has.
    pub fn lease(
        &self,
        namespace: &str,
        name: &'static str,
        identity: String,
        memory: Memory,
    ) -> (Lease, watch::Receiver<Hold>) {
        let api = Api::namespaced(self.client.clone(), namespace);
        let (told, hold) = watch::channel(Hold::default());
        (Lease { api, name, identity, seen: None, told, memory }, hold)
    }
}

impl Lease {
    /// Gets it as soon as it is free, keeps it while this gate is able to act, and lets go of it at the end.
    pub async fn keep(mut self, is_able: impl Fn() -> bool, stop: CancellationToken) {
        let mut tick = time::interval(RETRY);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            if !is_able() {
                self.give_up().await;
                continue;
            }
            let begin = Instant::now();
            let turn = time::timeout(RENEW, self.turn(false)).await;
            let hold = match turn {
                Ok(Ok(holder)) if holder == self.identity => {
                    Hold { until: begin.checked_add(RENEW), holder, fault: None }
                }
                Ok(Ok(holder)) => Hold { until: None, holder, fault: None },
                Ok(Err(error)) => self.failed(told(&error)),
                Err(_) => self.failed("kube-apiserver does not answer".to_owned()),
            };
            self.tell(hold);
        }
        self.give_up().await;
    }

    /// First this gate stops acting, then another one may begin.
    async fn give_up(&mut self) {
        let is_held = self.told.borrow().until.is_some();
        self.told.send_replace(Hold::default());
        if is_held {
            let fault = match time::timeout(RETRY, self.turn(true)).await {
                Ok(Ok(_)) => return info!(lease = self.name, "the Lease is given up"),
                Ok(Err(error)) => told(&error),
                Err(_) => "kube-apiserver does not answer".to_owned(),
            };
            warn!(fault, "the Lease is not given up; another gate gets it when it runs out");
        }
    }

    /// What was held is held on until it runs out.
    fn failed(&self, fault: String) -> Hold {
        Hold { fault: Some(fault), ..self.told.borrow().clone() }
    }

    fn tell(&self, hold: Hold) {
        let before = self.told.borrow().clone();
        if before.holder != hold.holder {
            info!(holder = hold.holder, lease = self.name, "the Lease has a new holder");
        }
        if let (None, Some(fault)) = (&before.fault, &hold.fault) {
            warn!(fault, lease = self.name, "the Lease cannot be looked at");
        }
        self.told.send_replace(hold);
    }

    /// Looks at it, and takes, renews or gives it up where that may be; who holds it now.
    async fn turn(&mut self, give_up: bool) -> kube::Result<String> {
        let found = self.api.get_opt(self.name).await?;
        // Not before the answer: who holds it may have renewed it meanwhile.
        let now = Instant::now();
        let Some(mut object) = found else {
            if give_up {
                return Ok(String::new());
            }
            let spec = Some(self.spec(None));
            let metadata = ObjectMeta { name: Some(self.name.to_owned()), ..ObjectMeta::default() };
            return match self.api.create(&PostParams::default(), &Object { metadata, spec }).await {
                Ok(_) => Ok(self.identity.clone()),
                Err(error) if is_conflict(&error) => Ok(String::new()),
                Err(error) => Err(error),
            };
        };
        let spec = object.spec.clone().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if *seen == spec => *since,
            Some(_) | None => now,
        };
        self.seen = Some((spec.clone(), since));
        let holder = spec.holder_identity.clone().unwrap_or_default();
        let lasts =
            spec.lease_duration_seconds.and_then(|it| u64::try_from(it).ok()).map_or(LASTS, Duration::from_secs);
        let is_free = holder.is_empty() || now.duration_since(since) >= lasts;
        if holder != self.identity && (give_up || !is_free) {
            return Ok(holder);
        }
        let annotations = object.metadata.annotations.get_or_insert_default();
        if holder != self.identity
            && let Some(text) = annotations.get(MEMORY)
        {
            (self.memory.learn)(text);
        }
        annotations.insert(MEMORY.to_owned(), (self.memory.tell)());
        let mut new = self.spec(Some(&spec));
        if give_up {
            new.holder_identity = Some(String::new());
            new.lease_duration_seconds = Some(1);
        }
        object.spec = Some(new);
        match self.api.replace(self.name, &PostParams::default(), &object).await {
            Ok(_) => Ok(if give_up { String::new() } else { self.identity.clone() }),
            Err(error) if is_conflict(&error) => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// Ours, taken or renewed now.
    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = Some(MicroTime(Timestamp::now()));
        let before = before.cloned().unwrap_or_default();
        let is_renewed = before.holder_identity.as_ref() == Some(&self.identity);
        let transitions = before.lease_transitions.unwrap_or(0);
        LeaseSpec {
            acquire_time: if is_renewed { before.acquire_time.clone() } else { now.clone() },
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LASTS.as_secs()).ok(),
            lease_transitions: Some(if is_renewed { transitions } else { transitions.saturating_add(1) }),
            renew_time: now,
            ..before
        }
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// The annotation with what holders remember.
const MEMORY: &str = "pathgate.io/spent";
/// As client-go's defaults: a holder that is not heard of for so long has lost it.
const LASTS: Duration = Duration::from_secs(15);
/// A holder that could not renew it for so long does not act any more: before another one does.
const RENEW: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);
