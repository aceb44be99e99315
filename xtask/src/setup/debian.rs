//! The way without rustup: Debian's own compiler, and a standard library for wasm built from Debian's own source.
//!
//! The library goes into the compiler's sysroot, so that plain `cargo build --target wasm32-unknown-unknown` works with
//! Debian's cargo from then on; where that may not be written, into a private sysroot under `target/`. Either way it is
//! complete or absent: it is built in a fresh folder and moved into place in one step.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Error, TARGET, Toolchain};
use crate::{apt, program, repo::Repo};

/// Debian's Rust for the browsers it ships (new enough), its source, and the linker of the same LLVM.
pub const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// The private sysroot, under `target/`.
pub const PRIVATE: &str = "wasm-sysroot";

/// Installs what is missing and builds the library.
pub fn make(repo: &Repo) -> Result<Toolchain, Error> {
    apt::ensure(
        &PACKAGES,
        "plugins are WebAssembly, and no Rust toolchain here can build that; Debian's can, with its source",
    )?;
    let compiler = Toolchain::under("/usr".as_ref(), None).ok_or(Error::NoWay)?;
    let sysroot = program::output(compiler.rustc().args(["--print", "sysroot"]))?;
    let host = compiler.host().ok_or(Error::NoWay)?;

    let place = Place::in_sysroot(Path::new(sysroot.trim()), host);
    let (place, private) = match writable(&place.libraries) {
        Ok(()) => (place, None),
        Err(_) => {
            let private = repo.target(PRIVATE);
            eprintln!("`{}` may not be written, so the library goes to `{}`", sysroot.trim(), private.display());
            (Place::private(&private, Path::new(sysroot.trim()), host).map_err(file("make", &private))?, Some(private))
        }
    };
    eprintln!("building the standard library for {TARGET} from Debian's source, once: about a minute");
    let sources = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/vendor");
    let fresh = build(repo, &compiler, &sources)?;
    swap(&fresh.path().join("library"), &place.libraries).map_err(file("fill", &place.libraries))?;
    link(&place.linker).map_err(file("link", &place.linker))?;
    // Modules built against another library would not find it, and cargo would not see why.
    remove(&repo.target("wasm")).map_err(file("clear", &repo.target("wasm")))?;

    let toolchain = Toolchain::under("/usr".as_ref(), private).ok_or(Error::NoWay)?;
    toolchain.prove(&repo.target("")).map_err(Error::Unfit)?;
    Ok(toolchain)
}

/// Where the compiler looks.
struct Place {
    /// The folder of the target: `lib/rustlib/wasm32-unknown-unknown`.
    libraries: PathBuf,
    /// What rustc calls to link wasm, looked up among its own tools.
    linker: PathBuf,
}

impl Place {
    fn in_sysroot(sysroot: &Path, host: &str) -> Self {
        let rustlib = sysroot.join("lib/rustlib");
        Self { libraries: rustlib.join(TARGET), linker: rustlib.join(host).join("bin/rust-lld") }
    }

    /// A sysroot of our own, which borrows the host's libraries from the real one.
    fn private(folder: &Path, real: &Path, host: &str) -> io::Result<Self> {
        let place = Self::in_sysroot(folder, host);
        let tools = folder.join("lib/rustlib").join(host);
        fs::create_dir_all(tools.join("bin"))?;
        put_link(&real.join("lib/rustlib").join(host).join("lib"), &tools.join("lib"))?;
        Ok(place)
    }
}

/// Builds `std` and what tests and macros need beside it into `library/lib` of a fresh folder.
fn build(repo: &Repo, compiler: &Toolchain, sources: &Path) -> Result<tempfile::TempDir, Error> {
    let target = repo.target("");
    fs::create_dir_all(&target).map_err(file("make", &target))?;
    let fresh = tempfile::Builder::new().prefix("wasm-std").tempdir_in(&target).map_err(file("make", &target))?;
    let name = "nothing_but_std";
    let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n");
    fs::write(fresh.path().join("Cargo.toml"), manifest).map_err(file("write in", fresh.path()))?;
    fs::write(fresh.path().join("lib.rs"), "#![no_std]\n").map_err(file("write in", fresh.path()))?;
    let mut cargo = compiler.cargo();
    cargo.args(["build", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort,test,proc_macro"]);
    // Bitcode: without it a profile with LTO fails on the library. RUSTC_BOOTSTRAP: `-Z` on a stable compiler.
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", fresh.path().join("target"));
    program::run(vendored(&mut cargo, sources).current_dir(fresh.path()))?;

    let library = fresh.path().join("library/lib");
    fs::create_dir_all(&library).map_err(file("make", &library))?;
    let built = fresh.path().join("target").join(TARGET).join("release/deps");
    for entry in fs::read_dir(&built).map_err(file("read", &built))?.flatten() {
        let file_name = entry.file_name().to_string_lossy().into_owned();
        if file_name.ends_with(".rlib") && !file_name.contains(name) {
            fs::copy(entry.path(), library.join(&file_name)).map_err(file("copy", &entry.path()))?;
        }
    }
    Ok(fresh)
}

/// Lets cargo take what `std` depends on from Debian's source package, so that no registry is asked.
fn vendored<'a>(cargo: &'a mut Command, sources: &Path) -> &'a mut Command {
    if sources.is_dir() {
        let sources = serde_json::Value::from(sources.display().to_string());
        cargo.args(["--offline", "--config", "source.crates-io.replace-with=\"vendored\"", "--config"]);
        cargo.arg(format!("source.vendored.directory={sources}"));
    }
    cargo
}

/// Puts a complete folder where `place` is, whatever was there before. Two libraries in one folder would be duplicate
/// crates, so they are never mixed.
fn swap(complete: &Path, place: &Path) -> io::Result<()> {
    let parent = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(parent)?;
    // Beside it, so that the last move stays within one file system.
    let beside = tempfile::Builder::new().prefix(".wasm-std").tempdir_in(parent)?;
    let (new, old) = (beside.path().join("new"), beside.path().join("old"));
    copy(complete, &new)?;
    if place.exists() {
        fs::rename(place, old)?;
    }
    fs::rename(new, place)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// The name that rustc's wasm targets call, so that no setting names a linker anywhere.
fn link(linker: &Path) -> io::Result<()> {
    if linker.exists() { Ok(()) } else { put_link("/usr/bin/lld-22".as_ref(), linker) }
}

fn put_link(to: &Path, at: &Path) -> io::Result<()> {
    // A compiler that was just installed has no folder for tools of its own yet.
    fs::create_dir_all(at.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
    match fs::remove_file(at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    symlink(to, at)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether things can be put beside `folder`.
fn writable(folder: &Path) -> io::Result<()> {
    let parent = folder.parent().ok_or(io::ErrorKind::InvalidInput)?;
    tempfile::tempfile_in(parent).map(drop)
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_library_replaces_the_old_one_whole() {
        let root = tempfile::tempdir().unwrap();
        let (new, place) = (root.path().join("new"), root.path().join("sysroot/wasm32"));
        fs::create_dir_all(new.join("lib")).unwrap();
        fs::create_dir_all(place.join("lib")).unwrap();
        fs::write(new.join("lib/libcore-2.rlib"), "2").unwrap();
        fs::write(place.join("lib/libcore-1.rlib"), "1").unwrap();

        swap(&new, &place).unwrap();

        let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names(&place.join("lib")), ["libcore-2.rlib"]);
        assert_eq!(names(place.parent().unwrap()), ["wasm32"], "nothing is left beside it");
    }

    #[test]
    fn a_linker_is_put_where_no_tool_stood_before() {
        let root = tempfile::tempdir().unwrap();
        let linker = root.path().join("x86_64-unknown-linux-gnu/bin/rust-lld");
        link(&linker).unwrap();
        assert_eq!(fs::read_link(&linker).unwrap(), Path::new("/usr/bin/lld-22"));
    }

    #[test]
    fn a_linker_that_is_there_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let linker = root.path().join("rust-lld");
        fs::write(&linker, "its own").unwrap();
        link(&linker).unwrap();
        assert_eq!(fs::read_to_string(&linker).unwrap(), "its own");
    }
}
