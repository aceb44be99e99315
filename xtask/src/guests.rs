//! What runs in a sandbox of its own, in the host or in the browser: the plugins and the dashboard.

use std::{panic, thread};

use crate::{dashboard, plugins, repo::Repo, setup::Toolchain};

/// Why one of them is not built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("build the plugins; again with `cargo xtask plugins`")]
    Plugins(#[from] plugins::Error),
    #[error("build the dashboard; again with `cargo xtask dashboard`")]
    Dashboard(#[from] dashboard::Error),
}

/// Builds both at once: each ends with a link that keeps one processor busy and leaves the others idle.
pub fn build(repo: &Repo, toolchain: &Toolchain) -> Result<(), Error> {
    thread::scope(|scope| {
        let dashboard = scope.spawn(|| dashboard::build(repo, toolchain));
        let plugins = plugins::build(repo, toolchain);
        dashboard.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked))?;
        plugins?;
        Ok(())
    })
}
