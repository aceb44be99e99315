//! The revocation list on disk: read, held against its key and its serial, and given to the plugin that judges by it.

use super::chain;
use crate::{
    config::Revocation,
    health::Health,
    plugins::{MAX_MEMORY, Spec},
    revocation::{List, Rollback, follows},
    signed::{PublicKey, Signed},
};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// What is in force of a list, besides its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    pub serial: u64,
    pub entries: usize,
    pub expires: String,
    end: SystemTime,
}

/// Reads the list, and puts its entries into the plugin's config.
pub fn apply(section: &Revocation, specs: &mut [Spec]) -> Result<InForce, String> {
    let list = read(section).map_err(|why| format!("`{}` {why}", section.list.display()))?;
    let Some(spec) = specs.iter_mut().find(|it| it.name == PLUGIN) else {
        return Err(format!("nothing judges by the list: add `{{name: {PLUGIN}}}` to `plugins`"));
    };
    spec.config = list.merge_into(&spec.config).map_err(|error| chain(&error))?;
    // The list lies in the plugin's memory, which every decision shares until it writes.
    spec.bounds.memory = spec.bounds.memory.max(MAX_MEMORY);
    let end = humantime::parse_rfc3339(&list.expires).map_err(|error| format!("expires: {error}"))?;
    Ok(InForce { serial: list.serial, entries: list.count(), expires: list.expires, end })
}

/// Remembers what is in force, so that no restart goes back behind it.
pub fn remember(section: &Revocation, serial: u64) -> Result<(), String> {
    let Some(file) = &section.state else { return Ok(()) };
    let write = || {
        let mut new = file.as_os_str().to_owned();
        new.push(".new");
        fs::write(&new, format!("{serial}\n"))?;
        fs::rename(new, file)
    };
    write().map_err(|error| format!("write `{}`: {error}", file.display()))
}

impl InForce {
    /// Refuses to go back behind what was in force.
    pub fn follows(&self, known: u64) -> Result<(), Rollback> {
        follows(self.serial, known)
    }

    /// A list that is too old revokes all the same; what was added since is what it lacks.
    pub fn health(&self, now: SystemTime) -> Health {
        if self.end < now {
            return Health::Warn(format!(
                "the revocation list (serial {}) expired at {}: what it revokes stays revoked; sign a newer one",
                self.serial, self.expires
            ));
        }
        if self.end < now + SOON {
            return Health::Warn(format!("the revocation list expires at {}: sign it anew", self.expires));
        }
        Health::Ok
    }
}

fn read(section: &Revocation) -> Result<List, String> {
    let key = fs::read(&section.public_key)
        .map_err(|error| error.to_string())
        .and_then(|pem| PublicKey::from_pem(&pem).map_err(|error| error.to_string()))
        .map_err(|why| format!("cannot be checked: `{}` {why}", section.public_key.display()))?;
    let bytes = fs::read(&section.list).map_err(|error| format!("cannot be read: {error}"))?;
    let list: List =
        Signed::from_json(&bytes).and_then(|signed| signed.verify(&key)).map_err(|error| error.to_string())?;
    if let Some(file) = &section.state {
        follows(list.serial, remembered(file)?).map_err(|error| error.to_string())?;
    }
    Ok(list)
}

/// A file that is not there yet remembers nothing.
fn remembered(file: &Path) -> Result<u64, String> {
    match fs::read_to_string(file) {
        Ok(text) => text.trim().parse().map_err(|_| {
            format!(
                "cannot be compared with what was in force: `{}` holds no serial; remove it if that is right",
                file.display()
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(format!("cannot be compared with what was in force: read `{}`: {error}", file.display())),
    }
}

const PLUGIN: &str = "revocation";
/// Long enough for a person to sign a list.
const SOON: Duration = Duration::from_secs(24 * 3_600);
