//! The gate of the show: a production configuration in a folder that goes with it, rewritten while the gate serves.

use crate::{app::Fault, plugins};
use serde_json::{Map, Value, json};
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use world::World;

/// The files of a gate that guards a world.
pub(super) struct Folder {
    folder: TempDir,
    settings: Map<String, Value>,
}

/// One plugin that is not as it was shipped.
pub(super) enum Change {
    /// A shipped one with another config.
    Config { plugin: &'static str, config: Value },
    /// One more, that thinks for ever.
    Loop,
}

impl Folder {
    /// Writes the configuration and the looping plugin.
    pub(super) fn new(world: &World, dashboard: SocketAddr) -> Result<Folder, Vec<Fault>> {
        let make = || {
            let folder = tempfile::Builder::new().prefix("pathgate-demo-").tempdir()?;
            fs::write(folder.path().join(LOOP_FILE), LOOP)?;
            let settings = settings(world, folder.path(), dashboard);
            let it = Folder { folder, settings };
            it.write(None)?;
            Ok(it)
        };
        make().map_err(|error: io::Error| {
            vec![Fault { place: "write the gate's configuration".into(), message: error.to_string() }]
        })
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("gate.yaml")
    }

    /// A new file in place of the old, as an editor does; the gate takes it by itself.
    pub(super) fn write(&self, change: Option<&Change>) -> io::Result<()> {
        let mut settings = self.settings.clone();
        settings.insert("plugins".into(), self.plugins(change));
        let new = self.folder.path().join("gate.new");
        fs::write(&new, serde_saphyr::to_string(&settings).map_err(io::Error::other)?)?;
        fs::rename(new, self.file())
    }

    fn plugins(&self, change: Option<&Change>) -> Value {
        let shipped = plugins::builtin().into_keys().map(|name| match change {
            Some(Change::Config { plugin, config }) if *plugin == name => {
                json!({"name": name, "module": "builtin", "config": config})
            }
            Some(Change::Config { .. } | Change::Loop) | None => json!({"name": name, "module": "builtin"}),
        });
        let more = matches!(change, Some(Change::Loop)).then(|| {
            json!({
                "name": "thinks_for_ever",
                "module": self.folder.path().join(LOOP_FILE),
                "sha256": plugins::digest(LOOP),
                "failure": "no-opinion",
            })
        });
        shipped.chain(more).collect()
    }
}

fn settings(world: &World, folder: &Path, dashboard: SocketAddr) -> Map<String, Value> {
    let files = world.files();
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut settings = Map::new();
    let mut section = |name: &str, value: Value| settings.insert(name.to_owned(), value);
    section("apiVersion", json!("pathgate.io/v1alpha1"));
    section("kind", json!("Gate"));
    section(
        "webhook",
        json!({
            "listen": local,
            "tls": {
                "certificate": files.certificate("webhook"),
                "key": files.key("webhook"),
                "clientCA": files.certificate("webhook-ca"),
                "clientNames": ["kube-apiserver"],
            },
        }),
    );
    section("admin", json!({"listen": local}));
    section("journal", json!({"url": format!("sqlite://{}", folder.join("journal.db").display())}));
    section("cluster", json!({"facts": files.facts()}));
    let probes = json!({
        "every": "3s",
        "kubeletCA": files.certificate("kubelet-ca"),
        "readOnlyPort": 0,
        "allow": ["127.0.0.0/8"],
    });
    let folders = [files.folder().join("manifests"), files.folder().join("nodes")];
    section("posture", json!({"name": "demo", "files": folders, "probes": probes}));
    section("dashboard", json!({"listen": dashboard}));
    settings
}

const LOOP_FILE: &str = "thinks_for_ever.wasm";
/// Asks to be asked about logs, and never answers.
const LOOP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/loop.wasm"));
