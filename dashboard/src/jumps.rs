//! Where the palette can jump to, and what of it matches what was typed. Pure.

use crate::{address, order::sorted};
use wire::{LaneId, Query, Summary};

/// A place to jump to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    pub name: String,
    /// Of what kind it is.
    pub kind: &'static str,
    pub to: String,
}

/// The places that match, best first; at most twelve. What matches nothing is offered as a query.
pub fn jumps(text: &str, summary: &Summary, plugins: &[String]) -> Vec<Jump> {
    let wanted = text.trim().to_lowercase();
    let found = places(summary, plugins).into_iter();
    let found = found.filter_map(|jump| Some((score(&jump.name.to_lowercase(), &wanted)?, jump))).collect();
    let found = sorted(found, |a: &(usize, Jump), b| a.0.cmp(&b.0));
    let mut found: Vec<Jump> = found.into_iter().map(|(_, jump)| jump).take(MOST).collect();
    if !wanted.is_empty() && Query::parse(text.trim()).is_ok() {
        found.push(Jump {
            name: text.trim().to_owned(),
            kind: "search decisions",
            to: address::decisions(text.trim()),
        });
    }
    found
}

fn places(summary: &Summary, plugins: &[String]) -> Vec<Jump> {
    let jump = |name: &str, kind: &'static str, to: String| Jump { name: name.to_owned(), kind, to };
    let mut places = vec![
        jump("Overview", "page", "/".into()),
        jump("Paths", "page", "/paths".into()),
        jump("Decisions", "page", address::decisions(crate::RECENT)),
        jump("Refusals", "page", address::decisions("verdict:deny since:15m")),
        jump("Plugins", "page", address::plugin("")),
        jump("Certificates", "page", "/certificates".into()),
    ];
    places.extend(LaneId::ALL.iter().map(|lane| jump(lane.title(), "path", address::path(*lane, ""))));
    places.extend(summary.named.iter().map(|it| jump(&it.node, "node in trouble", address::path(it.lane, &it.node))));
    places.extend(plugins.iter().map(|name| jump(name, "plugin", address::plugin(name))));
    places
}

/// Smaller is better: begins with it, a word begins with it, holds it, holds its letters in order.
fn score(name: &str, wanted: &str) -> Option<usize> {
    if name.starts_with(wanted) {
        return Some(0);
    }
    if name.split(|c: char| !c.is_alphanumeric()).any(|word| word.starts_with(wanted)) {
        return Some(1);
    }
    if name.contains(wanted) {
        return Some(2);
    }
    let mut letters = name.chars();
    let mut rest = wanted.chars().filter(|c| !c.is_whitespace());
    rest.all(|wanted| letters.any(|letter| letter == wanted)).then_some(3)
}

/// What fits without scrolling.
const MOST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Named, State};

    fn names(text: &str) -> Vec<String> {
        let named = Named { pool: 0, at: 8, node: "gen-09".into(), state: State::Unverified, lane: LaneId::Kubelet };
        let summary = Summary { named: vec![named], ..Summary::default() };
        jumps(text, &summary, &["tls_bootstrap".into()]).into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn what_begins_with_the_text_comes_first() {
        assert_eq!(
            names("de"),
            [
                "Decisions",
                "node → apiserver",
                "apiserver → node proxy",
                "pod → apiserver",
                "anyone → kubelet, directly",
                "de"
            ]
        );
        assert_eq!(names("gen-09").first().map(String::as_str), Some("gen-09"));
        assert_eq!(names("boot").first().map(String::as_str), Some("TLS bootstrap"));
    }

    #[test]
    fn any_query_can_be_asked_from_here() {
        assert_eq!(names("verdict:deny").last().map(String::as_str), Some("verdict:deny"));
        assert!(!names("verdikt:deny").contains(&"verdikt:deny".to_owned()));
    }

    #[test]
    fn without_a_text_the_pages_are_offered() {
        assert_eq!(names("").len(), MOST);
    }
}
