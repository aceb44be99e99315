//! Where a journal is: the file, and the lock beside it that keeps a second writer out.

use super::OpenError;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file that a journal's url names.
#[derive(Clone, Debug)]
pub(in crate::journal) struct Place {
    pub(super) file: PathBuf,
}

impl Place {
    /// Understands `sqlite:///PATH`.
    pub(in crate::journal) fn parse(url: &str) -> Result<Place, OpenError> {
        match url.strip_prefix("sqlite://").map(PathBuf::from) {
            Some(file) if file.is_absolute() && file.file_name().is_some() => Ok(Place { file }),
            Some(_) | None => Err(OpenError::Url { url: url.into() }),
        }
    }

    /// Takes the right to write, or says who has it.
    pub(super) fn lock(&self) -> Result<File, OpenError> {
        let path = self.beside("-lock");
        // The lock belongs to the open file, so it is gone when the process is, and the file may stay.
        let file = private().truncate(false).open(&path).map_err(|source| self.unopened(path.clone(), source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: self.file.clone() }),
            Err(TryLockError::Error(source)) => Err(OpenError::File { path, source }),
        }
    }

    /// Sees to it that the file is there, for its owner only. SQLite gives the files beside it the same mode.
    pub(super) fn create(&self) -> Result<(), OpenError> {
        match private().create_new(true).open(&self.file) {
            Ok(_) => Ok(()),
            // INVARIANT: an existing file is not opened here. Closing it would take SQLite's locks in this process.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(source) => Err(self.unopened(self.file.clone(), source)),
        }
    }

    fn unopened(&self, path: PathBuf, source: io::Error) -> OpenError {
        match self.file.parent() {
            Some(directory) if !directory.is_dir() => OpenError::NoDirectory { path: directory.into() },
            Some(_) | None => OpenError::File { path, source },
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(suffix);
        Path::new(&name).into()
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}
