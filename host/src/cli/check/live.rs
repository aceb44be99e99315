//! A live cluster, as `check` reads it.

use super::super::{Faults, runtime};
use crate::{
    app::chain,
    cluster::{Cluster, Credentials, Seen},
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Reads it once.
pub(super) fn look(kubeconfig: &Path) -> Result<Seen, Faults> {
    runtime()?.block_on(async {
        let cluster = Cluster::connect(&Credentials::Kubeconfig(kubeconfig.to_owned())).await;
        Ok(cluster.map_err(|error| chain(&error))?.look().await)
    })
}

/// Where an object is from, as `kubectl` names it.
pub(super) fn origin(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let kind = text("/kind").to_lowercase();
    format!("{kind} {}/{}", text("/metadata/namespace"), text("/metadata/name"))
}

impl Seen {
    /// What control planes run, each with where it is from.
    pub(super) fn manifests(&self) -> Vec<(PathBuf, Value)> {
        self.pods.iter().map(|it| (PathBuf::from(origin(it)), it.clone())).collect()
    }
}
