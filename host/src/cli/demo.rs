//! `pathgate demo`: the whole thing in one process, on a stand-in cluster.

use super::{Ending, Faults, Output, output};
use crate::demo::{Line, Score, Settings, Show};
use clap::Args;
use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Instant,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Show everything in one process: a stand-in cluster, the gate, traffic, attacks.
#[derive(Args)]
#[command(
    after_help = "Example: pathgate demo --headless\n\nIt needs no cluster, no root and no network: all of it is on loopback, \
    and gone when it ends. With --headless, the exit code is 0 only if every scene had the outcome expected of it."
)]
pub(super) struct Demo {
    /// Run the script once, print its score, and end.
    #[arg(long)]
    headless: bool,
    /// How many nodes the stand-in cluster has.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=5_000))]
    nodes: u32,
    /// The same seed shows the same.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Traffic, in per cent of the usual.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    speed: u32,
    /// Where the dashboard listens, on loopback; if absent, port 7070 or a free one.
    #[arg(long)]
    listen: Option<SocketAddr>,
    #[arg(long, value_enum, default_value = "human")]
    output: Output,
}

impl Demo {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
        log.with_ansi(false).init();
        let dashboard = match self.listen {
            Some(address) if !address.ip().is_loopback() => {
                return Err(format!("`--listen {address}` must be a loopback address, as 127.0.0.1:7070").into());
            }
            Some(address) => address,
            None => usual_or_free(),
        };
        let settings = Settings {
            nodes: usize::try_from(self.nodes).unwrap_or(usize::MAX),
            seed: self.seed,
            speed: self.speed,
            dashboard,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("start the runtime: {error}"))?;
        runtime.block_on(self.show(settings))
    }

    /// What a signal ends leaves nothing behind.
    async fn show(self, settings: Settings) -> Result<Ending, Faults> {
        let fault = |error: std::io::Error| format!("listen to signals: {error}");
        let mut term = signal(SignalKind::terminate()).map_err(fault)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
        let stop = CancellationToken::new();
        let told = stop.clone();
        let signals = async move {
            tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
            told.cancel();
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            ending = self.play(settings, stop) => ending,
            never = signals => match never {},
        }
    }

    async fn play(self, settings: Settings, stop: CancellationToken) -> Result<Ending, Faults> {
        let begin = Instant::now();
        let Some(opened) = stop.run_until_cancelled(Show::open(settings)).await else { return Ok(Ending::Unknown) };
        let show = opened?;
        let ready = begin.elapsed().as_millis();
        if self.headless {
            eprintln!("{} nodes and the gate are ready after {ready} ms", self.nodes);
            return match stop.run_until_cancelled(show.once()).await {
                Some(score) => print(&score, self.output, begin),
                None => Ok(Ending::Unknown),
            };
        }
        if let Some(address) = show.dashboard() {
            println!("http://{address}/");
        }
        if let Some(address) = show.admin() {
            eprintln!("health and metrics: http://{address}/readyz?verbose, http://{address}/metrics");
        }
        eprintln!("{} nodes and the gate are ready after {ready} ms; Ctrl-C ends", self.nodes);
        show.on(stop).await;
        eprintln!("the demo has ended and left nothing behind");
        Ok(Ending::Yes)
    }
}

/// Where one looks first; when something else is there, anywhere.
fn usual_or_free() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 7070));
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => (Ipv4Addr::LOCALHOST, 0).into(),
    }
}

fn print(score: &Score, output: Output, begin: Instant) -> Result<Ending, Faults> {
    for line in &score.0 {
        output::line(output, line, || human(line))?;
    }
    let (passed, failed) = score.counts();
    eprintln!("{passed} as expected, {failed} not, in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(if failed == 0 { Ending::Yes } else { Ending::No })
}

fn human(line: &Line) -> String {
    let mark = if line.passed { "ok    " } else { "FAILED" };
    let scene = if line.twin { format!("{} twin", line.scene) } else { line.scene.clone() };
    let row = format!(
        "{mark} {scene:22} {:10} {:44} {:>7} µs  {}",
        line.verdict.as_str(),
        line.rule,
        line.micros,
        line.title
    );
    if line.passed { row } else { format!("{row}\n       expected {}. {}", line.expected, line.here) }
}
