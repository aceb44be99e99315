//! What is around the tests: the repository, the folder of built files, the `pathgate` command, and whether something
//! missing is a reason to skip.

use crate::process;
use anyhow::{Context, Result, bail};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

/// The root of the repository.
pub fn repository() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// Cargo's target folder.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// The real command, built once a run in the profile of the tests; or the program that `PATHGATE_PROGRAM` names.
pub fn pathgate() -> Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(|| build_pathgate().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(error) => bail!("{error}"),
    }
}

/// Skips what cannot run here, loudly; with `CI=true` that is a failure.
pub fn skip(why: &str) -> Result<()> {
    if env::var_os("CI").is_some_and(|ci| ci == "true") {
        bail!("{why}; with CI=true this is not skipped");
    }
    eprintln!("SKIPPED: {why}");
    Ok(())
}

fn build_pathgate() -> Result<PathBuf> {
    if let Some(program) = env::var_os("PATHGATE_PROGRAM") {
        return Ok(program.into());
    }
    // target/PROFILE/deps/suite-HASH, whatever the target folder is.
    let suite = env::current_exe()?;
    let folder = suite.ancestors().nth(2).context("the tests run outside of a target folder")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut cargo = Command::new(env!("CARGO"));
    // As `cargo test --workspace` selects packages: fewer of them have other features, and compile the engine anew.
    cargo.current_dir(repository()).args(["build", "--quiet", "--workspace", "--tests", "--bin", "pathgate"]);
    cargo.args(["--profile", profile]);
    process::run(&mut cargo, b"", BUILD)?.ok().context("build `pathgate`")?;
    let pathgate = folder.join("pathgate");
    match pathgate.is_file() {
        true => Ok(pathgate),
        false => bail!("cargo built no {pathgate:?}"),
    }
}

/// A cold build with its sandbox engine on two slow cores.
const BUILD: Duration = Duration::from_secs(30 * 60);
