//! Where things are in this repository. Asks cargo once for its packages; knows nothing of what is done with them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    metadata::{Metadata, Package},
    program::{self, Failed},
};

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
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
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
        let metadata: Metadata = serde_json::from_str(&text)?;
        let members = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
        Ok(members.filter_map(|package| self.member(package)).collect())
    }

    /// The crates that become plugins.
    pub fn plugins(&self) -> Result<Vec<Member>, Error> {
        let mut members = self.members()?;
        members.retain(|member| member.cdylib && member.folder.starts_with("plugins/"));
        Ok(members)
    }

    fn member(&self, package: &Package) -> Option<Member> {
        let folder = package.manifest_path.parent()?.strip_prefix(&self.root).ok()?.to_str()?.to_owned();
        let cdylib = package.targets.iter().flat_map(|target| &target.crate_types).any(|kind| kind == "cdylib");
        Some(Member { name: package.name.clone(), folder, cdylib })
    }
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
