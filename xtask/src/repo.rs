//! Where things are in this repository. Asks cargo once for its packages; knows nothing of what is done with them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::program::{self, Failed};

/// A checkout of this repository.
pub struct Repo {
    root: PathBuf,
}

/// One member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// Relative to the root: `plugins/sdk`.
    pub folder: String,
    /// It is built as a WebAssembly module, so it is a plugin when it lies under `plugins/`.
    pub cdylib: bool,
}

/// Why the repository could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("find the repository: start this with `cargo xtask` inside it")]
    Lost,
    #[error("ask cargo for the members of the workspace")]
    Metadata(#[from] Failed),
    #[error("read cargo's metadata")]
    Json(#[from] serde_json::Error),
}

impl Repo {
    /// The repository whose `cargo xtask` runs.
    pub fn here() -> Result<Self, Error> {
        // Cargo sets it for what it runs; the path from the build serves a binary that was started by hand.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = manifest.parent().ok_or(Error::Lost)?.to_path_buf();
        if root.join("wit/policy.wit").is_file() { Ok(Self { root }) } else { Err(Error::Lost) }
    }

    /// A path given from the root.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where builds go: always inside the repository, because the host's build looks for the plugins there.
    pub fn target(&self, path: &str) -> PathBuf {
        self.root.join("target").join(path)
    }

    /// The cargo that runs this, for everything but wasm.
    pub fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        program::forget_this_package(&mut command);
        command
    }

    /// What cargo knows of the workspace, without its dependencies.
    pub fn members(&self) -> Result<Vec<Member>, Error> {
        let text = program::output(self.cargo().args(["metadata", "--no-deps", "--format-version", "1", "--offline"]))?;
        let metadata: Value = serde_json::from_str(&text)?;
        let ids: BTreeSet<&str> = strings(&metadata["workspace_members"]).collect();
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(packages.iter().filter(|p| p["id"].as_str().is_some_and(|id| ids.contains(id))).filter_map(|p| self.member(p)).collect())
    }

    /// The crates that become plugins.
    pub fn plugins(&self) -> Result<Vec<Member>, Error> {
        let mut members = self.members()?;
        members.retain(|member| member.cdylib && member.folder.starts_with("plugins/"));
        Ok(members)
    }

    fn member(&self, package: &Value) -> Option<Member> {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let folder = manifest.parent()?.strip_prefix(&self.root).ok()?.to_str()?.to_owned();
        let targets = package["targets"].as_array()?;
        let cdylib = targets.iter().any(|target| strings(&target["crate_types"]).any(|kind| kind == "cdylib"));
        Some(Member { name: package["name"].as_str()?.to_owned(), folder, cdylib })
    }
}

/// The strings of a JSON array; of anything else, none.
pub fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_a_member_and_no_plugin() {
        let repo = Repo::here().unwrap();
        let host = Member { name: "host".into(), folder: "host".into(), cdylib: false };
        assert!(repo.members().unwrap().contains(&host));
        assert!(!repo.plugins().unwrap().contains(&host));
    }
}
