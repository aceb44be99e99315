//! The page as a whole: where it is put, which view an address shows, and which keys work everywhere.

use crate::{
    address, feed, keys,
    place::{Page, Place, place},
    store::{Store, store},
    view::{Certificates, Decisions, DemoStrip, Help, Masthead, NoPage, Overview, Palette, PathPage, Paths, Plugins},
};
use leptos::{ev, mount::mount_to, prelude::*};
use wasm_bindgen::JsCast;

/// Takes the place of what `index.html` shows while it loads.
pub fn start() {
    std::panic::set_hook(Box::new(fail));
    crate::scheme::wear(crate::scheme::stored());
    let Some(place) = document().get_element_by_id("app").and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok())
    else {
        return;
    };
    place.set_text_content(None);
    mount_to(place, App).forget();
}

/// A page that broke shows nothing as safe any more, and says that it broke.
fn fail(info: &std::panic::PanicHookInfo<'_>) {
    web_sys::console::error_1(&info.to_string().into());
    if let Some(page) = document().document_element() {
        let _ = page.set_attribute("data-feed", "lost");
    }
    if let Some(fault) = document().get_element_by_id("fault") {
        fault.set_text_content(Some(
            "This page broke and shows nothing new. Load it anew; the browser’s console says where it broke.",
        ));
        let _ = fault.remove_attribute("hidden");
    }
}

/// What stands over everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Nothing,
    Palette,
    Help,
}

#[component]
fn App() -> impl IntoView {
    let store = Store::begin();
    provide_context(store);
    let place = Place::begin();
    provide_context(place);
    let over = RwSignal::new(Over::Nothing);
    provide_context(over);
    feed::follow(store);
    Effect::new(move |_| {
        if let Some(page) = document().document_element() {
            let _ = page.set_attribute("data-feed", if store.lost.get() { "lost" } else { "live" });
        }
    });
    let page = place.page();
    let shown = move || match page.get() {
        Page::Overview => Overview().into_any(),
        Page::Paths => Paths().into_any(),
        Page::Path => PathPage().into_any(),
        Page::Decisions => Decisions().into_any(),
        Page::Plugins => Plugins().into_any(),
        Page::Certificates => Certificates().into_any(),
        Page::Missing => NoPage().into_any(),
    };
    view! {
        <Keys over/>
        <a class="skip" href="#main">"Skip to content"</a>
        <Masthead/>
        <DemoStrip/>
        <main class="page" id="main" tabindex="-1">{shown}</main>
        <Title/>
        <Palette over/>
        <Help over/>
    }
}

/// The title in the browser's tab: where one is, and on which cluster.
#[component]
fn Title() -> impl IntoView {
    let path = place().path;
    let cluster = store().part(|it| it.cluster.clone());
    Effect::new(move |_| {
        let path = path.get();
        let mut parts = path.split('/').skip(1);
        let page = match parts.next().unwrap_or_default() {
            "" => "Overview",
            "paths" => "Paths",
            "decisions" => "Decisions",
            "plugins" => "Plugins",
            "certificates" => "Certificates",
            _ => "Not found",
        };
        let parts = [parts.next().unwrap_or_default(), page, &cluster.get(), "Pathgate"];
        let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        document().set_title(&said.join(" · "));
    });
}

#[component]
fn Keys(over: RwSignal<Over>) -> impl IntoView {
    let store = store();
    let place = place();
    let listener = window_event_listener(ev::keydown, move |event| {
        let key = event.key();
        if (event.ctrl_key() || event.meta_key()) && key.eq_ignore_ascii_case("k") {
            event.prevent_default();
            over.update(|over| *over = if *over == Over::Palette { Over::Nothing } else { Over::Palette });
            return;
        }
        if keys::is_typing(&event) {
            return;
        }
        match key.as_str() {
            "/" => {
                if !focus_query() {
                    place.go(&address::decisions(crate::RECENT));
                    request_animation_frame(|| {
                        focus_query();
                    });
                }
            }
            "?" => over.set(Over::Help),
            "p" => store.pause(),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || listener.remove());
}

fn focus_query() -> bool {
    let input = document().get_element_by_id("query").and_then(|it| it.dyn_into::<web_sys::HtmlInputElement>().ok());
    input.is_some_and(|input| input.focus().is_ok())
}
