//! Whom to trust: authorities that a configuration or a person names, given to the plugin that verifies by them.

use crate::{
    bundle::{self, Kind},
    config::Config,
    health::Health,
    plugins::Spec,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The plugin that verifies kubelets.
pub const KUBELETS: &str = "apiserver_to_kubelet";

/// Adds the certificates of a file to those by which a plugin verifies servers.
pub fn apply(file: &Path, plugin: &str, specs: &mut [Spec]) -> Result<(), String> {
    let Some(spec) = specs.iter_mut().find(|it| it.name == plugin) else {
        return Err(format!("nothing verifies by it: add `{{name: {plugin}}}` to `plugins`"));
    };
    let mut anchors = read(file)?.into_iter().map(Value::from);
    // What is no object, or no list, the plugin's schema refuses.
    let servers = spec.config.as_object_mut().map(|it| it.entry("servers").or_insert_with(|| json!({})));
    let known = servers.and_then(Value::as_object_mut).map(|it| it.entry("anchors").or_insert_with(|| json!([])));
    if let Some(known) = known.and_then(Value::as_array_mut) {
        known.extend(&mut anchors);
    }
    Ok(())
}

/// Whether kubelets can be verified by the file that a configuration names.
pub(super) fn health(config: &Config) -> Health {
    let Some(file) = config.kubelet_ca() else { return Health::Ok };
    let is_loaded = config.plugins.as_ref().is_none_or(|all| all.iter().any(|it| it.name == KUBELETS));
    match read(file) {
        Err(why) => Health::Warn(format!("{why}; no kubelet counts as verified")),
        Ok(_) if !is_loaded => Health::Warn(format!("`plugins` has no `{KUBELETS}`; no kubelet counts as verified")),
        Ok(_) => Health::Ok,
    }
}

/// Its certificates, each as PEM.
fn read(file: &Path) -> Result<Vec<String>, String> {
    let bytes = fs::read(file).map_err(|error| format!("read `{}`: {error}", file.display()))?;
    let read = bundle::read(&bytes, Kind::Certificate);
    let certificates = read.map_err(|faults| format!("`{}`: {}", file.display(), faults.join("; ")))?.blocks;
    Ok(certificates.iter().map(|der| bundle::to_pem(der, Kind::Certificate)).collect())
}
