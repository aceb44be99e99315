//! Who testifies to the state of the paths besides reviews, and the board that is told.

use super::{
    cluster::Followed,
    watch::{self, Finding, Told},
};
use crate::{
    board::Board,
    config::PostureConfig,
    journal::Journal,
    judge::{self, Judge},
    posture::{Options, Posture},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info_span};

/// Where the cluster's objects come from.
pub(super) enum Source {
    /// A list on disk.
    List(PathBuf),
    Api(Arc<Followed>),
}

/// What the operator connected.
pub(super) struct Witnesses {
    pub(super) cluster: Option<Source>,
    pub(super) posture: PostureConfig,
}

impl Witnesses {
    /// A board that knows who will testify.
    pub(super) fn board(&self) -> Board {
        let probes = self.posture.probes.as_ref();
        let default = Options::default();
        let options = Options {
            probes: probes.is_some(),
            files: !self.posture.files.is_empty(),
            inventory: self.cluster.is_some(),
            probe_every: probes
                .map_or(default.probe_every, |it| u64::try_from(it.every.as_millis()).unwrap_or(u64::MAX)),
            ..default
        };
        Board::new(self.posture.name.clone(), judge::now(), Posture::new(options))
    }

    /// Lets them look, and tells the board what they find.
    pub(super) fn spawn(
        self,
        tasks: &TaskTracker,
        judge: &Arc<Judge>,
        board: &Arc<Mutex<Board>>,
        journal: Option<Journal>,
        stop: &CancellationToken,
    ) {
        let (findings, found) = mpsc::channel(FINDINGS);
        let (stock, stocked) = tokio::sync::watch::channel(Arc::default());
        let told = Told { stock, findings: findings.clone() };
        match self.cluster {
            Some(Source::List(file)) => {
                let cluster = watch::cluster(file, judge.clone(), told, stop.child_token());
                tasks.spawn(cluster.instrument(info_span!("cluster")));
            }
            Some(Source::Api(followed)) => {
                let cluster = followed.run(told, stop.child_token());
                tasks.spawn(cluster.instrument(info_span!("cluster")));
            }
            None => {}
        }
        if !self.posture.files.is_empty() {
            let files = watch::files(self.posture.files, findings.clone(), stop.child_token());
            tasks.spawn(files.instrument(info_span!("files")));
        }
        if let Some(probes) = self.posture.probes {
            let probes = watch::probes(probes, judge.clone(), journal, stocked, findings, stop.child_token());
            tasks.spawn(probes.instrument(info_span!("probes")));
        }
        tasks.spawn(hear(found, board.clone(), stop.child_token()).instrument(info_span!("posture")));
    }
}

async fn hear(mut found: mpsc::Receiver<Finding>, board: Arc<Mutex<Board>>, stop: CancellationToken) {
    while let Some(Some(finding)) = stop.run_until_cancelled(found.recv()).await {
        let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
        match finding {
            Finding::Nodes { nodes, at } => board.posture().set_nodes(nodes, at),
            Finding::Probe(report) => board.apply_probe(*report),
            Finding::Files(claims) => board.posture().apply_files(claims),
            Finding::Gone(name) => board.gone(&name),
            Finding::Issued { name, sha256, at } => board.issued(&name, &sha256, at),
        }
    }
}

/// The prober waits when the board is busy.
const FINDINGS: usize = 64;
