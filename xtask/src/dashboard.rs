//! Builds the dashboard into `target/dashboard`: a folder of static files that the host embeds.
//!
//! `index.html` is the entry, and the only name that stays. Every other file carries the beginning of its own SHA-256 in
//! its name, so a browser may keep it for ever. Beside each file NAME stand NAME.br and NAME.gz. What did not change is
//! left alone, time stamp included, and nothing is built while no source has changed.

mod order;
mod page;
mod slim;

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256, digest};

use crate::{
    plugins::replace,
    program::{self, Failed},
    repo::Repo,
    setup::{TARGET, Toolchain},
};

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("build the dashboard")]
    Build(#[from] Failed),
    #[error("bind the dashboard to the browser: {0:#}")]
    Bind(String),
    #[error("put the dashboard's page together: {0}")]
    Page(#[from] page::Fault),
    #[error("{doing} `{path}`")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

/// Builds it, unless nothing changed, and hands back its folder.
pub fn build(repo: &Repo, toolchain: &Toolchain) -> Result<PathBuf, Error> {
    let folder = repo.target("dashboard");
    let stamp = repo.target("dashboard.stamp");
    let sources = sources(repo, toolchain)?;
    if folder.join(page::ENTRY).is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == sources) {
        return Ok(folder);
    }
    let module = module(repo, toolchain)?;
    let assets = page::assets(repo, &bind(&module)?)?;
    fs::create_dir_all(&folder).map_err(file("make", &folder))?;
    let mut names = Vec::new();
    for (name, bytes) in assets {
        for (name, bytes) in
            [(format!("{name}.br"), brotli(&bytes)), (format!("{name}.gz"), gzip(&bytes)), (name, Ok(bytes))]
        {
            let path = folder.join(&name);
            let bytes = bytes.map_err(file("compress", &path))?;
            replace(&path, &bytes).map_err(file("write", &path))?;
            names.push(name);
        }
    }
    forget_others(&folder, &names).map_err(file("tidy up", &folder))?;
    fs::write(&stamp, sources).map_err(file("write", &stamp))?;
    Ok(folder)
}

/// How large it is over the wire, in bytes: what a browser loads for the first page.
pub fn weight(folder: &Path) -> Result<u64, Error> {
    let entries = fs::read_dir(folder).map_err(file("read", folder))?;
    let mut sum = 0;
    for entry in entries {
        let entry = entry.map_err(file("read", folder))?;
        if entry.path().extension().is_some_and(|extension| extension == "br") {
            sum += entry.metadata().map_err(file("read", folder))?.len();
        }
    }
    Ok(sum)
}

fn module(repo: &Repo, toolchain: &Toolchain) -> Result<PathBuf, Error> {
    // A folder of its own: it never waits for the lock of another build that is under way.
    let target = repo.target("wasm-dashboard");
    let build = |more: &[&str]| {
        let mut cargo = toolchain.cargo();
        cargo.current_dir(repo.root()).args(["rustc", "--locked", "--quiet", "--profile", "dashboard"]);
        cargo.args(["--target", TARGET, "--target-dir"]).arg(&target);
        program::run(cargo.args(["-p", "dashboard", "--bin", "dashboard", "--"]).args(more))
    };
    // Views are moved about in pieces of 32 bytes: one instruction for such a move, not four loads and four stores, is a
    // twentieth less to load. Here and not in the profile, because plugins want the faster way. LLVM promises no such option.
    build(&["-Cllvm-args=-max-store-memcpy=1"]).or_else(|_| build(&[]))?;
    Ok(target.join(TARGET).join("dashboard/dashboard.wasm"))
}

/// The module and its glue, as the browser takes them.
fn bind(module: &Path) -> Result<page::Bound, Error> {
    let fault = |error: &dyn std::fmt::Display| Error::Bind(format!("{error:#}"));
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(module).out_name("dashboard").typescript(false).omit_default_module_path(true);
    // Names of functions are two fifths of the module; a panic says its file and line without them.
    bindgen.remove_name_section(true).remove_producers_section(true);
    bindgen.web(true).map_err(|error| fault(&error))?;
    let mut output = bindgen.generate_output().map_err(|error| fault(&error))?;
    // A crate without a script is listed all the same.
    let brought = output.snippets().iter().filter(|(_, scripts)| !scripts.is_empty()).map(|(name, _)| name);
    if let Some(name) = brought.chain(output.local_modules().keys()).next() {
        return Err(Error::Bind(format!("`{name}` brings a script of its own, which the page does not load")));
    }
    let script = slim::names(&slim::classes(output.js()), output.wasm_mut());
    slim::exports(&script, output.wasm_mut());
    let module = order::sorted(&output.wasm_mut().emit_wasm()).map_err(|error| fault(&error))?;
    Ok(page::Bound { script: slim::lines(&script), module })
}

/// What the dashboard is made of, as a digest: a change of any of it builds it again.
fn sources(repo: &Repo, toolchain: &Toolchain) -> Result<String, Error> {
    let mut files =
        vec![repo.at("index.html"), repo.at("Cargo.toml"), repo.at("Cargo.lock"), repo.at(".cargo/config.toml")];
    for folder in ["dashboard", "wire", "xtask/src/dashboard"] {
        list(&repo.at(folder), &mut files)?;
    }
    files.push(repo.at("xtask/src/dashboard.rs"));
    files.sort();
    let mut sum = Context::new(&SHA256);
    for path in files {
        sum.update(path.to_string_lossy().as_bytes());
        sum.update(&fs::read(&path).map_err(file("read", &path))?);
    }
    sum.update(toolchain.to_stamp().as_bytes());
    // A profile may be changed by the environment, for a quick look.
    let mut changed: Vec<_> =
        std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PROFILE_DASHBOARD_")).collect();
    changed.sort();
    sum.update(format!("{changed:?}").as_bytes());
    Ok(hex(sum.finish().as_ref()))
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(file("read", folder))? {
        let path = entry.map_err(file("read", folder))?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    let settings = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut packed, &settings)?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // Without a time: the same bytes give the same file.
    let mut packer = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes)?;
    packer.finish()
}

fn forget_others(folder: &Path, names: &[String]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !names.iter().any(|name| entry.file_name() == name.as_str()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The beginning of a digest, as it stands in a name.
fn fingerprint(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref()).chars().take(12).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::File { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_was_there() {
        let text = "<p>gate</p>".repeat(100);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut brotli(text.as_bytes()).unwrap().as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, text.as_bytes());
        let packed = gzip(text.as_bytes()).unwrap();
        let mut reader = flate2::read::GzDecoder::new(packed.as_slice());
        let mut unpacked = Vec::new();
        io::copy(&mut reader, &mut unpacked).unwrap();
        assert_eq!((unpacked.as_slice(), gzip(text.as_bytes()).unwrap()), (text.as_bytes(), packed));
    }

    #[test]
    fn files_of_an_older_build_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["index.html", "dashboard-0.js"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        forget_others(folder.path(), &["index.html".to_owned()]).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
