//! Everything that must hold before a change is good, in the order in which a fault is cheapest to find.

use std::{
    env, fs,
    process::{Child, Command, Stdio},
    time::Instant,
};

use crate::{
    apt, guests,
    program::{self, Failed},
    repo::Repo,
    setup, tidy,
};

/// Why the change is not good.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("find a way to build plugins; again with `cargo xtask setup`")]
    Setup(#[from] setup::Error),
    #[error("build what runs in WebAssembly")]
    Guests(#[from] guests::Error),
    #[error("the repository is not tidy; again with `cargo xtask tidy`")]
    Tidy(#[from] tidy::Error),
    #[error("the step `{name}` failed; again with `{again}`")]
    Step { name: &'static str, again: String },
    #[error("start the step `{name}`")]
    Start { name: &'static str, source: Failed },
    #[error("missing here, and CI=true forbids to go on without: {0}")]
    Missing(String),
}

/// Runs every step; the first that fails ends it, with the command that repeats it.
pub fn everything(repo: &Repo) -> Result<(), Error> {
    let begin = Instant::now();
    let toolchain = timed("setup", || setup::setup(repo).map_err(Error::from))?;
    timed("plugins and dashboard", || guests::build(repo, &toolchain).map_err(Error::from))?;
    timed("format", || step("format", repo.cargo().args(["fmt", "--all", "--check"])))?;
    timed("tidy", || tidy::check(repo).map_err(Error::from))?;
    let missing = timed("tools", || Ok(missing_tools()))?;
    if !missing.is_empty() && env::var_os("CI").is_some_and(|ci| ci == "true") {
        return Err(Error::Missing(missing.join("; ")));
    }
    // Go compiles the real Kubernetes beside it: the tests build it anyway, and would wait for it alone.
    let go = Warming::start(repo);
    let lints = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    timed("clippy", || step("clippy", repo.cargo().args(lints)))?;
    // A workspace of its own: nothing else compiles it.
    let fuzz = ["check", "--manifest-path", "fuzz/Cargo.toml", "--locked", "--target-dir", "target"];
    timed("fuzz targets", || step("fuzz targets", repo.cargo().current_dir(repo.root()).args(fuzz)))?;
    timed("build", || step("build", repo.cargo().args(["test", "--workspace", "--locked", "--no-run"])))?;
    drop(go);
    timed("test", || step("test", repo.cargo().args(["test", "--workspace", "--locked", "--no-fail-fast"])))?;
    for what in missing {
        eprintln!("SKIPPED what needs it: {what}");
    }
    eprintln!("── everything holds, in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn timed<T>(name: &'static str, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    eprintln!("── {name}");
    let start = Instant::now();
    let outcome = act();
    let word = if outcome.is_ok() { "done" } else { "failed" };
    eprintln!("── {name} {word} in {:.1} s", start.elapsed().as_secs_f64());
    outcome
}

fn step(name: &'static str, command: &mut Command) -> Result<(), Error> {
    // `CARGO` is cargo's own path here; one would type `cargo`.
    let again = format!(
        "cargo{}",
        program::line(command).split_once(' ').map_or(String::new(), |(_, rest)| format!(" {rest}"))
    );
    match program::run(command) {
        Ok(()) => Ok(()),
        Err(Failed::Ended { .. }) => Err(Error::Step { name, again }),
        Err(source @ Failed::Start { .. }) => Err(Error::Start { name, source }),
    }
}

/// A Go build that fills Go's cache and keeps nothing else. Whether it works is for the tests to say.
struct Warming(Child);

impl Warming {
    fn start(repo: &Repo) -> Option<Self> {
        let kube = repo.at("tests/kube");
        if !kube.join("go.mod").is_file() || go_minor().is_none() || repo.target("kube/bin/kube").is_file() {
            return None;
        }
        eprintln!("Go compiles Kubernetes in the background: minutes the first time");
        let mut go = Command::new("go");
        // More than one main package: it compiles them and keeps no program.
        go.current_dir(kube).args(["build", "./..."]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        go.spawn().ok().map(Self)
    }
}

impl Drop for Warming {
    fn drop(&mut self) {
        // Its outcome is found again, with its text, by the tests that need the programs.
        drop(self.0.wait());
    }
}

/// Installs what the tests of a real Kubernetes and of a real browser need, and names what cannot be had.
fn missing_tools() -> Vec<String> {
    let mut missing = Vec::new();
    if go_minor().is_none_or(|minor| minor < GO_MINOR) {
        missing.extend(install_go());
    }
    let linux = ["ip", "mount", "nsenter", "unshare"];
    if linux.iter().any(|tool| program::which(tool).is_none()) {
        let why = "the tests run Kubernetes in a network of its own";
        if let Err(error) = apt::ensure(&["iproute2", "mount", "util-linux"], why) {
            missing.push(format!("{} (for a network namespace): {}", linux.join(", "), crate::chain(&error)));
        }
    }
    if !is_root() {
        missing.push("root, for a network namespace with a Kubernetes in it".to_owned());
    }
    let browser = [("chromium", "chromium"), ("chromedriver", "chromium-driver"), ("npm", "npm")];
    let absent: Vec<_> = browser.iter().filter(|(tool, _)| program::which(tool).is_none()).collect();
    let packages: Vec<_> = absent.iter().map(|(_, package)| *package).collect();
    let why = "the tests look at the dashboard in a real browser, with axe-core from npm";
    if !absent.is_empty()
        && let Err(error) = apt::ensure(&packages, why)
    {
        missing.push(format!("{} (for a browser): {}", packages.join(", "), crate::chain(&error)));
    }
    for what in &missing {
        eprintln!("MISSING: {what}");
    }
    missing
}

/// A sentence if Go cannot be had.
fn install_go() -> Option<String> {
    let needed = format!("Go 1.{GO_MINOR} or later, to build Kubernetes from its modules (https://go.dev/doc/install)");
    let offered = apt::candidate("golang-go")
        .and_then(|version| minor_of(version.rsplit_once(':').map_or(version.as_str(), |(_, v)| v)));
    if offered.is_none_or(|minor| minor < GO_MINOR) {
        return Some(needed);
    }
    match apt::ensure(&["golang-go"], "the tests build Kubernetes from its Go modules") {
        Ok(()) => None,
        Err(error) => Some(format!("{needed}: {}", crate::chain(&error))),
    }
}

/// The minor version of Go 1, if there is a Go.
fn go_minor() -> Option<u32> {
    let version = program::output(Command::new("go").args(["env", "GOVERSION"])).ok()?;
    minor_of(version.trim().strip_prefix("go")?)
}

fn minor_of(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("1.")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    // Uid: real, effective, saved, file system.
    status.lines().find_map(|line| line.strip_prefix("Uid:")).and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// From here on Go fetches, as a module, the version that go.mod asks for.
const GO_MINOR: u32 = 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_go_are_read_as_go_and_debian_write_them() {
        assert_eq!(["1.26.8", "1.19~1", "2:1.24~2", "devel"].map(minor_of), [Some(26), Some(19), None, None]);
    }

    #[test]
    fn a_failed_step_names_the_command_that_repeats_it() {
        let mut command = Command::new("false");
        let error = step("lint", command.args(["clippy", "-p", "host"])).unwrap_err();
        assert_eq!(error.to_string(), "the step `lint` failed; again with `cargo clippy -p host`");
    }
}
