//! The demo: builds the release, then becomes it. What is already built is not built again.

use std::{io, os::unix::process::CommandExt, process::Command};

use crate::{
    dist,
    program::{self, Failed},
    repo::Repo,
};

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("build the release")]
    Build(#[from] dist::Error),
    #[error("run the demo")]
    Run(#[from] Failed),
}

/// Runs `pathgate demo` in place of this process, so that signals and the exit code are its own; comes back only with a
/// fault.
pub fn demo(repo: &Repo, arguments: &[&str]) -> Result<std::convert::Infallible, Error> {
    let program = dist::release(repo)?;
    let mut command = Command::new(program);
    command.arg("demo").args(arguments);
    let source: io::Error = command.exec();
    Err(Failed::Start { command: program::line(&command), source }.into())
}
