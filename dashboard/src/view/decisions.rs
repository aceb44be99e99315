//! Decisions, live: refusals first, repeats folded; beside them the trace of one.

mod list;

use crate::{
    address,
    board::Facet,
    place::place,
    steady::Steady,
    store::{east, store},
    view::{
        live::{Views, live},
        query::QueryBar,
        sign::mute,
        trace::Trace,
    },
    wording,
};
use leptos::{ev, prelude::*};
use wire::{Minute, Query};

/// The list, and the decision in the address, if there is one.
#[component]
pub fn Decisions() -> impl IntoView {
    let store = store();
    let (query, id) = (place().parameter("q"), place().part());
    Effect::new(move |_| {
        // A query with a fault is not asked: the bar says what is wrong with it.
        let query = query.get();
        if Query::parse(&query).is_ok() && store.asked.get_untracked().as_ref() != Some(&query) {
            store.asked.set(Some(query));
        }
    });
    on_cleanup(move || {
        store.held.try_set(false);
        store.asked.try_set(None);
    });
    keys(query, id);
    let facets = Steady::new(move |_| store.board.with(|board| board.facets.clone()));
    view! {
        <h1 class="hide">"Decisions"</h1>
        <div class="querybar">
            <QueryBar query to=address::decisions facets says=Steady::new(move |_| says(&query.get()))/>
            <Buttons query/>
        </div>
        <Hints query facets/>
        <div class="judged" class:has-trace=move || !id.get().is_empty()>
            <div class="stack">
                <Histogram query/>
                <list::List query id/>
            </div>
            {live(move || (!id.get().is_empty()).then(|| view! { <Trace id=id.get() query/> }))}
        </div>
    }
}

/// How many there are, and of what it is the number.
fn says(query: &str) -> String {
    let store = store();
    let held = store.board.with(|board| board.held);
    if query == crate::RECENT {
        let all = store.summary.with(|it| it.as_ref().map_or(0, |summary| summary.acts.decisions));
        return format!("{}, refusals first", wording::counted(all, "decision", "decisions"));
    }
    format!("{} loaded, refusals first", wording::count(u64::try_from(held).unwrap_or(u64::MAX)))
}

fn keys(query: Steady<String>, id: Steady<String>) {
    let store = store();
    let place = place();
    let listener = window_event_listener(ev::keydown, move |event| {
        if crate::keys::is_typing(&event) {
            return;
        }
        let here = id.get_untracked();
        let go = |by: isize| {
            let next = store.board.with_untracked(|board| board.beside(&here, by));
            if let Some(next) = next.filter(|next| *next != here) {
                let to = address::decision(&next, &query.get_untracked());
                if here.is_empty() { place.open(&to) } else { place.replace(&to) }
            }
        };
        match event.key().as_str() {
            "j" => go(1),
            "k" => go(-1),
            "Enter" if here.is_empty() && !crate::keys::is_on_control(&event) => go(0),
            "Escape" if !here.is_empty() => place.open(&address::decisions(&query.get_untracked())),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || listener.remove());
}

#[component]
fn Buttons(query: Steady<String>) -> impl IntoView {
    let store = store();
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let link = window().location().href().unwrap_or_default();
        leptos::task::spawn_local(async move {
            let done = wasm_bindgen_futures::JsFuture::from(window().navigator().clipboard().write_text(&link)).await;
            copied.try_set(done.is_ok());
            let calm = move || {
                copied.try_set(false);
            };
            set_timeout(calm, std::time::Duration::from_secs(2));
        });
    };
    let export = move || address::with("/api/v1/decisions/export", &[("q", &query.get())]);
    view! {
        <div class="buttons">
            <button id="pause" class="button" type="button" aria-pressed=move || store.paused.get().is_some().to_string()
                on:click=move |_| store.pause()>{live(move || if store.paused.get().is_some() { "Go live" } else { "Pause" })}</button>
            <button id="copy-link" class="button" type="button" on:click=copy>
                <span role="status">{live(move || if copied.get() { "Copied" } else { "Copy link" })}</span>
            </button>
            <a id="export" class="button" href=export download="decisions.jsonl" rel="external">"Export"</a>
        </div>
    }
}

#[component]
fn Hints(query: Steady<String>, facets: Steady<Vec<Facet>>) -> impl IntoView {
    let list = move || {
        let query = query.get();
        let more = facets.get().into_iter().filter(|facet| !query.split_whitespace().any(|term| term == facet.term));
        more.map(|facet| {
            let to = address::decisions(&address::narrowed(&query, &facet.term));
            view! { <a href=to><code>{facet.term}</code>" "{facet.count}</a> }
        })
        .views()
    };
    view! {
        <p class="hints"><span>"Narrow to"</span>{live(list)}
            <span>"a space means and; "<code>"-"</code>" in front means not; counts are of what is loaded"</span></p>
    }
}

/// Refusals a minute: of everything, or of what is loaded when the query narrows it.
#[component]
fn Histogram(query: Steady<String>) -> impl IntoView {
    let store = store();
    let all = store.part(|it| it.minutes.clone());
    let minutes = move || if query.get() == crate::RECENT { all.get() } else { store.minutes.get() };
    let first = move || minutes().first().map(|it| wording::minute(it.at, east()));
    view! {
        <section class="sheet" id="histogram">
            <div class="head tight"><h2 class="h3">"A minute at a time"</h2>
                <span class="end keys">{mute("denied")}" refused "{mute("shadow")}" would refuse"</span></div>
            <div class="histo"><span>{live(first)}</span>{live(move || bars(&minutes()))}<span>"now"</span></div>
        </section>
    }
}

fn bars(minutes: &[Minute]) -> impl IntoView + use<> {
    let most = minutes.iter().map(|it| it.refused + it.would_refuse).max().unwrap_or(0).max(1);
    let height = |count: u64| count * 40_000 / most;
    let said = |milli: u64| format!("{}.{:03}", milli / 1_000, milli % 1_000);
    let bars = minutes.iter().enumerate().map(|(at, minute)| {
        let (refused, would) = (height(minute.refused), height(minute.would_refuse));
        let x = at * 10;
        view! {
            <rect class="bar" x=format!("{x}.5") width="9" y=said(40_000 - refused) height=said(refused)/>
            {(would > 0).then(|| view! { <rect class="bar2" x=format!("{x}.6") width="8.8" y=said(40_000 - refused - would) height=said(would)/> })}
        }
    });
    let (refused, would) = minutes.iter().fold((0, 0), |sum, it| (sum.0 + it.refused, sum.1 + it.would_refuse));
    let label = format!("In 15 minutes {refused} refused, {would} would be refused; at most {most} in one minute");
    view! {
        <svg viewBox="0 0 150 40" preserveAspectRatio="none" role="img" aria-label=label>
            {bars.views()}<path class="base" d="M0 40h150"/>
        </svg>
    }
}
