//! Which keys are for the page, and which for what has the focus.

use leptos::ev::KeyboardEvent;
use wasm_bindgen::JsCast;

/// Whether the key goes into a text, a dialog is open, or a modifier makes it the browser's.
pub fn is_typing(event: &KeyboardEvent) -> bool {
    event.ctrl_key()
        || event.meta_key()
        || event.alt_key()
        || is_in(event, "input, textarea, select, dialog, [contenteditable]")
}

/// Whether what has the focus does something itself on enter.
pub fn is_on_control(event: &KeyboardEvent) -> bool {
    is_in(event, "a, button, summary")
}

fn is_in(event: &KeyboardEvent, selector: &str) -> bool {
    let element = event.target().and_then(|it| it.dyn_into::<web_sys::Element>().ok());
    element.is_some_and(|it| it.closest(selector).ok().flatten().is_some())
}
