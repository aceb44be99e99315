//! Every plugin shows what it refuses, and that it refuses no more than that: beside each refusal stands its twin, a
//! request that differs little and goes through.

use serde_json::Value;

use super::{Breach, Files};
use crate::repo::Member;

/// Every breach in the cases of the plugins.
pub fn check(files: &Files, members: &[Member]) -> Vec<Breach> {
    let plugins = members.iter().filter(|member| member.cdylib && member.folder.starts_with("plugins/"));
    plugins.flat_map(|plugin| of(files, &format!("{}/cases", plugin.folder))).collect()
}

fn of(files: &Files, folder: &str) -> Vec<Breach> {
    let (mut found, mut any) = (Vec::new(), false);
    let inside =
        |file: &str| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') && rest.ends_with(".json"));
    for (file, text) in files.iter().filter(|(file, _)| inside(file)) {
        any = true;
        match serde_json::from_str(text) {
            Ok(cases) => found.extend(file_of(file, &cases)),
            Err(error) => found.push(Breach::new(file, error.line(), format!("is not JSON: {error}"))),
        }
    }
    if !any {
        found.push(Breach::new(folder, 0, "a plugin without cases: add a `.json` with a refusal and its twin"));
    }
    found
}

/// A file is one case or a list of them.
fn file_of(file: &str, cases: &Value) -> Vec<Breach> {
    let cases = cases.as_array().map_or(std::slice::from_ref(cases), Vec::as_slice);
    let undescribed = cases
        .iter()
        .enumerate()
        .filter(|(_, case)| case.pointer("/description").and_then(Value::as_str).is_none_or(str::is_empty));
    let mut found: Vec<Breach> =
        undescribed.map(|(at, _)| Breach::new(file, 0, format!("case {} has no description", at + 1))).collect();
    let refusals = cases
        .iter()
        .filter(|case| {
            case.pointer("/expect/verdict").and_then(Value::as_str).is_some_and(|verdict| REFUSALS.contains(&verdict))
        })
        .count();
    if refusals == 0 {
        found.push(Breach::new(file, 0, "holds no refusal"));
    } else if refusals == cases.len() {
        found.push(Breach::new(file, 0, "holds no twin: a request that differs little and is not refused"));
    }
    found
}

/// The verdicts that refuse, of `authorize` and `gate`, `verify-peer` and `approve-csr`.
const REFUSALS: [&str; 2] = ["deny", "reject"];

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};

    const REFUSAL: &str = r#"{"description": "no", "expect": {"verdict": "deny", "rule": "r"}}"#;
    const TWIN: &str = r#"{"description": "yes", "expect": {"verdict": "no-opinion"}}"#;

    fn breaches(text: &str) -> Vec<String> {
        let plugin = Member { name: "a".into(), folder: "plugins/a".into(), cdylib: true };
        let sdk = Member { name: "sdk".into(), folder: "plugins/sdk".into(), cdylib: false };
        check(&fixture([("plugins/a/cases/b.json", text)]), &[plugin, sdk]).iter().map(Breach::to_string).collect()
    }

    #[test]
    fn a_refusal_and_its_twin_suffice() {
        assert_eq!(breaches(&format!("[{REFUSAL}, {TWIN}]")), [""; 0]);
    }

    #[test]
    fn a_refusal_without_a_twin_is_a_breach() {
        let expected = ["plugins/a/cases/b.json: holds no twin: a request that differs little and is not refused"];
        assert_eq!(breaches(REFUSAL), expected);
    }

    #[test]
    fn cases_that_refuse_nothing_are_a_breach() {
        assert_eq!(breaches(TWIN), ["plugins/a/cases/b.json: holds no refusal"]);
    }

    #[test]
    fn a_case_says_what_it_shows() {
        let silent = r#"{"expect": {"verdict": "deny"}}"#;
        assert_eq!(breaches(&format!("[{silent}, {TWIN}]")), ["plugins/a/cases/b.json: case 1 has no description"]);
    }

    #[test]
    fn a_plugin_without_cases_is_a_breach() {
        let plugin = Member { name: "a".into(), folder: "plugins/a".into(), cdylib: true };
        let expected =
            [Breach::new("plugins/a/cases", 0, "a plugin without cases: add a `.json` with a refusal and its twin")];
        assert_eq!(check(&Files::new(), &[plugin]), expected);
    }
}
