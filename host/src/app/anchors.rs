//! Whom to trust: authorities that a configuration or a person names, given to the plugin that verifies by them.

use crate::{
    bundle::{self, Kind},
    plugins::Spec,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Adds the certificates of a file to those by which a plugin verifies servers.
pub fn apply(file: &Path, plugin: &str, specs: &mut [Spec]) -> Result<(), String> {
    let Some(spec) = specs.iter_mut().find(|it| it.name == plugin) else {
        return Err(format!("nothing verifies by it: add `{{name: {plugin}}}` to `plugins`"));
    };
    let bytes = fs::read(file).map_err(|error| format!("read `{}`: {error}", file.display()))?;
    let read = bundle::read(&bytes, Kind::Certificate);
    let certificates = read.map_err(|faults| format!("`{}`: {}", file.display(), faults.join("; ")))?.blocks;
    let mut anchors = certificates.iter().map(|der| json!(bundle::to_pem(der, Kind::Certificate)));
    // What is no object, or no list, the plugin's schema refuses.
    let servers = spec.config.as_object_mut().map(|it| it.entry("servers").or_insert_with(|| json!({})));
    let known = servers.and_then(Value::as_object_mut).map(|it| it.entry("anchors").or_insert_with(|| json!([])));
    if let Some(known) = known.and_then(Value::as_array_mut) {
        known.extend(&mut anchors);
    }
    Ok(())
}
