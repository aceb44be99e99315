//! A request in a line, as `kubectl auth can-i` and the journal say it: `get nodes/proxy node-a`,
//! `list secrets -n shop`, `get /metrics`. A word with bars, `get|list`, is one request for each choice.

use wire::{Operator, Requirement, Resource, Target};

/// One request of a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// What was chosen where there was a choice, in order.
    pub chosen: Vec<String>,
    pub target: Target,
}

/// Every request that a phrase means.
///
/// # Errors
/// What is wrong with it.
pub fn read(phrase: &str) -> Result<Vec<Meant>, String> {
    let mut lines: Vec<(Vec<String>, Vec<&str>)> = vec![(Vec::new(), Vec::new())];
    for word in phrase.split(' ') {
        let choices: Vec<&str> = word.split('|').collect();
        lines = lines
            .iter()
            .flat_map(|(chosen, words)| {
                choices.iter().map(|choice| {
                    let chosen = chosen.iter().cloned().chain((choices.len() > 1).then(|| (*choice).to_owned()));
                    (chosen.collect(), words.iter().copied().chain([*choice]).collect())
                })
            })
            .collect();
    }
    let meant = |(chosen, words): (Vec<String>, Vec<&str>)| Ok(Meant { chosen, target: target(&words)? });
    lines.into_iter().map(meant).collect::<Result<_, String>>().map_err(|fault| format!("`{phrase}`: {fault}"))
}

fn target(words: &[&str]) -> Result<Target, String> {
    let (verb, what, rest) = match words {
        [verb, what, rest @ ..] => (*verb, *what, rest),
        [] | [_] => return Err("a verb, and what it is for".into()),
    };
    if what.starts_with('/') {
        return match rest {
            [] => Ok(Target::NonResource { path: what.into(), verb: verb.into() }),
            _ => Err("nothing follows a path".into()),
        };
    }
    let (kind, group) = what.split_once('.').unwrap_or((what, ""));
    let (resource, subresource) = kind.split_once('/').unwrap_or((kind, ""));
    let mut at = Resource {
        verb: verb.into(),
        group: group.into(),
        version: "v1".into(),
        resource: resource.into(),
        subresource: subresource.into(),
        ..Resource::default()
    };
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        match (*word, at.name.is_empty()) {
            ("-n", _) => at.namespace = rest.next().ok_or("`-n` and no namespace")?.to_string(),
            ("--field-selector", _) => at.field_selector.push(requirement(rest.next().copied())?),
            (name, true) => at.name = name.into(),
            (more, false) => return Err(format!("`{more}` is one word too many")),
        }
    }
    Ok(Target::Resource(Box::new(at)))
}

/// kube-apiserver sends `=` as `In` with one value.
fn requirement(word: Option<&str>) -> Result<Requirement, String> {
    let (key, value) = word.and_then(|it| it.split_once('=')).ok_or("`--field-selector` and no `key=value`")?;
    Ok(Requirement { key: key.into(), operator: Operator::In, values: vec![value.into()] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Request;

    fn said(phrase: &str) -> Vec<(Vec<String>, String)> {
        let of = |it: Meant| (it.chosen, Request { target: it.target, ..Request::default() }.describe());
        read(phrase).unwrap().into_iter().map(of).collect()
    }

    #[test]
    fn a_phrase_is_read_as_requests_are_described() {
        let phrases = [
            "get nodes/proxy node-a",
            "create certificatesigningrequests/nodeclient.certificates.k8s.io",
            "get services/proxy https:web:443 -n shop",
            "list pods",
            "get /metrics",
        ];
        for phrase in phrases {
            assert_eq!(said(phrase), [(Vec::new(), phrase.to_owned())]);
        }
    }

    #[test]
    fn a_choice_makes_a_request_each_and_is_told() {
        let expected = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
            .map(|(verb, name)| (vec![verb.to_owned(), name.to_owned()], format!("{verb} pods {name} -n shop")));
        assert_eq!(said("a|b pods x|y -n shop"), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_a_fault() {
        let faults = ["get", "get pods a b", "get pods -n", "get pods --field-selector x", "get /a b"];
        assert_eq!(faults.map(|it| read(it).is_err()), [true; 5]);
    }
}
