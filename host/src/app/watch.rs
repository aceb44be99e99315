//! The witnesses besides reviews: looks at the cluster's list and at files when they change, and at kubelets by the clock.
//!
//! Each sends what it found to whoever keeps the posture. A file that is bad or gone leaves what was known before.

use crate::{
    config::Probes,
    inventory::{Inventory, Node},
    judge::{self, Judge, Reach, Refused},
    manifests,
    posture::{FileClaims, Found, NodeEntry, ProbeReport},
    probe::{Prober, Target, Trust},
};
use std::{
    collections::HashMap,
    fs,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{mpsc, watch},
    task::{self, JoinSet},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

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

/// Probes every kubelet of the inventory by its own clock, so many at once at most.
pub async fn probes(
    options: Probes,
    mut stock: watch::Receiver<Arc<Nodes>>,
    findings: mpsc::Sender<Finding>,
    stop: CancellationToken,
) {
    let reach = Reach::new(options.allow.clone());
    let mut schedule = Schedule::new(options.every);
    let mut running: JoinSet<ProbeReport> = JoinSet::new();
    let mut nodes = stock.borrow_and_update().clone();
    schedule.take(&nodes, Instant::now());
    let mut prober = prober(&options);
    let mut tick = ticks(PROBES_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = stock.changed() => {
                if changed.is_err() {
                    return;
                }
                nodes = stock.borrow_and_update().clone();
                schedule.take(&nodes, Instant::now());
                prober = self::prober(&options);
            }
            Some(report) = running.join_next() => match report {
                Ok(report) => {
                    schedule.done(&report, Instant::now());
                    if findings.send(Finding::Probe(Box::new(report))).await.is_err() {
                        return;
                    }
                }
                Err(error) => error!(%error, "a probe broke off"),
            },
            _ = tick.tick() => {}
        }
        let Some(prober) = &prober else { continue };
        let room = options.concurrency.saturating_sub(running.len());
        for node in schedule.due(room, Instant::now()) {
            let Some(at) = nodes.get(&node) else { continue };
            let prober = prober.clone();
            match target(&node, at, &options, &reach) {
                Ok(target) => {
                    running.spawn(async move { prober.look(&target, judge::now()).await });
                }
                Err(why) => {
                    let found = Found::Silent(why);
                    let report = ProbeReport { node, address: String::new(), at: judge::now(), found, read_only: None };
                    running.spawn(std::future::ready(report));
                }
            }
        }
    }
}

/// When each kubelet's turn is. One that does not answer is asked less and less often.
struct Schedule {
    every: Duration,
    nodes: HashMap<String, Turn>,
    hasher: RandomState,
}

#[derive(Clone, Copy)]
struct Turn {
    at: Instant,
    running: bool,
    failures: u32,
}

impl Schedule {
    fn new(every: Duration) -> Schedule {
        Schedule { every, nodes: HashMap::new(), hasher: RandomState::new() }
    }

    /// New nodes get their turn soon, not all at once.
    fn take(&mut self, nodes: &Nodes, now: Instant) {
        self.nodes.retain(|name, _| nodes.contains_key(name));
        for name in nodes.keys() {
            if !self.nodes.contains_key(name) {
                let at = later(now, self.share(name, self.every.min(FIRST)));
                self.nodes.insert(name.clone(), Turn { at, running: false, failures: 0 });
            }
        }
    }

    /// Whose turn it is, the longest overdue first.
    fn due(&mut self, most: usize, now: Instant) -> Vec<String> {
        if most == 0 {
            return Vec::new();
        }
        let waiting = self.nodes.iter().filter(|(_, turn)| !turn.running && turn.at <= now);
        let mut due: Vec<_> = waiting.map(|(name, turn)| (turn.at, name.clone())).collect();
        due.sort();
        due.truncate(most);
        for (_, name) in &due {
            if let Some(turn) = self.nodes.get_mut(name) {
                turn.running = true;
            }
        }
        due.into_iter().map(|(_, name)| name).collect()
    }

    fn done(&mut self, report: &ProbeReport, now: Instant) {
        let silent = matches!(report.found, Found::Silent(_));
        let jitter = self.share(&report.node, self.every / 10);
        if let Some(turn) = self.nodes.get_mut(&report.node) {
            turn.failures = if silent { turn.failures.saturating_add(1) } else { 0 };
            let factor = 1_u32.checked_shl(turn.failures.saturating_sub(1).min(MOST_DOUBLINGS)).unwrap_or(1);
            // A little earlier each time, so that no two kubelets stay in step and no evidence runs out between.
            turn.at = later(now, self.every.saturating_mul(factor).saturating_sub(jitter));
            turn.running = false;
        }
    }

    /// A node's own part of a span, always the same.
    fn share(&self, name: &str, of: Duration) -> Duration {
        let part = u32::try_from(self.hasher.hash_one(name) % 1_000).unwrap_or(0);
        of.saturating_mul(part) / 1_000
    }
}

/// A kubelet by the address that kube-apiserver would use, and by the port that its node tells.
fn target(name: &str, node: &Node, options: &Probes, reach: &Reach) -> Result<Target, String> {
    let of = |wanted: &str| {
        node.addresses.iter().filter(|(kind, _)| kind == wanted).find_map(|(_, it)| it.parse::<IpAddr>().ok())
    };
    let Some(ip) = of("InternalIP").or_else(|| of("ExternalIP")) else {
        return Err("its node has no IP address to dial".into());
    };
    let refused = |refused: Refused| refused.to_string();
    let port = node.kubelet_port.unwrap_or(options.kubelet_port);
    let kubelet = reach.permit(SocketAddr::new(ip, port)).map_err(refused)?;
    let read_only = match node.read_only_port.unwrap_or(options.read_only_port) {
        0 => None,
        port => Some(reach.permit(SocketAddr::new(ip, port)).map_err(refused)?),
    };
    Ok(Target { node: name.into(), kubelet, read_only })
}

/// Without the CA nothing would count as the cluster's, and what it says would be wrong: it waits for a good file.
fn prober(options: &Probes) -> Option<Arc<Prober>> {
    let trust = match &options.kubelet_ca {
        Some(file) => {
            let read = fs::read(file).map_err(|error| error.to_string());
            match read.and_then(|pem| Trust::from_pem(&pem).map_err(|error| super::chain(&error))) {
                Ok(trust) => Some(trust),
                Err(fault) => {
                    warn!(file = %file.display(), fault, "posture.probes.kubeletCA is not taken; nothing is probed");
                    return None;
                }
            }
        }
        None => None,
    };
    match Prober::new(trust) {
        Ok(prober) => Some(Arc::new(prober)),
        Err(error) => {
            error!(%error, "nothing is probed");
            None
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

fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or(now)
}

/// A person who edits a file looks at the result after about that long.
const EVERY: Duration = Duration::from_secs(1);
/// Thousands of files may be meant, and each is looked at.
const FILES_EVERY: Duration = Duration::from_secs(5);
/// No turn is missed by more than that.
const PROBES_EVERY: Duration = Duration::from_millis(250);
/// A cluster that was just read is known within that time, if its kubelets answer.
const FIRST: Duration = Duration::from_secs(5);
/// A kubelet that is down is asked after four times as long at most, so that it is soon seen to be back.
const MOST_DOUBLINGS: u32 = 2;

#[cfg(test)]
mod tests;
