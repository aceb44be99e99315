//! The revocation list on disk: read, held against its key and its serial, and given to the plugin that judges by it.

use super::{
    chain,
    disk::{public_key, replace},
};
use crate::{
    config::Revocation,
    health::Health,
    plugins::{MAX_MEMORY, Spec},
    revocation::{List, Mark},
    signed::Signed,
};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// What is in force of a list, besides its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    pub mark: Mark,
    pub entries: usize,
    pub expires: String,
    end: SystemTime,
    /// Why the list refuses nothing, or not all of it.
    blunt: Option<&'static str>,
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
    let mark = list.mark().map_err(|error| chain(&error))?;
    Ok(InForce { mark, entries: list.count(), blunt: blunt(spec), expires: list.expires, end })
}

/// Remembers what is in force, so that no restart goes back behind it.
pub fn remember(section: &Revocation, mark: &Mark) -> Result<(), String> {
    let Some(file) = &section.state else { return Ok(()) };
    let text = format!("{} {}\n", mark.serial, mark.digest);
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    replace(file, text.as_bytes()).map_err(|error| format!("write `{}`: {error}", file.display()))
}

impl InForce {
    /// A list that is too old revokes all the same; what was added since is what it lacks.
    pub fn health(&self, now: SystemTime) -> Health {
        if let Some(why) = self.blunt {
            return Health::Warn(why.to_owned());
        }
        if self.end < now {
            return Health::Warn(format!(
                "the revocation list (serial {}) expired at {}: what it revokes stays revoked; sign a newer one",
                self.mark.serial, self.expires
            ));
        }
        if self.end < now + SOON {
            return Health::Warn(format!("the revocation list expires at {}: sign it anew", self.expires));
        }
        Health::Ok
    }
}

fn blunt(spec: &Spec) -> Option<&'static str> {
    let softened = |rules: &serde_json::Map<_, serde_json::Value>| rules.values().any(|mode| mode != "on");
    if spec.shadow {
        Some("the plugin `revocation` is in the shadow: nothing on the list is refused")
    } else if spec.config.get("rules").and_then(serde_json::Value::as_object).is_some_and(softened) {
        Some("rules of the plugin `revocation` are not on: not all of the list is refused")
    } else {
        None
    }
}

fn read(section: &Revocation) -> Result<List, String> {
    let key = public_key(&section.public_key)?;
    let bytes = fs::read(&section.list).map_err(|error| format!("cannot be read: {error}"))?;
    let list: List =
        Signed::from_json(&bytes).and_then(|signed| signed.verify(&key)).map_err(|error| error.to_string())?;
    if let Some(known) = section.state.as_ref().map(|file| remembered(file)).transpose()?.flatten() {
        let mark = list.mark().map_err(|error| chain(&error))?;
        mark.follows(&known).map_err(|error| error.to_string())?;
    }
    Ok(list)
}

/// A file that is not there yet remembers nothing.
fn remembered(file: &Path) -> Result<Option<Mark>, String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(format!("cannot be compared with what was in force: read `{}`: {error}", file.display()));
        }
    };
    let mark = text
        .trim()
        .split_once(' ')
        .and_then(|(serial, digest)| Some(Mark { serial: serial.parse().ok()?, digest: digest.to_owned() }));
    mark.map(Some).ok_or_else(|| {
        let file = file.display();
        format!("cannot be compared with what was in force: `{file}` holds no serial; remove it if that is right")
    })
}

const PLUGIN: &str = "revocation";
/// Long enough for a person to sign a list.
const SOON: Duration = Duration::from_secs(24 * 3_600);
