//! Write a Pathgate policy plugin: a config, rules, and a function for each export. Nothing else.
//!
//! ```ignore
//! use sdk::{Answer, Context, JsonSchema, Request, Rule, Target};
//!
//! /// What an operator may set.
//! #[derive(serde::Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields, rename_all = "camelCase", default)]
//! struct Config { allow: Vec<String> }
//! impl sdk::Config for Config {}
//!
//! sdk::plugin! {
//!     asks: ["traversal:stream"],
//!     config: Config,
//!     rules: [Rule { id: "no-shell", summary: "No shells.", advice: "Add the user to `allow`.", source: "house rules" }],
//!     authorize: decide,
//! }
//!
//! fn decide(config: &Config, _: &Context, request: &Request) -> Answer {
//!     if config.allow.contains(&request.user) { return Answer::none() }
//!     Answer::deny("no-shell", format!("`{}` may not open a shell", request.user))
//! }
//! ```
//!
//! What holds for every plugin: it has no clock (the context brings `now`), no randomness, no files, no network, no log
//! (return notes). Each call starts from the memory as `init` left it. A panic ends the call; the host shows its message
//! and decides in the plugin's stead, which for a refusing plugin means: refused.

mod answer;
mod config;
mod export;
mod guard;
mod panic;
#[cfg(any(test, target_arch = "wasm32"))]
mod scratch;

/// The contract, as generated from `wit/policy.wit`.
#[doc(hidden)]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "policy",
        pub_export_macro: true,
        default_bindings_module: "sdk::bindings",
        generate_all,
    });
}

pub use answer::{Credential, Rule, proxied};
pub use bindings::exports::pathgate::policy::{
    approve_csr, authorize,
    authorize::{
        Answer, Extra, NonResourceAttributes, Operator, Request, Requirement, ResourceAttributes, Target, Verdict,
    },
    gate,
    plugin::{Attribute, Context, Fault, Finding, Severity},
    verify_peer,
};
/// Signatures and digests, computed by the host. A plugin that uses them imports `crypto`, and nothing else.
pub use bindings::pathgate::policy::crypto;
pub use config::Config;
pub use guard::{Allowed, Guard, Mode, Modes, Question, Switches, Tell, judge, unknown};
pub use schemars::{self, JsonSchema};
pub use serde;

#[doc(hidden)]
pub mod internal {
    #[cfg(target_arch = "wasm32")]
    pub use crate::scratch::settle;
    pub use crate::{
        config::{describe, parse},
        panic::install,
    };
    pub use std::sync::OnceLock;
}
