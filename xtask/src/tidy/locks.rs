//! A workspace of its own has its own lock, which no build of this one reads: `bench` and `fuzz` would refuse to build long after
//! the change that left them behind.

use super::{Breach, Files};
use std::collections::BTreeSet;

/// For each lock below the root, the packages that it takes from this repository.
pub fn check(files: &Files) -> Vec<Breach> {
    let manifests: Vec<_> = files.iter().filter(|(file, _)| file.ends_with("/Cargo.toml")).collect();
    let mut found = Vec::new();
    for (lock, text) in files.iter().filter(|(file, _)| file.ends_with("/Cargo.lock")) {
        let folder = lock.trim_end_matches("Cargo.lock");
        let mut at = 1;
        for package in text.split_inclusive("\n\n") {
            let (line, name) = (at, value(package, "name"));
            at += package.lines().count();
            let of = |(_, manifest): &&(&String, &String)| value(manifest, "name") == name;
            let Some((file, manifest)) = manifests.iter().find(of) else { continue };
            if name.is_none() || value(package, "source").is_some() {
                continue;
            }
            let (locked, wanted) = (locked(package), wanted(manifest, **file == format!("{folder}Cargo.toml")));
            let mut differ = locked.symmetric_difference(&wanted);
            // A member's own version, or that of the workspace.
            let of_workspace = || value(section(files.get("Cargo.toml")?, "workspace.package"), "version");
            let version = value(section(manifest, "package"), "version").or_else(of_workspace);
            let first = if value(package, "version") == version { differ.next() } else { Some(&"version") };
            if let Some(first) = first {
                let what =
                    format!("is behind `{file}` by `{first}`: run `cargo update --workspace --offline` in `{folder}`");
                found.push(Breach::new(lock, line, what));
            }
        }
    }
    found
}

/// The first `key = "value"` of a text.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.split('"').next());
    lines.next()
}

/// What stands under `[name]` in a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> &'a str {
    let mut sections = manifest.split("\n[").map(|it| it.trim_start_matches('['));
    sections.find_map(|it| it.strip_prefix(name)?.strip_prefix(']')).unwrap_or_default()
}

/// What a package of a lock depends on: ` "name",` or ` "name version",`.
fn locked(package: &str) -> BTreeSet<&str> {
    let names = package.lines().filter_map(|line| line.strip_prefix(" \"")?.split([' ', '"']).next());
    names.collect()
}

/// What a manifest asks for, by the names of the packages. A lock has the dependencies of tests for its own workspace only.
fn wanted(manifest: &str, is_own: bool) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut counts = false;
    let is_list = |section: &str| match section {
        "dependencies" | "build-dependencies" => true,
        "dev-dependencies" => is_own,
        _ => false,
    };
    for line in manifest.lines().filter(|line| !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[') {
            let mut parts = section.trim_end_matches(']').rsplit('.');
            let last = parts.next().unwrap_or_default();
            counts = is_list(last);
            // A section for one dependency.
            if parts.next().is_some_and(is_list) {
                names.insert(last);
            }
        } else if counts
            && !line.contains("optional = true")
            && let Some((name, rest)) = line.split_once(['=', '.'])
        {
            let package = rest.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
            names.insert(package.unwrap_or(name.trim()));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nsource = \"registry\"\n\n[[package]]\n\
        name = \"host\"\nversion = \"0.1.0\"\ndependencies = [\n \"serde\",\n \"wasmparser 0.254.2\",\n]\n\n[[package]]\n\
        name = \"bench\"\nversion = \"0.0.0\"\ndependencies = [\n \"host\",\n \"rustls-webpki\",\n]\n";
    const HOST: &str = "[package]\nname = \"host\"\nversion.workspace = true\n\n[dependencies]\nserde = { version = \"1\" } # a reason\n\
        wasmparser.workspace = true\n\n[dev-dependencies]\nproptest = \"1\"\n";
    const BENCH: &str = "[package]\nname = \"bench\"\nversion = \"0.0.0\"\n\n[dev-dependencies]\nhost = { path = \"../host\" }\n\
        webpki = { package = \"rustls-webpki\", version = \"0.103\" }\n";

    const ROOT: &str = "[workspace.package]\nversion = \"0.1.0\"\n";

    fn found(host: &str) -> Vec<Breach> {
        let files = [
            ("bench/Cargo.lock", LOCK),
            ("host/Cargo.toml", host),
            ("bench/Cargo.toml", BENCH),
            ("Cargo.lock", ""),
            ("Cargo.toml", ROOT),
        ];
        check(&files.map(|(file, text)| (file.to_owned(), text.to_owned())).into())
    }

    #[test]
    fn a_lock_that_knows_all_that_its_manifests_ask_for_is_in_order() {
        assert_eq!(found(HOST), []);
    }

    #[test]
    fn a_lock_falls_behind_by_what_is_new_and_by_what_is_gone() {
        let newer = HOST.replace("\n\n[dev-", "\nlibc = \"0.2\"\n\n[dev-");
        let breach = |name: &str| {
            let what = format!(
                "is behind `host/Cargo.toml` by `{name}`: run `cargo update --workspace --offline` in `bench/`"
            );
            Breach::new("bench/Cargo.lock", 8, what)
        };
        assert_eq!(found(&newer), [breach("libc")]);
        assert_eq!(found(&HOST.replace("wasmparser.workspace = true\n", "")), [breach("wasmparser")]);
        assert_eq!(found(&HOST.replace("version.workspace = true", "version = \"0.2.0\"")), [breach("version")]);
        let more = "idle = { version = \"1\", optional = true }\n\n[dependencies.libc]\nversion = \"1\"\n\n[dev-";
        assert_eq!(found(&HOST.replace("\n[dev-", more)), [breach("libc")]);
    }
}
