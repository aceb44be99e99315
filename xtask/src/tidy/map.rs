//! What the documents say of the repository must be true of it: links lead somewhere, the map names every member, and
//! there is one contract with plugins.

use super::{Breach, Files};
use crate::repo::Member;

/// Every relative link of a Markdown file leads to something.
pub fn links(files: &Files, exists: impl Fn(&str) -> bool) -> Vec<Breach> {
    let mut found = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".md")) {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (at, line) in text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            for target in targets(line).filter(|target| !is_elsewhere(target)) {
                let path = target.split('#').next().unwrap_or_default();
                match resolve(folder, path) {
                    Some(path) if exists(&path) => {}
                    Some(_) | None => {
                        found.push(Breach::new(file, at + 1, format!("the link `{target}` leads nowhere")))
                    }
                }
            }
        }
    }
    found
}

/// ARCHITECTURE.md names every member of the workspace.
pub fn members(files: &Files, members: &[Member]) -> Vec<Breach> {
    let Some(map) = files.get(MAP) else { return vec![Breach::new(MAP, 0, "the map of the repository is missing")] };
    let unnamed =
        members.iter().filter(|member| !map.contains(&member.folder) && !map.contains(&format!("`{}`", member.name)));
    unnamed
        .map(|member| Breach::new(MAP, 0, format!("does not name `{}`, a member of the workspace", member.folder)))
        .collect()
}

/// A copy of the contract with plugins is the contract.
pub fn contract(files: &Files) -> Vec<Breach> {
    let Some(contract) = files.get(CONTRACT) else {
        return vec![Breach::new(CONTRACT, 0, "the contract with plugins is missing")];
    };
    let copies = files.iter().filter(|(file, _)| file.ends_with("/policy.wit"));
    let other = copies.filter(|(_, text)| *text != contract);
    other.map(|(file, _)| Breach::new(file, 0, format!("differs from `{CONTRACT}`: copy it again"))).collect()
}

/// The targets of inline links, outside code spans.
fn targets(line: &str) -> impl Iterator<Item = String> {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
    let after: Vec<String> = prose.split("](").skip(1).map(str::to_owned).collect();
    after.into_iter().filter_map(|rest| Some(rest.split_once(')')?.0.split_whitespace().next()?.to_owned()))
}

fn is_elsewhere(target: &str) -> bool {
    target.starts_with('#') || target.contains("://") || target.starts_with("mailto:")
}

/// The path from the root; nothing if it leaves the repository.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

const MAP: &str = "ARCHITECTURE.md";
const CONTRACT: &str = "wit/policy.wit";

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};

    fn member(folder: &str) -> Member {
        Member { name: folder.rsplit('/').next().unwrap().into(), folder: folder.into(), cdylib: false }
    }

    #[test]
    fn a_link_must_lead_somewhere() {
        let text = "[a](b.md#part) [c](../gone.md) [d](https://e.example/f)\n```\n[g](h)\n```\n`[i](j)` [k](#l) ![m](../wit \"n\")";
        let found = links(&fixture([("docs/a.md", text)]), |path| ["docs/b.md", "wit"].contains(&path));
        assert_eq!(found, [Breach::new("docs/a.md", 1, "the link `../gone.md` leads nowhere")]);
    }

    #[test]
    fn a_link_may_not_leave_the_repository() {
        let found = links(&fixture([("a.md", "[b](../c)")]), |_| true);
        assert_eq!(found, [Breach::new("a.md", 1, "the link `../c` leads nowhere")]);
    }

    #[test]
    fn the_map_names_every_member() {
        let files = fixture([(MAP, "the `host`, and plugins/sdk")]);
        let found = members(&files, &[member("host"), member("plugins/sdk"), member("plugins/tunnel")]);
        assert_eq!(found, [Breach::new(MAP, 0, "does not name `plugins/tunnel`, a member of the workspace")]);
    }

    #[test]
    fn a_stale_copy_of_the_contract_is_a_breach() {
        let files = fixture([(CONTRACT, "1"), ("plugins/sdk/wit/policy.wit", "0"), ("docs/policy.wit", "1")]);
        assert_eq!(
            contract(&files),
            [Breach::new("plugins/sdk/wit/policy.wit", 0, "differs from `wit/policy.wit`: copy it again")]
        );
    }
}
