//! Mutual TLS whose certificates may change on disk at any time. A change serves the next connection; a faulty change
//! leaves the old one serving, and says so. It never serves without a client certificate.

mod client;
mod load;

use super::metrics::{Cause, DoorMetrics};
use crate::{certificate, health::Health};
use load::{Contents, Loaded};
use rustls::{CertificateError, Error, ServerConfig, pki_types::CertificateDer};
use std::{
    error::Error as _,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{task, time};
use tokio_util::sync::CancellationToken;

pub use load::TlsFault;

/// What a door shows, and whom it lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The serving certificate in PEM, leaf first, intermediates after it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The CAs that client certificates must come from.
    pub client_ca: PathBuf,
    /// A client must have one of these as common name, DNS name or URI, byte for byte.
    pub client_names: Vec<String>,
}

/// What a reload found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    /// The next connection sees it.
    Taken,
}

/// Serves the newest certificates that are good.
pub struct Reloader {
    /// Held while reloading, so that reloads do not overtake each other.
    files: Mutex<Files>,
    current: RwLock<Arc<Current>>,
    fault: Mutex<Option<String>>,
    metrics: DoorMetrics,
}

/// What new connections are served with.
pub(super) struct Current {
    pub(super) config: Arc<ServerConfig>,
    /// Cancelled when clients must prove themselves anew, because the client CA or the list of names changed.
    pub(super) retired: CancellationToken,
    files: Files,
    digest: [Vec<u8>; 3],
    not_after: i64,
    shown: Vec<wire::Certificate>,
}

impl Current {
    /// The listed name of a client that passed the handshake.
    pub(super) fn name(&self, certificates: Option<&[CertificateDer<'_>]>) -> Option<Arc<str>> {
        client::name(certificates?.first()?, &self.files.client_names).map(Arc::from)
    }
}

impl Reloader {
    /// Loads the files for the first time.
    ///
    /// # Errors
    /// When they cannot serve.
    pub fn load(files: Files, metrics: DoorMetrics) -> Result<Reloader, TlsFault> {
        let contents = Contents::read(&files)?;
        let Loaded { config, not_after, shown } = contents.load(&files)?;
        metrics.expires(not_after);
        let digest = contents.digest();
        let retired = CancellationToken::new();
        let current = Current { config, retired, files: files.clone(), digest, not_after, shown };
        Ok(Reloader {
            files: Mutex::new(files),
            current: RwLock::new(Arc::new(current)),
            fault: Mutex::default(),
            metrics,
        })
    }

    /// Reads the files now, and takes them if they changed and are good.
    ///
    /// # Errors
    /// When they are not good: the old ones go on serving.
    pub fn reload(&self) -> Result<Change, TlsFault> {
        let files = lock(&self.files);
        self.note(self.take(&files))
    }

    /// Reads other files, or the same for other client names, and stays with them if they are good.
    ///
    /// # Errors
    /// When they are not good: the old ones go on serving, and stay watched.
    pub fn point_at(&self, files: Files) -> Result<Change, TlsFault> {
        let mut watched = lock(&self.files);
        let change = self.note(self.take(&files))?;
        *watched = files;
        Ok(change)
    }

    /// Looks at the files until stopped. It compares what they hold, so that links, copies and clocks do not matter.
    pub async fn watch(self: Arc<Reloader>, every: Duration, stop: CancellationToken) {
        let mut tick = time::interval(every);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let this = Arc::clone(&self);
            // A disk may make its reader wait. Faults are noted in the reload.
            if let Err(error) = task::spawn_blocking(move || drop(this.reload())).await {
                tracing::error!(%error, "the reload of certificates broke off");
            }
        }
    }

    /// What an operator should know of the certificates at this time.
    pub fn health(&self, now: SystemTime) -> Health {
        let current = self.current();
        let path = current.files.certificate.display();
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX));
        let left = current.not_after.saturating_sub(now);
        if left <= 0 {
            return Health::Fail(format!("the certificate in `{path}` has expired: replace it"));
        }
        if let Some(fault) = &*lock(&self.fault) {
            return Health::Warn(format!("{fault}; what was loaded before goes on serving"));
        }
        if left < SOON {
            return Health::Warn(format!("the certificate in `{path}` expires in {} h: replace it", left / 3_600));
        }
        Health::Ok
    }

    /// What is served and trusted, for people.
    pub fn certificates(&self) -> Vec<wire::Certificate> {
        self.current().shown.clone()
    }

    pub(super) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, files: &Files) -> Result<Change, TlsFault> {
        let contents = Contents::read(files)?;
        let digest = contents.digest();
        let old = self.current();
        if digest == old.digest && files.client_names == old.files.client_names {
            return Ok(Change::None);
        }
        let Loaded { config, not_after, mut shown } = contents.load(files)?;
        rotate(&mut shown, &old.shown);
        let [_, _, ca] = &digest;
        let [_, _, old_ca] = &old.digest;
        let same_clients = ca == old_ca && files.client_names == old.files.client_names;
        let retired = if same_clients { old.retired.clone() } else { CancellationToken::new() };
        let current = Current { config, retired, files: files.clone(), digest, not_after, shown };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        self.metrics.expires(not_after);
        tracing::info!(door = self.metrics.name, not_after, same_clients, "took changed certificates");
        if !same_clients {
            old.retired.cancel();
        }
        Ok(Change::Taken)
    }

    /// Keeps the fault for [`Reloader::health`]; a fault that lasts is logged and counted once.
    fn note(&self, result: Result<Change, TlsFault>) -> Result<Change, TlsFault> {
        let text = result.as_ref().err().map(sentence);
        let mut fault = lock(&self.fault);
        if *fault != text {
            if let Some(text) = &text {
                self.metrics.reload_faults.inc();
                tracing::error!(door = self.metrics.name, fault = text, "kept the old certificates");
            }
            *fault = text;
        }
        result
    }
}

/// Notes what each certificate took the place of: one of the same name and use that is gone, if need be while both stood there.
fn rotate(shown: &mut [wire::Certificate], old: &[wire::Certificate]) {
    let (still, mut gone): (Vec<_>, Vec<_>) =
        old.iter().partition(|old| shown.iter().any(|next| next.sha256 == old.sha256));
    for next in shown {
        let same = still.iter().find(|it| it.sha256 == next.sha256 && it.before.is_some());
        let is_its = |it: &&wire::Certificate| {
            (&it.subject, &it.purpose, &it.from) == (&next.subject, &next.purpose, &next.from)
        };
        let last = same.copied().or_else(|| Some(gone.remove(gone.iter().position(is_its)?)));
        if let Some(last) = last {
            certificate::succeed(next, last);
        }
    }
}

/// Why a handshake failed.
pub(super) fn cause(error: &io::Error) -> Cause {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        None => Cause::Broken,
        Some(Error::NoCertificatesPresented) => Cause::NoCertificate,
        Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => Cause::Name,
        Some(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Cause::Expired,
        Some(Error::InvalidCertificate(_)) => Cause::Untrusted,
        Some(_) => Cause::Protocol,
    }
}

fn sentence(fault: &TlsFault) -> String {
    match fault.source() {
        Some(source) => format!("{fault} ({source})"),
        None => fault.to_string(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often files are looked at: three small reads, and Kubernetes itself takes a minute to bring a new secret.
pub const EVERY: Duration = Duration::from_secs(2);

/// Seven days before the end somebody should know: one weekend, and days to spare.
const SOON: i64 = 7 * 24 * 3_600;
