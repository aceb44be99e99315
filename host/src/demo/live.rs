//! The show with a public: traffic flows, scenes follow each other, and the page may pause, hasten, replay and resize.

use super::{
    script::{self, Scene},
    stage::{self, Stage},
};
use std::{collections::VecDeque, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::{self, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use wire::{Control, Demo};
use world::{Apiserver, Traffic};

/// Runs until stopped.
pub(super) async fn run(stage: &mut Stage, controls: mpsc::Receiver<Control>, stop: CancellationToken) {
    let (traffic, source) = watch::channel(stage.world.traffic());
    let state = stage.state.subscribe();
    let apiserver = stage.apiserver.clone();
    let show = act(stage, controls, &traffic);
    tokio::select! {
        () = stop.cancelled() => {}
        () = flow(&apiserver, source, state) => {}
        () = show => {}
    }
}

/// Normal traffic at the speed that is asked for.
async fn flow(apiserver: &Apiserver, mut source: watch::Receiver<Traffic>, state: watch::Receiver<Demo>) {
    let mut traffic = source.borrow_and_update().clone();
    let mut tick = time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // In hundredths of a scene.
    let mut due = 0_u32;
    loop {
        tick.tick().await;
        let (paused, speed) = {
            let state = state.borrow();
            (state.paused, state.speed)
        };
        if paused {
            continue;
        }
        if source.has_changed().unwrap_or(false) {
            traffic = source.borrow_and_update().clone();
        }
        due = due.saturating_add(speed);
        while due >= 100 {
            due -= 100;
            let Some(scene) = traffic.next() else { return };
            // What fails is seen on the gate's own page; traffic goes on, as a cluster does.
            if let Err(error) = stage::ask(apiserver, &scene.reviews).await {
                tracing::debug!(%error, lane = scene.lane, "a question was not answered");
            }
        }
    }
}

/// Scenes one after the other, and what the page asks.
async fn act(stage: &mut Stage, mut controls: mpsc::Receiver<Control>, traffic: &watch::Sender<Traffic>) {
    let mut order = script::scenes().cycle();
    let mut wanted: VecDeque<Scene> = VecDeque::new();
    let mut pause = time::interval(BETWEEN);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_open = true;
    loop {
        tokio::select! {
            control = controls.recv(), if is_open => match control {
                Some(control) => take(stage, control, traffic, &mut wanted).await,
                None => is_open = false,
            },
            _ = pause.tick(), if wanted.is_empty() => {
                if !stage.state.borrow().paused {
                    wanted.extend(order.next());
                }
            }
            () = std::future::ready(()), if !wanted.is_empty() => {}
        }
        if let Some(scene) = wanted.pop_front() {
            script::play(stage, scene).await;
            pause.reset();
        }
    }
}

async fn take(stage: &mut Stage, control: Control, traffic: &watch::Sender<Traffic>, wanted: &mut VecDeque<Scene>) {
    match control {
        Control::Pause(paused) => stage.state.send_modify(|demo| demo.paused = paused),
        Control::Speed(speed) => stage.state.send_modify(|demo| demo.speed = speed.clamp(1, 1_000)),
        Control::Replay(id) => wanted.extend(script::by_id(&id).into_iter().take(QUEUE.saturating_sub(wanted.len()))),
        Control::Nodes(nodes) => {
            let nodes = nodes.clamp(5, 5_000);
            match stage.world.resize(usize::try_from(nodes).unwrap_or(5_000)).await {
                Ok(()) => {
                    traffic.send_replace(stage.world.traffic());
                    stage.state.send_modify(|demo| demo.nodes = nodes);
                }
                Err(error) => tracing::warn!(error = crate::app::chain(&error), "the number of nodes stays"),
            }
        }
    }
}

/// Traffic comes in small portions; one each at the usual speed.
const TICK: Duration = Duration::from_millis(40);
/// Long enough to read a caption.
const BETWEEN: Duration = Duration::from_secs(5);
/// Replays that may wait.
const QUEUE: usize = 8;
