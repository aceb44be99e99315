//! Looks for a signed grant that lets somebody pass, and says loudly while there is one.

use super::{disk::public_key, note};
use crate::{
    break_glass::Grant,
    config::BreakGlass,
    health::Health,
    journal::Journal,
    judge::{self, Judge},
    signed::Signed,
};
use std::{
    fs, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{task, time};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// What the file said last. Whatever is wrong with it, nobody passes.
pub(super) struct Glass {
    section: BreakGlass,
    found: Mutex<Result<Option<Grant>, String>>,
}

impl Glass {
    pub(super) fn new(section: BreakGlass) -> Glass {
        Glass { section, found: Mutex::new(Ok(None)) }
    }

    /// Looks until stopped.
    pub(super) async fn watch(self: Arc<Glass>, judge: Arc<Judge>, journal: Option<Journal>, stop: CancellationToken) {
        let mut tick = time::interval(EVERY);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let this = self.clone();
            // A disk may make its reader wait.
            let Ok(found) = task::spawn_blocking(move || this.read()).await else { continue };
            self.take(found, &judge, journal.as_ref());
        }
    }

    pub(super) fn health(&self) -> Health {
        match &*self.found.lock().unwrap_or_else(PoisonError::into_inner) {
            Ok(None) => Health::Ok,
            Ok(Some(grant)) => Health::Warn(grant.sentence()),
            Err(why) => Health::Warn(format!("`{}` {why}; nobody passes by it", self.section.grant.display())),
        }
    }

    fn take(&self, found: Result<Option<Grant>, String>, judge: &Judge, journal: Option<&Journal>) {
        let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == found {
            return;
        }
        judge.break_glass(found.clone().unwrap_or_default());
        match &found {
            Ok(Some(grant)) => {
                warn!(user = grant.user, path = %grant.path, expires = grant.expires, reason = grant.reason, "the glass is broken");
                let attributes =
                    [("user", grant.user.as_str()), ("path", grant.path.as_str()), ("expires", grant.expires.as_str())];
                let attributes = attributes.map(|(key, value)| (key.to_owned(), value.to_owned()));
                note(journal, "break-glass", &grant.sentence(), &attributes);
            }
            Ok(None) => note(journal, "break-glass-over", "nobody passes any more", &[]),
            Err(why) => {
                warn!(why, "the grant is not taken, and nobody passes");
                note(journal, "break-glass-refused", why, &[]);
            }
        }
        *known = found;
    }

    fn read(&self) -> Result<Option<Grant>, String> {
        // With or without a grant: the night that it is needed is no time to find the key missing.
        let key = public_key(&self.section.public_key)?;
        let bytes = match fs::read(&self.section.grant) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot be read: {error}")),
        };
        let grant: Grant =
            Signed::from_json(&bytes).and_then(|it| it.verify(&key)).map_err(|error| error.to_string())?;
        let now = judge::now();
        if grant.is_early(now) {
            return Err(format!("is issued at {}, which is in the future: compare the clocks", grant.issued));
        }
        Ok(grant.is_in_force(now).then_some(grant))
    }
}

/// Somebody who signed a grant waits for it.
const EVERY: Duration = Duration::from_secs(1);
