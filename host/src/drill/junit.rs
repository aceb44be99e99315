//! A drill as JUnit XML: a suite for each path, a case for each attack and each twin.

use super::score::{Outcome, Score};
use std::fmt::Write;

/// The whole document.
pub fn junit(outcomes: &[Outcome]) -> String {
    let score = Score::of(outcomes);
    let failures = |caught: usize, twins: usize, vectors: usize| 2 * vectors - caught - twins;
    let total = score.total;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml += &format!(
        "<testsuites name=\"pathgate drill\" tests=\"{}\" failures=\"{}\">\n",
        2 * total.vectors,
        failures(total.caught, total.twins_passed, total.vectors)
    );
    for (path, tally) in score.paths {
        xml += &format!(
            "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\">\n",
            2 * tally.vectors,
            failures(tally.caught, tally.twins_passed, tally.vectors)
        );
        for it in outcomes.iter().filter(|it| it.vector.path == path) {
            let vector = &it.vector;
            let said = format!("{}: expected {}, got {}", vector.attack.said, vector.expected.as_str(), it.got);
            let detail = format!("{}\n{} ({})", vector.title, vector.why, vector.reference);
            case(&mut xml, vector.path.as_str(), &vector.id, (!it.caught()).then_some((&said, &detail)));
            let said = format!("{}: expected no refusal, got {}", vector.twin.said, it.twin);
            let detail = format!("The legitimate twin of: {}", vector.title);
            let failure = (!it.twin_passed()).then_some((&said, &detail));
            case(&mut xml, vector.path.as_str(), &format!("{} (twin)", vector.id), failure);
        }
        xml += "  </testsuite>\n";
    }
    xml + "</testsuites>\n"
}

fn case(xml: &mut String, path: &str, name: &str, failure: Option<(&String, &String)>) {
    *xml += &format!("    <testcase classname=\"{path}\" name=\"{}\"", escaped(name));
    *xml += &match failure {
        None => "/>\n".to_owned(),
        Some((said, detail)) => {
            format!("><failure message=\"{}\">{}</failure></testcase>\n", escaped(said), escaped(detail))
        }
    };
}

/// For text and for attributes; what XML 1.0 cannot hold is replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\n' | '\t' => drop(write!(safe, "&#{};", u32::from(character))),
            '\u{fffe}' | '\u{ffff}' => safe.push(char::REPLACEMENT_CHARACTER),
            it if it.is_control() => safe.push(char::REPLACEMENT_CHARACTER),
            it => safe.push(it),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_gets_out_of_its_place() {
        assert_eq!(escaped("a\"b<c>&\u{0}\u{1b}\n"), "a&quot;b&lt;c&gt;&amp;\u{fffd}\u{fffd}&#10;");
    }
}
