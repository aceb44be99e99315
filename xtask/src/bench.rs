//! Figures, each with its peer in the same run. A figure is printed, never asserted: a busy machine must not fail a
//! build.

mod pki;
mod server;
mod startup;
mod webhook;

use std::{io, path::PathBuf};

pub use startup::startup;
pub use webhook::webhook;

use crate::{
    dist,
    program::{self, Failed},
    repo::Repo,
};

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("run the bench")]
    Run(#[from] Failed),
    #[error("build the release")]
    Release(#[from] dist::Error),
    #[error("make the certificates")]
    Pki(#[from] pki::Error),
    #[error("run `{name}`")]
    Server { name: &'static str, source: server::Error },
    #[error("{doing} `{path}`")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("`go` is not here; it builds the peer and the load: see https://go.dev/doc/install")]
    NoGo,
    #[error("understand the load's report `{line}`")]
    Figures { line: String, source: serde_json::Error },
}

/// One decision through a plugin against the cedar-policy crate, in one run.
pub fn decide(repo: &Repo) -> Result<(), Error> {
    let toolchain = crate::setup::setup(repo).map_err(dist::Error::from)?;
    crate::plugins::build(repo, &toolchain).map_err(crate::guests::Error::from).map_err(dist::Error::from)?;
    let mut cargo = repo.cargo();
    cargo.arg("bench").arg("--locked").arg("--manifest-path").arg(repo.at("bench/Cargo.toml"));
    Ok(program::run(cargo.arg("--target-dir").arg(repo.target("")).args(["--bench", "decide"]))?)
}

/// What there is to measure.
pub const LIST: &str = "\
cargo xtask bench NAME

  decide    one decision in a fresh sandbox against the cedar-policy crate, same rules and requests
  webhook   the webhook over mTLS against the Open Policy Agent server, one processor each; needs `go`
  startup   from exec to ready with a warm compile cache, and memory";
