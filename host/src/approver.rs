//! The door of kubelets' certificate requests: what the API shows becomes a request, what the judge says becomes a
//! condition. One request at a time, in the order in which they were made, because one that is approved spends its token.
//!
//! It writes only while this gate holds the Lease, only about requests that nobody decided, and only on the version that was
//! judged, so it never fights another approver. What it leaves, it looks at again.

mod waiting;

use crate::{
    cluster::{APPROVED, Cluster, Condition, DENIED, Hold, Kind, Teller, Written},
    csr::{self, Glance, Request, State},
    health::Health,
    inventory::Inventory,
    judge::Judge,
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{mpsc, watch},
    task,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use waiting::{Entry, Told, Waiting};
use wire::CsrVerdict;

/// What the watch tells about requests. A clone of each object that the inventory has taken in.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    Put(Value),
    Gone(String),
    /// Everything that there is was told: what was not among it is gone.
    All(Vec<String>),
}

/// Decides on the requests of these signers.
pub struct Approver {
    pub judge: Arc<Judge>,
    pub cluster: Cluster,
    pub teller: Teller,
    pub signers: Vec<String>,
    /// Whether this gate holds the Lease.
    pub hold: watch::Receiver<Hold>,
    pub metrics: Metrics,
}

impl Approver {
    /// Works until it is stopped, or nobody tells news any more.
    pub async fn run(mut self, mut news: mpsc::Receiver<News>, stop: CancellationToken) {
        let mut waiting = Waiting::default();
        loop {
            let due = if self.may_act() { waiting.next_due() } else { Instant::now().checked_add(LOOK_UP) };
            tokio::select! {
                () = stop.cancelled() => return,
                told = next(&mut news, due) => match told {
                    Next::News(told) => self.take(&mut waiting, told),
                    Next::Due => {}
                    Next::End => return,
                },
                changed = self.hold.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.metrics.leads.set(i64::from(self.is_leader()));
                }
            }
            // All that is known counts before anything is decided.
            while let Ok(told) = news.try_recv() {
                self.take(&mut waiting, told);
            }
            self.metrics.waiting.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
            if self.may_act()
                && let Some(entry) = waiting.take_due(Instant::now())
                && let Some(entry) = self.decide(entry).await
            {
                waiting.put(entry);
            }
        }
    }

    fn may_act(&self) -> bool {
        self.is_leader() && self.judge.look(Inventory::is_known)
    }

    fn is_leader(&self) -> bool {
        self.hold.borrow().is_ours(Instant::now())
    }

    fn take(&self, waiting: &mut Waiting, news: News) {
        match news {
            News::Gone(name) => waiting.remove(&name),
            News::All(names) => waiting.keep_only(&names),
            News::Put(object) => match csr::from_object(&object, "request") {
                Ok(request) if request.state == State::Pending && self.signers.contains(&request.signer) => {
                    waiting.put(Entry::new(request, object));
                }
                Ok(request) => waiting.remove(&request.name),
                Err(faults) => warn!(faults = faults.join("; "), "a certificate request is left, it cannot be read"),
            },
        }
    }

    /// Decides on one, and says so to the cluster; back comes what must be looked at again.
    async fn decide(&self, entry: Entry) -> Option<Entry> {
        if let Err(fault) = self.look_at_node(&entry.request).await {
            self.metrics.count("node-unread");
            warn!(request = entry.request.name, fault, "its Node cannot be looked at; it waits");
            return Some(entry.later(Instant::now()));
        }
        let (judge, request) = (self.judge.clone(), entry.request.clone());
        let (decision, sentence) = match task::spawn_blocking(move || judge.decide_request(&request)).await {
            Ok(decided) => decided,
            Err(error) => {
                warn!(%error, "deciding on a certificate request broke off; it waits");
                return Some(entry.later(Instant::now()));
            }
        };
        // Until it is written, no other gate may act.
        if decision.verdict != CsrVerdict::Leave && !self.hold.borrow().is_ours(Instant::now() + WRITE) {
            return Some(entry.later(Instant::now()));
        }
        let told = match entry.told_before(&decision) {
            Some(told) => told,
            None => {
                let told = Told::of(&decision, sentence);
                info!(request = entry.request.name, verdict = %told.verdict, rule = told.rule, id = told.id, "judged");
                if !self.judge.record_request(decision) {
                    self.metrics.count("journal-full");
                    return Some(entry.later(Instant::now()));
                }
                self.metrics.decided(told.verdict);
                told
            }
        };
        match condition(&told) {
            None => Some(entry.told(told).later(Instant::now())),
            Some(condition) => self.write(entry.told(told), &condition).await,
        }
    }

    /// A serving certificate is for the addresses that the Node has now, and not when the watch last told.
    async fn look_at_node(&self, request: &Request) -> Result<(), String> {
        let glance = Glance::at(&request.der);
        let Some(name) = glance.node().filter(|name| is_object_name(name)) else { return Ok(()) };
        let found = time::timeout(LOOK, self.cluster.get(Kind::Node, name)).await;
        let found = found.map_err(|_| "kube-apiserver does not answer".to_owned())??;
        self.judge.learn(|inventory| match found {
            Some(node) => inventory.apply(node),
            None => {
                inventory.remove(Kind::Node.as_str(), "", name);
                Ok(())
            }
        })
    }

    async fn write(&self, entry: Entry, condition: &Condition) -> Option<Entry> {
        let written = time::timeout(WRITE, self.cluster.write_condition(&entry.object, condition)).await;
        let written = written.unwrap_or_else(|_| Written::Unknown("kube-apiserver does not answer".to_owned()));
        // Rather no second use of a token than two: also where it cannot be told.
        if condition.kind == APPROVED && matches!(written, Written::Done | Written::Unknown(_)) {
            self.judge.remember_approval(&entry.request);
        }
        match written {
            Written::Done => {
                if !self.teller.tell(&entry.object, condition) {
                    self.metrics.count("event-lost");
                }
                None
            }
            // The watch tells what it is now.
            Written::Overtaken => {
                self.fail(&entry, "overtaken", "it was decided by somebody else, changed or deleted");
                None
            }
            Written::Refused(fault) => {
                self.fail(&entry, "refused", &format!("{fault}; has the gate the rights of deploy/rbac.yaml?"));
                Some(entry.later(Instant::now()))
            }
            Written::Unknown(fault) => {
                self.fail(&entry, "unknown", &fault);
                Some(entry.later(Instant::now()))
            }
        }
    }

    /// Counts it each time, and tells it once.
    fn fail(&self, entry: &Entry, error: &'static str, why: &str) {
        self.metrics.count(error);
        if let Some(id) = entry.told_first() {
            warn!(request = entry.request.name, id, why, "a decision did not reach the cluster");
            self.judge.note_unwritten(&entry.request.name, id, why);
        }
    }
}

/// What is written; nothing about what is left.
fn condition(told: &Told) -> Option<Condition> {
    let (kind, reason) = match told.verdict {
        CsrVerdict::Approve => (APPROVED, "PathgateApproved"),
        CsrVerdict::Deny => (DENIED, "PathgateDenied"),
        CsrVerdict::Leave => return None,
    };
    let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    Some(Condition { kind, reason, message: told.sentence.clone(), at })
}

/// A DNS subdomain (RFC 1123), so that what a stranger wrote does not become a path of the API.
fn is_object_name(name: &str) -> bool {
    let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let is_label = |label: &str| {
        let (first, last) = (label.bytes().next(), label.bytes().last());
        first.is_some_and(is_letter)
            && last.is_some_and(is_letter)
            && label.bytes().all(|it| is_letter(it) || it == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// What comes first: news, or a time.
enum Next {
    News(News),
    Due,
    End,
}

async fn next(news: &mut mpsc::Receiver<News>, due: Option<Instant>) -> Next {
    let told = match due {
        Some(due) => time::timeout_at(due, news.recv()).await,
        None => Ok(news.recv().await),
    };
    match told {
        Ok(Some(told)) => Next::News(told),
        Ok(None) => Next::End,
        Err(_) => Next::Due,
    }
}

/// Whether requests are decided, and by whom.
pub fn health(hold: &watch::Receiver<Hold>) -> Health {
    if hold.has_changed().is_err() {
        return Health::Warn("certificate requests wait: the gate stops, or its Lease is kept by nobody".to_owned());
    }
    let hold = hold.borrow();
    match &hold.fault {
        Some(fault) => Health::Warn(format!("certificate requests wait: {fault}")),
        None if hold.holder.is_empty() => Health::Warn("certificate requests wait: nobody holds the Lease".to_owned()),
        None => Health::Ok,
    }
}

/// What the approver counts.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    decided: Family<OfVerdict, Counter>,
    failed: Family<OfError, Counter>,
    waiting: Gauge,
    leads: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVerdict {
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfError {
    error: &'static str,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Metrics {
        let metrics = Metrics::default();
        registry.register("csr_decisions", "Certificate requests decided or left", metrics.decided.clone());
        registry.register("csr_errors", "Decisions that did not reach the cluster", metrics.failed.clone());
        registry.register("csr_waiting", "Certificate requests that nobody decided yet", metrics.waiting.clone());
        registry.register("csr_leader", "Whether this gate holds the Lease", metrics.leads.clone());
        metrics
    }

    fn decided(&self, verdict: CsrVerdict) {
        self.decided.get_or_create(&OfVerdict { verdict: verdict.as_str() }).inc();
    }

    fn count(&self, error: &'static str) {
        self.failed.get_or_create(&OfError { error }).inc();
    }
}

/// The Lease of approvers, in the namespace where Kubernetes' own are.
pub const LEASE: (&str, &str) = ("kube-system", "pathgate-approver");

/// How often a gate that may not act looks whether it may.
const LOOK_UP: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_secs(5);
const WRITE: Duration = Duration::from_secs(5);
