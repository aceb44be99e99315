//! The floors of the host: who may know whom. The table in `host/src/lib.rs` says which module stands where; what is on
//! no floor is a breach. STYLE.md tells why.

use std::collections::BTreeMap;

use super::{
    Breach, Files,
    code::{Keep, is_test, strip, without_tests},
};

/// Every breach of the floors.
pub fn check(files: &Files) -> Vec<Breach> {
    let Some(lib) = files.get(LIB) else { return vec![Breach::new(LIB, 0, "the table of the floors is missing")] };
    let floors = table(lib);
    let mut found: Vec<Breach> = modules(lib)
        .filter(|(_, module)| !floors.contains_key(module.as_str()))
        .map(|(line, module)| {
            Breach::new(LIB, line, format!("`{module}` stands on no floor: name it in the table above"))
        })
        .collect();
    for (file, source) in files {
        let Some(place) = file.strip_prefix(HOST).filter(|place| place.ends_with(".rs")) else { continue };
        let module = place.split(['/', '.']).next().unwrap_or_default();
        found.extend(owned(file, place, source));
        if let Some(floor) = floors.get(module) {
            found.extend(known(file, module, *floor, source, &floors));
            if *floor == 0 {
                found.extend(impure(file, source));
            }
        }
    }
    found
}

/// Rows such as "| 3 doors | [`authz`] the webhook, `admin` health |": the names in backticks stand on that floor.
fn table(lib: &str) -> BTreeMap<&str, u8> {
    let mut floors = BTreeMap::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let mut cells = line.split('|');
        let floor = cells.next().and_then(|cell| cell.split_whitespace().next()).and_then(|word| word.parse().ok());
        if let (Some(floor), Some(names)) = (floor, cells.next()) {
            floors.extend(names.split('`').skip(1).step_by(2).map(|name| (name, floor)));
        }
    }
    floors
}

fn modules(lib: &str) -> impl Iterator<Item = (usize, String)> {
    let code = strip(lib, Keep::Code);
    let lines: Vec<String> = code.lines().map(str::to_owned).collect();
    lines.into_iter().enumerate().filter_map(|(at, line)| {
        let line = line.trim().strip_suffix(';')?;
        let name =
            line.strip_prefix("pub(crate) mod ").or(line.strip_prefix("pub mod ")).or(line.strip_prefix("mod "))?;
        Some((at + 1, name.to_owned()))
    })
}

/// What a module names that it may not know.
fn known(file: &str, module: &str, floor: u8, source: &str, floors: &BTreeMap<&str, u8>) -> Vec<Breach> {
    let mut found = Vec::new();
    for (line, other) in named(&strip(source, Keep::Code)) {
        let what = match floors.get(other.as_str()) {
            _ if other == module => continue,
            None => format!("`crate::{other}` stands on no floor"),
            Some(below) if *below < floor => continue,
            Some(same) if *same == floor && (floor == 0 || floor == TOP) => continue,
            Some(same) if *same == floor => {
                format!("`{module}` and `{other}` are neighbours on floor {floor}: the edge introduces them")
            }
            Some(above) => format!("`{module}` (floor {floor}) uses `{other}` (floor {above}): only lower floors"),
        };
        found.push(Breach::new(file, line, what));
    }
    found
}

/// The modules after every `crate::`, also those in braces, with their lines.
fn named(code: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let (before, rest) = code.split_at_checked(at).unwrap_or((code, ""));
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = before.matches('\n').count() + 1;
        let rest = rest.strip_prefix(found).unwrap_or_default();
        match rest.strip_prefix('{') {
            None => names.push((line, word(rest))),
            Some(group) => names.extend(group_of(group).into_iter().map(|name| (line, name))),
        }
    }
    names.retain(|(_, name)| !name.is_empty() && name.starts_with(|c: char| c.is_lowercase()));
    names
}

/// The first words of the parts of a group, up to its closing brace.
fn group_of(text: &str) -> Vec<String> {
    let (mut depth, mut names, mut fresh) = (0usize, Vec::new(), true);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                names.push(word(text.split_at_checked(at).map_or("", |(_, rest)| rest)));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Facts take `now`, and touch nothing.
fn impure(file: &str, source: &str) -> Vec<Breach> {
    if is_test(file) {
        return Vec::new();
    }
    let code = strip(source, Keep::Code);
    lines_with(without_tests(&code), &IMPURE)
        .map(|(line, word)| {
            Breach::new(file, line, format!("a fact may not use `{word}`: no I/O, clock or log on floor 0"))
        })
        .collect()
}

/// What only its owner may name.
fn owned(file: &str, place: &str, source: &str) -> Vec<Breach> {
    let (code, strings) = (strip(source, Keep::Code), strip(source, Keep::Strings));
    let mut found = Vec::new();
    for Owned { word, owner, in_strings } in &OWNED {
        let text = if *in_strings { &strings } else { &code };
        if is_test(file) || place.split(['/', '.']).any(|part| part == *owner) {
            continue;
        }
        for (line, word) in lines_with(without_tests(text), &[word]) {
            found.push(Breach::new(file, line, format!("only `{owner}` may name `{word}`")));
        }
    }
    found
}

fn lines_with<'a>(code: &'a str, words: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    let hits = |line: &'a str| words.iter().copied().filter(move |word| line.contains(word));
    code.lines().enumerate().flat_map(move |(at, line)| hits(line).map(move |word| (at + 1, word)))
}

struct Owned {
    word: &'static str,
    /// The module, at any depth.
    owner: &'static str,
    in_strings: bool,
}

const HOST: &str = "host/src/";
const LIB: &str = "host/src/lib.rs";
/// The edge introduces everyone to everyone.
const TOP: u8 = 4;
const IMPURE: [&str; 9] = [
    "tokio::",
    "std::net::{",
    "std::net::Tcp",
    "std::net::Udp",
    "std::fs",
    "SystemTime::now",
    "Instant::now",
    "tracing::",
    "std::env",
];
/// The JSON's own words are quoted: a sentence may say what was not understood.
const OWNED: [Owned; 5] = [
    Owned { word: "wasmtime", owner: "plugins", in_strings: false },
    Owned { word: "sqlx", owner: "journal", in_strings: false },
    Owned { word: "\"SubjectAccessReview\"", owner: "review", in_strings: true },
    Owned { word: "\"resourceAttributes", owner: "review", in_strings: true },
    Owned { word: "\"nonResourceAttributes", owner: "review", in_strings: true },
];

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};

    const TABLE: &str = "//! | floor | modules |\n//! | --- | --- |\n//! | 3 doors | [`door`] in, `gate` too |\n//! | 1 tools | `plugins`, `journal` |\n//! | 0 facts | `fact`, `word` |\npub mod door;\n";

    fn breaches(file: &str, source: &str) -> Vec<String> {
        check(&fixture([(LIB, TABLE), (file, source)])).iter().map(Breach::to_string).collect()
    }

    #[test]
    fn lower_floors_may_be_used() {
        assert_eq!(
            breaches("host/src/door.rs", "use crate::{journal::{self, Gap}, fact};\nuse crate::door::inner;"),
            [""; 0]
        );
    }

    #[test]
    fn an_upper_floor_may_not_be_used() {
        let expected = ["host/src/journal/store.rs:2: `journal` (floor 1) uses `door` (floor 3): only lower floors"];
        assert_eq!(breaches("host/src/journal/store.rs", "\nuse crate::{fact::{A, B}, door};"), expected);
    }

    #[test]
    fn neighbours_do_not_know_each_other() {
        let expected = ["host/src/door.rs:1: `door` and `gate` are neighbours on floor 3: the edge introduces them"];
        assert_eq!(breaches("host/src/door.rs", "fn f() { crate::gate::open() }"), expected);
    }

    #[test]
    fn facts_may_use_each_other() {
        assert_eq!(breaches("host/src/fact.rs", "use crate::word::Word;"), [""; 0]);
    }

    #[test]
    fn a_fact_reads_no_clock() {
        let expected = ["host/src/fact.rs:1: a fact may not use `SystemTime::now`: no I/O, clock or log on floor 0"];
        assert_eq!(breaches("host/src/fact.rs", "fn f() { std::time::SystemTime::now(); }"), expected);
        assert_eq!(
            breaches("host/src/fact.rs", "//! tokio::time is not for us\n#[cfg(test)]\nmod tests { use std::fs; }"),
            [""; 0]
        );
    }

    #[test]
    fn only_the_plugins_name_the_sandbox() {
        assert_eq!(
            breaches("host/src/door.rs", "use wasmtime::Store;"),
            ["host/src/door.rs:1: only `plugins` may name `wasmtime`"]
        );
        assert_eq!(breaches("host/src/plugins/engine.rs", "use wasmtime::Store;"), [""; 0]);
    }

    #[test]
    fn only_the_journal_names_the_database() {
        assert_eq!(
            breaches("host/src/door.rs", "use sqlx::Row;"),
            ["host/src/door.rs:1: only `journal` may name `sqlx`"]
        );
    }

    #[test]
    fn only_the_review_names_its_json() {
        let kind = "// a SubjectAccessReview\nconst KIND: &str = \"SubjectAccessReview\";";
        let expected = ["host/src/door.rs:2: only `review` may name `\"SubjectAccessReview\"`"];
        assert_eq!(breaches("host/src/door.rs", kind), expected);
        assert_eq!(breaches("host/src/authz/review.rs", kind), [""; 0]);
    }

    #[test]
    fn a_module_on_no_floor_is_a_breach() {
        let lib = format!("{TABLE}pub mod attic;\n");
        let found = check(&fixture([(LIB, &lib)]));
        assert_eq!(found, [Breach::new(LIB, 7, "`attic` stands on no floor: name it in the table above")]);
    }
}
