//! Rust source with its comments and strings blanked out, so that a rule on code does not stumble over prose. Lines
//! stay where they are.

/// What of the source is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Code alone.
    Code,
    /// Code and what is in its string literals.
    Strings,
}

/// The source without comments, and without the text of strings if so asked.
pub fn strip(source: &str, keep: Keep) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (length, kept) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => (block(rest), false),
            '"' => (quoted(rest), keep == Keep::Strings),
            'r' | 'b' | 'c' if !out.ends_with(is_word) && literal(rest).is_some() => {
                (literal(rest).unwrap_or(1), keep == Keep::Strings)
            }
            '\'' => (character(rest), true),
            other => (other.len_utf8(), true),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if kept {
            out.push_str(token);
        } else {
            out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    out
}

/// The source up to its inline `#[cfg(test)] mod`, which by the house style comes last.
pub fn without_tests(code: &str) -> &str {
    let start = code.match_indices("#[cfg(test)]").map(|(at, _)| at).find(|at| {
        let after = code.split_at_checked(at + "#[cfg(test)]".len()).map_or("", |(_, after)| after);
        after.trim_start().starts_with("mod ")
    });
    start.and_then(|at| code.split_at_checked(at)).map_or(code, |(before, _)| before)
}

/// Whether the file holds tests only.
pub fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a block comment; they nest.
fn block(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth.saturating_sub(1), at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string in plain quotes.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a string with a prefix: raw, byte or C.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| {
        let after = text.strip_prefix(prefix).unwrap_or_default();
        after.starts_with('"') || (prefix.ends_with('r') && after.trim_start_matches('#').starts_with('"'))
    })?;
    let body = text.strip_prefix(prefix)?;
    if !prefix.ends_with('r') {
        return Some(prefix.len() + quoted(body));
    }
    let hashes = body.len() - body.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let start = hashes + 1;
    let length = body.get(start..)?.find(&end).map_or(body.len(), |at| start + at + end.len());
    Some(prefix.len() + length)
}

/// Length of a character literal; of a lifetime, its quote.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => chars.find(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 1),
        (Some((_, c)), Some((at, '\''))) if c != '\'' => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_not_code() {
        let source =
            "let a = \"x \\\" // y\"; // z\n/* /* b */ c */ let d = r#\"e \" f\"#; let q = '\"'; fn g<'a>() {}";
        let code = strip(source, Keep::Code);
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(
            words,
            ["let", "a", "=", ";", "let", "d", "=", ";", "let", "q", "=", "'\"';", "fn", "g<'a>()", "{}"]
        );
        assert_eq!(code.lines().count(), source.lines().count());
    }

    #[test]
    fn strings_are_kept_when_asked_for() {
        assert_eq!(strip("f(b\"two\") // one", Keep::Strings).trim_end(), "f(b\"two\")");
    }

    #[test]
    fn the_inline_tests_are_not_the_code() {
        assert_eq!(
            without_tests("a\n#[cfg(test)]\nfn b() {}\n#[cfg(test)]\nmod tests {}"),
            "a\n#[cfg(test)]\nfn b() {}\n"
        );
    }
}
