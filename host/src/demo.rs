//! The show of `pathgate demo`: a production gate before a stand-in cluster, normal traffic, attacks with their twins, a
//! plugin swapped and one that loops.
//!
//! It owns the script and its score. It decides nothing and fakes nothing: every question goes over the real socket to the
//! gate's webhook, and what is shown is what came back and what the journal holds.

mod attacks;
mod gate;
mod live;
mod score;
mod script;
mod stage;

pub use score::{Line, Score};

use crate::{
    api,
    app::{Bound, Fault},
    config::Config,
};
use gate::Folder;
use stage::Stage;
use std::net::SocketAddr;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use wire::{Control, Demo};
use world::{Http, World};

/// How the show begins.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// 5 to 5,000.
    pub nodes: usize,
    /// The same seed makes the same names and traffic.
    pub seed: u64,
    /// Of the traffic, in per cent of the usual.
    pub speed: u32,
    pub dashboard: SocketAddr,
}

/// A world and a gate that have all their addresses, and wait to be shown.
pub struct Show {
    stage: Stage,
    bound: Bound,
    controls: mpsc::Receiver<Control>,
}

impl Show {
    /// Starts the world, writes the gate's configuration, and opens the gate.
    ///
    /// # Errors
    /// Every fault in a sentence.
    pub async fn open(settings: Settings) -> Result<Show, Vec<Fault>> {
        let world = World::builder().nodes(settings.nodes).seed(settings.seed).start().await;
        let world = world.map_err(|error| fault("start the stand-in cluster", &error))?;
        let folder = Folder::new(&world, settings.dashboard)?;
        let file = folder.file();
        let text = std::fs::read_to_string(&file).map_err(|error| fault("read the gate's configuration", &error))?;
        let config = Config::parse(&text, &file.display().to_string()).map_err(|faults| {
            let fault = |it: crate::config::Fault| Fault { place: "demo".into(), message: it.to_string() };
            faults.into_iter().map(fault).collect::<Vec<_>>()
        })?;
        let (control, controls) = mpsc::channel(CONTROLS);
        let (sender, state) = watch::channel(Demo {
            paused: false,
            speed: settings.speed,
            nodes: u32::try_from(settings.nodes).unwrap_or(u32::MAX),
            attacks: script::cards(),
            ..Demo::default()
        });
        let bound = Bound::bind(config, file, &text).await?;
        let missing = |what: &str| vec![Fault { place: "demo".into(), message: format!("the gate has no {what}") }];
        let webhook = bound.webhook().ok_or_else(|| missing("webhook"))?;
        let journal = bound.journal().ok_or_else(|| missing("journal"))?.clone();
        let apiserver = world.apiserver(webhook, Http::Two);
        let apiserver = apiserver.map_err(|error| fault("start the stand-in kube-apiserver", &error))?;
        let stage = Stage { world, apiserver, folder, journal, state: sender };
        let bound = bound.on_stage(api::Stage { state, control });
        Ok(Show { stage, bound, controls })
    }

    /// Where the dashboard is.
    pub fn dashboard(&self) -> Option<SocketAddr> {
        self.bound.dashboard()
    }

    /// Where the gate tells its health.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.bound.admin()
    }

    /// The whole script once.
    pub async fn once(self) -> Score {
        let Show { mut stage, bound, .. } = self;
        let stop = CancellationToken::new();
        let script = async {
            let score = script::once(&mut stage).await;
            stop.cancel();
            score
        };
        let ((), score) = tokio::join!(bound.run(stop.clone()), script);
        stage.world.stop().await;
        score
    }

    /// Traffic and attacks until stopped.
    pub async fn on(self, stop: CancellationToken) {
        let Show { mut stage, bound, controls } = self;
        tokio::join!(bound.run(stop.clone()), live::run(&mut stage, controls, stop));
        stage.world.stop().await;
    }
}

fn fault(place: &str, error: &dyn std::error::Error) -> Vec<Fault> {
    vec![Fault { place: place.to_owned(), message: crate::app::chain(error) }]
}

/// A person presses a button a second at most.
const CONTROLS: usize = 16;
