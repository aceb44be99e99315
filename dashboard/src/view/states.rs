//! What every page can be besides full: waiting, failed, or without anything to show, and why.

use crate::{
    load::{Load, Loaded},
    view::{
        live::live,
        sign::{mute, prose},
    },
};
use leptos::prelude::*;
use std::sync::Arc;

/// A page that waits.
pub fn waiting(what: &'static str) -> impl IntoView {
    view! {
        <div class="state" data-state="loading" role="status">
            <span class="bar" aria-hidden="true"></span>
            <p>{what}</p>
        </div>
    }
}

/// A page that could not be read.
pub fn failed(text: String, retry: impl Fn() + 'static) -> impl IntoView {
    view! {
        <div class="state sheet" data-state="failed" role="alert">
            {mute("fail")}
            <div>
                <b>"This could not be read"</b>
                <p>{text}</p>
                <button class="button" type="button" on:click=move |_| retry()>"Try again"</button>
            </div>
        </div>
    }
}

/// A page with nothing on it.
pub fn empty(title: &str, text: &str) -> impl IntoView + use<> {
    view! {
        <div class="state" data-state="empty">
            {mute("unknown")}
            <div><b>{title.to_owned()}</b><p>{prose(text)}</p></div>
        </div>
    }
}

/// All four states of something that is read by request.
pub fn loaded<T, V>(
    from: Loaded<T>,
    what: &'static str,
    full: impl Fn(Arc<T>) -> V + Send + Sync + Clone + 'static,
) -> impl IntoView
where
    T: Send + Sync + 'static,
    V: IntoView + 'static,
{
    live(move || match from.get() {
        Load::Waiting => waiting(what).into_any(),
        Load::Failed(text) => failed(text, move || from.retry()).into_any(),
        Load::Have(it) => {
            let late = move || {
                from.late().map(|text| {
                    view! { <p class="notice" role="status">{mute("unknown")}"Not read again: "{text}</p> }.into_any()
                })
            };
            view! { {live(late)}{full(it)} }.into_any()
        }
    })
}

/// No view has this address.
#[component]
pub fn NoPage() -> impl IntoView {
    view! {
        <h1 class="only">"There is no such page"</h1>
        <div class="state" data-state="empty">
            {mute("unknown")}
            <div>
                <b>"Nothing is shown at this address"</b>
                <p>"Begin at the "<a href="/">"overview"</a>", or press "<span class="key">"ctrl k"</span>" to look for it."</p>
            </div>
        </div>
    }
}
