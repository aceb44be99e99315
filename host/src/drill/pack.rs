//! The vectors, from the data in `pack`: a file for each path, and one for who asks. Data, nothing else.
//!
//! An entry is a line of callers, `as`, and a phrase, `do`; where either has choices it is a vector for each, whose id ends
//! with what was chosen. `spec` is laid over the review's spec, for what no phrase can say. A twin takes from its attack
//! what it does not say itself, but for `spec`.

use super::phrase::{self, Meant};
use crate::review;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::LazyLock};
use wire::{Path, Request};

/// An attack, and its twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// Stays what it is: it says the entry and what was chosen in it.
    pub id: String,
    /// The entry that it comes from.
    pub entry: &'static str,
    pub path: Path,
    pub title: &'static str,
    /// Where the attack is known from.
    pub reference: &'static str,
    /// What whoever gets through has won.
    pub why: &'static str,
    pub expected: Expected,
    pub attack: Try,
    pub twin: Try,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Who wants what, for people.
    pub said: String,
    /// The spec of the review.
    pub spec: Value,
}

/// What an attack must be answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// A refusal.
    #[default]
    Deny,
    /// A refusal, or an HTTP status that calls the request bad: kube-apiserver does not send this by itself.
    Refused,
}

/// Every vector, in the order of the paths.
///
/// # Errors
/// When the pack inside this program is broken.
pub fn pack() -> Result<Vec<Vector>, &'static str> {
    static PACK: LazyLock<Result<Vec<Vector>, String>> = LazyLock::new(load);
    PACK.as_ref().map(Clone::clone).map_err(String::as_str)
}

fn load() -> Result<Vec<Vector>, String> {
    let callers: Callers = serde_json::from_str(CALLERS).map_err(|error| format!("callers: {error}"))?;
    let mut vectors = Vec::new();
    for (path, text) in FILES {
        let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        for entry in entries {
            let of_entry = expand(path, &entry, &callers).map_err(|fault| format!("{path}: {}: {fault}", entry.id))?;
            vectors.extend(of_entry);
        }
    }
    Ok(vectors)
}

fn expand(path: Path, entry: &Entry, callers: &Callers) -> Result<Vec<Vector>, String> {
    let names: Vec<&str> = entry.r#as.split('|').collect();
    let mut vectors = Vec::new();
    for name in &names {
        for Meant { chosen, target } in phrase::read(entry.r#do)? {
            let mut id = entry.id.to_owned();
            for word in (names.len() > 1).then_some(*name).into_iter().chain(chosen.iter().map(String::as_str)) {
                id += &format!("/{word}");
            }
            let attack = Request { target, ..caller(callers, name)? };
            let mut twin = attack.clone();
            if let Some(name) = entry.twin.r#as {
                twin = Request { target: twin.target, ..caller(callers, name)? };
            }
            if let Some(phrase) = entry.twin.r#do {
                let [Meant { target, .. }] = <[Meant; 1]>::try_from(phrase::read(phrase)?)
                    .map_err(|many| format!("its twin is {} requests", many.len()))?;
                twin.target = target;
            }
            vectors.push(Vector {
                id,
                entry: entry.id,
                path,
                title: entry.title,
                reference: entry.reference,
                why: entry.why,
                expected: entry.expected,
                attack: attempt(&attack, entry.spec.as_ref()),
                twin: attempt(&twin, entry.twin.spec.as_ref()),
            });
        }
    }
    Ok(vectors)
}

fn caller(callers: &Callers, name: &str) -> Result<Request, String> {
    let Caller { user, uid, groups, extra } =
        callers.get(name).cloned().ok_or_else(|| format!("nobody is `{name}`"))?;
    Ok(Request { user, uid, groups, extra: extra.into_iter().collect(), ..Request::default() })
}

fn attempt(request: &Request, over: Option<&Map<String, Value>>) -> Try {
    let said = format!("`{}` wants to `{}`", request.user, request.describe());
    let mut spec = review::to_spec(request);
    let said = match over {
        None => said,
        Some(over) => {
            lay(&mut spec, &Value::Object(over.clone()));
            format!("{said}, with {}", brief(over))
        }
    };
    Try { said, spec }
}

/// Lays one value over another: objects key by key, `null` takes away, the rest replaces.
fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) if repeated(over).is_none() => {
            for (key, value) in over {
                if value.is_null() {
                    under.remove(key);
                } else {
                    lay(under.entry(key.clone()).or_insert(Value::Object(Map::new())), value);
                }
            }
        }
        (under, over) => *under = grown(over),
    }
}

/// With what is repeated written out.
fn grown(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(grown).collect(),
        Value::Object(object) => {
            let each = || object.iter().map(|(key, value)| (key.clone(), grown(value))).collect();
            repeated(object).unwrap_or_else(each)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// `{"repeat": [TEXT, N]}` is a long text, `{"each": [TEXT, N]}` a long list: TEXT0, TEXT1 and so on.
fn repeated(object: &Map<String, Value>) -> Option<Value> {
    let arguments = |key: &str| {
        let [text, times] = object.get(key)?.as_array()?.as_slice() else { return None };
        Some((text.as_str()?, usize::try_from(times.as_u64()?).ok()?))
    };
    if object.len() != 1 {
        return None;
    }
    match (arguments("repeat"), arguments("each")) {
        (Some((text, times)), _) => Some(text.repeat(times).into()),
        (None, Some((text, times))) => Some((0..times).map(|at| format!("{text}{at}")).collect()),
        (None, None) => None,
    }
}

/// For people: JSON, with its controls escaped, and no longer than a line.
fn brief(over: &Map<String, Value>) -> String {
    let text = Value::Object(over.clone()).to_string();
    match text.char_indices().nth(BRIEF) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

type Callers = BTreeMap<&'static str, Caller>;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Caller {
    user: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    extra: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: &'static str,
    title: &'static str,
    reference: &'static str,
    why: &'static str,
    r#as: &'static str,
    r#do: &'static str,
    #[serde(default)]
    spec: Option<Map<String, Value>>,
    #[serde(default)]
    expected: Expected,
    twin: Twin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Twin {
    r#as: Option<&'static str>,
    r#do: Option<&'static str>,
    spec: Option<Map<String, Value>>,
}

/// The pack, a file for each path.
pub(super) const FILES: [(Path, &str); 8] = [
    (Path::NodeToApiserver, include_str!("pack/node_to_apiserver.json")),
    (Path::PodToApiserver, include_str!("pack/pod_to_apiserver.json")),
    (Path::ComponentToApiserver, include_str!("pack/component_to_apiserver.json")),
    (Path::UserToApiserver, include_str!("pack/user_to_apiserver.json")),
    (Path::ApiserverToKubelet, include_str!("pack/apiserver_to_kubelet.json")),
    (Path::ApiserverToEndpoint, include_str!("pack/apiserver_to_endpoint.json")),
    (Path::Tunnel, include_str!("pack/tunnel.json")),
    (Path::TlsBootstrap, include_str!("pack/tls_bootstrap.json")),
];
const CALLERS: &str = include_str!("pack/callers.json");
/// Characters of a line that stay readable.
const BRIEF: usize = 100;
