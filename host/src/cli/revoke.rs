//! `pathgate revoke`: writes and shows the signed list of credentials that must no longer work.

mod import;

use super::{Ending, Faults, Output, check::utf8, output, read, read_config};
use crate::{
    app::{chain, replace},
    authorization,
    revocation::{Kind, List, Revoked},
    signed::{Key, PublicKey, Signed},
};
use clap::{Args, Subcommand};
use import::Entries;
pub(super) use import::revoked;
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
    /// Add to the list, and sign it anew. Exits 1 if all was on it; without anything to add it is only signed for longer.
    #[command(
        after_help = "Example: pathgate revoke add --list revoked.json --key revoke.key --user mallory --reason left"
    )]
    Add(Box<Change>),
    /// Take from the list, and sign it anew. Exits 1 if nothing of it was on the list.
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
    /// kube-apiserver's AuthorizationConfiguration, to tell how long its cache may go on answering.
    #[arg(long, value_name = "FILE")]
    authorization_config: Option<PathBuf>,
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
    #[arg(long, conflicts_with_all = ["list", "public_key"])]
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
            Revoke::Remove(change) if !change.list.exists() => {
                Err(format!("`{}`: there is no list to take anything from", change.list.display()).into())
            }
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
        let cached = self.cached()?;
        let changed = apply(&mut list.revoked, entries);
        let now = SystemTime::now();
        let end = now.checked_add(self.expires).filter(|_| self.expires <= LONGEST);
        let end = end.ok_or_else(|| "--expires: ten years at most".to_owned())?;
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
        eprintln!("a gate that watches the list takes it within a second");
        eprintln!("kube-apiserver may answer from its cache for {cached} more");
        Ok(if changed == 0 && self.is_meant() { Ending::No } else { Ending::Yes })
    }

    /// Whether anything was named; else the list is only signed for longer.
    fn is_meant(&self) -> bool {
        !self.entries.is_empty()
    }

    /// How long kube-apiserver keeps what the gate said before: no opinion, which is no permission to it.
    fn cached(&self) -> Result<String, Faults> {
        let Some(file) = &self.authorization_config else { return Ok(CACHED.to_owned()) };
        let origin = file.display().to_string();
        let document = authorization::read(&utf8(read(file)?, &origin)?, &origin).map_err(|fault| fault.to_string())?;
        let kept = document.and_then(|it| it.unauthorized_kept());
        let kept = kept.ok_or_else(|| format!("`{origin}` is no AuthorizationConfiguration with a webhook"))?;
        Ok(humantime::format_duration(kept).to_string())
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

/// Long enough for any list, and within what a date can say.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
const CACHED: &str = "the `unauthorizedTTL` of its AuthorizationConfiguration (30s if it names none)";

#[cfg(test)]
mod tests;
