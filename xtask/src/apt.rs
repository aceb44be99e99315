//! Packages of a Debian-like system. Installs nothing unasked: every call says what and why before it acts, and no
//! question waits for an answer.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::program::{self, Failed};

/// Why packages are not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no `apt-get` on this system")]
    NoApt,
    #[error("neither root nor passwordless sudo here; run `apt-get install -y {packages}` as root")]
    NoRoot { packages: String },
    #[error("install the packages")]
    Apt(#[from] Failed),
}

/// Makes sure that the packages are installed; `why` completes the sentence "they are needed ...".
pub fn ensure(packages: &[&str], why: &str) -> Result<(), Error> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if program::which("apt-get").is_none() {
        return Err(Error::NoApt);
    }
    let packages = missing.join(" ");
    let Some(sudo) = root() else { return Err(Error::NoRoot { packages }) };
    eprintln!("installing {packages}: {why}");
    program::run(apt_get(&sudo).args(["update", "-qq"]))?;
    program::run(apt_get(&sudo).args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing))?;
    Ok(())
}

/// The version that `ensure` would install, as far as the package lists at hand know.
pub fn candidate(package: &str) -> Option<String> {
    let policy = program::output(Command::new("apt-cache").args(["policy", package])).ok()?;
    let line = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (line != "(none)").then(|| line.to_owned())
}

fn installed(package: &str) -> bool {
    program::output(Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]))
        .is_ok_and(|status| status == "install ok installed")
}

/// The words before a command that make it run as root: none for root itself.
fn root() -> Option<Vec<&'static str>> {
    let id = program::output(Command::new("id").arg("-u")).ok()?;
    if id.trim() == "0" {
        return Some(Vec::new());
    }
    let sudo = Command::new("sudo").args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    sudo.is_ok_and(|status| status.success()).then(|| vec!["sudo", "-n"])
}

fn apt_get(sudo: &[&str]) -> Command {
    let words: Vec<&str> = sudo.iter().copied().chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]).collect();
    let mut command = Command::new(words.first().copied().unwrap_or("env"));
    command.args(words.iter().skip(1));
    command
}

/// Whether this system installs from Debian's archive or one like it.
pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").is_file()
}
