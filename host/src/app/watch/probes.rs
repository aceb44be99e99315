//! Probes every kubelet of the inventory, by its own clock.

use super::{Finding, Nodes, ticks};
use crate::{
    config::Probes,
    journal::Journal,
    judge::{self, Judge, Reach},
    posture::{Found, PROBE_TTL, ProbeReport},
    probe::{Prober, Target},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::error;
use wire::{Event, Path, Strength};

/// Probes every kubelet of the inventory by its own clock, so many at once at most.
pub async fn probes(
    options: Probes,
    judge: Arc<Judge>,
    journal: Option<Journal>,
    mut stock: watch::Receiver<Arc<Nodes>>,
    findings: mpsc::Sender<Finding>,
    stop: CancellationToken,
) {
    let prober = match Prober::new(judge) {
        Ok(prober) => Arc::new(prober),
        Err(error) => return error!(%error, "nothing is probed"),
    };
    let reach = Reach::new(options.allow.clone());
    let mut schedule = Schedule::new(options.every);
    let mut running: JoinSet<ProbeReport> = JoinSet::new();
    let mut recorded: HashMap<String, Evidence> = HashMap::new();
    let mut nodes = stock.borrow_and_update().clone();
    schedule.take(&nodes, Instant::now());
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
                recorded.retain(|node, _| nodes.contains_key(node));
            }
            Some(report) = running.join_next() => match report {
                Ok(report) => {
                    schedule.done(&report, Instant::now());
                    if let Some(journal) = &journal {
                        let event = evidence(&report);
                        if is_news(&event, recorded.entry(report.node.clone()).or_default()) {
                            // A loss is counted by the journal itself.
                            let _ = journal.note(event);
                        }
                    }
                    if findings.send(Finding::Probe(Box::new(report))).await.is_err() {
                        return;
                    }
                }
                Err(error) => error!(%error, "a probe broke off"),
            },
            _ = tick.tick() => {}
        }
        let room = options.concurrency.saturating_sub(running.len());
        for node in schedule.due(room, Instant::now()) {
            let Some(at) = nodes.get(&node) else { continue };
            let prober = prober.clone();
            match Target::of_node(&node, at, (options.kubelet_port, options.read_only_port), &reach) {
                Ok(target) => {
                    running.spawn(async move { prober.look(&target, judge::now()).await });
                }
                Err(why) => {
                    let found = Found::Silent(why);
                    let (path, address, at) = (Path::ApiserverToKubelet, String::new(), judge::now());
                    let report = ProbeReport { path, node, address, at, found, read_only: None };
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

/// The message of an event, and its attributes.
type Evidence = (String, Vec<(String, String)>);

/// Whether it is not on record yet: a kubelet that stays as it is would fill the journal.
fn is_news(event: &Event, before: &mut Evidence) -> bool {
    let now = (event.message.clone(), event.attributes.clone());
    let is_news = *before != now;
    *before = now;
    is_news
}

/// What is on record of a probe: what it proves, how surely, and for how long.
fn evidence(report: &ProbeReport) -> Event {
    let mut attributes = vec![("node".to_owned(), report.node.clone()), ("address".to_owned(), report.address.clone())];
    let proofs = report.proofs();
    if !proofs.is_empty() {
        let ttl = humantime::format_duration(Duration::from_millis(PROBE_TTL)).to_string();
        attributes.extend([("strength".to_owned(), Strength::Proved.as_str().to_owned()), ("ttl".to_owned(), ttl)]);
    }
    let mut told: Vec<_> = proofs.iter().map(|it| it.says.says().to_owned()).collect();
    match &report.found {
        Found::Silent(why) | Found::Foreign(why) => told.insert(0, why.clone()),
        Found::Plaintext => {}
        Found::Tls(tls) => {
            let certificate = tls.certificate.as_ref();
            attributes.extend(certificate.map(|it| ("certificate".to_owned(), it.sha256.clone())));
            let findings = certificate.and_then(|it| it.verified.as_ref()).map(|it| &it.findings);
            let codes: Vec<_> = findings.into_iter().flatten().map(|it| it.code.as_str()).collect();
            if !codes.is_empty() {
                attributes.push(("findings".to_owned(), codes.join(" ")));
            }
        }
    }
    let message = format!("kubelet of {}: {}", report.node, told.join("; "));
    Event { at: report.at, kind: "probe".to_owned(), message, attributes }
}

fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or(now)
}

/// No turn is missed by more than that.
const PROBES_EVERY: Duration = Duration::from_millis(250);
/// A cluster that was just read is known within that time, if its kubelets answer.
const FIRST: Duration = Duration::from_secs(5);
/// A kubelet that is down is asked after four times as long at most, so that it is soon seen to be back.
const MOST_DOUBLINGS: u32 = 2;

#[cfg(test)]
mod tests;
