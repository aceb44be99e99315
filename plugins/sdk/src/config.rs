//! What an operator may set: parsed once, in `init`.

use crate::{
    Attribute, Fault, JsonSchema, Tell,
    bindings::exports::pathgate::policy::plugin::{Info, Rule as WitRule},
};
use serde::de::DeserializeOwned;

/// A plugin's config. The host checks it against its schema first; what a schema cannot say, `check` does.
pub trait Config: DeserializeOwned + JsonSchema {
    /// Every fault, each with a JSON pointer.
    fn check(&self) -> Vec<Fault> {
        Vec::new()
    }
}

/// Parses and checks, for `init`.
pub fn parse<C: Config>(config: &str) -> Result<C, Vec<Fault>> {
    let parsed: C = serde_json::from_str(config)
        .map_err(|error| vec![Fault { pointer: String::new(), message: error.to_string() }])?;
    let faults = parsed.check();
    if faults.is_empty() { Ok(parsed) } else { Err(faults) }
}

/// What a plugin says of itself, for `describe`.
pub fn describe<C: Config>(name: &str, version: &str, asks: &[&str], rules: &[impl Tell]) -> Info {
    let rules = rules.iter().map(|told| {
        let rule = told.rule();
        let attribute = |(key, value): (&str, &str)| Attribute { key: key.into(), value: value.into() };
        WitRule {
            id: rule.id.into(),
            summary: rule.summary.into(),
            advice: rule.advice.into(),
            source: rule.source.into(),
            attributes: told.attributes().into_iter().map(attribute).collect(),
        }
    });
    Info {
        name: name.into(),
        version: version.into(),
        asks: asks.iter().map(|&ask| ask.into()).collect(),
        config_schema: schemars::schema_for!(C).as_value().to_string(),
        rules: rules.collect(),
        attributes: Vec::new(),
    }
}
