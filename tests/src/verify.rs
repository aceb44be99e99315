//! Certificates, through the production sandbox and the plugins of the paths: the vectors of others, and our own.

mod command;
mod corpus;
mod mutation;
mod others;
mod vectors;

use anyhow::{Context, Result, anyhow, ensure};
use host::{
    bundle::{self, Kind},
    judge::{self, Judged},
    peer::{Name, Outcome, Peer, Role, Verdict},
    plugins::{Cache, Plugins, Verifier, builtin},
};
use serde_json::{Value, json};

/// One question to a plugin, and what comes of it.
fn verify(verifier: &Verifier, config: &Value, at: u64, peer: &Peer) -> Result<Judged> {
    let answer = verifier.verify(config, at, peer).map_err(|error| anyhow!("{error}"))?;
    Ok(judge::peer(peer, answer, None))
}

/// The built-in plugin of a path.
fn verifier(plugins: &Plugins, path: &str) -> Result<Verifier> {
    let component = builtin().remove(path).with_context(|| format!("no plugin {path}"))?;
    plugins.verifier(component).map_err(|error| anyhow!("{error}"))
}

fn sandboxes() -> Result<Plugins> {
    Plugins::new(Cache::open(crate::gate::CACHE.as_ref()).ok()).map_err(|error| anyhow!("{error:#}"))
}

fn pem(ders: &[Vec<u8>], kind: Kind) -> Vec<String> {
    ders.iter().map(|der| bundle::to_pem(der, kind)).collect()
}
