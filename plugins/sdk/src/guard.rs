//! Rules as a table: what each refuses, how it holds when nothing is said, and whom it leaves alone. One loop for all
//! plugins, so that on, off, shadow and allow-lists mean the same everywhere.

use crate::{Answer, Context, Fault, JsonSchema, Request, ResourceAttributes, Rule, Target};
use std::collections::BTreeMap;

/// How a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It refuses.
    On,
    /// It only notes that it would have refused: `would-deny RULE: reason`.
    Shadow,
    /// It is not looked at.
    Off,
}

impl Mode {
    /// As it is written in a config.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::On => "on",
            Mode::Shadow => "shadow",
            Mode::Off => "off",
        }
    }
}

/// A mode for each rule that is to hold otherwise than by default, by its id.
pub type Modes = BTreeMap<String, Mode>;

/// Those whom a rule leaves alone, by its id: users, and groups as `group:NAME`. A list takes the place of the default.
pub type Allowed = BTreeMap<String, Vec<String>>;

/// One rule with its check.
pub struct Guard<C: 'static> {
    pub rule: Rule,
    /// How it holds when the config does not say.
    pub mode: Mode,
    /// Whom it leaves alone when the config does not say.
    pub allow: &'static [&'static str],
    /// Why the request is refused, if it is: a sentence for the person who asked.
    pub check: fn(&C, &Question<'_>) -> Option<String>,
}

/// What a check looks at.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub context: &'a Context,
    pub request: &'a Request,
}

impl<'a> Question<'a> {
    /// The attributes, if it is about a resource.
    pub fn resource(&self) -> Option<&'a ResourceAttributes> {
        match &self.request.target {
            Target::Resource(at) => Some(at),
            Target::NonResource(_) => None,
        }
    }

    pub fn user(&self) -> &'a str {
        &self.request.user
    }

    /// Whether the caller is of one of these kinds, in the words of the host's classification.
    pub fn is_from(&self, sources: &[&str]) -> bool {
        sources.contains(&self.context.source())
    }
}

/// A config that says how rules hold: what [`config!`](crate::config) makes.
pub trait Switches {
    fn modes(&self) -> &Modes;
    fn allowed(&self) -> &Allowed;
}

/// The first rule that refuses, with notes on those in the shadow before it.
pub fn judge<C: Switches>(config: &C, guards: &[Guard<C>], context: &Context, request: &Request) -> Answer {
    let question = Question { context, request };
    let mut notes = Vec::new();
    for guard in guards {
        let Some(reason) = (guard.check)(config, &question) else { continue };
        let mode = config.modes().get(guard.rule.id).copied().unwrap_or(guard.mode);
        if mode == Mode::Off || is_allowed(config, guard, request) {
            continue;
        }
        if mode == Mode::On {
            return Answer { notes, ..Answer::deny(guard.rule.id, reason) };
        }
        notes.push(format!("would-deny {}: {reason}", guard.rule.id));
    }
    Answer { notes, ..Answer::none() }
}

/// Every rule that a config names and the plugin does not have. `others` have no allow-list.
pub fn unknown<C: Switches>(config: &C, rules: &[impl Tell], others: &[&str]) -> Vec<Fault> {
    let modes = config.modes().keys().map(|id| ("rules", id)).filter(|(_, id)| !others.contains(&id.as_str()));
    let allowed = config.allowed().keys().map(|id| ("allow", id));
    modes
        .chain(allowed)
        .filter(|(_, id)| rules.iter().all(|told| told.rule().id != id.as_str()))
        .map(|(key, id)| Fault {
            // A JSON pointer escapes these two (RFC 6901, section 3).
            pointer: format!("/{key}/{}", id.replace('~', "~0").replace('/', "~1")),
            message: format!("`{id}` is no rule of this plugin"),
        })
        .collect()
}

fn is_allowed<C: Switches>(config: &C, guard: &Guard<C>, request: &Request) -> bool {
    match config.allowed().get(guard.rule.id) {
        Some(list) => list.iter().any(|entry| is_meant(entry, request)),
        None => guard.allow.iter().any(|entry| is_meant(entry, request)),
    }
}

/// Whether an entry of an allow-list is the caller, or one of its groups; byte for byte.
fn is_meant(entry: &str, request: &Request) -> bool {
    match entry.strip_prefix("group:") {
        Some(group) => request.is_member(group),
        None => request.user == entry,
    }
}

/// A rule as `describe` tells it.
pub trait Tell {
    fn rule(&self) -> &Rule;

    /// Keys and values beside it.
    fn attributes(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

impl<T: Tell + ?Sized> Tell for &T {
    fn rule(&self) -> &Rule {
        (**self).rule()
    }

    fn attributes(&self) -> Vec<(&'static str, &'static str)> {
        (**self).attributes()
    }
}

impl Tell for Rule {
    fn rule(&self) -> &Rule {
        self
    }
}

impl<C> Tell for Guard<C> {
    fn rule(&self) -> &Rule {
        &self.rule
    }

    fn attributes(&self) -> Vec<(&'static str, &'static str)> {
        let mode = [("pathgate.io/default", self.mode.as_str())];
        mode.into_iter().chain(self.allow.iter().map(|entry| ("pathgate.io/allow", *entry))).collect()
    }
}

/// Makes `Config` for a plugin whose rules are a table of [`Guard`]s: `rules` and `allow`, and settings of its own. `,
/// others: IDS, prepare: FUNCTION` behind the guards names rules besides them, and a function that finds more faults and readies
/// the settings.
///
/// ```ignore
/// sdk::config! {
///     guards: GUARDS;
///     /// Paths that an anonymous caller may get.
///     anonymous_paths: Vec<String> = vec!["/livez".into()],
/// }
/// ```
#[macro_export]
macro_rules! config {
    (guards: $guards:expr $(, others: $others:expr, prepare: $prepare:path)?; $($(#[$doc:meta])* $name:ident: $type:ty = $default:expr),* $(,)?) => {
        /// What an operator may set.
        #[derive($crate::serde::Deserialize, $crate::JsonSchema)]
        #[serde(crate = "sdk::serde", deny_unknown_fields, rename_all = "camelCase", default)]
        #[schemars(crate = "sdk::schemars")]
        pub struct Config {
            /// Rules that hold otherwise than by default, by their ids: `on`, `shadow` (it only notes that it would have
            /// refused) or `off`.
            pub rules: $crate::Modes,
            /// Those whom a rule leaves alone, by its id: users, and groups as `group:NAME`, byte for byte. A list takes
            /// the place of the default one.
            pub allow: $crate::Allowed,
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Config {
                Config { rules: $crate::Modes::new(), allow: $crate::Allowed::new(), $($name: $default,)* }
            }
        }

        impl $crate::Switches for Config {
            fn modes(&self) -> &$crate::Modes {
                &self.rules
            }

            fn allowed(&self) -> &$crate::Allowed {
                &self.allow
            }
        }

        impl $crate::Config for Config {
            fn check(&self) -> Vec<$crate::Fault> {
                let others: &[&str] = &[];
                $(let others = $others;
                let others: &[&str] = &others;)?
                #[allow(unused_mut, reason = "not every config has more to check")]
                let mut faults = $crate::unknown(self, &$guards, others);
                $($prepare(self, &mut faults);)?
                faults
            }
        }
    };
}
