//! Puts the parts together: binds everything first, then runs until told to stop, and drains.

pub mod anchors;
mod approving;
mod cluster;
mod disk;
mod glass;
mod load;
mod reload;
mod revocations;
pub mod watch;
mod witnesses;

use crate::{
    admin::{Admin, Check},
    api::{Api, Stage},
    approver,
    authz::{self, Webhook},
    cluster::{Cluster, Credentials},
    config::{self, Config, JournalConfig},
    health::Health,
    inventory::Inventory,
    journal::{self, Artifact, Journal, Writer},
    judge::Judge,
    plugins::{Plugins, Set},
    serve::{
        self, Bound as Door, Guard, Options,
        tls::{EVERY, Files, Reloader},
    },
};
use approving::Approving;
use cluster::Followed;
use glass::Glass;
use prometheus_client::registry::Registry;
use reload::Reload;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info, info_span, warn};
use wire::Event;
use witnesses::{Source, Witnesses};

pub use disk::replace;
pub use load::{Fault, activate, chain, compile_cache, modules, specs};

/// A gate that has all its addresses, plugins and files, and waits to be run.
pub struct Bound {
    webhook: Option<(Door, Arc<Reloader>)>,
    admin: Option<Door>,
    dashboard: Option<Door>,
    plugins: Arc<Plugins>,
    journal: Option<(Journal, Writer)>,
    judge: Arc<Judge>,
    witnesses: Witnesses,
    /// The configuration, if it says by whose authority kubelets are verified.
    kubelet_ca: Option<Config>,
    approving: Option<Approving>,
    followed: Option<Arc<Followed>>,
    glass: Option<Arc<Glass>>,
    reload: Arc<Reload>,
    registry: Registry,
    door_metrics: authz::Metrics,
    stage: Option<Stage>,
}

impl Bound {
    /// Opens the journal, loads the plugins, passes the lock-out guard, reads certificates and takes the addresses.
    ///
    /// # Errors
    /// Every fault in a sentence; then nothing listens.
    pub async fn bind(config: Config, file: PathBuf, text: &str) -> Result<Bound, Vec<Fault>> {
        let mut registry = Registry::with_prefix("pathgate");
        // Before anything is read: what changes while plugins compile is seen by the first look.
        let stamps = reload::stamps(&config);
        let (specs, in_force) = specs(&config)?;
        let plugins =
            Arc::new(Plugins::new(compile_cache()).map_err(|error| one("start the sandbox engine", error.as_ref()))?);
        plugins.register(&mut registry);
        let journal = match &config.journal {
            Some(settings) => Some(open_journal(settings).await?),
            None => None,
        };
        let handle = journal.as_ref().map(|(journal, _)| journal.clone());
        if let Some(journal) = &handle {
            journal.metrics().register(&mut registry);
        }
        let judge = Judge::new(plugins.clone(), handle.clone(), Inventory::default());
        let judge = Arc::new(judge.keeping(config.lock_out_guard.clone()));
        judge.register(&mut registry);
        let set = activate(&plugins, &judge, specs)?;
        keep(handle.as_ref(), &set).await;
        if let (Some(section), Some(in_force)) = (&config.revocation, &in_force) {
            revocations::remember(section, &in_force.mark)
                .map_err(|message| vec![Fault { place: "revocation.state".to_owned(), message }])?;
        }

        let sockets = serve::Metrics::register(&mut registry);
        let door_metrics = authz::Metrics::register(&mut registry);
        let webhook = match &config.webhook {
            Some(section) => {
                let metrics = sockets.door("webhook");
                let reloader =
                    Reloader::load(files(section), metrics.clone()).map_err(|error| one("webhook.tls", &error))?;
                let reloader = Arc::new(reloader);
                let guard = Guard::Mutual(reloader.clone());
                Some((open_door(section.listen, guard, metrics).await?, reloader))
            }
            None => None,
        };
        let admin = match &config.admin {
            Some(section) => Some(open_door(section.listen, Guard::Loopback, sockets.door("admin")).await?),
            None => None,
        };
        let dashboard = match &config.dashboard {
            Some(section) => Some(open_door(section.listen, Guard::Loopback, sockets.door("dashboard")).await?),
            None => None,
        };
        let reloader = webhook.as_ref().map(|(_, reloader)| reloader.clone());
        let api = match config.cluster.as_ref().and_then(Credentials::of) {
            Some(from) => Some(Cluster::connect(&from).await.map_err(|error| one("cluster", &error))?),
            None => None,
        };
        let (approving, news) = match (&config.approver, &api) {
            (Some(section), Some(api)) => {
                let (approving, news) = Approving::new(&judge, api, section.signers.clone(), &mut registry);
                (Some(approving), Some(news))
            }
            _ => (None, None),
        };
        let followed = api.map(|api| Arc::new(Followed::new(judge.clone(), api, news)));
        let source = match &config.cluster {
            Some(config::Cluster::Facts(file)) => Some(Source::List(file.clone())),
            Some(config::Cluster::Kubeconfig(_) | config::Cluster::InCluster) => followed.clone().map(Source::Api),
            None => None,
        };
        let witnesses = Witnesses { cluster: source, posture: config.posture.clone().unwrap_or_default() };
        let glass = config.break_glass.clone().map(|section| Arc::new(Glass::new(section)));
        let kubelet_ca = config.kubelet_ca().map(|_| config.clone());
        let reload = Arc::new(Reload::new(
            file,
            (text, stamps),
            (config, in_force),
            plugins.clone(),
            judge.clone(),
            handle,
            reloader,
        ));
        let stage = None;
        Ok(Bound {
            webhook,
            admin,
            dashboard,
            plugins,
            journal,
            judge,
            witnesses,
            kubelet_ca,
            approving,
            followed,
            glass,
            reload,
            registry,
            door_metrics,
            stage,
        })
    }

    /// Lets the dashboard show a demo, and control it.
    pub fn on_stage(self, stage: Stage) -> Bound {
        Bound { stage: Some(stage), ..self }
    }

    /// Where the webhook listens.
    pub fn webhook(&self) -> Option<SocketAddr> {
        self.webhook.as_ref().map(|(door, _)| door.address())
    }

    /// Where health and metrics are.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Door::address)
    }

    /// Where the dashboard is.
    pub fn dashboard(&self) -> Option<SocketAddr> {
        self.dashboard.as_ref().map(Door::address)
    }

    /// Where decisions are put on record.
    pub fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref().map(|(journal, _)| journal)
    }

    /// Serves until stopped, then drains: doors first, the journal last.
    pub async fn run(self, stop: CancellationToken) {
        let Bound {
            webhook,
            admin,
            dashboard,
            plugins,
            journal,
            judge,
            witnesses,
            kubelet_ca,
            approving,
            followed,
            glass,
            reload,
            registry,
            door_metrics,
            stage,
        } = self;
        let doors = TaskTracker::new();
        let keepers = TaskTracker::new();
        let handle = journal.as_ref().map(|(journal, _)| journal.clone());
        let reloader = webhook.as_ref().map(|(_, reloader)| reloader.clone());
        let mut checks = checks(reload.clone(), glass.clone(), handle.clone(), reloader.clone());
        if let Some(config) = kubelet_ca {
            checks.push(Check::new("kubelet-ca", move || anchors::health(&config)));
        }
        if let Some(followed) = followed {
            checks.push(Check::new("cluster", move || followed.health()));
        }
        if let Some(approving) = &approving {
            let hold = approving.hold.clone();
            checks.push(Check::new("approver", move || approver::health(&hold)));
        }
        if let Some((_, writer)) = journal {
            keepers.spawn(writer.run().instrument(info_span!("journal")));
        }
        note(handle.as_ref(), "started", "the gate serves", &[]);
        let board = Arc::new(Mutex::new(witnesses.board()));
        witnesses.spawn(&doors, &judge, &board, handle.clone(), &stop);
        if let Some(approving) = approving {
            approving.spawn(&doors, &stop);
        }
        if let Some(glass) = glass {
            let watch = glass.watch(judge.clone(), handle.clone(), stop.child_token());
            doors.spawn(watch.instrument(info_span!("break-glass")));
        }
        if let Some((door, reloader)) = webhook {
            doors.spawn(reloader.watch(EVERY, stop.child_token()).instrument(info_span!("certificates")));
            run_webhook(&doors, door, judge, door_metrics, &stop);
        }
        if let (Some(door), Some(journal)) = (dashboard, handle.clone()) {
            let certificates = move || reloader.as_ref().map_or_else(Vec::new, |reloader| reloader.certificates());
            let api = Api::new(journal, plugins, board, Box::new(certificates), stage, stop.child_token());
            run_dashboard(&doors, door, api, &stop);
        }
        doors.spawn(reload.clone().watch(stop.child_token()).instrument(info_span!("reload")));
        // Health is answered until the very end, so that a probe sees the drain and not a dead port.
        let end = CancellationToken::new();
        if let Some(door) = admin {
            info!(address = %door.address(), "admin listens");
            let admin = Arc::new(Admin::new(checks, Arc::new(registry)));
            let answer = move |request, _: Arc<str>| {
                let admin = admin.clone();
                async move { admin.answer(&request) }
            };
            keepers.spawn(serve_door(door, answer, end.clone()).instrument(info_span!("admin")));
        }
        stop.cancelled().await;
        info!("stops: new connections are refused, what runs comes to its end");
        doors.close();
        doors.wait().await;
        note(handle.as_ref(), "stopped", "the gate was told to stop", &[]);
        if let Some(journal) = handle
            && let Err(error) = journal.close(CLOSE).await
        {
            warn!(%error, "journal is not complete");
        }
        end.cancel();
        keepers.close();
        keepers.wait().await;
    }
}

fn run_webhook(doors: &TaskTracker, door: Door, judge: Arc<Judge>, metrics: authz::Metrics, stop: &CancellationToken) {
    info!(address = %door.address(), "webhook listens");
    let webhook = Webhook::new(Arc::new(move |ask| judge.decide(ask)), authz::Limits::default(), metrics);
    let webhook = Arc::new(webhook);
    let answer = move |request, peer: Arc<str>| webhook.clone().answer(request, peer);
    doors.spawn(serve_door(door, answer, stop.child_token()).instrument(info_span!("webhook")));
}

fn run_dashboard(doors: &TaskTracker, door: Door, api: Api, stop: &CancellationToken) {
    info!(address = %door.address(), "dashboard listens");
    if !Api::is_built() {
        warn!("this program carries no dashboard, only its API: build it with `cargo xtask dashboard` first");
    }
    let api = Arc::new(api);
    doors.spawn(api.clone().keep_up().instrument(info_span!("board")));
    let answer = move |request, _: Arc<str>| {
        let api = api.clone();
        async move { api.answer(request).await }
    };
    doors.spawn(serve_door(door, answer, stop.child_token()).instrument(info_span!("dashboard")));
}

async fn serve_door<H, F, B>(door: Door, answer: H, stop: CancellationToken)
where
    H: Fn(hyper::Request<hyper::body::Incoming>, Arc<str>) -> F + Send + Sync + 'static,
    F: Future<Output = hyper::Response<B>> + Send + 'static,
    B: serve::Payload,
{
    if let Err(cut) = door.run(answer, stop).await {
        warn!(%cut, "requests were cut off");
    }
}

async fn open_door(address: SocketAddr, guard: Guard, metrics: serve::DoorMetrics) -> Result<Door, Vec<Fault>> {
    serve::bind(address, guard, Options::default(), metrics).await.map_err(|error| one("listen", &error))
}

async fn open_journal(settings: &JournalConfig) -> Result<(Journal, Writer), Vec<Fault>> {
    let options = journal::Options {
        url: settings.url.clone(),
        retention: settings.retention,
        queue: settings.queue,
        strict: settings.strict,
    };
    Journal::open(options).await.map_err(|error| one("journal", &error))
}

/// Puts components and configs where `explain` finds them after they were swapped.
async fn keep(journal: Option<&Journal>, set: &Set) {
    let Some(journal) = journal else { return };
    for plugin in &set.plugins {
        for (kind, bytes) in [(Artifact::Component, plugin.component()), (Artifact::Config, plugin.config().as_bytes())]
        {
            if let Err(error) = journal.keep(kind, bytes).await {
                warn!(plugin = plugin.name, %error, "its decisions cannot be explained once it is swapped");
            }
        }
    }
}

fn checks(
    reload: Arc<Reload>,
    glass: Option<Arc<Glass>>,
    journal: Option<Journal>,
    reloader: Option<Arc<Reloader>>,
) -> Vec<Check> {
    let (quarantine, revocation) = (reload.clone(), reload.clone());
    let mut checks = vec![
        Check::new("config", move || reload.health()),
        Check::new("plugins", move || quarantine.plugins_health()),
        Check::new("revocation", move || revocation.revocation_health(SystemTime::now())),
    ];
    if let Some(glass) = glass {
        checks.push(Check::new("break-glass", move || glass.health()));
    }
    if let Some(journal) = journal {
        checks.push(Check::new("journal", move || match journal.health() {
            journal::Health::Ok => Health::Ok,
            journal::Health::Degraded { error, .. } if journal.is_strict() => Health::Fail(error.to_string()),
            journal::Health::Degraded { error, .. } => Health::Warn(error.to_string()),
        }));
    }
    if let Some(reloader) = reloader {
        checks.push(Check::new("certificates", move || reloader.health(SystemTime::now())));
    }
    checks
}

fn note(journal: Option<&Journal>, kind: &str, message: &str, attributes: &[(String, String)]) {
    if let Some(journal) = journal {
        let event = Event {
            at: crate::judge::now(),
            kind: kind.into(),
            message: message.into(),
            attributes: attributes.to_vec(),
        };
        // A loss is counted by the journal itself.
        let _ = journal.note(event);
    }
}

fn files(section: &crate::config::Webhook) -> Files {
    Files {
        certificate: section.tls.certificate.clone(),
        key: section.tls.key.clone(),
        client_ca: section.tls.client_ca.clone(),
        client_names: section.tls.client_names.clone(),
    }
}

fn one(place: &str, error: &dyn std::error::Error) -> Vec<Fault> {
    vec![Fault { place: place.to_owned(), message: load::chain(error) }]
}

/// What is queued is some megabytes at most; a disk that takes longer is a broken one.
const CLOSE: Duration = Duration::from_secs(10);
