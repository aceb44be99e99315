//! Checks what the compiler cannot: one rule a file, all of them on every file that git knows or would add.
//!
//! `cargo xtask tidy` and the test below are the same. A rule is a pure function of [`Files`], so that its own test can
//! show it a breach. An exception has its reason beside it, and one that is not needed any more is a breach itself.

mod cases;
mod code;
mod floors;
mod locks;
mod map;
mod words;

use std::{collections::BTreeMap, fs, io, path::PathBuf, process::Command};

use crate::{
    program::{self, Failed},
    repo::{self, Repo},
};

/// Paths from the root and what is in them.
pub type Files = BTreeMap<String, String>;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    pub file: String,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
    pub what: String,
}

/// Why the repository is not tidy, or could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0} breaches: each line above says what to change")]
    Untidy(usize),
    #[error("ask git for the files of the repository")]
    Git(#[from] Failed),
    #[error("find the members of the workspace")]
    Members(#[from] repo::Error),
    #[error("read `{path}`")]
    Read { path: PathBuf, source: io::Error },
}

/// Prints every breach; none is success.
pub fn check(repo: &Repo) -> Result<(), Error> {
    let files = files(repo)?;
    for warning in words::long_files(&files) {
        eprintln!("warning: {warning}");
    }
    let breaches = breaches(repo, &files)?;
    for breach in &breaches {
        eprintln!("{breach}");
    }
    if breaches.is_empty() { Ok(()) } else { Err(Error::Untidy(breaches.len())) }
}

fn breaches(repo: &Repo, files: &Files) -> Result<Vec<Breach>, Error> {
    let members = repo.members()?;
    let mut found = floors::check(files);
    found.extend(words::check(files));
    found.extend(cases::check(files, &members));
    found.extend(locks::check(files));
    found.extend(map::links(files, |path| repo.at(path).exists()));
    found.extend(map::members(files, &members));
    found.extend(map::contract(files));
    found.sort();
    Ok(found)
}

fn files(repo: &Repo) -> Result<Files, Error> {
    let mut git = Command::new("git");
    // Also what is not committed yet: a breach should show before the commit.
    let listed = program::output(git.current_dir(repo.root()).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut files = Files::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let path = repo.at(name);
        match fs::read(&path) {
            // What is not text has no words and no lines.
            Ok(bytes) => drop(String::from_utf8(bytes).map(|text| files.insert(name.to_owned(), text))),
            // Deleted, yet not committed; or a link to a folder.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {}
            Err(source) => return Err(Error::Read { path, source }),
        }
    }
    Ok(files)
}

impl Breach {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// Files of a fixture, for the tests of the rules.
#[cfg(test)]
fn fixture<const N: usize>(files: [(&str, &str); N]) -> Files {
    files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let repo = Repo::here().unwrap();
        let found = breaches(&repo, &files(&repo).unwrap()).unwrap();
        assert_eq!(found.iter().map(Breach::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    }
}
