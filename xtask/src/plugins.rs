//! Builds the plugins: a core module by cargo, a component by `encode`, a file in `target/plugins`.
//!
//! A file that would be the same is left alone, time stamp included, so that the host that embeds it is not built again.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    program::{self, Failed},
    repo::{self, Member, Repo},
    setup::{TARGET, Toolchain},
};

/// Why the plugins are not built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("find the plugins")]
    Find(#[from] repo::Error),
    #[error("no crate under `plugins/` is built as `cdylib`, so there is no plugin")]
    None,
    #[error("build the plugins")]
    Build(#[from] Failed),
    #[error("make a component of the plugin `{plugin}`")]
    Encode { plugin: String, source: encode::EncodeError },
    #[error("{doing} `{path}`")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

/// Builds every plugin and hands back the components' files.
pub fn build(repo: &Repo, toolchain: &Toolchain) -> Result<Vec<PathBuf>, Error> {
    let plugins = repo.plugins()?;
    if plugins.is_empty() {
        return Err(Error::None);
    }
    let mut cargo = toolchain.cargo();
    cargo.current_dir(repo.root()).args(["build", "--locked", "--quiet", "--profile", "plugin", "--target", TARGET]);
    // As configuration, not as RUSTFLAGS: it adds to the flags in .cargo/config.toml.
    cargo.arg("--config").arg(format!("target.{TARGET}.rustflags={}", serde_json::Value::from(flags(repo))));
    // A folder of its own: it never waits for the lock of a host build that is under way.
    cargo.arg("--target-dir").arg(repo.target("wasm"));
    for plugin in &plugins {
        cargo.args(["-p", &plugin.name]);
    }
    program::run(&mut cargo)?;

    let folder = repo.target("plugins");
    fs::create_dir_all(&folder).map_err(file("make", &folder))?;
    let components = plugins.iter().map(|plugin| component(repo, plugin)).collect::<Result<Vec<_>, _>>()?;
    forget_others(&folder, &components).map_err(file("tidy up", &folder))?;
    Ok(components)
}

/// What a plugin is compiled with besides.
fn flags(repo: &Repo) -> Vec<String> {
    // Each call that is left counts its fuel in memory: a verification takes a fortieth less for a quarter more of code.
    let mut flags = vec!["-Cllvm-args=-inline-threshold=1000".to_owned()];
    // The message of a panic names its source. Without its folder, the same compiler makes the same of it wherever it lies.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let registries = registries.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut folders: Vec<_> = registries.chain([repo.root().to_owned()]).collect();
    folders.sort();
    flags.extend(folders.iter().map(|folder| format!("--remap-path-prefix={}/=", folder.display())));
    flags
}

fn component(repo: &Repo, plugin: &Member) -> Result<PathBuf, Error> {
    let module =
        repo.target("wasm").join(TARGET).join("plugin").join(format!("{}.wasm", plugin.name.replace('-', "_")));
    let bytes = fs::read(&module).map_err(file("read", &module))?;
    let bytes = encode::encode(&bytes).map_err(|source| Error::Encode { plugin: plugin.name.clone(), source })?;
    let bytes = encode::with_cases(bytes, &cases(repo, plugin)?);
    let path = repo.target("plugins").join(format!("{}.wasm", plugin.name));
    replace(&path, &bytes).map_err(file("write", &path))?;
    Ok(path)
}

/// All of a plugin's cases as one JSON array: the host runs them before it lets the plugin decide.
fn cases(repo: &Repo, plugin: &Member) -> Result<String, Error> {
    let folder = repo.root().join("plugins").join(&plugin.name).join("cases");
    let entries = fs::read_dir(&folder).map_err(file("read", &folder))?;
    let mut paths =
        entries.map(|it| it.map(|it| it.path())).collect::<io::Result<Vec<_>>>().map_err(file("read", &folder))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text = fs::read(&path).map_err(file("read", &path))?;
        let cases: Vec<serde_json::Value> =
            serde_json::from_slice(&text).map_err(|error| file("read", &path)(io::Error::other(error)))?;
        all.extend(cases);
    }
    Ok(serde_json::Value::Array(all).to_string())
}

/// Writes what differs, whole or not at all: a host build may be reading.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, bytes)?;
    fs::rename(new, path)
}

/// Removes components of plugins that are no more.
fn forget_others(folder: &Path, components: &[PathBuf]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && !components.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_did_not_change_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        replace(&path, b"one").unwrap();
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();

        replace(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), long_ago);

        replace(&path, b"two").unwrap();
        assert_ne!(fs::metadata(&path).unwrap().modified().unwrap(), long_ago);
    }

    #[test]
    fn a_component_without_a_plugin_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, gone) = (folder.path().join("kept.wasm"), folder.path().join("gone.wasm"));
        fs::write(&kept, "").unwrap();
        fs::write(&gone, "").unwrap();
        forget_others(folder.path(), std::slice::from_ref(&kept)).unwrap();
        assert_eq!((kept.exists(), gone.exists()), (true, false));
    }
}
