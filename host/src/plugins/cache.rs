//! Compiled snapshots on disk, so that a start takes milliseconds. Only machine code that this very user wrote is loaded.

use super::{Sandbox, digest};
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};
use wasmtime::component::Component;

/// A folder of the user that runs the host, mode 0700.
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens or makes the folder. An error means that the host runs without a cache, and compiles at each start.
    pub fn open(folder: &Path) -> io::Result<Cache> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let about = fs::metadata(folder)?;
        if about.uid() != effective_uid()? || about.permissions().mode() & 0o022 != 0 {
            return Err(io::Error::other(
                "others may write to it, and it holds machine code: remove it, or chmod 0700",
            ));
        }
        Ok(Cache { folder: folder.to_owned() })
    }

    /// The compiled snapshot of this component with this config, if this engine made it.
    pub(super) fn load(&self, sandbox: &Sandbox, key: &str) -> Option<Component> {
        let path = self.folder.join(key);
        let about = fs::symlink_metadata(&path).ok()?;
        let ours = about.is_file() && about.uid() == effective_uid().ok()? && about.permissions().mode() & 0o077 == 0;
        if !ours {
            return None;
        }
        // SAFETY: the file is ours alone, in a folder of ours alone, and was renamed into place when complete. Wasmtime
        // itself refuses what another version or another set of options made.
        unsafe { Component::deserialize_file(&sandbox.engine, &path) }.ok()
    }

    /// Keeps it. A failure only means that the next start compiles again.
    pub(super) fn store(&self, key: &str, code: &[u8]) -> io::Result<()> {
        use io::Write;
        static STORED: AtomicU64 = AtomicU64::new(0);
        // Of this process and of this call: the same plugin may be compiled twice at once.
        let (process, call) = (std::process::id(), STORED.fetch_add(1, Ordering::Relaxed));
        let temporary = self.folder.join(format!("{key}.{process}.{call}"));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        let written = file.write_all(code).and_then(|()| fs::rename(&temporary, self.folder.join(key)));
        if written.is_err() {
            // Leaves nothing half written behind; the error that matters is the first.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// What the compiled code depends on: component, config, engine with its options, and processor.
    pub(super) fn key(sandbox: &Sandbox, component: &str, config: &str) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut engine = DefaultHasher::new();
        sandbox.engine.precompile_compatibility_hash().hash(&mut engine);
        let text = format!("2 {component} {config} {:x} {}", engine.finish(), env!("CARGO_PKG_VERSION"));
        digest(text.as_bytes())
    }
}

fn effective_uid() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}
