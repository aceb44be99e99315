//! Follows the cluster: what the watch tells goes to the inventory, and from there to whoever must know.

use super::watch::{Finding, Told, nodes};
use crate::{
    approver::News,
    bundle, certificate,
    cluster::{Change, Cluster, Kind},
    health::Health,
    inventory::{Inventory, Listed},
    judge::{self, Judge},
};
use base64::Engine as _;
use futures_util::StreamExt;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What is followed, and since when it is not.
pub(super) struct Followed {
    judge: Arc<Judge>,
    cluster: Cluster,
    /// Who decides on certificate requests, if anybody does here.
    news: Option<mpsc::Sender<News>>,
    lost: Mutex<HashMap<Kind, Lost>>,
}

/// A watch that broke off.
struct Lost {
    since: Instant,
    last: Instant,
    fault: String,
}

impl Followed {
    pub(super) fn new(judge: Arc<Judge>, cluster: Cluster, news: Option<mpsc::Sender<News>>) -> Followed {
        Followed { judge, cluster, news, lost: Mutex::default() }
    }

    /// Follows until it is stopped.
    pub(super) async fn run(self: Arc<Followed>, told: Told, stop: CancellationToken) {
        // However this ends, what is known grows old.
        let _stale = Stale(self.judge.clone());
        let mut changes = self.cluster.watch();
        let mut listing = Listing::default();
        let mut tick = time::interval(TELL_EVERY);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                change = changes.next() => match change {
                    Some(change) => self.take(change, &mut listing, &told).await,
                    None => return,
                },
                _ = tick.tick() => {
                    let is_known = listing.is_complete() && self.fault(STALE).is_none();
                    self.judge.learn(|inventory| inventory.set_known(is_known));
                    if listing.is_complete() && listing.is_news {
                        listing.is_news = false;
                        told.nodes(self.judge.look(nodes)).await;
                    }
                }
            }
        }
    }

    async fn take(&self, change: Change, listing: &mut Listing, told: &Told) {
        if let Change::Put(kind, _) | Change::Gone { kind, .. } | Change::Complete(kind) = &change {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).remove(kind);
        }
        match change {
            Change::Put(kind, object) => {
                listing.put(kind, &object);
                let is_request = kind == Kind::CertificateSigningRequest;
                let issued = if is_request { issued(&object) } else { None };
                let is_news = self.news.is_some() && is_request;
                let news = is_news.then(|| News::Put(object.clone()));
                if let Err(fault) = self.judge.learn(|inventory| inventory.apply(object)) {
                    warn!(kind = kind.as_str(), fault, "an object is left out");
                }
                self.tell(news).await;
                if let Some(issued) = issued {
                    // Nobody may be listening; it counts for the dashboard only.
                    let _ = told.findings.send(issued).await;
                }
            }
            Change::Gone { kind, namespace, name } => {
                listing.is_news |= kind == Kind::Node;
                self.judge.learn(|inventory| inventory.remove(kind.as_str(), &namespace, &name));
                if kind == Kind::CertificateSigningRequest {
                    self.tell(Some(News::Gone(name.clone()))).await;
                    let _ = told.findings.send(Finding::Gone(name)).await;
                }
            }
            Change::Begins(kind) => {
                listing.begin(kind);
                self.judge.learn(|inventory| inventory.list_begins(kind.as_str()));
            }
            Change::Complete(kind) => {
                let listed = listing.complete(kind);
                self.judge.learn(|inventory| inventory.keep_only(kind.as_str(), &listed));
                let objects: usize = listed.values().map(HashSet::len).sum();
                info!(kind = kind.as_str(), objects, "the cluster was listed");
                let names = || listed.into_values().flatten().collect();
                self.tell((kind == Kind::CertificateSigningRequest).then(|| News::All(names()))).await;
            }
            Change::Lost(kind, fault) => {
                let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                let last = Instant::now();
                let since = lost.get(&kind).map_or(last, |it| it.since);
                if lost.insert(kind, Lost { since, last, fault: fault.clone() }).is_none() {
                    warn!(kind = kind.as_str(), fault, "the cluster cannot be watched; it tries again");
                }
            }
        }
    }

    async fn tell(&self, news: Option<News>) {
        if let (Some(sender), Some(news)) = (&self.news, news) {
            // The approver ends with the gate.
            let _ = sender.send(news).await;
        }
    }

    /// What has not been heard of for so long, and why.
    fn fault(&self, limit: Duration) -> Option<String> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        // A watch that works again says so by breaking off no more.
        lost.retain(|_, it| it.last.elapsed() < RESUMED);
        let late = lost.iter().find(|(_, it)| it.since.elapsed() >= limit);
        late.map(|(kind, it)| format!("objects of kind {} are not known: {}", kind.as_str(), it.fault))
    }

    /// Whether what is known is what there is.
    pub(super) fn health(&self) -> Health {
        let is_known = self.judge.look(Inventory::is_known);
        // Before it was ever listed, every fault counts.
        match self.fault(if is_known { STALE } else { Duration::ZERO }) {
            Some(fault) => Health::Warn(fault),
            None if is_known => Health::Ok,
            None => Health::Warn("the cluster is not listed yet".to_owned()),
        }
    }
}

/// The certificate of a request, if it has one that can be read.
fn issued(object: &serde_json::Value) -> Option<Finding> {
    let text = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str);
    let pem = base64::engine::general_purpose::STANDARD.decode(text("/status/certificate")?).ok()?;
    let chain = bundle::read(&pem, bundle::Kind::Certificate).ok()?;
    let sha256 = certificate::link(chain.blocks.first()?).sha256;
    Some(Finding::Issued { name: text("/metadata/name")?.to_owned(), sha256, at: judge::now() })
}

struct Stale(Arc<Judge>);

impl Drop for Stale {
    fn drop(&mut self) {
        self.0.learn(|inventory| inventory.set_known(false));
    }
}

/// What was told of each kind since its list began.
#[derive(Default)]
struct Listing {
    open: HashMap<Kind, Listed>,
    complete: HashSet<Kind>,
    /// Whether a node changed since the nodes were told.
    is_news: bool,
}

impl Listing {
    fn begin(&mut self, kind: Kind) {
        self.open.insert(kind, Listed::new());
    }

    fn put(&mut self, kind: Kind, object: &serde_json::Value) {
        self.is_news |= kind == Kind::Node;
        if let Some(listed) = self.open.get_mut(&kind) {
            let text = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default();
            let namespace = listed.entry(text("/metadata/namespace").to_owned()).or_default();
            namespace.insert(text("/metadata/name").to_owned());
        }
    }

    fn complete(&mut self, kind: Kind) -> Listed {
        self.is_news |= kind == Kind::Node;
        self.complete.insert(kind);
        self.open.remove(&kind).unwrap_or_default()
    }

    fn is_complete(&self) -> bool {
        self.complete.len() == Kind::ALL.len()
    }
}

/// A dashboard is looked at by people.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// An API server restarts in less; what is older may be wrong, and plugins are told that it is not known.
const STALE: Duration = Duration::from_secs(60);
/// Longer than the longest pause between two tries: 30 seconds, as much again by chance, and a connection that times out.
const RESUMED: Duration = Duration::from_secs(120);
