//! A list of what is revoked: read once, in order, found by halving, behind a filter that answers for almost everybody who
//! is not on it.

use sdk::{JsonSchema, schemars, serde};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::{
    borrow::Borrow,
    collections::HashMap,
    fmt,
    hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher},
    marker::PhantomData,
};
use xorf::{BinaryFuse16, Filter};

/// What a list holds.
pub trait Key: Ord + Hash + Clone {
    /// From the text of an entry.
    fn read(text: &str) -> Result<Self, String>;
}

/// SHA-256 of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Entries, each once. In JSON a list, or a map from entry to reason.
pub struct List<K> {
    /// None for a short list. A page of memory that was read once costs every later decision 20 ns when its sandbox is put back;
    /// a search would have read all of them soon, and the filter has 60 for a hundred thousand entries.
    filter: Option<BinaryFuse16>,
    /// In order, each with the place of its reason.
    entries: Vec<(K, usize)>,
    /// Each once: many credentials are revoked for one reason.
    reasons: Vec<Box<str>>,
}

impl<K: Key> List<K> {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Why it is revoked, to be put into a sentence: empty, or ` (REASON)`. None if it is not.
    pub fn find<Q: Ord + Hash + ?Sized>(&self, key: &Q) -> Option<String>
    where
        K: Borrow<Q>,
    {
        if self.filter.as_ref().is_some_and(|filter| !filter.contains(&hash(key))) {
            return None;
        }
        let at = self.entries.binary_search_by(|(it, _)| it.borrow().cmp(key)).ok()?;
        let reason = self.entries.get(at).and_then(|(_, reason)| self.reasons.get(*reason)).filter(|it| !it.is_empty());
        Some(reason.map_or_else(String::new, |reason| format!(" ({reason})")))
    }
}

/// The same in each instance, and in each run.
fn hash<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

impl Key for Box<str> {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("is empty".into()) } else { Ok(text.into()) }
    }
}

impl Key for Fingerprint {
    /// 64 hex digits, in either case, with or without colons.
    fn read(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text:.100}` is no SHA-256: it has 64 hex digits, with or without colons");
        let mut digits = text.bytes().filter(|byte| *byte != b':');
        let mut bytes = [0; 32];
        for byte in &mut bytes {
            let (Some(high), Some(low)) = (digits.next().and_then(digit), digits.next().and_then(digit)) else {
                return Err(fault());
            };
            *byte = high << 4 | low;
        }
        if digits.next().is_none() { Ok(Fingerprint(bytes)) } else { Err(fault()) }
    }
}

/// A serial number and who issued it, in one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(Box<str>);

impl Key for Serial {
    /// Hex digits, with or without colons, and the issuer's name behind a space.
    fn read(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text:.100}` is no serial number and issuer, as `0A:1B CN=kubernetes`");
        let (serial, issuer) = text.trim().split_once(' ').ok_or_else(fault)?;
        let digits: String = serial.chars().filter(|it| *it != ':').collect::<String>().to_ascii_lowercase();
        let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let issuer = issuer.trim().trim_start_matches("issuer=").trim().replace(" = ", "=");
        if !is_hex || issuer.is_empty() {
            return Err(fault());
        }
        Ok(Serial(format!("{} {issuer}", digits.trim_start_matches('0')).into()))
    }
}

impl Fingerprint {
    /// A digest as it was computed.
    pub fn of(digest: &[u8]) -> Option<Fingerprint> {
        digest.try_into().ok().map(Fingerprint)
    }

    /// As in a review.
    pub fn read(text: &str) -> Result<Fingerprint, String> {
        <Fingerprint as Key>::read(text)
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl<K> Default for List<K> {
    fn default() -> List<K> {
        List { filter: None, entries: Vec::new(), reasons: Vec::new() }
    }
}

impl<'de, K: Key> Deserialize<'de> for List<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<List<K>, D::Error> {
        let mut list: List<K> = deserializer.deserialize_any(Entries(PhantomData))?;
        list.entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        list.entries.dedup_by(|a, b| a.0 == b.0);
        list.entries.shrink_to_fit();
        if list.entries.len() > SHORT {
            let mut hashes: Vec<_> = list.entries.iter().map(|(key, _)| hash(key)).collect();
            hashes.sort_unstable();
            hashes.dedup();
            // Without one, each search goes all the way.
            list.filter = BinaryFuse16::try_from(&hashes).ok();
        }
        Ok(list)
    }
}

/// Reads both forms, one entry after the other: a hundred thousand texts are never in memory beside the list.
struct Entries<K>(PhantomData<K>);

impl<'de, K: Key> Visitor<'de> for Entries<K> {
    type Value = List<K>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or a map from entry to reason")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List<K>, A::Error> {
        let mut list = List::default();
        while let Some(key) = entries.next_element_seed(Entry(PhantomData))? {
            list.entries.push((key, usize::MAX));
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<List<K>, A::Error> {
        let mut list = List::default();
        let mut places = HashMap::<Box<str>, usize, BuildHasherDefault<DefaultHasher>>::default();
        while let Some((key, reason)) = entries.next_entry_seed(Entry(PhantomData), PhantomData::<Box<str>>)? {
            let place = *places.entry(reason.clone()).or_insert_with(|| {
                list.reasons.push(reason);
                list.reasons.len().saturating_sub(1)
            });
            list.entries.push((key, place));
        }
        Ok(list)
    }
}

struct Entry<K>(PhantomData<K>);

impl<'de, K: Key> DeserializeSeed<'de> for Entry<K> {
    type Value = K;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<K: Key> Visitor<'_> for Entry<K> {
    type Value = K;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<K, E> {
        K::read(text).map_err(E::custom)
    }
}

impl<K> JsonSchema for List<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "List".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                {"type": "array", "items": {"type": "string", "minLength": 1}},
                {"type": "object", "additionalProperties": {"type": "string"}},
            ],
        })
    }
}

/// Some pages, which stay in reach anyway.
const SHORT: usize = 256;
