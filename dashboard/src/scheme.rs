//! Light or dark, as the reader wants it: kept in the browser, else what the system says.

use leptos::prelude::*;

/// Which colours are worn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    System,
    Light,
    Dark,
}

impl Scheme {
    /// The one after it, round and round.
    pub const fn next(self) -> Scheme {
        match self {
            Scheme::System => Scheme::Light,
            Scheme::Light => Scheme::Dark,
            Scheme::Dark => Scheme::System,
        }
    }

    /// As it is kept.
    pub const fn word(self) -> &'static str {
        match self {
            Scheme::System => "system",
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        }
    }

    /// As it is said.
    pub const fn says(self) -> &'static str {
        match self {
            Scheme::System => "as the system",
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        }
    }
}

/// What was chosen before.
pub fn stored() -> Scheme {
    match storage().and_then(|it| it.get_item(KEY).ok().flatten()).as_deref() {
        Some("light") => Scheme::Light,
        Some("dark") => Scheme::Dark,
        _ => Scheme::System,
    }
}

/// Puts it on, and keeps it. A browser that keeps nothing wears it all the same.
pub fn wear(scheme: Scheme) {
    if let Some(page) = document().document_element() {
        let _ = match scheme {
            Scheme::System => page.remove_attribute("data-scheme"),
            Scheme::Light | Scheme::Dark => page.set_attribute("data-scheme", scheme.word()),
        };
    }
    if let Some(storage) = storage() {
        let _ = storage.set_item(KEY, scheme.word());
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

const KEY: &str = "pathgate.scheme";
