//! The dashboard in a real browser: the browser tests' own machinery, before the release.

use std::fs;

use super::{Error, load};
use crate::{dist, program, repo::Repo};

/// Prints what the dashboard costs before a demo of 5,000 nodes, and how soon a refusal is drawn.
pub fn dashboard(repo: &Repo) -> Result<(), Error> {
    let program = dist::release(repo)?;
    let file = repo.target("figures.txt");
    // What is left of another run must not pass for figures of this one.
    drop(fs::remove_file(&file));
    let mut cargo = repo.cargo();
    // All of the workspace, so that features are those of every other test run, and nothing is compiled anew.
    cargo.args(["test", "--workspace", "--locked", "--quiet", "--test", "suite", "--", "the_dashboard_is_measured"]);
    program::run(cargo.env("PATHGATE_PROGRAM", program).env("PATHGATE_FIGURES", &file))?;
    let figures = fs::read_to_string(&file).map_err(|_| Error::NoBrowser)?;
    println!("{figures}{}", load());
    Ok(())
}
