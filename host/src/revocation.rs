//! The signed list of credentials that must no longer work.
//!
//! What it holds are the lists of the plugin `revocation`, which judges; here is only when they were written, and whether they are
//! newer than what was known. A list that has expired goes on revoking: what is wrong with it is what it may lack.

use crate::{
    json::canonical,
    signed::{API_VERSION, Document},
};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::SystemTime};

/// What a credential is known by. The words are the keys of the plugin's config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// SHA-256 of a client certificate, in hex.
    Certificates,
    /// The `jti` of a token.
    Tokens,
    Users,
    Uids,
    Pods,
    Nodes,
}

/// Entry to reason, by kind.
pub type Revoked = BTreeMap<Kind, BTreeMap<String, String>>;

/// A list as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct List {
    pub api_version: String,
    pub kind: String,
    /// Goes up with every change. A gate takes no lower one than it had.
    pub serial: u64,
    /// RFC 3339.
    pub issued: String,
    /// RFC 3339. After it the gate asks for a newer list, and goes on with this one.
    pub expires: String,
    pub revoked: Revoked,
}

/// Which list it is: to tell a newer one from an older, and two of the same serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub serial: u64,
    /// SHA-256 of the canonical JSON, in hex.
    pub digest: String,
}

/// Why a list does not follow what was in force.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rollback {
    #[error("has the serial {serial}, and {known} was in force before: an older list must not bring a credential back")]
    Older { serial: u64, known: u64 },
    #[error(
        "is another list with the serial {0}: two people changed the same one; make the changes again on the one in force"
    )]
    Twin(u64),
}

impl Mark {
    /// Refuses to go back behind what was in force.
    pub fn follows(&self, known: &Mark) -> Result<(), Rollback> {
        if self.serial < known.serial {
            Err(Rollback::Older { serial: self.serial, known: known.serial })
        } else if self.serial == known.serial && self.digest != known.digest {
            Err(Rollback::Twin(self.serial))
        } else {
            Ok(())
        }
    }
}

impl Document for List {
    const KIND: &str = "RevocationList";

    fn names(&self) -> (&str, &str) {
        (&self.api_version, &self.kind)
    }

    fn check(&self) -> Result<(), String> {
        if self.count() > MOST {
            return Err(format!("has {} entries; at most {MOST} fit into the plugin's memory", self.count()));
        }
        let entries = self.revoked.values().flatten();
        let bytes: usize = entries.map(|(entry, reason)| entry.len().saturating_add(reason.len())).sum();
        if bytes > MOST_BYTES {
            return Err(format!(
                "has {bytes} bytes of entries and reasons; at most {MOST_BYTES} fit into the plugin's memory: shorten the reasons"
            ));
        }
        let bad = [&self.issued, &self.expires].into_iter().find(|time| humantime::parse_rfc3339(time).is_err());
        bad.map_or(Ok(()), |time| Err(format!("`{time}` must be a time, as 2027-01-31T00:00:00Z")))
    }
}

impl List {
    /// The first list of a cluster: nothing is revoked.
    pub fn new() -> List {
        List {
            api_version: API_VERSION.into(),
            kind: List::KIND.into(),
            serial: 0,
            issued: String::new(),
            expires: String::new(),
            revoked: Revoked::new(),
        }
    }

    /// The list with these changes made at `now`, as the next in its line.
    pub fn next(mut self, now: SystemTime, expires: SystemTime) -> List {
        self.serial = self.serial.saturating_add(1);
        self.issued = humantime::format_rfc3339_seconds(now).to_string();
        self.expires = humantime::format_rfc3339_seconds(expires).to_string();
        self
    }

    pub fn mark(&self) -> Result<Mark, serde_json::Error> {
        let text = canonical(&serde_json::to_value(self)?).to_string();
        let digest = digest(&SHA256, text.as_bytes());
        Ok(Mark { serial: self.serial, digest: HEXLOWER.encode(digest.as_ref()) })
    }

    /// How many credentials are revoked.
    pub fn count(&self) -> usize {
        self.revoked.values().map(BTreeMap::len).sum()
    }

    pub fn is_expired(&self, now: SystemTime) -> bool {
        humantime::parse_rfc3339(&self.expires).map_or(true, |end| end < now)
    }

    /// The plugin's config with these entries besides its own.
    pub fn merge_into(&self, config: &Value) -> Result<Value, serde_json::Error> {
        let mut config = config.as_object().cloned().unwrap_or_default();
        for (kind, entries) in &self.revoked {
            let key = serde_json::to_value(kind)?.as_str().unwrap_or_default().to_owned();
            let own = config.remove(&key).unwrap_or_default();
            let mut all: Map<_, _> =
                entries.iter().map(|(entry, reason)| (entry.clone(), reason.as_str().into())).collect();
            match own {
                Value::Object(own) => all.extend(own),
                Value::Array(own) => {
                    all.extend(own.iter().filter_map(Value::as_str).map(|it| (it.to_owned(), "".into())))
                }
                // Not the plugin's config at all: it says so itself.
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
            config.insert(key, Value::Object(all));
        }
        Ok(Value::Object(config))
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

/// As many as the plugin reads in the time and the memory that it has.
const MOST: usize = 100_000;
/// With room for the plugin's own copies, in the 64 MiB that it has.
const MOST_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests;
