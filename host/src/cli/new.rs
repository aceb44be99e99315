//! `pathgate plugin new`: a plugin crate outside of any workspace, with the SDK and the contract in it.

use super::{Ending, Faults};
use std::{fs, path::Path};

/// Writes the crate and prints what to do with it. Nothing is written if the folder exists.
pub(super) fn write(name: &str) -> Result<Ending, Faults> {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !good {
        return Err(format!("`{name}` is no name for a plugin: write it in snake_case, as `house_rules`").into());
    }
    let root = Path::new(name);
    if root.exists() {
        return Err(format!("`{name}` exists already: choose another name, or remove it").into());
    }
    for (path, text) in FILES {
        let path = root.join(path);
        let folder = path.parent().unwrap_or(root);
        // In this repository the contract is two folders up from the SDK.
        let text = text.replace("house_rules", name).replace("\"../../wit\"", "\"../wit\"");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("write `{}`: {error}", path.display()))?;
    }
    println!("wrote {name}/: its rules are in src/lib.rs, its cases in cases/\n");
    println!("  cd {name}");
    println!("  cargo build --release --target wasm32-unknown-unknown");
    println!("  pathgate plugin test .");
    println!("  pathgate plugin inspect target/wasm32-unknown-unknown/release/{name}.wasm");
    Ok(Ending::Yes)
}

const FILES: [(&str, &str); 15] = [
    ("Cargo.toml", include_str!("new/Cargo.toml.txt")),
    (".cargo/config.toml", include_str!("new/config.toml.txt")),
    (".gitignore", "/target\n"),
    ("src/lib.rs", include_str!("new/lib.rs.txt")),
    ("cases/no_shell.json", include_str!("new/no_shell.json")),
    ("wit/policy.wit", encode::WIT),
    ("sdk/Cargo.toml", include_str!("new/sdk.toml.txt")),
    ("sdk/src/lib.rs", include_str!("../../../plugins/sdk/src/lib.rs")),
    ("sdk/src/answer.rs", include_str!("../../../plugins/sdk/src/answer.rs")),
    ("sdk/src/config.rs", include_str!("../../../plugins/sdk/src/config.rs")),
    ("sdk/src/export.rs", include_str!("../../../plugins/sdk/src/export.rs")),
    ("sdk/src/guard.rs", include_str!("../../../plugins/sdk/src/guard.rs")),
    ("sdk/src/panic.rs", include_str!("../../../plugins/sdk/src/panic.rs")),
    ("sdk/src/scratch.rs", include_str!("../../../plugins/sdk/src/scratch.rs")),
    ("sdk/README.md", "The SDK for Pathgate plugins, as the `pathgate` that made this crate carries it.\n"),
];
