//! One Rust toolchain that builds plugins: where it is, and the proof that it can.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::TARGET;
use crate::program::{self, Failed};

/// A compiler and its cargo, with the sysroot that holds the library for wasm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    /// Given when it is not the compiler's own.
    sysroot: Option<PathBuf>,
    /// What `rustc -vV` says.
    version: String,
}

/// Why a toolchain cannot build plugins.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("its version is not known to be {MIN_MINOR} or later of Rust 1")]
    Old,
    #[error("it has no standard library for {TARGET}")]
    NoLibrary,
    #[error("write the trial module")]
    Write(#[from] io::Error),
    #[error("build the trial module")]
    Trial(#[from] Failed),
}

impl Toolchain {
    /// The toolchain whose programs are in `prefix/bin`, if there is one.
    pub fn under(prefix: &Path, sysroot: Option<PathBuf>) -> Option<Self> {
        let (cargo, rustc) = (prefix.join("bin/cargo"), prefix.join("bin/rustc"));
        let version = version(&rustc)?;
        cargo.is_file().then_some(Self { cargo, rustc, sysroot, version })
    }

    /// Builds a module with thin LTO, which needs all that a plugin needs: the library, its bitcode and a linker.
    pub fn prove(&self, scratch: &Path) -> Result<(), Unfit> {
        if self.minor().is_none_or(|minor| minor < MIN_MINOR) {
            return Err(Unfit::Old);
        }
        if !self.has_library() {
            return Err(Unfit::NoLibrary);
        }
        fs::create_dir_all(scratch)?;
        let folder = tempfile::Builder::new().prefix("wasm-trial").tempdir_in(scratch)?;
        let source = folder.path().join("trial.rs");
        fs::write(&source, "#[unsafe(no_mangle)] pub extern \"C\" fn trial(n: usize) -> usize { vec![1u8; n].len() }")?;
        let mut rustc = self.rustc();
        rustc.args([
            "--edition=2024",
            "--crate-type=cdylib",
            "-Copt-level=1",
            "-Clto=thin",
            "-Cpanic=abort",
            "--target",
            TARGET,
        ]);
        program::output(rustc.arg("-o").arg(folder.path().join("trial.wasm")).arg(&source))?;
        Ok(())
    }

    /// A cargo that builds with this toolchain and with nothing that the caller's environment says about another.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        clean(&mut command);
        command.env("RUSTC", &self.rustc);
        if let Some(sysroot) = &self.sysroot {
            // As configuration, not as RUSTFLAGS: it adds to the flags in .cargo/config.toml and spares build scripts.
            let flag = serde_json::Value::from(format!("--sysroot={}", sysroot.display()));
            command.arg("--config").arg(format!("target.{TARGET}.rustflags=[{flag}]"));
        }
        command
    }

    /// Its compiler, on its sysroot.
    pub fn rustc(&self) -> Command {
        let mut command = Command::new(&self.rustc);
        clean(&mut command);
        if let Some(sysroot) = &self.sysroot {
            command.arg("--sysroot").arg(sysroot);
        }
        command
    }

    /// The triple of the machine it runs on.
    pub fn host(&self) -> Option<&str> {
        self.version.lines().find_map(|line| line.strip_prefix("host: "))
    }

    /// Remembers it, for [`Toolchain::recall`].
    pub fn to_stamp(&self) -> String {
        let sysroot = self.sysroot.as_deref().unwrap_or("".as_ref());
        format!("{}\n{}\n{}\n{}", self.cargo.display(), self.rustc.display(), sysroot.display(), self.version)
    }

    /// The toolchain of a stamp, if it is still there, the same, and has its library.
    pub fn recall(stamp: &str) -> Option<Self> {
        let mut lines = stamp.splitn(4, '\n');
        let (cargo, rustc) = (PathBuf::from(lines.next()?), PathBuf::from(lines.next()?));
        let sysroot = lines.next().filter(|line| !line.is_empty()).map(PathBuf::from);
        let then = Self { cargo, rustc, sysroot, version: lines.next()?.to_owned() };
        let now = version(&then.rustc)?;
        (now == then.version && then.cargo.is_file() && then.has_library()).then_some(then)
    }

    fn has_library(&self) -> bool {
        let Ok(folder) = program::output(self.rustc().args(["--print", "target-libdir", "--target", TARGET])) else {
            return false;
        };
        let Ok(entries) = fs::read_dir(folder.trim()) else { return false };
        let names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        let has = |library: &str| names.iter().any(|name| name.starts_with(library) && name.ends_with(".rlib"));
        has("libcore-") && has("libstd-")
    }

    fn minor(&self) -> Option<u32> {
        let release = self.version.lines().find_map(|line| line.strip_prefix("release: 1."))?;
        release.split('.').next()?.parse().ok()
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.rustc.display(), self.version.lines().next().unwrap_or_default())
    }
}

fn version(rustc: &Path) -> Option<String> {
    let mut command = Command::new(rustc);
    clean(&mut command);
    program::output(command.arg("-vV")).ok()
}

/// Takes away what rustup, cargo and the user say about the *other* toolchain, the one that builds the host.
fn clean(command: &mut Command) {
    program::forget_this_package(command);
    for name in [
        "CARGO",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "LD_LIBRARY_PATH",
        "RUSTC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.env_remove(name);
    }
}

/// `rust-version` in Cargo.toml, which both toolchains must meet.
const MIN_MINOR: u32 = 95;

#[cfg(test)]
mod tests {
    use super::*;

    fn toolchain(version: &str) -> Toolchain {
        Toolchain { cargo: "/bin/cargo".into(), rustc: "/bin/rustc".into(), sysroot: None, version: version.into() }
    }

    #[test]
    fn an_older_compiler_than_the_workspace_asks_for_is_unfit() {
        let unfit = toolchain("rustc 1.85.0\nrelease: 1.85.0\n").prove(&std::env::temp_dir()).unwrap_err();
        assert!(matches!(unfit, Unfit::Old));
    }

    #[test]
    fn the_least_version_is_the_one_in_cargo_toml() {
        let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("rust-version = \"1.{MIN_MINOR}\"")));
    }

    #[test]
    fn a_stamp_of_a_compiler_that_is_gone_is_not_trusted() {
        let gone = Toolchain { rustc: "/no/such/rustc".into(), ..toolchain("rustc 1.99.0") };
        assert_eq!(Toolchain::recall(&gone.to_stamp()), None);
    }

    #[test]
    fn a_private_sysroot_adds_to_the_flags_and_never_replaces_them() {
        let private = Toolchain { sysroot: Some("/some where".into()), ..toolchain("rustc 1.99.0") };
        let line = program::line(&private.cargo());
        assert_eq!(line, "/bin/cargo --config 'target.wasm32-unknown-unknown.rustflags=[\"--sysroot=/some where\"]'");
    }
}
