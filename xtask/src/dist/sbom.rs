//! What is in the release, as CycloneDX 1.6: the host, the plugins inside it, and every crate that either is linked
//! from. Crates that only build or test are not in the program, so they are not in the list. No time stamp: the same
//! lock file gives the same list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    metadata::{Metadata, Node, Package},
    program::{self, Failed},
    repo::{self, Repo},
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
    let mut roots: Vec<String> = repo.plugins()?.into_iter().map(|plugin| plugin.name).collect();
    roots.push("host".to_owned());
    Ok(serde_json::to_string_pretty(&list(&serde_json::from_str(&text)?, &roots))?)
}

fn list(metadata: &Metadata, roots: &[String]) -> Value {
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let nodes: BTreeMap<&str, &Node> = nodes.map(|node| (node.id.as_str(), node)).collect();
    let is_root =
        |package: &&Package| metadata.workspace_members.contains(&package.id) && roots.contains(&package.name);
    let mut open: Vec<&str> = metadata.packages.iter().filter(is_root).map(|package| package.id.as_str()).collect();
    let mut linked: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    while let Some(id) = open.pop() {
        if !linked.contains_key(id) {
            let needs: Vec<&str> = nodes.get(id).map(|node| needs(node)).unwrap_or_default();
            open.extend(&needs);
            linked.insert(id, needs);
        }
    }
    let reference = |id: &&str| packages.get(id).map(|package| purl(package));
    let components: Vec<Value> =
        linked.keys().filter_map(|id| packages.get(id)).map(|package| component(package)).collect();
    let dependencies: Vec<Value> = linked
        .iter()
        .map(|(id, needs)| json!({"ref": reference(id), "dependsOn": needs.iter().filter_map(reference).collect::<BTreeSet<_>>()}))
        .collect();
    let version = linked
        .keys()
        .filter_map(|id| packages.get(id))
        .find(|package| package.name == "host")
        .map(|host| &host.version);
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
        let list = list(&serde_json::from_value(metadata).unwrap(), &["host".to_owned()]);
        let names: Vec<&Value> =
            list["components"].as_array().unwrap().iter().map(|component| &component["name"]).collect();
        assert_eq!(names, ["deep", "host", "linked"]);
        let deep = json!({
            "type": "library", "bom-ref": "pkg:cargo/deep@1.0.0%2Ba", "name": "deep", "version": "1.0.0+a",
            "purl": "pkg:cargo/deep@1.0.0%2Ba", "licenses": [{"expression": "MIT OR Apache-2.0"}],
        });
        assert_eq!(list["components"][0], deep);
        let on_host = json!({"ref": "pkg:cargo/host@1.0.0%2Ba", "dependsOn": ["pkg:cargo/linked@1.0.0%2Ba"]});
        assert_eq!(list["dependencies"][1], on_host);
    }
}
