//! What the tests' own machinery measures, before the release: a real browser, a real Kubernetes.

use std::fs;

use super::{Error, load};
use crate::{dist, program, repo::Repo};

/// Prints what the dashboard costs before a demo of 5,000 nodes, and how soon a refusal is drawn.
pub fn dashboard(repo: &Repo) -> Result<(), Error> {
    take(repo, "the_dashboard_is_measured", Error::NoBrowser)
}

/// Prints how long a thousand requests of kubelets take, from the first that is made to the last that is approved.
pub fn csr(repo: &Repo) -> Result<(), Error> {
    take(repo, "certificate_requests_are_measured", Error::NoKubernetes)
}

fn take(repo: &Repo, test: &str, missing: Error) -> Result<(), Error> {
    let program = dist::release(repo)?;
    let file = repo.target("figures.txt");
    // What is left of another run must not pass for figures of this one.
    drop(fs::remove_file(&file));
    let mut cargo = repo.cargo();
    // All of the workspace, so that features are those of every other test run, and nothing is compiled anew.
    cargo.args(["test", "--workspace", "--locked", "--quiet", "--test", "suite", "--", test]);
    program::run(cargo.env("PATHGATE_PROGRAM", program).env("PATHGATE_FIGURES", &file))?;
    let figures = fs::read_to_string(&file).map_err(|_| missing)?;
    println!("{figures}{}", load());
    Ok(())
}
