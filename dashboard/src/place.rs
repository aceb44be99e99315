//! Where the reader is: the browser's address, as signals. Links and keys change it without loading the page anew.
//!
//! Refuses what is the browser's: links to elsewhere, downloads, places within the page, and clicks with a modifier.

use crate::steady::Steady;
use leptos::{
    ev::{self, MouseEvent},
    prelude::*,
};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlAnchorElement, UrlSearchParams};

/// What an address shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Overview,
    Paths,
    Path,
    Decisions,
    Plugins,
    Certificates,
    Missing,
}

impl Page {
    /// The page at this path.
    pub fn of(path: &str) -> Page {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            [] => Page::Overview,
            ["paths"] => Page::Paths,
            ["paths", _] => Page::Path,
            ["decisions"] | ["decisions", _] => Page::Decisions,
            ["plugins"] | ["plugins", _] => Page::Plugins,
            ["certificates"] | ["certificates", _] => Page::Certificates,
            _ => Page::Missing,
        }
    }
}

/// The address. Small, and copied freely.
#[derive(Clone, Copy)]
pub struct Place {
    pub path: RwSignal<String>,
    search: RwSignal<String>,
}

impl Place {
    /// Follows the browser from now on, and takes the clicks that stay within the dashboard.
    pub fn begin() -> Place {
        let place = Place { path: RwSignal::new(String::new()), search: RwSignal::new(String::new()) };
        place.follow();
        window_event_listener(ev::popstate, move |_| place.follow());
        window_event_listener(ev::click, move |event| {
            if let Some(to) = within(&event) {
                event.prevent_default();
                place.go(&to);
            }
        });
        place
    }

    /// The page that is shown.
    pub fn page(self) -> Steady<Page> {
        Steady::new(move |_| self.path.with(|path| Page::of(path)))
    }

    /// What stands behind the page's name: a lane, a decision, a plugin. It stays as it was once another page is shown,
    /// so that the old one asks for nothing in its last moment.
    pub fn part(self) -> Steady<String> {
        let mine = self.path.with_untracked(|path| Page::of(path));
        Steady::new(move |before: Option<&String>| {
            let path = self.path.get();
            if Page::of(&path) != mine {
                return before.cloned().unwrap_or_default();
            }
            let part = path.split('/').nth(2).unwrap_or_default();
            js_sys::decode_uri_component(part).map_or_else(|_| part.to_owned(), String::from)
        })
    }

    /// What the address says behind its `?`; empty if it says nothing of it.
    pub fn parameter(self, key: &'static str) -> Steady<String> {
        Steady::new(move |_| {
            let parameters = self.search.with(|search| UrlSearchParams::new_with_str(search));
            parameters.ok().and_then(|it| it.get(key)).unwrap_or_default()
        })
    }

    /// Goes to another page, as a link does: from its top, and with a way back.
    pub fn go(self, to: &str) {
        self.open(to);
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }

    /// Shows something else without moving the page, with a way back.
    pub fn open(self, to: &str) {
        let location = window().location();
        let here = location.pathname().unwrap_or_default() + &location.search().unwrap_or_default();
        if here != to
            && let Ok(history) = window().history()
        {
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(to));
        }
        self.follow();
    }

    /// Shows something else without moving the page; the way back stays what it was.
    pub fn replace(self, to: &str) {
        if let Ok(history) = window().history() {
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(to));
        }
        self.follow();
    }

    fn follow(self) {
        let location = window().location();
        self.path.set(location.pathname().unwrap_or_default());
        self.search.set(location.search().unwrap_or_default());
    }
}

/// The place of this page.
pub fn place() -> Place {
    expect_context()
}

/// Where a click leads, if it is to another place of the dashboard.
fn within(event: &MouseEvent) -> Option<String> {
    let modified = event.meta_key() || event.alt_key() || event.ctrl_key() || event.shift_key();
    if event.default_prevented() || event.button() != 0 || modified {
        return None;
    }
    let element = event.target()?.dyn_into::<Element>().ok()?;
    let link = element.closest("a[href]").ok()??.dyn_into::<HtmlAnchorElement>().ok()?;
    let is_elsewhere = link.origin() != window().location().origin().ok()?
        || !link.target().is_empty()
        || !link.hash().is_empty()
        || link.has_attribute("download")
        || link.rel().split_whitespace().any(|it| it == "external");
    (!is_elsewhere).then(|| link.pathname() + &link.search())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_one_page() {
        let paths = ["/", "/paths", "/paths/", "/paths/kubelet", "/decisions", "/decisions/01J", "/plugins/tunnel"];
        assert_eq!(
            paths.map(Page::of),
            [Page::Overview, Page::Paths, Page::Paths, Page::Path, Page::Decisions, Page::Decisions, Page::Plugins]
        );
        assert_eq!(
            ["/certificates", "/certificates/ab", "/certificates/ab/1", "/path"].map(Page::of),
            [Page::Certificates, Page::Certificates, Page::Missing, Page::Missing]
        );
    }
}
