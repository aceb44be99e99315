//! What configuration files say of paths: manifests of kube-apiserver, kubeconfigs, configurations of kubelets.
//!
//! It owns reading them: sizes and numbers are bounded, links are followed, and a file that cannot be understood is a fault
//! with its path, never an end. What a file says is asserted; whether a process runs by it, no file can tell.

mod kinds;

use crate::{
    posture::{Claim, FileClaims, FileFault},
    tokens,
};
use kinds::Said;
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What changes when a file does: its path, its size and when it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Vec<(PathBuf, u64, Option<SystemTime>)>);

/// Looks whether anything changed, without reading it.
pub fn stamp(paths: &[PathBuf]) -> Stamp {
    let (files, _) = list(paths);
    let one = |path: PathBuf| {
        let meta = fs::metadata(&path).ok();
        let size = meta.as_ref().map_or(0, fs::Metadata::len);
        (path, size, meta.and_then(|it| it.modified().ok()))
    };
    Stamp(files.into_iter().map(one).collect())
}

/// What files say, and what is wrong with them, each for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Files that were read.
    pub files: Vec<PathBuf>,
    pub claims: Vec<Claim>,
    /// What could not be read, or not be understood.
    pub unread: Vec<FileFault>,
    /// What is understood, and names another file that cannot be read.
    pub unseen: Vec<FileFault>,
    /// What is understood, and cannot work.
    pub wrong: Vec<FileFault>,
    /// Kubeconfigs with a certificate of `system:masters`.
    pub masters: Vec<PathBuf>,
    /// Manifests of kube-apiserver.
    pub apiservers: Vec<Apiserver>,
    /// Secrets with bootstrap tokens.
    pub tokens: Vec<(PathBuf, Value)>,
}

/// Whom a kube-apiserver asks, by its flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apiserver {
    pub manifest: PathBuf,
    /// The AuthorizationConfiguration, if it is named one.
    pub authorization: Option<String>,
    /// Without one: whether a webhook is asked before all others.
    pub asks_webhook_first: bool,
    /// The static token file, if it is named one.
    pub token_file: Option<String>,
}

/// Reads all of them. `now` is in ms since 1970.
pub fn read(paths: &[PathBuf], now: u64) -> FileClaims {
    let Looked { files, claims, unread: mut faults, unseen, wrong, .. } = look(paths);
    faults.extend(unseen);
    faults.extend(wrong);
    FileClaims { at: now, files: files.len(), claims, faults }
}

/// Reads all of them, and keeps apart what could not be read from what is wrong.
pub fn look(paths: &[PathBuf]) -> Looked {
    look_also(paths, &[])
}

/// Reads all of them, and takes in manifests that lie in no file, each with where it is from.
pub fn look_also(paths: &[PathBuf], objects: &[(PathBuf, Value)]) -> Looked {
    let (files, mut unread) = list(paths);
    let mut said = Said::default();
    objects.iter().for_each(|(from, it)| said.take(from, it));
    let (mut understood, mut secrets) = (Vec::new(), Vec::new());
    for path in files {
        match documents(&path) {
            Ok(documents) => {
                documents.iter().for_each(|it| said.take(&path, it));
                let found = documents.iter().flat_map(tokens::secrets);
                secrets.extend(found.map(|it| (path.clone(), it.clone())));
                understood.push(path);
            }
            Err(message) => unread.push(FileFault { path: path.display().to_string(), message }),
        }
    }
    let (masters, unseen, apiservers) = (said.masters(), said.unseen(), said.apiservers());
    let (claims, wrong) = said.finish();
    Looked { files: understood, claims, unread, unseen, wrong, masters, apiservers, tokens: secrets }
}

/// The files that are meant, in a steady order.
fn list(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<FileFault>) {
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    let mut left: Vec<(PathBuf, usize)> = paths.iter().rev().map(|it| (it.clone(), 0)).collect();
    while let Some((path, depth)) = left.pop() {
        let fault = |message: String| FileFault { path: path.display().to_string(), message };
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() && depth < DEEPEST => match folder(&path) {
                Ok(inside) => left.extend(inside.into_iter().rev().map(|it| (it, depth.saturating_add(1)))),
                Err(error) => faults.push(fault(format!("list the folder: {error}"))),
            },
            Ok(meta) if meta.is_dir() => {
                faults.push(fault(format!("lies deeper than {DEEPEST} folders; name it itself")))
            }
            // In a folder there is more than what we read; what is named itself is meant.
            Ok(meta) if meta.is_file() && (depth == 0 || is_ours(&path)) => files.push(path),
            Ok(_) if depth > 0 => {}
            Ok(_) => faults.push(fault("is neither a file nor a folder".into())),
            Err(error) => faults.push(fault(format!("look at it: {error}"))),
        }
        if files.len() >= MOST_FILES {
            let message = format!("more than {MOST_FILES} files are meant; what follows is not read");
            faults.push(FileFault { path: String::new(), message });
            break;
        }
    }
    (files, faults)
}

fn folder(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut inside = Vec::new();
    for entry in fs::read_dir(path)?.take(MOST_FILES) {
        let entry = entry?;
        // Kubernetes keeps older versions of mounted files in folders that begin with a dot.
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            inside.push(entry.path());
        }
    }
    inside.sort();
    Ok(inside)
}

fn is_ours(path: &Path) -> bool {
    path.extension().is_some_and(|it| ["yaml", "yml", "json", "conf", "kubeconfig"].iter().any(|ours| it == *ours))
}

/// A file may hold several documents, as `kubectl` takes them.
fn documents(path: &Path) -> Result<Vec<Value>, String> {
    let size = fs::metadata(path).map_err(|error| format!("look at it: {error}"))?.len();
    if size > MOST_BYTES {
        return Err(format!("is longer than {MOST_BYTES} bytes"));
    }
    let text = fs::read_to_string(path).map_err(|error| format!("read it: {error}"))?;
    let mut all = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" {
            all.push(String::new());
        } else if let Some(document) = all.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    all.retain(|it| it.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')));
    all.iter().map(|it| document(it)).collect()
}

fn document(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        // A manifest has some hundred values. Aliases may save typing, not multiply.
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: 50_000,
            max_events: 100_000,
            max_anchors: 100,
            max_aliases: 100,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 8 },
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.without_snippet().to_string();
        format!("is not YAML that can be read: {}", message.lines().next().unwrap_or_default())
    })
}

/// Kubeconfigs with certificates inside are some kilobytes.
const MOST_BYTES: u64 = 1024 * 1024;
/// Twice a kubeconfig and a configuration for each node that Kubernetes supports.
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 4;

#[cfg(test)]
mod tests;
