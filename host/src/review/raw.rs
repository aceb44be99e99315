//! The JSON as Kubernetes writes it. Unknown keys are ignored, `null` is absent, a known key twice is a fault, lists are
//! cut at their bounds and say so.

use serde::{
    Deserialize,
    de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{borrow::Cow, fmt, marker::PhantomData};
use wire::{Operator, Requirement, Resource};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawReview {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) api_version: String,
    pub(super) spec: Option<Object<RawSpec>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawSpec {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) user: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) uid: String,
    pub(super) groups: Option<Bounded<String, GROUPS>>,
    pub(super) group: Option<Bounded<String, GROUPS>>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) extra: Extra,
    pub(super) resource_attributes: Option<Object<RawResource>>,
    pub(super) non_resource_attributes: Option<Object<RawNonResource>>,
}

impl RawSpec {
    /// Which bound is passed, groups aside.
    pub(super) fn excess(&self) -> Option<String> {
        if self.extra.over {
            return Some(format!("more than {EXTRA_KEYS} extra keys"));
        }
        if self.extra.pairs.iter().any(|(_, values)| values.over) {
            return Some(format!("more than {VALUES} values of an extra key"));
        }
        let Object(at) = self.resource_attributes.as_ref()?;
        let selectors = [&at.field_selector.0.requirements, &at.label_selector.0.requirements];
        if selectors.iter().any(|it| it.over) {
            return Some(format!("more than {REQUIREMENTS} requirements in a selector"));
        }
        (selectors.iter().any(|it| it.items.iter().any(|Object(requirement)| requirement.values.over)))
            .then(|| format!("more than {VALUES} values in a requirement of a selector"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawResource {
    #[serde(default, deserialize_with = "nullable")]
    namespace: String,
    #[serde(default, deserialize_with = "nullable")]
    verb: String,
    #[serde(default, deserialize_with = "nullable")]
    group: String,
    #[serde(default, deserialize_with = "nullable")]
    version: String,
    #[serde(default, deserialize_with = "nullable")]
    resource: String,
    #[serde(default, deserialize_with = "nullable")]
    subresource: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    field_selector: Object<RawSelector>,
    #[serde(default, deserialize_with = "nullable")]
    label_selector: Object<RawSelector>,
}

impl From<RawResource> for Resource {
    fn from(raw: RawResource) -> Resource {
        Resource {
            namespace: raw.namespace,
            verb: raw.verb,
            group: raw.group,
            version: raw.version,
            resource: raw.resource,
            subresource: raw.subresource,
            name: raw.name,
            field_selector: raw.field_selector.0.known(),
            label_selector: raw.label_selector.0.known(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RawNonResource {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) path: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) verb: String,
}

/// `rawSelector` is ignored, as Kubernetes asks of webhooks: two parsers of one text would differ.
#[derive(Default, Deserialize)]
struct RawSelector {
    #[serde(default, deserialize_with = "nullable")]
    requirements: Bounded<Object<RawRequirement>, REQUIREMENTS>,
}

impl RawSelector {
    /// Requirements are anded, so leaving out one with an operator of the future asks for more, never for less.
    fn known(self) -> Vec<Requirement> {
        self.requirements.items.into_iter().filter_map(|Object(it)| it.known()).collect()
    }
}

#[derive(Deserialize)]
struct RawRequirement {
    #[serde(default, deserialize_with = "nullable")]
    key: String,
    #[serde(default, deserialize_with = "nullable")]
    operator: String,
    #[serde(default, deserialize_with = "nullable")]
    values: Bounded<String, VALUES>,
}

impl RawRequirement {
    fn known(self) -> Option<Requirement> {
        let operator = match self.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            _ => return None,
        };
        Some(Requirement { key: self.key, operator, values: self.values.items })
    }
}

/// A JSON object and nothing else: serde would take a list of the fields in their order for one, too.
#[derive(Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys(PhantomData))
    }
}

struct Keys<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Keys<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The first `MAX` items of a list; the rest is passed over without being kept.
pub(super) struct Bounded<T, const MAX: usize> {
    pub(super) items: Vec<T>,
    pub(super) over: bool,
}

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Bounded { items: Vec::new(), over: false }
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List(PhantomData))
    }
}

struct List<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
    type Value = Bounded<T, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < MAX {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(Bounded { items, over: false }),
            }
        }
        let mut over = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            over = true;
        }
        Ok(Bounded { items, over })
    }
}

/// `spec.extra`, in its order.
#[derive(Default)]
pub(super) struct Extra {
    pub(super) pairs: Vec<(String, Bounded<String, VALUES>)>,
    pub(super) over: bool,
}

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Extra, D::Error> {
        deserializer.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Extra;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from text to a list of text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra, A::Error> {
        let mut pairs: Vec<(String, Bounded<String, VALUES>)> = Vec::new();
        while pairs.len() < EXTRA_KEYS {
            let Some(key) = map.next_key::<String>()? else { return Ok(Extra { pairs, over: false }) };
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom("duplicate key in `extra`"));
            }
            pairs.push((key, map.next_value::<Option<_>>()?.unwrap_or_default()));
        }
        let mut over = false;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            over = true;
        }
        Ok(Extra { pairs, over })
    }
}

/// What the beginning of a review shows, before it is cut off.
#[derive(Default)]
pub(super) struct Head {
    pub(super) kind: String,
    pub(super) api_version: String,
}

impl Head {
    pub(super) fn of(beginning: &[u8]) -> Head {
        let mut head = Head::default();
        // The end is missing, so this always ends in an error; what counts came before it.
        let _ = serde_json::Deserializer::from_slice(beginning).deserialize_map(Opening(&mut head));
        head
    }
}

struct Opening<'a>(&'a mut Head);

impl<'de> Visitor<'de> for Opening<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a review")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "kind" => self.0.kind = map.next_value()?,
                "apiVersion" => self.0.api_version = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Active Directory, the largest source of groups in use, ends at 1,015 a user.
pub(super) const GROUPS: usize = 1_024;
/// Kubernetes sets about ten; an OIDC provider's mappings may add as many dozens.
pub(super) const EXTRA_KEYS: usize = 128;
/// One value is usual; as many as groups are, for providers that put roles there, and `in (..)` of a selector.
pub(super) const VALUES: usize = 1_024;
/// Honest clients send a handful; a node agent's longest selectors have some twenty.
pub(super) const REQUIREMENTS: usize = 128;
