//! Pictures of the dashboard for the documentation: taken by the browser tests from a demo of the release.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    dist,
    program::{self, Failed},
    repo::Repo,
};

/// Why the pictures are as they were.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("build the release")]
    Build(#[from] dist::Error),
    #[error("look at the dashboard in a browser")]
    Look(#[from] Failed),
    #[error("no picture was taken: are `chromium` and `chromedriver` here?")]
    None,
    #[error("copy `{path}`")]
    Copy { path: PathBuf, source: io::Error },
}

/// Takes every picture anew into `target/screenshots`, copies those of [`SHOWN`], and hands back their folder.
pub fn screenshots(repo: &Repo) -> Result<PathBuf, Error> {
    let program = dist::release(repo)?;
    let taken = repo.target("screenshots");
    // What is left of another run must not pass for a picture of this one.
    drop(fs::remove_dir_all(&taken));
    let mut cargo = repo.cargo();
    cargo.args(["test", "--workspace", "--locked", "--", "the_dashboard_keeps_its_promises_in_a_real_browser"]);
    program::run(cargo.env("PATHGATE_PROGRAM", program))?;
    if !taken.is_dir() {
        return Err(Error::None);
    }
    let folder = repo.at("docs/pictures");
    for name in SHOWN {
        let picture = format!("{name}.png");
        copy(&taken.join(&picture), &folder.join(&picture))?;
    }
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let fault = |source| Error::Copy { path: from.to_path_buf(), source };
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(fault)?;
    }
    fs::copy(from, to).map_err(fault)?;
    Ok(())
}

/// The pictures that README and `docs/dashboard.md` show.
const SHOWN: [&str; 6] = [
    "overview-light-1440",
    "overview-dark-1440",
    "path-node-light-1440",
    "decisions-light-1440",
    "plugins-dark-1440",
    "overview-light-360",
];
