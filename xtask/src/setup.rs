//! A way to build for `wasm32-unknown-unknown`, found or made. Three ways, in this order:
//!
//! 1. an installed toolchain that has the target;
//! 2. `rustup target add`, unless `RUSTUP_AUTO_INSTALL` is `0`;
//! 3. Debian's compiler, with a standard library built once from Debian's own source ([`debian`]).
//!
//! Never downloads a toolchain. The result is remembered in `target/wasm-toolchain`; the next run only looks whether it
//! still holds.

mod debian;
mod toolchain;

use std::{fs, io, path::PathBuf, process::Command};

pub use toolchain::Toolchain;

use crate::{apt, program, program::Failed, repo::Repo};

/// Why there is no way to build a plugin here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "nothing here builds for {TARGET}: let rustup add it (`rustup target add {TARGET}`; unset RUSTUP_AUTO_INSTALL and this does it), or start from a Debian system whose archive has {}",
        debian::PACKAGES.join(", ")
    )]
    NoWay,
    #[error("install Debian's compiler")]
    Packages(#[from] apt::Error),
    #[error("build the standard library for {TARGET}")]
    Library(#[from] Failed),
    #[error("{doing} `{path}`")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("Debian's compiler is there with its library, yet does not build for {TARGET}")]
    Unfit(#[source] toolchain::Unfit),
}

/// The toolchain to build plugins with.
pub fn setup(repo: &Repo) -> Result<Toolchain, Error> {
    let stamp = repo.target("wasm-toolchain");
    if let Some(toolchain) = fs::read_to_string(&stamp).ok().and_then(|text| Toolchain::recall(&text)) {
        return Ok(toolchain);
    }
    let toolchain = find_or_make(repo)?;
    fs::create_dir_all(repo.target("")).map_err(|source| Error::File {
        doing: "make",
        path: repo.target(""),
        source,
    })?;
    fs::write(&stamp, toolchain.to_stamp()).map_err(|source| Error::File { doing: "write", path: stamp, source })?;
    Ok(toolchain)
}

fn find_or_make(repo: &Repo) -> Result<Toolchain, Error> {
    if let Some(toolchain) = installed(repo) {
        return Ok(toolchain);
    }
    if rustup_may_install() {
        eprintln!("adding {TARGET} to the Rust toolchain: plugins are WebAssembly");
        match program::run(Command::new("rustup").args(["target", "add", TARGET]).current_dir(repo.root())) {
            Ok(()) => {
                if let Some(toolchain) = installed(repo) {
                    return Ok(toolchain);
                }
            }
            Err(failed) => eprintln!("rustup could not: {failed}"),
        }
    }
    if apt::is_debian() { debian::make(repo) } else { Err(Error::NoWay) }
}

/// The first installed toolchain that proves it can build a module; the one in use comes first.
fn installed(repo: &Repo) -> Option<Toolchain> {
    let in_use = program::output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(repo.root()));
    let in_use = in_use.ok().map(|sysroot| PathBuf::from(sysroot.trim()));
    let home = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup")));
    let mut others: Vec<PathBuf> = home
        .and_then(|home| fs::read_dir(home.join("toolchains")).ok())
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    others.sort();
    let plain =
        in_use.into_iter().chain(others).chain([PathBuf::from("/usr")]).map(|prefix| Toolchain::under(&prefix, None));
    let private = Toolchain::under("/usr".as_ref(), Some(repo.target(debian::PRIVATE)));
    plain.chain([private]).flatten().find(|toolchain| toolchain.prove(&repo.target("")).is_ok())
}

fn rustup_may_install() -> bool {
    std::env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0") && program::which("rustup").is_some()
}

/// What plugins are built for.
pub const TARGET: &str = "wasm32-unknown-unknown";
