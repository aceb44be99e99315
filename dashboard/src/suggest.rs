//! What may be typed next in a query, from the language itself and from what is in the list. Pure.

use crate::board::Facet;
use wire::{LaneId, Path, Source, State, Traversal, Verdict, query::KEYS};

/// One suggestion: the word, and the whole query with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub word: String,
    pub query: String,
    /// How many decisions in the list it would keep, if that was counted.
    pub count: Option<usize>,
}

/// What completes the last word of the text; at most eight.
pub fn suggest(text: &str, facets: &[Facet], nodes: &[String]) -> Vec<Suggestion> {
    let start = text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (before, word) = text.split_at_checked(start).unwrap_or((text, ""));
    let (minus, word) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
    let counted = |term: &str| facets.iter().find(|facet| facet.term == term).map(|facet| facet.count);
    let words = match word.split_once(':') {
        Some((key, value)) => values(key, facets, nodes)
            .into_iter()
            .filter(|it| it.starts_with(value) && it != value)
            .map(|it| format!("{key}:{it}"))
            .collect::<Vec<_>>(),
        None if word.is_empty() => {
            facets.iter().map(|facet| facet.term.clone()).filter(|term| !before.contains(term.as_str())).collect()
        }
        None => KEYS.iter().filter(|key| key.starts_with(word)).map(|key| format!("{key}:")).collect(),
    };
    let all = words.into_iter().take(MOST);
    all.map(|word| Suggestion { query: format!("{before}{minus}{word}"), count: counted(&word), word }).collect()
}

fn values(key: &str, facets: &[Facet], nodes: &[String]) -> Vec<String> {
    let said = |words: Vec<&'static str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
    match key {
        "path" => said(Path::ALL.iter().map(|it| it.as_str()).collect()),
        "verdict" => said(Verdict::ALL.iter().map(|it| it.as_str()).collect()),
        "source" => said(Source::ALL.iter().map(|it| it.as_str()).collect()),
        "traversal" => said(Traversal::ALL.iter().map(|it| it.as_str()).collect()),
        "lane" => said(LaneId::ALL.iter().map(|it| it.as_str()).collect()),
        "state" => said(State::ALL.iter().map(|it| it.as_str()).collect()),
        "shadow" => said(vec!["true", "false"]),
        "since" => said(vec!["5m", "15m", "1h", "24h", "7d"]),
        "node" => nodes.to_vec(),
        _ => facets
            .iter()
            .filter_map(|facet| facet.term.strip_prefix(key)?.strip_prefix(':').map(str::to_owned))
            .collect(),
    }
}

/// More are not read.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let facets = [Facet { term: "rule:node-proxy".into(), count: 12 }];
        suggest(text, &facets, &["gen-09".into(), "gpu-03".into()]).into_iter().map(|it| it.query).collect()
    }

    #[test]
    fn the_last_word_is_completed_and_the_others_stay() {
        assert_eq!(words("since:15m ver"), ["since:15m verdict:"]);
        assert_eq!(words("since:15m -verdict:de"), ["since:15m -verdict:deny"]);
        assert_eq!(words("node:ge"), ["node:gen-09"]);
        assert_eq!(words("rule:"), ["rule:node-proxy"]);
        assert_eq!(words("a "), ["a rule:node-proxy"]);
    }

    #[test]
    fn every_completed_word_of_the_language_is_a_query() {
        for key in KEYS {
            for word in values(key, &[], &["gen-1".into()]) {
                assert!(wire::Query::parse(&format!("{key}:{word}")).is_ok(), "{key}:{word}");
            }
        }
    }

    #[test]
    fn a_finished_word_is_not_suggested_again() {
        assert_eq!(words("verdict:deny"), [""; 0]);
    }
}
