//! What is in the release, as CycloneDX 1.6: the host, the plugins inside it, and every crate that either is linked
//! from. Crates that only build, expand macros or test are not in the program, so they are not in the list. No time
//! stamp: the same lock file gives the same list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    metadata::{Metadata, Node, Package},
    program::{self, Failed},
    repo::{self, Repo},
    setup::TARGET,
};

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("ask cargo for the dependencies")]
    Metadata(#[from] Failed),
    #[error("find the plugins")]
    Plugins(#[from] repo::Error),
    #[error("read cargo's metadata")]
    Json(#[from] serde_json::Error),
    #[error("ask the compiler for this machine's triple")]
    Triple,
}

/// The list for this checkout.
pub fn of(repo: &Repo) -> Result<String, Error> {
    let about = program::output(std::process::Command::new("rustc").arg("-vV").current_dir(repo.root()))?;
    let triple = about.lines().find_map(|line| line.strip_prefix("host: ")).ok_or(Error::Triple)?;
    let mut cargo = repo.cargo();
    let text =
        program::output(cargo.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", triple]))?;
    let mut linked = linked(repo, triple, &["host".to_owned()])?;
    let plugins: Vec<String> = repo.plugins()?.into_iter().map(|plugin| plugin.name).collect();
    linked.extend(self::linked(repo, TARGET, &plugins)?);
    Ok(serde_json::to_string_pretty(&list(&serde_json::from_str(&text)?, &linked))?)
}

/// Lines such as `serde v1.0.0`, one a crate that is linked. Only `cargo tree` knows: the metadata also names optional
/// dependencies that no feature asks for.
fn linked(repo: &Repo, triple: &str, packages: &[String]) -> Result<BTreeSet<String>, Error> {
    let mut cargo = repo.cargo();
    cargo.args([
        "tree",
        "--locked",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--target",
        triple,
    ]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    // A path or a mark may follow the version.
    let line = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Ok(program::output(&mut cargo)?.lines().map(line).filter(|line| !line.is_empty()).collect())
}

fn list(metadata: &Metadata, linked: &BTreeSet<String>) -> Value {
    let is_linked = |package: &&Package| linked.contains(&format!("{} v{}", package.name, package.version));
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().filter(is_linked).map(|package| (package.id.as_str(), package)).collect();
    let nodes = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .filter(|node| packages.contains_key(node.id.as_str()));
    let reference = |id: &&str| packages.get(id).map(|package| purl(package));
    let components: Vec<Value> = packages.values().map(|package| component(package)).collect();
    let dependencies: Vec<Value> = nodes
        .map(|node| json!({"ref": reference(&node.id.as_str()), "dependsOn": needs(node).iter().filter_map(reference).collect::<BTreeSet<_>>()}))
        .collect();
    let version = packages.values().find(|package| package.name == "host").map(|host| &host.version);
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "pathgate", "name": "pathgate", "version": version}},
        "components": components,
        "dependencies": dependencies,
    })
}

/// The packages that this one links: neither for its build script nor for its tests.
fn needs(node: &Node) -> Vec<&str> {
    let linked = node.deps.iter().filter(|need| need.dep_kinds.iter().any(|it| it.kind.is_none()));
    linked.map(|need| need.pkg.as_str()).collect()
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let (Some(licence), Some(fields)) = (&package.license, component.as_object_mut()) {
        // Old manifests write a slash where SPDX writes OR.
        let licence = licence.replace(" / ", "/").replace('/', " OR ");
        fields.insert("licenses".to_owned(), json!([{"expression": licence}]));
    }
    component
}

fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_is_linked_and_nothing_else() {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0+a", "license": "MIT/Apache-2.0", "manifest_path": "", "targets": []});
        let packages = ["host", "linked", "deep", "tester", "builder", "other"].map(package);
        let dep = |pkg: &str, kind: Value| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": packages,
            "workspace_members": ["host", "other"],
            "resolve": {"nodes": [
                {"id": "host", "deps": [dep("linked", Value::Null), dep("tester", json!("dev")), dep("builder", json!("build"))]},
                {"id": "linked", "deps": [dep("deep", Value::Null)]},
            ]},
        });
        let linked = ["host v1.0.0+a", "linked v1.0.0+a", "deep v1.0.0+a"].map(str::to_owned);
        let list = list(&serde_json::from_value(metadata).unwrap(), &BTreeSet::from(linked));
        let names: Vec<&Value> =
            list["components"].as_array().unwrap().iter().map(|component| &component["name"]).collect();
        assert_eq!(names, ["deep", "host", "linked"]);
        let deep = json!({
            "type": "library", "bom-ref": "pkg:cargo/deep@1.0.0%2Ba", "name": "deep", "version": "1.0.0+a",
            "purl": "pkg:cargo/deep@1.0.0%2Ba", "licenses": [{"expression": "MIT OR Apache-2.0"}],
        });
        assert_eq!(list["components"][0], deep);
        let on_host = json!({"ref": "pkg:cargo/host@1.0.0%2Ba", "dependsOn": ["pkg:cargo/linked@1.0.0%2Ba"]});
        assert_eq!(list["dependencies"][0], on_host);
    }
}
