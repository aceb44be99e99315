//! The sheets around the map.

use crate::{
    address,
    store::{east, store},
    view::{
        live::{Views, live},
        sign::{self, mute, prose},
    },
    wording,
};
use leptos::prelude::*;
use wire::{Change, SourceStatus, State};

/// What needs a person, worst first.
#[component]
pub fn Todo() -> impl IntoView {
    let todo = store().part(|it| it.todo.clone());
    let list = move || {
        let todo = todo.get();
        if todo.is_empty() {
            return view! { <li>{mute("passed")}<b>"Nothing needs a person"</b><p>"What cannot be seen from here is listed below."</p></li> }.into_any();
        }
        todo.into_iter().map(item).views().into_any()
    };
    view! {
        <section class="sheet" id="todo">
            <div class="head"><h2>"Needs a person"</h2><span class="end">"worst first"</span></div>
            <ul class="todo rows">{live(list)}</ul>
        </section>
    }
}

fn item(todo: wire::Todo) -> impl IntoView {
    let path = todo.lane.map(|lane| address::path(lane, &todo.node));
    let title = match &path {
        Some(path) => view! { <a class="plain" href=path.clone()>{todo.title}</a> }.into_any(),
        None => todo.title.into_any(),
    };
    let decisions =
        (!todo.query.is_empty()).then(|| view! { " "<a href=address::decisions(&todo.query)>"Decisions"</a> });
    view! { <li data-state=todo.state.as_str()>{sign::state(todo.state)}<b>{title}</b><p>{prose(&todo.text)}{decisions}</p></li> }
}

/// What changed in the last 15 minutes.
#[component]
pub fn Changes() -> impl IntoView {
    let changes = store().part(|it| it.changes.clone());
    let list = move || {
        let changes = changes.get();
        if changes.is_empty() {
            return view! { <li class="faint">"Nothing changed."</li> }.into_any();
        }
        changes.into_iter().map(change).views().into_any()
    };
    view! {
        <section class="sheet" id="changes">
            <div class="head"><h2>"Changed in 15 minutes"</h2><span class="end">"newest first"</span></div>
            <ol class="log rows">{live(list)}</ol>
        </section>
    }
}

fn change(change: Change) -> impl IntoView {
    let (sign, says) = wording::change_sign(change.what);
    let to = match (change.lane, change.query.is_empty()) {
        (_, false) => Some(address::decisions(&change.query)),
        (Some(lane), true) => Some(address::path(lane, &change.node)),
        (None, true) => None,
    };
    let text = prose(&change.text);
    let text = match to {
        Some(to) => view! { <a class="plain" href=to>{text}</a> }.into_any(),
        None => text.into_any(),
    };
    view! { <li><time>{wording::minute(change.at, east())}</time>{sign::sign(sign, says)}<span>{text}</span></li> }
}

/// Each source of evidence, and how fresh it is.
#[component]
pub fn Sources() -> impl IntoView {
    let sources = store().part(|it| it.sources.clone());
    view! {
        <section class="sheet" id="sources">
            <div class="head"><h2>"Sources, and how fresh"</h2><span class="end">"age in its lifetime"</span></div>
            <ul class="sources rows">{live(move || sources.get().into_iter().map(source).views())}</ul>
        </section>
    }
}

fn source(source: SourceStatus) -> impl IntoView {
    let store = store();
    let (at, ttl) = (source.at, source.ttl);
    let old = move || store.now.get().saturating_sub(at);
    // Expired evidence is no evidence, whatever the source says of itself.
    let is_valid = move || source.connected && at > 0 && (ttl == 0 || old() <= ttl);
    let title = source.title.clone();
    let name = move || {
        let title = title.clone();
        if is_valid() { title.into_any() } else { view! { <span class="word unknown">{title}</span> }.into_any() }
    };
    let age = move || match (source.connected, at) {
        (false, _) => "not connected".to_owned(),
        (true, 0) => "nothing yet".to_owned(),
        (true, _) => wording::age(old()),
    };
    let used = move || old().saturating_mul(100).checked_div(ttl).unwrap_or(1).clamp(1, 100);
    let bar = move || is_valid().then(|| view! { <i style=("--p", move || format!("{}%", used()))></i> });
    view! {
        <li data-source=source.witness.as_str()>
            <span>{live(name)}</span><b class="nowrap">{live(age)}</b>
            <span class="age" class:none=move || !is_valid() aria-hidden="true">{live(bar)}</span>
            <small>{prose(&source.text)}</small>
        </li>
    }
}

/// What cannot be known from here.
#[component]
pub fn Blind() -> impl IntoView {
    let blind = store().part(|it| it.blind.clone());
    let list = move || {
        let items = blind.get().into_iter();
        items
            .map(|it| view! { <li>{mute(State::Unknown.as_str())}<span><b>{it.title}</b>{prose(&it.text)}</span></li> })
            .views()
    };
    view! {
        <section class="sheet blind" id="blind">
            <div class="head"><h2>"What we cannot see from here"</h2><span class="end">"none of this is counted as safe"</span></div>
            <ul>{live(list)}</ul>
        </section>
    }
}
