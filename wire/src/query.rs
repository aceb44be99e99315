//! The one query language: in the page's address, in the API and on the command line.
//!
//! `path:apiserver_to_kubelet verdict:deny user:prom since:15m`: a space means and, a leading `-` means not, quotes keep
//! a space, a bare word is looked for in user, target and reason. It is parsed once, here; it refuses words it does not
//! know, because a typing error must not look like "nothing found".

use crate::{Decision, Instance, LaneId, Path, Source, State, Target, Traversal, Verdict};
use std::fmt;

/// What must hold, all of it. The empty query holds for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<(Sign, Term)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Must,
    MustNot,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Path(Path),
    Verdict(Verdict),
    Source(Source),
    Traversal(Traversal),
    Lane(LaneId),
    State(State),
    Shadow(bool),
    /// Milliseconds.
    Since(u64),
    User(String),
    Node(Name),
    Pool(Name),
    Rule(Name),
    Plugin(Name),
    /// Lower case.
    Word(String),
}

/// A name, or the beginning of one with a `*` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Whole(String),
    Beginning(String),
}

/// What is wrong with a query, and where: bytes from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at: usize,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query, byte {}: {}", self.at, self.message)
    }
}

impl std::error::Error for Fault {}

/// The keys that may stand before a `:`, as help texts list them.
pub const KEYS: [&str; 13] = [
    "path",
    "verdict",
    "source",
    "traversal",
    "user",
    "node",
    "rule",
    "plugin",
    "shadow",
    "since",
    "lane",
    "state",
    "pool",
];

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The first word that makes no sense, with its place and what would.
    pub fn parse(text: &str) -> Result<Query, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault { at: MAX_BYTES, message: format!("it is longer than {MAX_BYTES} bytes") });
        }
        let words = words(text)?;
        if words.len() > MAX_TERMS {
            return Err(Fault { at: 0, message: format!("it has more than {MAX_TERMS} words") });
        }
        let terms = words.iter().map(|word| word.term()).collect::<Result<_, _>>()?;
        Ok(Query { terms })
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a decision matches, at this time in ms since 1970.
    pub fn matches(&self, decision: &Decision, now: u64) -> bool {
        self.terms.iter().all(|(sign, term)| term.is_of(decision, now) == (*sign == Sign::Must))
    }

    /// Whether a path instance matches. What asks about decisions alone is true of every instance.
    pub fn admits(&self, instance: &Instance) -> bool {
        self.terms.iter().all(|(sign, term)| term.admits(instance).is_none_or(|is| is == (*sign == Sign::Must)))
    }

    /// How far back it looks, in ms; none if it says nothing of time.
    pub fn window(&self) -> Option<u64> {
        let spans = self.terms.iter().filter_map(|(sign, term)| match (sign, term) {
            (Sign::Must, Term::Since(span)) => Some(*span),
            _ => None,
        });
        spans.min()
    }

    /// What a database can narrow down by: the exact words that must hold, as column and value.
    pub fn columns(&self) -> Vec<(&'static str, &'static str)> {
        let exact = self.terms.iter().filter(|(sign, _)| *sign == Sign::Must).filter_map(|(_, term)| match term {
            Term::Path(it) => Some(("path", it.as_str())),
            Term::Verdict(it) => Some(("verdict", it.as_str())),
            Term::Source(it) => Some(("source", it.as_str())),
            Term::Traversal(it) => Some(("traversal", it.as_str())),
            _ => None,
        });
        exact.collect()
    }
}

/// A word of a query, and where it stands.
struct Word {
    at: usize,
    sign: Sign,
    key: Option<String>,
    value: String,
}

fn words(text: &str) -> Result<Vec<Word>, Fault> {
    let mut found = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, first)) = chars.next_if(|_| true) {
        if first.is_whitespace() {
            continue;
        }
        let mut word = Word { at, sign: Sign::Must, key: None, value: String::new() };
        let mut next = Some(first);
        if first == '-' && chars.peek().is_some_and(|(_, c)| !c.is_whitespace()) {
            word.sign = Sign::MustNot;
            next = chars.next().map(|(_, c)| c);
        }
        let mut quoted = false;
        while let Some(c) = next {
            match c {
                '"' => quoted = !quoted,
                c if c.is_whitespace() && !quoted => break,
                ':' if !quoted && word.key.is_none() && KEYS.contains(&word.value.as_str()) => {
                    word.key = Some(std::mem::take(&mut word.value));
                }
                c => word.value.push(c),
            }
            next = chars.next().map(|(_, c)| c);
        }
        if quoted {
            return Err(Fault { at, message: "a quote is not closed".into() });
        }
        found.push(word);
    }
    Ok(found)
}

impl Word {
    fn term(&self) -> Result<(Sign, Term), Fault> {
        let fault = |message: String| Fault { at: self.at, message };
        if self.value.is_empty() {
            let what =
                self.key.as_deref().map_or("the word is empty".to_owned(), |key| format!("`{key}:` names nothing"));
            return Err(fault(what));
        }
        let value = self.value.as_str();
        let term = match self.key.as_deref() {
            Some("path") => Term::Path(value.parse().map_err(fault)?),
            Some("verdict") => Term::Verdict(value.parse().map_err(fault)?),
            Some("source") => Term::Source(value.parse().map_err(fault)?),
            Some("traversal") => Term::Traversal(value.parse().map_err(fault)?),
            Some("lane") => Term::Lane(value.parse().map_err(fault)?),
            Some("state") => Term::State(value.parse().map_err(fault)?),
            Some("shadow") => match value {
                "true" => Term::Shadow(true),
                "false" => Term::Shadow(false),
                _ => return Err(fault(format!("`shadow:{value}` is neither `shadow:true` nor `shadow:false`"))),
            },
            Some("since") => Term::Since(span(value).ok_or_else(|| {
                fault(format!("`since:{value}` is no span of time; write a number and s, m, h or d, as `since:15m`"))
            })?),
            Some("user") => Term::User(value.to_lowercase()),
            Some("node") => Term::Node(Name::of(value)),
            Some("pool") => Term::Pool(Name::of(value)),
            Some("rule") => Term::Rule(Name::of(value)),
            Some("plugin") => Term::Plugin(Name::of(value)),
            Some(_) | None => match value.split_once(':') {
                Some((key, rest)) if !rest.is_empty() && is_like_a_key(key) => {
                    let known = KEYS.join(", ");
                    return Err(fault(format!(
                        "`{key}:` is none of {known}; quote the word if it is to be looked for"
                    )));
                }
                _ => Term::Word(value.to_lowercase()),
            },
        };
        Ok((self.sign, term))
    }
}

/// Letters alone before a `:`, and no key: a typing error. `system:node:gen-1` is what users are called, and is a word.
fn is_like_a_key(word: &str) -> bool {
    word != "system" && !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()) && word.len() <= 12
}

/// `15m` in ms.
fn span(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds)?.checked_mul(1_000)
}

impl Name {
    fn of(text: &str) -> Name {
        match text.strip_suffix('*') {
            Some(beginning) => Name::Beginning(beginning.to_owned()),
            None => Name::Whole(text.to_owned()),
        }
    }

    fn is(&self, name: &str) -> bool {
        match self {
            Name::Whole(it) => it == name,
            Name::Beginning(it) => name.starts_with(it.as_str()),
        }
    }
}

impl Term {
    fn is_of(&self, decision: &Decision, now: u64) -> bool {
        match self {
            Term::Path(it) => *it == decision.path,
            Term::Verdict(it) => *it == decision.verdict,
            Term::Source(it) => *it == decision.source,
            Term::Traversal(it) => *it == decision.traversal,
            Term::Lane(it) => decision.lane() == Some(*it),
            // Decisions have no state and no pool.
            Term::State(_) | Term::Pool(_) => false,
            Term::Shadow(it) => decision.would_refuse() == *it,
            Term::Since(span) => decision.at.saturating_add(*span) >= now,
            Term::User(it) => contains(&decision.request.user, it),
            Term::Node(it) => decision.node().is_some_and(|node| it.is(node)),
            Term::Rule(it) => rules(decision).any(|(plugin, rule)| it.is(rule) || it.is(&format!("{plugin}/{rule}"))),
            Term::Plugin(it) => decision.opinions.iter().any(|opinion| it.is(&opinion.plugin)),
            Term::Word(it) => {
                contains(&decision.request.user, it)
                    || contains(&decision.request.describe(), it)
                    || contains(&decision.reason, it)
                    || decision.id.eq_ignore_ascii_case(it)
            }
        }
    }

    fn admits(&self, instance: &Instance) -> Option<bool> {
        match self {
            Term::Path(it) => Some(instance.lane.path() == Some(*it)),
            Term::Lane(it) => Some(instance.lane == *it),
            Term::State(it) => Some(instance.state == *it),
            Term::Node(it) => Some(it.is(&instance.node)),
            Term::Pool(it) => Some(it.is(&instance.pool)),
            Term::User(it) => Some(contains(&instance.subject, it)),
            Term::Word(it) => Some(
                contains(&instance.subject, it) || contains(&instance.says, it) || contains(instance.lane.title(), it),
            ),
            Term::Verdict(_)
            | Term::Source(_)
            | Term::Traversal(_)
            | Term::Shadow(_)
            | Term::Since(_)
            | Term::Rule(_)
            | Term::Plugin(_) => None,
        }
    }
}

/// The rules that spoke, also those in shadow: plugin and rule.
fn rules(decision: &Decision) -> impl Iterator<Item = (&str, &str)> {
    let of_gate = decision.rule.split_once('/').into_iter();
    let spoken =
        decision.opinions.iter().filter(|it| !it.rule.is_empty()).map(|it| (it.plugin.as_str(), it.rule.as_str()));
    let shadowed = decision.opinions.iter().flat_map(|it| it.shadowed().map(|(rule, _)| (it.plugin.as_str(), rule)));
    of_gate.chain(spoken).chain(shadowed)
}

/// `word` is in lower case.
fn contains(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let word = word.as_bytes();
        return word.is_empty() || text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(word)
}

impl Decision {
    /// The node that it is about: the one that asks, the one that the asking pod runs on, or the one that is asked for.
    pub fn node(&self) -> Option<&str> {
        if self.path != Path::NodeToApiserver
            && let Some(node) = self.target_node()
        {
            return Some(node);
        }
        if let Some(node) = self.request.user.strip_prefix("system:node:")
            && self.source == Source::Node
        {
            return Some(node);
        }
        let extra = self.request.extra("authentication.kubernetes.io/node-name").first().map(String::as_str);
        extra.or_else(|| self.target_node())
    }

    /// The node whose kubelet is asked for: by its name, or by the pod that runs there where the inventory knows it.
    pub fn target_node(&self) -> Option<&str> {
        let Target::Resource(at) = &self.request.target else { return None };
        if at.group.is_empty() && at.resource == "nodes" && !at.name.is_empty() {
            // `[scheme:]name[:port]`, as kube-apiserver's proxy reads it.
            let name = at.name.strip_prefix("https:").or_else(|| at.name.strip_prefix("http:")).unwrap_or(&at.name);
            return Some(name.split(':').next().unwrap_or(name));
        }
        self.facts.iter().find(|(key, _)| key == "pathgate.io/pod-node").map(|(_, node)| node.as_str())
    }

    /// The lane of the map that it moves on; none for a request that is none.
    pub fn lane(&self) -> Option<LaneId> {
        match self.path {
            Path::NodeToApiserver => Some(LaneId::Nodes),
            Path::PodToApiserver => Some(LaneId::Pods),
            Path::ComponentToApiserver => Some(LaneId::Components),
            Path::UserToApiserver => match self.source {
                Source::Anonymous => Some(LaneId::Anonymous),
                Source::Malformed => None,
                _ => Some(LaneId::People),
            },
            // Kubelets ask about nodes/proxy for kube-apiserver's own client as well; that is no proxy call.
            Path::ApiserverToKubelet
                if self.traversal == Traversal::NodeProxy && self.source != Source::ControlPlane =>
            {
                Some(LaneId::NodeProxy)
            }
            Path::ApiserverToKubelet => Some(LaneId::Kubelet),
            Path::ApiserverToEndpoint => match &self.request.target {
                Target::Resource(at) if at.resource == "pods" => Some(LaneId::PodProxy),
                Target::Resource(at) if at.resource == "services" => Some(LaneId::ServiceProxy),
                Target::Resource(_) | Target::NonResource { .. } | Target::Malformed { .. } => Some(LaneId::NodeProxy),
            },
            Path::Tunnel => Some(LaneId::Agents),
            Path::TlsBootstrap => Some(LaneId::Bootstrap),
            Path::Revocation => None,
        }
    }

    /// Whether a plugin in shadow, or a rule in shadow, would have refused it.
    pub fn would_refuse(&self) -> bool {
        self.verdict != Verdict::Deny
            && self
                .opinions
                .iter()
                .any(|it| (it.shadow && it.verdict == Verdict::Deny) || it.shadowed().next().is_some())
    }
}

impl crate::Opinion {
    /// The rules in shadow that would have refused, and their reasons: notes of the form `would-deny RULE: REASON`.
    pub fn shadowed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.notes.iter().filter_map(|note| note.strip_prefix("would-deny ")?.split_once(": "))
    }
}

/// The longest address that browsers and proxies all take is some 2,000 bytes.
const MAX_BYTES: usize = 1_000;
/// More is no question of a person.
const MAX_TERMS: usize = 32;

#[cfg(test)]
mod tests;
