//! The witnesses besides reviews: looks at the cluster's list and at files when they change; its folder looks at kubelets.
//!
//! Each sends what it found to whoever keeps the posture. A file that is bad or gone leaves what was known before.

mod probes;

use crate::{
    inventory::{Inventory, Node},
    judge::{self, Judge},
    manifests,
    posture::{FileClaims, NodeEntry, ProbeReport},
};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{mpsc, watch},
    task, time,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use probes::probes;

/// What a witness found.
#[derive(Debug)]
pub enum Finding {
    /// The nodes of the inventory, in place of those before.
    Nodes {
        nodes: Vec<NodeEntry>,
        at: u64,
    },
    Probe(Box<ProbeReport>),
    /// What files say, in place of what they said before.
    Files(FileClaims),
    /// A certificate request is gone.
    Gone(String),
    /// A certificate request has its certificate.
    Issued {
        name: String,
        sha256: String,
        at: u64,
    },
}

/// Reads the list of the cluster's objects when it changes, for the judge, for the prober and for the posture.
pub async fn cluster(facts: PathBuf, judge: Arc<Judge>, told: Told, stop: CancellationToken) {
    let mut seen = None;
    let mut tick = ticks(EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let now = stamp(&facts);
        if seen.as_ref() == Some(&now) {
            continue;
        }
        seen = Some(now);
        let path = facts.clone();
        // A large list takes a second of a core.
        let inventory = match task::spawn_blocking(move || read(&path)).await {
            Ok(Ok(inventory)) => inventory,
            Ok(Err(fault)) => {
                warn!(file = %facts.display(), fault, "the cluster's list is not taken; what it said before counts");
                continue;
            }
            Err(error) => {
                error!(%error, "reading the cluster's list broke off; what it said before counts");
                continue;
            }
        };
        let nodes = nodes(&inventory);
        info!(nodes = nodes.len(), "the cluster's list took effect");
        judge.learn(|before| *before = inventory);
        told.nodes(nodes).await;
    }
}

/// The nodes by name.
pub type Nodes = HashMap<String, Node>;

/// Who must know which nodes there are: the prober, and whoever keeps the posture.
pub struct Told {
    pub stock: watch::Sender<Arc<Nodes>>,
    pub findings: mpsc::Sender<Finding>,
}

impl Told {
    /// Tells them, unless they know.
    pub async fn nodes(&self, nodes: Nodes) {
        let entry = |(name, node): (&String, &Node)| NodeEntry { name: name.clone(), pool: node.pool.clone() };
        let entries = nodes.iter().map(entry).collect();
        let nodes = Arc::new(nodes);
        if self.stock.send_if_modified(|before| {
            *before != nodes && {
                *before = nodes;
                true
            }
        }) {
            // Nobody may be listening; the judge knows all the same.
            let _ = self.findings.send(Finding::Nodes { nodes: entries, at: judge::now() }).await;
        }
    }
}

/// Those of an inventory.
pub fn nodes(inventory: &Inventory) -> Nodes {
    inventory.nodes().map(|(name, node)| (name.to_owned(), node.clone())).collect()
}

/// Reads configuration files when one of them changes.
pub async fn files(paths: Vec<PathBuf>, findings: mpsc::Sender<Finding>, stop: CancellationToken) {
    let mut seen = None;
    let mut tick = ticks(FILES_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        let (paths, before) = (paths.clone(), seen.clone());
        let look = move || {
            let stamp = manifests::stamp(&paths);
            let changed = before.as_ref() != Some(&stamp);
            changed.then(|| (stamp, manifests::read(&paths, judge::now())))
        };
        match task::spawn_blocking(look).await {
            Ok(Some((stamp, claims))) => {
                seen = Some(stamp);
                if findings.send(Finding::Files(claims)).await.is_err() {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) => error!(%error, "reading configuration files broke off; what they said before counts"),
        }
    }
}

fn read(facts: &Path) -> Result<Inventory, String> {
    let bytes = fs::read(facts).map_err(|error| error.to_string())?;
    Inventory::from_list(&bytes).map_err(|error| super::chain(&error))
}

fn stamp(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.len(), meta.modified().ok()))
}

fn ticks(every: Duration) -> time::Interval {
    let mut tick = time::interval(every);
    tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    tick
}

/// A person who edits a file looks at the result after about that long.
const EVERY: Duration = Duration::from_secs(1);
/// Thousands of files may be meant, and each is looked at.
const FILES_EVERY: Duration = Duration::from_secs(5);
