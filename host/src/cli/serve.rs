//! `pathgate serve`: production.

use super::{Ending, Faults, read_config};
use crate::app::Bound;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Serve the doors that the configuration opens, until SIGTERM.
#[derive(Args)]
#[command(
    after_help = "Example: pathgate serve --config /etc/pathgate/gate.yaml\n\nThe configuration, plugin files and \
    certificates are watched: a good change takes effect without dropping a request, a bad one keeps the old and shows on \
    /readyz?verbose. RUST_LOG sets what is logged (default: info)."
)]
pub(super) struct Serve {
    /// The configuration of the gate, YAML.
    #[arg(long)]
    config: PathBuf,
    /// How messages on stderr look.
    #[arg(long, default_value = "text")]
    log: Log,
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    Text,
    Json,
}

impl Serve {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
        match self.log {
            Log::Text => log.with_ansi(false).init(),
            Log::Json => log.json().init(),
        }
        let (config, text) = read_config(&self.config)?;
        if config.webhook.is_none() && config.approver.is_none() {
            let file = self.config.display();
            return Err(format!("`{file}`: no door is open: add a section `webhook` or `approver`").into());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("start the runtime: {error}"))?;
        runtime.block_on(async {
            let bound = Bound::bind(config, self.config.clone(), &text).await?;
            let stop = CancellationToken::new();
            let fault = |error: std::io::Error| format!("listen to signals: {error}");
            let mut term = signal(SignalKind::terminate()).map_err(fault)?;
            let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
            let told = stop.clone();
            let signals = async move {
                tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
                told.cancel();
            };
            tokio::join!(bound.run(stop), signals);
            Ok(Ending::Yes)
        })
    }
}

/// The client of kube-apiserver calls each try that fails an error; the watch says once that it failed, and why.
const FILTER: &str = "info,kube_client=off";
