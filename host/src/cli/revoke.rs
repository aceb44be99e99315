//! `pathgate revoke`: writes and shows the signed list of credentials that must no longer work.

mod import;

use super::{Ending, Faults, Output, output, read, read_config};
use crate::{
    app::chain,
    revocation::{Kind, List, Revoked},
    signed::{Key, PublicKey, Signed},
};
use clap::{Args, Subcommand};
use import::Entries;
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Take credentials back: client certificates, tokens, users, uids, pods, nodes.
///
/// The list is one file, signed with an Ed25519 key. A gate whose configuration names it in `revocation` takes a new one
/// within a second. Make the key, and what the gate checks it with, by
/// `openssl genpkey -algorithm ed25519 -out revoke.key` and `openssl pkey -in revoke.key -pubout -out revoke.pub`.
#[derive(Subcommand)]
#[command(
    after_help = "Example: pathgate revoke add --list revoked.json --key revoke.key --certificate laptop.crt --reason stolen"
)]
pub(super) enum Revoke {
    /// Add to the list, and sign it anew. Without anything to add it is only signed for longer.
    #[command(
        after_help = "Example: pathgate revoke add --list revoked.json --key revoke.key --user mallory --reason left"
    )]
    Add(Box<Change>),
    /// Take from the list, and sign it anew.
    #[command(after_help = "Example: pathgate revoke remove --list revoked.json --key revoke.key --user mallory")]
    Remove(Box<Change>),
    /// Show the list. Exits 1 if it has expired.
    #[command(after_help = "Example: pathgate revoke list --list revoked.json --public-key revoke.pub --output json")]
    List(Show),
}

#[derive(Args)]
pub(super) struct Change {
    /// The list; `add` makes it if there is none.
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// The private key that signs it: PKCS #8 in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How long the gate takes the list for complete, as 30d.
    #[arg(long, default_value = "30d", value_parser = humantime::parse_duration)]
    expires: Duration,
    /// Why; whoever is refused reads it.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    entries: Entries,
    #[arg(long, default_value = "human")]
    output: Output,
}

#[derive(Args)]
pub(super) struct Show {
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    list: Option<PathBuf>,
    /// The public key of whoever signs it, in PEM.
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    public_key: Option<PathBuf>,
    /// The configuration of the gate, for both.
    #[arg(long)]
    config: Option<PathBuf>,
    #[arg(long, default_value = "human")]
    output: Output,
}

#[derive(Serialize)]
struct Changed<'a> {
    serial: u64,
    changed: usize,
    entries: usize,
    expires: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    kind: Kind,
    entry: &'a str,
    reason: &'a str,
}

impl Revoke {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        match self {
            Revoke::Add(change) => change.run(add),
            Revoke::Remove(change) => change.run(remove),
            Revoke::List(show) => show.run(),
        }
    }
}

impl Change {
    fn run(self, apply: fn(&mut Revoked, Revoked) -> usize) -> Result<Ending, Faults> {
        let key = Key::from_pem(&read(&self.key)?).map_err(|error| format!("`{}` {error}", self.key.display()))?;
        let mut list = match fs::exists(&self.list) {
            Ok(false) => List::new(),
            Ok(true) | Err(_) => signed(&self.list, &key.public())?,
        };
        let entries = self.entries.read(self.reason.trim())?;
        let changed = apply(&mut list.revoked, entries);
        let now = SystemTime::now();
        let end = now.checked_add(self.expires).ok_or_else(|| "--expires: too far away".to_owned())?;
        let list = list.next(now, end);
        let text = Signed::sign(list.clone(), &key).and_then(|it| it.to_json()).map_err(|error| chain(&error))?;
        replace(&self.list, text.as_bytes()).map_err(|error| format!("write `{}`: {error}", self.list.display()))?;
        let shown = Changed { serial: list.serial, changed, entries: list.count(), expires: &list.expires };
        output::line(self.output, &shown, || {
            format!(
                "{} changed; the list has {} now, serial {}, and is good until {}",
                shown.changed, shown.entries, shown.serial, shown.expires
            )
        })?;
        eprintln!(
            "a gate that watches the list refuses within a second; what kube-apiserver has in its cache lasts up to {CACHED}"
        );
        Ok(Ending::Yes)
    }
}

impl Show {
    fn run(self) -> Result<Ending, Faults> {
        let (file, key) = match (self.list, self.public_key, &self.config) {
            (Some(list), Some(key), _) => (list, key),
            (_, _, Some(config)) => {
                let section = read_config(config)?.0.revocation;
                let section =
                    section.ok_or_else(|| format!("`{}`: no revocation list is configured", config.display()))?;
                (section.list, section.public_key)
            }
            (_, _, None) => return Err("name the list and its public key, or a configuration".to_owned().into()),
        };
        let public = PublicKey::from_pem(&read(&key)?).map_err(|error| format!("`{}` {error}", key.display()))?;
        let list = signed(&file, &public)?;
        for (kind, entries) in &list.revoked {
            for (entry, reason) in entries {
                let line = Line { kind: *kind, entry, reason };
                output::line(self.output, &line, || {
                    format!("{:<13} {entry}  {reason}", word(*kind)).trim_end().to_owned()
                })?;
            }
        }
        let expired = list.is_expired(SystemTime::now());
        let word = if expired { "expired at" } else { "good until" };
        eprintln!("{} revoked, serial {}, {word} {}", list.count(), list.serial, list.expires);
        Ok(if expired { Ending::No } else { Ending::Yes })
    }
}

fn signed(file: &Path, key: &PublicKey) -> Result<List, Faults> {
    let read = Signed::from_json(&read(file)?).and_then(|it| it.verify(key));
    read.map_err(|error| format!("`{}` {}", file.display(), chain(&error)).into())
}

/// How many are new, or have a new reason.
fn add(list: &mut Revoked, entries: Revoked) -> usize {
    let mut changed = 0;
    for (kind, entries) in entries {
        let of = list.entry(kind).or_default();
        for (entry, reason) in entries {
            changed += usize::from(of.get(&entry) != Some(&reason));
            of.insert(entry, reason);
        }
    }
    changed
}

fn remove(list: &mut Revoked, entries: Revoked) -> usize {
    let mut changed = 0;
    for (kind, entries) in entries {
        let Some(of) = list.get_mut(&kind) else { continue };
        changed += entries.keys().filter(|entry| of.remove(*entry).is_some()).count();
        if of.is_empty() {
            list.remove(&kind);
        }
    }
    changed
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Certificates => "certificate",
        Kind::Tokens => "token",
        Kind::Users => "user",
        Kind::Uids => "uid",
        Kind::Pods => "pod",
        Kind::Nodes => "node",
    }
}

/// A gate reads while we write: the whole list, or the one before.
fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, bytes)?;
    fs::rename(new, file)
}

/// What a gate does not refuse, kube-apiserver keeps for `unauthorizedTTL`: to it, no opinion is no permission.
const CACHED: &str = "the `unauthorizedTTL` of its AuthorizationConfiguration (30s if it names none)";

#[cfg(test)]
mod tests;
