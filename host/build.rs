//! Puts the built-in plugins, as `cargo xtask plugins` left them, into the host, and the version of its engine.

use std::{env, fmt::Write, fs, path::Path};

fn main() {
    engine_version();
    dashboard();
    looping_plugin();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<_> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.strip_suffix(".wasm").map(str::to_owned))
        .collect();
    names.sort();
    if names.is_empty() {
        println!(
            "cargo::error=the built-in plugins are not built yet: run `cargo xtask plugins` first (`cargo xtask setup` once before)"
        );
        return;
    }
    let mut list = String::from("[");
    for name in names {
        let path = folder.join(format!("{name}.wasm"));
        println!("cargo::rerun-if-changed={}", path.display());
        let _ = write!(list, "({name:?}, include_bytes!({:?}).as_slice()),", path.display().to_string());
    }
    list.push(']');
    let out = env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = fs::write(Path::new(&out).join("builtin.rs"), list) {
        println!("cargo::error=write the list of built-in plugins: {error}");
    }
}

/// Puts the dashboard, as `cargo xtask dashboard` left it, into the host. Without it the host says how to build it.
fn dashboard() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dashboard");
    // What is watched must be there, or the host would be built anew each time.
    if let Err(error) = fs::create_dir_all(&folder) {
        println!("cargo::error=make `{}`: {error}", folder.display());
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<_> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && folder.join(name).is_file())
        .collect();
    names.sort();
    let include = |name: &str| {
        let path = folder.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        format!("include_bytes!({:?}).as_slice()", path.display().to_string())
    };
    let mut list = String::from("&[");
    for name in names.iter().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz")) {
        let packed = |ending: &str| {
            let packed = format!("{name}{ending}");
            if names.contains(&packed) { format!("Some({})", include(&packed)) } else { "None".to_owned() }
        };
        let (plain, br, gzip) = (include(name), packed(".br"), packed(".gz"));
        let _ = write!(list, "Asset {{ name: {name:?}, plain: {plain}, br: {br}, gzip: {gzip} }},");
    }
    list.push(']');
    let out = env::var("OUT_DIR").unwrap_or_default();
    if let Err(error) = fs::write(Path::new(&out).join("dashboard.rs"), list) {
        println!("cargo::error=write the list of the dashboard's files: {error}");
    }
}

/// The demo's plugin that thinks for ever: the tests' one, but asked about logs only, which no vital flow reads.
fn looping_plugin() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/plugins/loop.wat");
    println!("cargo::rerun-if-changed={}", source.display());
    let text = fs::read_to_string(&source).unwrap_or_default();
    let asks = r#""\80\00\00\00\01\00\00\00" (; asks: one, at 128 ;)"#;
    let logs = r#"(data (i32.const 128) "\2c\01\00\00\0d\00\00\00") (data (i32.const 300) "traversal:log")"#;
    let free = "(global $free (mut i32)";
    let text = text.replacen(r#""\00\00\00\00\00\00\00\00" ;; asks: nothing, so everything"#, asks, 1).replacen(
        free,
        &format!("{logs} {free}"),
        1,
    );
    let out = env::var("OUT_DIR").unwrap_or_default();
    match wat::parse_str(&text) {
        Ok(component) if text.contains(asks) && text.contains(logs) => {
            if let Err(error) = fs::write(Path::new(&out).join("loop.wasm"), component) {
                println!("cargo::error=write the demo's looping plugin: {error}");
            }
        }
        Ok(_) => println!("cargo::error=`{}` is no longer what the demo changes", source.display()),
        Err(error) => println!("cargo::error=encode `{}`: {error}", source.display()),
    }
}

/// The journal names the engine that decided: the exact version, which the lock file knows.
fn engine_version() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(&lock).unwrap_or_default();
    let version = text
        .split("[[package]]")
        .find_map(|package| package.trim_start().strip_prefix("name = \"wasmtime\"\nversion = \"")?.split('"').next());
    println!("cargo::rustc-env=WASMTIME_VERSION={}", version.unwrap_or("48"));
}
