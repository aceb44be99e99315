//! What `cargo metadata` says, as far as it is used here.

use std::{collections::BTreeSet, path::PathBuf};

use serde::Deserialize;

/// Packages and what they need.
#[derive(Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub workspace_members: BTreeSet<String>,
    /// Absent when it was asked for without dependencies.
    pub resolve: Option<Resolve>,
}

#[derive(Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub license: Option<String>,
    pub manifest_path: PathBuf,
    pub targets: Vec<Target>,
}

#[derive(Deserialize)]
pub struct Target {
    pub crate_types: Vec<String>,
}

#[derive(Deserialize)]
pub struct Resolve {
    pub nodes: Vec<Node>,
}

#[derive(Deserialize)]
pub struct Node {
    pub id: String,
    pub deps: Vec<Need>,
}

/// A package that another needs, and for what.
#[derive(Deserialize)]
pub struct Need {
    pub pkg: String,
    pub dep_kinds: Vec<For>,
}

#[derive(Deserialize)]
pub struct For {
    /// None: to be linked; else `build` or `dev`.
    pub kind: Option<String>,
}
