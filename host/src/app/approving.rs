//! The approver of certificate requests and the Lease that lets it act.

use crate::{
    approver::{self, Approver, News},
    cluster::{Cluster, Hold, Lease},
    id::DecisionIds,
    judge::Judge,
};
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info_span};

/// The approver and its Lease, before they run.
pub(super) struct Approving {
    approver: Approver,
    lease: Lease,
    pub(super) hold: watch::Receiver<Hold>,
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
        let teller = api.teller(&identity);
        let (lease, hold) = api.lease(namespace, name, identity);
        let (sender, news) = mpsc::channel(NEWS);
        let metrics = approver::Metrics::register(registry);
        let approver = Approver::new(judge.clone(), api.clone(), teller, signers, hold.clone(), metrics);
        (Approving { approver, lease, hold, news }, sender)
    }

    pub(super) fn spawn(self, doors: &TaskTracker, stop: &CancellationToken) {
        let Approving { approver, lease, news, .. } = self;
        doors.spawn(lease.keep(stop.child_token()).instrument(info_span!("lease")));
        doors.spawn(approver.run(news, stop.child_token()).instrument(info_span!("approver")));
    }
}

/// Of this run of this gate: by which host, and like no other.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}_{}", host.trim(), DecisionIds::default().next(crate::judge::now()))
}

/// The watch waits when the approver is busy.
const NEWS: usize = 256;
