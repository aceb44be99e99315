//! Rules on the text of single files: words that must not be there, space at the ends of lines, files that grew long.

use super::{
    Breach, Files,
    code::{Keep, strip},
};

/// Every breach in the words.
pub fn check(files: &Files) -> Vec<Breach> {
    check_with(files, &EXCEPTIONS)
}

/// Rust files in which a second noun may hide. Long is no breach.
pub fn long_files(files: &Files) -> Vec<String> {
    let rust = files.iter().filter(|(file, _)| file.ends_with(".rs"));
    let long = rust.map(|(file, text)| (file, text.lines().count())).filter(|(_, lines)| *lines > LONG);
    long.map(|(file, lines)| format!("{file}: {lines} lines; is there a second noun in it?")).collect()
}

fn check_with(files: &Files, exceptions: &[Exception]) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut needed = vec![false; exceptions.len()];
    for (file, text) in files {
        found.extend(trailing_space(file, text));
        found.extend(of_this_machine(file, text));
        if !file.ends_with(".rs") {
            continue;
        }
        for (at, line) in strip(text, Keep::Code).lines().enumerate() {
            for (word, why) in UNFINISHED.iter().filter(|(word, _)| line.contains(word)) {
                match exceptions.iter().position(|exception| exception.file == file && exception.word == *word) {
                    Some(known) => needed.get_mut(known).into_iter().for_each(|needed| *needed = true),
                    None => found.push(Breach::new(file, at + 1, format!("`{word}`: {why}"))),
                }
            }
        }
    }
    let idle = exceptions.iter().zip(needed).filter(|(_, needed)| !needed).map(|(exception, _)| exception);
    found.extend(idle.map(|e| {
        Breach::new(e.file, 0, format!("the exception for `{}` ({}) is not needed: remove it", e.word, e.reason))
    }));
    found
}

fn trailing_space(file: &str, text: &str) -> Vec<Breach> {
    if file.contains("/fixtures/") || file.contains("/corpus/") {
        return Vec::new();
    }
    let lines = text.lines().enumerate().filter(|(_, line)| line.ends_with([' ', '\t']));
    lines.map(|(at, _)| Breach::new(file, at + 1, "space at the end of the line")).collect()
}

fn of_this_machine(file: &str, text: &str) -> Vec<Breach> {
    let words = |line: &str| PLACES.into_iter().find(|word| line.contains(word));
    let lines = text.lines().enumerate().filter_map(|(at, line)| Some((at, words(line)?)));
    lines
        .map(|(at, word)| {
            Breach::new(file, at + 1, format!("`{word}`: a path of one machine; the project stands alone"))
        })
        .collect()
}

/// A word that may stand in a file, and why.
struct Exception {
    file: &'static str,
    word: &'static str,
    reason: &'static str,
}

const LONG: usize = 400;
/// Cut in two, so that this file does not breach its own rule.
const PLACES: [&str; 3] = [concat!("/wo", "rk/"), concat!("../sha", "red"), concat!("/ro", "ot/")];
const UNFINISHED: [(&str, &str); 5] = [
    ("todo!", "finish it, or leave it out"),
    ("unimplemented!", "finish it, or leave it out"),
    ("#[ignore", "a test that does not run promises nothing"),
    ("thread::sleep", "wait for the event, not for a while"),
    ("time::sleep", "wait for the event, not for a while"),
];
const EXCEPTIONS: [Exception; 6] = [
    Exception {
        file: "host/benches/journal.rs",
        word: "time::sleep",
        reason: "it paces a load; nothing wakes anybody when a queue shrinks",
    },
    Exception {
        file: "host/src/api.rs",
        word: "time::sleep",
        reason: "a journal that cannot be read is tried again, and no event tells when it can; the stop cuts it short",
    },
    Exception {
        file: "host/src/journal/writer.rs",
        word: "time::sleep",
        reason: "it gathers a batch and backs off a full disk, each bounded and cut short by the stop",
    },
    Exception {
        file: "host/src/serve.rs",
        word: "time::sleep",
        reason: "accepting failed for lack of files or memory, and no event tells when there are some again",
    },
    Exception {
        file: "host/src/serve/connection.rs",
        word: "time::sleep",
        reason: "it is the timer of idle connections",
    },
    Exception {
        file: "host/src/serve/tests/endings.rs",
        word: "time::sleep",
        reason: "that time passes is what these promises are about",
    },
];

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};

    #[test]
    fn unfinished_code_is_a_breach_and_prose_about_it_is_not() {
        let source = "// todo! in a comment\nconst A: &str = \"todo!\";\nfn f() { todo!() }\n";
        let expected = [Breach::new("a.rs", 3, "`todo!`: finish it, or leave it out")];
        assert_eq!(check_with(&fixture([("a.rs", source)]), &[]), expected);
    }

    #[test]
    fn every_unfinished_word_is_found() {
        for (word, why) in UNFINISHED {
            let found = check_with(&fixture([("a.rs", word)]), &[]);
            // `thread::sleep` holds no other word; each is found once.
            assert_eq!(found, [Breach::new("a.rs", 1, format!("`{word}`: {why}"))]);
        }
    }

    #[test]
    fn an_exception_covers_its_file_and_word() {
        let exceptions = [Exception { file: "a.rs", word: "time::sleep", reason: "it is a timer" }];
        let files = fixture([("a.rs", "time::sleep(d)"), ("b.rs", "time::sleep(d)")]);
        let expected = [Breach::new("b.rs", 1, "`time::sleep`: wait for the event, not for a while")];
        assert_eq!(check_with(&files, &exceptions), expected);
    }

    #[test]
    fn an_exception_that_is_not_needed_is_a_breach() {
        let exceptions = [Exception { file: "a.rs", word: "time::sleep", reason: "it is a timer" }];
        let expected =
            [Breach::new("a.rs", 0, "the exception for `time::sleep` (it is a timer) is not needed: remove it")];
        assert_eq!(check_with(&fixture([("a.rs", "")]), &exceptions), expected);
    }

    #[test]
    fn a_path_of_one_machine_is_a_breach_in_any_file() {
        for place in PLACES {
            let found = check_with(&fixture([("docs/a.md", &format!("\nsee {place}notes"))]), &[]);
            assert_eq!(
                found,
                [Breach::new("docs/a.md", 2, format!("`{place}`: a path of one machine; the project stands alone"))]
            );
        }
    }

    #[test]
    fn space_at_the_end_of_a_line_is_a_breach() {
        assert_eq!(
            check_with(&fixture([("a.md", "a\nb \n")]), &[]),
            [Breach::new("a.md", 2, "space at the end of the line")]
        );
    }

    #[test]
    fn a_long_file_is_a_question() {
        let found = long_files(&fixture([("a.rs", &"\n".repeat(401)), ("b.rs", &"\n".repeat(400))]));
        assert_eq!(found, ["a.rs: 401 lines; is there a second noun in it?"]);
    }
}
