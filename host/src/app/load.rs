//! From a configuration to plugins that may decide.

use super::{
    anchors,
    revocations::{self, InForce},
};
use crate::{
    config::{Config, Module, PluginConfig},
    judge::{self, Judge, lock_outs},
    plugins::{self, Bounds, Cache, Plugins, Set, Spec},
};
use data_encoding::HEXLOWER;
use std::{env, error::Error, fmt, fs, path::PathBuf, sync::Arc};

/// What keeps a gate from starting, or a change from taking effect: a sentence, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Reads every module that a configuration names, the authority of kubelets, and the revocation list; or every fault. Without
/// the authority no kubelet counts as verified, and everything else goes on.
pub fn specs(config: &Config) -> Result<(Vec<Spec>, Option<InForce>), Vec<Fault>> {
    let mut specs = modules(config)?;
    if let Some(file) = config.kubelet_ca()
        && let Err(why) = anchors::apply(file, anchors::KUBELETS, &mut specs)
    {
        tracing::warn!(why, "posture.probes.kubeletCA is not taken; no kubelet counts as verified");
    }
    let Some(section) = &config.revocation else { return Ok((specs, None)) };
    match revocations::apply(section, &mut specs) {
        Ok(in_force) => Ok((specs, Some(in_force))),
        Err(message) => Err(vec![Fault { place: "revocation".to_owned(), message }]),
    }
}

/// Reads every module that a configuration names, and no other file: what plugins are asked about follows from it.
pub fn modules(config: &Config) -> Result<Vec<Spec>, Vec<Fault>> {
    let builtin = plugins::builtin();
    let Some(listed) = &config.plugins else {
        return Ok(builtin
            .into_iter()
            .map(|(name, component)| Spec::new(name, component, serde_json::json!({})))
            .collect());
    };
    let mut specs = Vec::new();
    let mut faults = Vec::new();
    for (at, plugin) in listed.iter().enumerate() {
        let component: Result<Arc<[u8]>, String> = match &plugin.module {
            Module::Builtin => builtin.get(plugin.name.as_str()).map(|&bytes| bytes.into()).ok_or_else(|| {
                let names: Vec<_> = builtin.keys().copied().collect();
                format!("this version has no built-in plugin `{}`; it has {}", plugin.name, names.join(", "))
            }),
            Module::File(path) => {
                fs::read(path).map(Arc::from).map_err(|error| format!("read `{}`: {error}", path.display()))
            }
        };
        match component {
            Ok(component) => specs.push(spec(plugin, component)),
            Err(message) => faults.push(Fault { place: format!("plugins[{at}].module"), message }),
        }
    }
    if faults.is_empty() { Ok(specs) } else { Err(faults) }
}

/// Loads a set, passes the lock-out guard, and lets it decide from the next request on; or changes nothing and says why.
pub fn activate(plugins: &Plugins, judge: &Judge, specs: Vec<Spec>) -> Result<Arc<Set>, Vec<Fault>> {
    let set = plugins.prepare(specs).map_err(|faults| {
        let fault = |(name, error): (String, plugins::LoadError)| Fault {
            place: format!("plugin `{name}`"),
            message: chain(&error),
        };
        faults.into_iter().map(fault).collect::<Vec<_>>()
    })?;
    let place = || "lock-out guard".to_owned();
    let refused = lock_outs(judge, &set, judge::now()).map_err(|message| vec![Fault { place: place(), message }])?;
    if refused.is_empty() {
        return Ok(plugins.activate(set));
    }
    Err(refused.into_iter().map(|it| Fault { place: place(), message: it.to_string() }).collect())
}

/// The folder for compiled plugins: `PATHGATE_CACHE_DIR`, else `pathgate` in the user's cache folder. Without one the host compiles at each start.
pub fn compile_cache() -> Option<Cache> {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let user = || env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home).map(|it| it.join("pathgate"));
    let folder = env::var_os("PATHGATE_CACHE_DIR").map(PathBuf::from).or_else(user)?;
    match Cache::open(&folder) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "plugins are compiled at each start");
            None
        }
    }
}

/// An error and what caused it, in a line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn spec(plugin: &PluginConfig, component: Arc<[u8]>) -> Spec {
    Spec {
        name: plugin.name.clone(),
        component,
        sha256: plugin.sha256.as_ref().map(|bytes| HEXLOWER.encode(bytes)),
        role: plugin.role,
        shadow: plugin.shadow,
        on_failure: plugin.failure,
        bounds: Bounds {
            fuel: plugin.limits.fuel,
            deadline: plugin.limits.deadline,
            memory: usize::try_from(plugin.limits.memory).unwrap_or(usize::MAX),
            ..Bounds::DECISION
        },
        config: plugin.config.clone(),
    }
}
