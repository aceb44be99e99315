//! Takes changes of the configuration and of plugin files while serving. A good one takes effect at once and drops no
//! request; a bad one keeps the old, and says so in the journal, in readiness and in the log.

use super::{
    Fault, activate, files, keep,
    load::specs,
    note,
    revocations::{self, InForce},
};
use crate::{
    config::{Config, Module},
    health::Health,
    journal::Journal,
    judge::Judge,
    plugins::{Plugins, digest},
    serve::tls::Reloader,
};
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::{task, time};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Watches the files that the running configuration came from.
pub(super) struct Reload {
    file: PathBuf,
    plugins: Arc<Plugins>,
    judge: Arc<Judge>,
    journal: Option<Journal>,
    reloader: Option<Arc<Reloader>>,
    /// Held while plugins compile, for seconds; nobody else waits for it.
    state: Mutex<State>,
    /// The revocation list that counts.
    revocation: Mutex<Option<InForce>>,
    /// Why the last change was refused.
    fault: Mutex<Option<String>>,
}

struct State {
    running: Config,
    /// What the files that it names were when it was taken.
    files: Vec<String>,
    /// What was looked at last, good or bad: digests of the file and of every module.
    seen: Vec<String>,
    /// When that was.
    at: Instant,
}

impl Reload {
    pub(super) fn new(
        file: PathBuf,
        (text, files): (&str, Vec<String>),
        (running, revocation): (Config, Option<InForce>),
        plugins: Arc<Plugins>,
        judge: Arc<Judge>,
        journal: Option<Journal>,
        reloader: Option<Arc<Reloader>>,
    ) -> Reload {
        let seen = [vec![digest(text.as_bytes())], files.clone()].concat();
        Reload {
            file,
            plugins,
            judge,
            journal,
            reloader,
            state: Mutex::new(State { running, files, seen, at: Instant::now() }),
            revocation: Mutex::new(revocation),
            fault: Mutex::default(),
        }
    }

    /// Looks until stopped.
    pub(super) async fn watch(self: Arc<Reload>, stop: CancellationToken) {
        let mut tick = time::interval(EVERY);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            let this = self.clone();
            // A compilation takes a second of a core, and a disk may make its reader wait.
            match task::spawn_blocking(move || this.look()).await {
                Ok(true) => keep(self.journal.as_ref(), &self.plugins.current()).await,
                Ok(false) => {}
                Err(error) => error!(%error, "the reload broke off; what ran before goes on"),
            }
        }
    }

    pub(super) fn health(&self) -> Health {
        match &*self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(fault) => Health::Warn(format!("{fault}; what was loaded before goes on deciding")),
            None => Health::Ok,
        }
    }

    pub(super) fn plugins_health(&self) -> Health {
        let set = self.plugins.current();
        let resting: Vec<_> = set.plugins.iter().filter(|it| it.is_quarantined()).map(|it| it.name.as_str()).collect();
        match resting.as_slice() {
            [] => Health::Ok,
            names => Health::Warn(format!("{} failed too often and rests", names.join(", "))),
        }
    }

    pub(super) fn revocation_health(&self, now: SystemTime) -> Health {
        let in_force = self.revocation.lock().unwrap_or_else(PoisonError::into_inner);
        in_force.as_ref().map_or(Health::Ok, |it| it.health(now))
    }

    /// Looks once. True when a new set of plugins took effect.
    fn look(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) => {
                let fault = format!("read `{}`: {error}", self.file.display());
                self.refuse(&fault);
                // When it is back, it is looked at anew, also if nothing in it changed.
                state.seen.clear();
                return false;
            }
        };
        let parsed = Config::parse(&text, &self.file.display().to_string());
        let files = stamps(&state.running);
        let mut seen = vec![digest(text.as_bytes())];
        seen.extend(files.iter().cloned());
        if let Some(other) = parsed.as_ref().ok().filter(|it| **it != state.running) {
            seen.extend(stamps(other));
        }
        // What was refused for a passing reason, as a plugin that rested, is good without another change.
        let is_again = self.is_refused() && state.at.elapsed() >= AGAIN;
        if seen == state.seen && !is_again {
            return false;
        }
        (state.seen, state.at) = (seen, Instant::now());
        let faults = match parsed {
            Ok(config) => match self.take(&state.running, &config) {
                Ok(changed) => {
                    state.files = if config == state.running { files } else { stamps(&config) };
                    state.seen = [vec![digest(text.as_bytes())], state.files.clone()].concat();
                    state.running = config;
                    *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    return changed;
                }
                Err(faults) => faults.iter().map(Fault::to_string).collect::<Vec<_>>(),
            },
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        self.refuse(&faults.join("; "));
        // What the running configuration names may have changed as well, a revocation list above all.
        if files == state.files {
            return false;
        }
        let taken = self.take(&state.running, &state.running);
        if taken.is_ok() {
            state.files = files;
        }
        taken.unwrap_or(false)
    }

    fn is_refused(&self) -> bool {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn take(&self, running: &Config, config: &Config) -> Result<bool, Vec<Fault>> {
        fixed(running, config)?;
        let (specs, in_force) = specs(config)?;
        if let (true, Some(now)) = (running.revocation == config.revocation, &in_force) {
            let known = self.revocation.lock().unwrap_or_else(PoisonError::into_inner);
            known
                .as_ref()
                .map_or(Ok(()), |known| now.mark.follows(&known.mark))
                .map_err(|error| super::one("revocation", &error))?;
        }
        let before = self.plugins.current();
        let set = activate(&self.plugins, &self.judge, specs)?;
        // Last: what the plugins refuse must not change the certificates either. The other way round cannot lock out.
        if let (Some(reloader), Some(webhook)) = (&self.reloader, &config.webhook)
            && let Err(error) = reloader.point_at(files(webhook))
        {
            self.plugins.restore(before);
            return Err(super::one("webhook.tls", &error));
        }
        let digests = |set: &crate::plugins::Set| {
            set.plugins
                .iter()
                .map(|it| (it.name.clone(), format!("{} {}", it.digest, it.config_digest)))
                .collect::<Vec<_>>()
        };
        let attributes = digests(&set);
        info!(generation = set.generation, "configuration took effect");
        if attributes != digests(&before) {
            note(self.journal.as_ref(), "plugin-swapped", "a new set of plugins decides", &attributes);
        }
        self.count(config, in_force);
        Ok(true)
    }

    /// Lets a revocation list count from now on, for health and for those that come after it.
    fn count(&self, config: &Config, in_force: Option<InForce>) {
        let mut known = self.revocation.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(section), Some(now), true) = (&config.revocation, &in_force, *known != in_force) {
            let (serial, entries) = (now.mark.serial.to_string(), now.entries.to_string());
            let attributes =
                [("serial".into(), serial), ("entries".into(), entries), ("expires".into(), now.expires.clone())];
            note(self.journal.as_ref(), "revocation-list", "a new revocation list counts", &attributes);
            if let Err(why) = revocations::remember(section, &now.mark) {
                warn!(why, "a restart could go back behind this revocation list");
            }
        }
        *known = in_force;
    }

    fn refuse(&self, fault: &str) {
        let before = self.fault.lock().unwrap_or_else(PoisonError::into_inner).replace(fault.to_owned());
        if before.as_deref() == Some(fault) {
            return;
        }
        warn!(fault, "configuration refused; what ran before goes on");
        note(self.journal.as_ref(), "config-refused", fault, &[]);
    }
}

/// What cannot change while serving.
fn fixed(running: &Config, config: &Config) -> Result<(), Vec<Fault>> {
    let changed = [
        ("webhook.listen", running.webhook.as_ref().map(|it| it.listen) != config.webhook.as_ref().map(|it| it.listen)),
        ("admin.listen", running.admin != config.admin),
        ("dashboard.listen", running.dashboard != config.dashboard),
        ("journal", running.journal != config.journal),
        ("cluster", running.cluster != config.cluster),
        ("approver", running.approver != config.approver),
        ("posture", running.posture != config.posture),
        ("breakGlass", running.break_glass != config.break_glass),
        ("lockOutGuard", running.lock_out_guard != config.lock_out_guard),
    ];
    let faults: Vec<_> = changed
        .iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| Fault { place: (*key).to_owned(), message: "takes effect after a restart only".to_owned() })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// What changes when a file does that a configuration names.
pub(super) fn stamps(config: &Config) -> Vec<String> {
    let modules = config.plugins.iter().flatten().filter_map(|plugin| match &plugin.module {
        Module::Builtin => None,
        // A file that cannot be read is a change that will be refused with its reason.
        Module::File(path) => Some(fs::read(path).map_or_else(|error| error.to_string(), |bytes| digest(&bytes))),
    });
    // A list may be long, and is replaced as a whole.
    let lists = config.revocation.iter().flat_map(|it| [&it.list, &it.public_key]);
    let lists = lists.chain(config.kubelet_ca()).map(|path| match fs::metadata(path) {
        Ok(meta) => format!("{} {:?}", meta.len(), meta.modified().ok()),
        Err(error) => error.to_string(),
    });
    modules.chain(lists).collect()
}

/// A person who edits a file looks at the result after about that long.
const EVERY: Duration = Duration::from_secs(1);
/// As long as a plugin rests.
const AGAIN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_change_while_serving_is_refused_by_name() {
        let config = |more: &str| {
            let text = format!("apiVersion: pathgate.io/v1alpha1\nkind: Gate\n{more}");
            Config::parse(&text, "gate.yaml").expect("a configuration")
        };
        for (key, more) in [
            ("admin.listen", "admin: {listen: 127.0.0.1:9}\n"),
            ("journal", "journal: {url: 'sqlite:///a'}\n"),
            ("cluster", "cluster: {facts: a}\n"),
            ("posture", "posture: {name: a}\n"),
            ("lockOutGuard", "lockOutGuard: {gate: {user: a}}\n"),
            ("breakGlass", "breakGlass: {grant: a, publicKey: b}\n"),
        ] {
            let places: Vec<_> =
                fixed(&config(""), &config(more)).expect_err(key).into_iter().map(|it| it.place).collect();
            assert_eq!(places, [key]);
        }
        assert_eq!(fixed(&config(""), &config("plugins: []\n")), Ok(()));
    }

    #[test]
    fn what_a_configuration_names_is_loaded_again_only_when_it_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, module) = (folder.path().join("gate.yaml"), folder.path().join("tunnel.wasm"));
        let component = crate::plugins::builtin()["tunnel"];
        fs::write(&module, component).expect("the module");
        let (pin, path) = (digest(component), module.display());
        let text = format!(
            "apiVersion: pathgate.io/v1alpha1\nkind: Gate\nplugins: [{{name: tunnel, module: '{path}', sha256: '{pin}'}}]\n"
        );
        fs::write(&file, &text).expect("the configuration");
        let config = Config::parse(&text, "gate.yaml").expect("a configuration");
        let plugins = Arc::new(Plugins::for_tests());
        let judge = Arc::new(Judge::new(plugins.clone(), None, crate::inventory::Inventory::default()));
        activate(&plugins, &judge, specs(&config).expect("a module").0).expect("a set");
        let stamps = stamps(&config);
        let reload = Reload::new(file.clone(), (&text, stamps), (config, None), plugins.clone(), judge, None, None);
        let look = || (reload.look(), plugins.current().generation);
        assert_eq!([look(), look()], [(false, 1), (false, 1)]);
        // Neither does an edit that is refused, nor its second look.
        fs::write(&file, text.clone() + "surprise: 1\n").expect("a bad edit");
        assert_eq!([look(), look()], [(false, 1), (false, 1)]);
        fs::write(&file, text.clone() + "# better\n").expect("a good edit");
        assert_eq!([look(), look(), look()], [(true, 2), (false, 2), (false, 2)]);
        // An edit that waits for a restart, and then a module that it does not let through.
        fs::write(&file, text + "journal: {url: 'sqlite:///a'}\n").expect("an edit");
        fs::write(&module, "no module").expect("a bad module");
        assert_eq!([look(), look()], [(false, 2), (false, 2)]);
    }
}
