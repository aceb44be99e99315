//! The release: one program, with its digest and a list of what is in it.

mod sbom;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    guests,
    program::{self, Failed},
    repo::Repo,
    setup,
};

/// Why there is no release.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("find a way to build plugins")]
    Setup(#[from] setup::Error),
    #[error("build what the program carries")]
    Guests(#[from] guests::Error),
    #[error("build the host")]
    Host(#[from] Failed),
    #[error("list what is in the release")]
    Sbom(#[from] sbom::Error),
    #[error("{doing} `{path}`")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

/// Makes `target/dist`, complete or not at all, and hands back the program's path.
pub fn dist(repo: &Repo) -> Result<PathBuf, Error> {
    let program = release(repo)?;
    let folder = repo.target("dist");
    let fresh = repo.target("dist.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(file("clear", &fresh))?;
    }
    fs::create_dir_all(&fresh).map_err(file("make", &fresh))?;
    fs::copy(&program, fresh.join(PROGRAM)).map_err(file("copy", &program))?;
    fs::write(fresh.join(SBOM), sbom::of(repo)?).map_err(file("write in", &fresh))?;
    let sums = sums(&fresh, &[PROGRAM, SBOM]).map_err(file("read in", &fresh))?;
    fs::write(fresh.join("SHA256SUMS"), sums).map_err(file("write in", &fresh))?;
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(file("clear", &folder))?;
    }
    fs::rename(&fresh, &folder).map_err(file("move", &fresh))?;
    Ok(folder.join(PROGRAM))
}

/// Builds plugins, dashboard and host in release and hands back cargo's program.
pub fn release(repo: &Repo) -> Result<PathBuf, Error> {
    let toolchain = setup::setup(repo)?;
    eprintln!("── plugins and dashboard, the first time some minutes");
    guests::build(repo, &toolchain)?;
    eprintln!("── the program, likewise");
    let mut cargo = repo.cargo();
    cargo.args(["build", "--release", "--locked", "-p", "host", "--bin", PROGRAM, "--target-dir"]);
    program::run(cargo.arg(repo.target("")))?;
    Ok(repo.target("release").join(PROGRAM))
}

/// Lines as `sha256sum --check` reads them.
fn sums(folder: &Path, names: &[&str]) -> io::Result<String> {
    let mut lines = String::new();
    for name in names {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &fs::read(folder.join(name))?);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push_str(&format!("{hex}  {name}\n"));
    }
    Ok(lines)
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { doing, path, source }
}

const PROGRAM: &str = "pathgate";
const SBOM: &str = "pathgate.cdx.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_what_sha256sum_reads() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n";
        assert_eq!(sums(folder.path(), &["a"]).unwrap(), expected);
    }
}
