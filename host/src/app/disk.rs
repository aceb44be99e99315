//! Files that others read or write at the same time.

use crate::signed::PublicKey;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Puts a file in the place of another, whole, and on the disk before it counts. Somebody who writes it at the same time is
/// an error.
pub fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = file.as_os_str().to_owned();
    new.push(".new");
    let written = File::create_new(&new).and_then(|mut it| it.write_all(bytes).and_then(|()| it.sync_all()));
    match written.and_then(|()| fs::rename(&new, file)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let new = new.display();
            Err(io::Error::other(format!("somebody else writes it; if nobody does, remove `{new}`")))
        }
        Err(error) => {
            // What is half written is in nobody's way then.
            let _ = fs::remove_file(&new);
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}

/// Whose signatures count; an error continues a sentence about what was to be checked.
pub(super) fn public_key(file: &Path) -> Result<PublicKey, String> {
    fs::read(file)
        .map_err(|error| error.to_string())
        .and_then(|pem| PublicKey::from_pem(&pem).map_err(|error| error.to_string()))
        .map_err(|why| format!("cannot be checked: `{}` {why}", file.display()))
}
