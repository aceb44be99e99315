//! Figures, each with its peer in the same run. A figure is printed, never asserted: a busy machine must not fail a
//! build.

mod drill;
mod feed;
mod pki;
mod server;
mod startup;
mod suite;
mod webhook;

use std::{fs, io, net::SocketAddr, path::PathBuf};

pub use drill::drill;
pub use feed::feed;
pub use startup::startup;
pub use suite::{csr, dashboard};
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
    #[error("no figure was taken: are `chromium` and `chromedriver` here?")]
    NoBrowser,
    #[error("no figure was taken: are `go` and root here, for a real Kubernetes?")]
    NoKubernetes,
    #[error("read the feed at `{address}`")]
    Feed { address: SocketAddr, source: io::Error },
}

/// One decision through a plugin against the cedar-policy crate, in one run.
pub fn decide(repo: &Repo) -> Result<(), Error> {
    peers(repo, "decide")
}

/// A peer's certificates through a plugin against rustls-webpki, in one run; and chains that are made to be slow.
pub fn verify(repo: &Repo) -> Result<(), Error> {
    peers(repo, "verify")
}

fn peers(repo: &Repo, bench: &str) -> Result<(), Error> {
    let toolchain = crate::setup::setup(repo).map_err(dist::Error::from)?;
    crate::plugins::build(repo, &toolchain).map_err(crate::guests::Error::from).map_err(dist::Error::from)?;
    let mut cargo = repo.cargo();
    cargo.arg("bench").arg("--locked").arg("--manifest-path").arg(repo.at("bench/Cargo.toml"));
    program::run(cargo.arg("--target-dir").arg(repo.target("")).args(["--bench", bench]))?;
    println!("{}", load());
    Ok(())
}

/// How busy the machine was, without which a figure of a shared one says little.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let minute = load.split_whitespace().next().unwrap_or("unknown").to_owned();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!("load average of the last minute: {minute}, on {processors} processors")
}

/// What there is to measure.
pub const LIST: &str = "\
cargo xtask bench NAME

  decide     one decision in a fresh sandbox against the cedar-policy crate, same rules and requests
  verify     the certificates of a peer through a plugin against rustls-webpki, and chains that are made to be slow
  webhook    the webhook over mTLS against the Open Policy Agent server, one processor each; needs `go`
  drill      the attack pack against the Open Policy Agent server with five rules, beside the gate; needs `go`
  startup    from exec to ready with a warm compile cache, and memory
  dashboard  bytes, first paint, frames and main thread at 5,000 nodes, and from a refusal to its row; needs Chromium
  csr        a thousand certificate requests on a real kube-apiserver; needs `go` and root
  feed       100 readers of 1,000 events a second: processor, memory, who was let go; needs `go`";
