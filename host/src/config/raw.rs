//! The YAML of a configuration with the place of every value, and readers that collect every fault instead of the first.
//!
//! serde's derived readers stop at the first unknown key; an operator wants to hear of all of them at once. What else is
//! YAML written by hand is read by it too.

use super::{
    Fault,
    units::{duration, quantity, unknown},
};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned, options::DuplicateKeyPolicy};
use std::{fmt, time::Duration};

/// A value and where it stands.
pub(crate) struct Node {
    at: Location,
    value: Value,
}

enum Value {
    Null,
    Bool(bool),
    Whole(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file, with repeated keys.
    Map(Vec<(Spanned<String>, Node)>),
}

/// All that is wrong, in the order in which it was found.
pub(crate) struct Faults<'a> {
    origin: &'a str,
    list: Vec<Fault>,
}

/// A value under its key path, as `plugins[2].limits`.
pub(crate) struct Field<'a> {
    key: String,
    node: &'a Node,
}

/// A mapping whose keys are all known.
pub(crate) struct Section<'a> {
    key: String,
    at: Location,
    entries: &'a [(Spanned<String>, Node)],
}

/// Reads one YAML document.
pub(crate) fn read(text: &str, origin: &str) -> Result<Node, Fault> {
    let fault = |at: Location, message: String| Fault::new(origin, String::new(), at.line(), at.column(), message);
    if text.len() > MAX_BYTES {
        return Err(fault(Location::UNKNOWN, format!("is longer than {MAX_BYTES} bytes")));
    }
    let options = serde_saphyr::options! {
        // A configuration has some hundred values. Aliases may save typing, not multiply.
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 50_000,
            max_events: 100_000,
            max_anchors: 100,
            max_aliases: 100,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 8 },
        // Repeated keys come through, so that they are reported with everything else.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `yes` and `on` are words, as in YAML 1.2.
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location().unwrap_or(Location::UNKNOWN);
        let message = error.without_snippet().to_string();
        let line = message.lines().next().unwrap_or_default();
        fault(at, format!("is not YAML that can be read: {line}"))
    })
}

impl<'a> Faults<'a> {
    pub fn new(origin: &'a str) -> Faults<'a> {
        Faults { origin, list: Vec::new() }
    }

    fn add(&mut self, key: String, at: Location, message: impl Into<String>) {
        self.list.push(Fault::new(self.origin, key, at.line(), at.column(), message.into()));
    }

    /// Every fault in the order of the file.
    pub fn into_sorted(mut self) -> Vec<Fault> {
        self.list.sort_by_key(|fault| (fault.line, fault.column));
        self.list
    }
}

impl Node {
    pub fn root(&self) -> Field<'_> {
        Field { key: String::new(), node: self }
    }
}

impl<'a> Section<'a> {
    /// A value that may be missing or null.
    pub fn optional(&self, name: &str) -> Option<Field<'a>> {
        let (_, node) = self.entries.iter().find(|(key, _)| key.value == name)?;
        (!matches!(node.value, Value::Null)).then(|| Field { key: join(&self.key, name), node })
    }

    /// A value that must be there.
    pub fn required(&self, name: &str, example: &str, faults: &mut Faults) -> Option<Field<'a>> {
        let field = self.optional(name);
        if field.is_none() {
            faults.add(join(&self.key, name), self.at, format!("is missing; write for example {name}: {example}"));
        }
        field
    }
}

impl<'a> Field<'a> {
    /// The line that it stands on, from 1.
    pub fn line(&self) -> u64 {
        self.node.at.line()
    }

    pub fn fault(&self, faults: &mut Faults, message: impl Into<String>) {
        faults.add(self.key.clone(), self.node.at, message);
    }

    /// A mapping; keys that are not `known` are faults.
    pub fn section(&self, known: &[&str], faults: &mut Faults) -> Option<Section<'a>> {
        let Value::Map(entries) = &self.node.value else {
            let wanted = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            self.fault(faults, format!("must be a mapping with the keys {wanted}, not {}", self.node.value.kind()));
            return None;
        };
        for (index, (key, _)) in entries.iter().enumerate() {
            let path = join(&self.key, &key.value);
            if !known.contains(&key.value.as_str()) {
                faults.add(path, key.referenced, unknown(&key.value, known));
            } else if entries.iter().take(index).any(|(earlier, _)| earlier.value == key.value) {
                faults.add(path, key.referenced, "is given twice; keep one");
            }
        }
        Some(Section { key: self.key.clone(), at: self.node.at, entries })
    }

    pub fn list(&self, most: usize, faults: &mut Faults) -> Option<Vec<Field<'a>>> {
        let Value::List(nodes) = &self.node.value else {
            self.fault(faults, format!("must be a list, not {}", self.node.value.kind()));
            return None;
        };
        if nodes.len() > most {
            self.fault(faults, format!("has {} entries; {most} is the most", nodes.len()));
            return None;
        }
        let field = |(index, node)| Field { key: format!("{}[{index}]", self.key), node };
        Some(nodes.iter().enumerate().map(field).collect())
    }

    pub fn text(&self, faults: &mut Faults) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) if text.is_empty() => self.fault(faults, "is empty; write a value or remove the key"),
            Value::Text(text) => return Some(text),
            Value::Whole(_) | Value::Float(_) | Value::Bool(_) => {
                self.fault(faults, format!("must be text, not {}; put it in quotes", self.node.value.kind()));
            }
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.fault(faults, format!("must be text, not {}", self.node.value.kind()));
            }
        }
        None
    }

    pub fn boolean(&self, faults: &mut Faults) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.fault(faults, format!("must be `true` or `false`, not {}", self.node.value.kind()));
        None
    }

    /// A whole number within bounds.
    pub fn whole(&self, least: u64, most: u64, faults: &mut Faults) -> Option<u64> {
        let number = match self.node.value {
            Value::Whole(number) => u64::try_from(number).ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.fault(faults, format!("must be a whole number from {least} to {most}"));
        }
        number
    }

    /// A length of time as Go writes it, and days.
    pub fn duration(&self, least: (&str, Duration), most: (&str, Duration), faults: &mut Faults) -> Option<Duration> {
        let value = match &self.node.value {
            Value::Text(text) => duration(text),
            _ => None,
        };
        let value = value.filter(|value| (least.1..=most.1).contains(value));
        if value.is_none() {
            self.fault(faults, format!("must be a duration from `{}` to `{}`", least.0, most.0));
        }
        value
    }

    /// A number of bytes as Kubernetes writes it, with or without a final `B`.
    pub fn quantity(&self, least: (&str, u64), most: (&str, u64), faults: &mut Faults) -> Option<u64> {
        let value = match &self.node.value {
            Value::Text(text) => quantity(text),
            Value::Whole(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        let value = value.filter(|value| (least.1..=most.1).contains(value));
        if value.is_none() {
            self.fault(faults, format!("must be a size from `{}` to `{}`", least.0, most.0));
        }
        value
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let found = match &self.node.value {
            Value::Text(text) => words.iter().find(|(word, _)| word == text),
            _ => None,
        };
        if found.is_none() {
            let wanted = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
            self.fault(faults, format!("must be {wanted}"));
        }
        found.map(|(_, value)| *value)
    }

    /// A mapping that belongs to somebody else, as JSON.
    pub fn object(&self, faults: &mut Faults) -> Option<serde_json::Value> {
        if !matches!(self.node.value, Value::Map(_)) {
            self.fault(faults, format!("must be a mapping, not {}", self.node.value.kind()));
            return None;
        }
        self.json(faults)
    }

    fn json(&self, faults: &mut Faults) -> Option<serde_json::Value> {
        Some(match &self.node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Whole(number) => match (u64::try_from(*number), i64::try_from(*number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                (Err(_), Err(_)) => {
                    self.fault(faults, "is too large a number; put it in quotes");
                    return None;
                }
            },
            Value::Float(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(nodes) => {
                let field = |(index, node)| Field { key: format!("{}[{index}]", self.key), node };
                nodes.iter().enumerate().map(field).filter_map(|it| it.json(faults)).collect()
            }
            Value::Map(entries) => {
                let mut object = serde_json::Map::new();
                for (key, node) in entries {
                    let field = Field { key: join(&self.key, &key.value), node };
                    if let Some(value) = field.json(faults)
                        && object.insert(key.value.clone(), value).is_some()
                    {
                        faults.add(field.key, key.referenced, "is given twice; keep one");
                    }
                }
                serde_json::Value::Object(object)
            }
        })
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Whole(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { at: spanned.referenced, value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Whole(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Whole(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Whole(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

fn join(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

/// Plugins' configs included, a configuration is some kilobytes.
const MAX_BYTES: usize = 1024 * 1024;
