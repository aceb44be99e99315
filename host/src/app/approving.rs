//! The approver of certificate requests and the Lease that lets it act.

use crate::{
    approver::{self, Approver, News},
    cluster::{Cluster, Events, Hold, Lease, Memory},
    id::DecisionIds,
    inventory::Inventory,
    judge::Judge,
};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info_span, warn};

/// The approver and its Lease, before they run.
pub(super) struct Approving {
    approver: Approver,
    lease: Lease,
    pub(super) hold: watch::Receiver<Hold>,
    judge: Arc<Judge>,
    events: Events,
    news: mpsc::Receiver<News>,
}

impl Approving {
    pub(super) fn new(
        judge: &Arc<Judge>,
        api: &Cluster,
        signers: Vec<String>,
        registry: &mut Registry,
    ) -> (Approving, mpsc::Sender<News>) {
        let (namespace, name) = approver::LEASE;
        let identity = identity();
        let (teller, events) = api.teller(&identity);
        let (lease, hold) = api.lease(namespace, name, identity, memory(judge));
        let (sender, news) = mpsc::channel(NEWS);
        let approver = Approver {
            judge: judge.clone(),
            cluster: api.clone(),
            teller,
            signers,
            hold: hold.clone(),
            metrics: approver::Metrics::register(registry),
        };
        (Approving { approver, lease, hold, judge: judge.clone(), events, news }, sender)
    }

    pub(super) fn spawn(self, doors: &TaskTracker, stop: &CancellationToken) {
        let Approving { approver, lease, judge, events, news, .. } = self;
        // The Lease is given up after the last decision, however the approver ends.
        let held = CancellationToken::new();
        let guard = held.clone().drop_guard();
        let is_able = move || judge.look(Inventory::is_known);
        doors.spawn(lease.keep(is_able, held).instrument(info_span!("lease")));
        doors.spawn(events.run().instrument(info_span!("events")));
        let work = approver.run(news, stop.child_token()).instrument(info_span!("approver"));
        doors.spawn(async move {
            work.await;
            drop(guard);
        });
    }
}

/// Kubernetes deletes a request an hour after it was approved, and its token stays spent for every gate.
fn memory(judge: &Arc<Judge>) -> Memory {
    let (teller, learner) = (judge.clone(), judge.clone());
    Memory {
        tell: Box::new(move || serde_json::to_string(&teller.look(Inventory::spent)).unwrap_or_default()),
        learn: Box::new(move |text| match serde_json::from_str(text) {
            Ok(spent) => learner.learn(|inventory| inventory.learn_spent(spent)),
            Err(error) => warn!(%error, "the Lease does not tell which tokens are spent"),
        }),
    }
}

/// Of this run of this gate: by which host, and like no other.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), DecisionIds::default().next(crate::judge::now()))
}

/// The watch waits when the approver is busy.
const NEWS: usize = 256;
