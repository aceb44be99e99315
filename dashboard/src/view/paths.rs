//! Paths: map and table, two views of one query.

use crate::{
    address,
    load::{Load, load},
    place::place,
    steady::Steady,
    store::store,
    view::{
        live::{Views, live},
        map::Map,
        query::QueryBar,
        states,
        table::Table,
    },
    wording,
};
use leptos::prelude::*;
use wire::{Lane, Query};

/// The lanes that answer the query in the address.
#[component]
pub fn Paths() -> impl IntoView {
    let store = store();
    let (query, view) = (place().parameter("q"), place().parameter("view"));
    let as_table = Steady::new(move |_| view.get() == "table");
    let url = Steady::new(move |_| address::with("/api/v1/paths", &[("q", &query.get())]));
    let lanes = load::<Vec<Lane>>(store, url, store.pulse());
    let facets = Steady::new(move |_| Vec::new());
    let there = move || match lanes.get() {
        Load::Have(lanes) => lanes.iter().map(|lane| lane.counts.total()).sum::<u64>(),
        Load::Waiting | Load::Failed(_) => 0,
    };
    let says = Steady::new(move |_| wording::counted(there(), "path instance", "path instances"));
    let shown = Steady::new(move |_| match lanes.get() {
        Load::Have(lanes) => (*lanes).clone(),
        Load::Waiting | Load::Failed(_) => Vec::new(),
    });
    let state = Steady::new(move |_| match (Query::parse(&query.get()), lanes.get()) {
        (Err(fault), _) => Some((true, fault.to_string())),
        (_, Load::Failed(text)) => Some((true, text)),
        (_, Load::Waiting) => Some((false, String::new())),
        (_, Load::Have(_)) => None,
    });
    let body = move || match state.get() {
        Some((true, text)) => states::failed(text, move || lanes.retry()).into_any(),
        Some((false, _)) => states::waiting("Reading paths").into_any(),
        None if as_table.get() => view! { <Table lanes=shown title="Paths"/> }.into_any(),
        None => view! { <Map lanes=shown/> }.into_any(),
    };
    let choice = move |table: bool| {
        let to = move || address::paths(&query.get(), if table { "table" } else { "map" });
        let current = move || (as_table.get() == table).then_some("true");
        view! { <a class="button" href=to aria-current=current>{if table { "Table" } else { "Map" }}</a> }
    };
    view! {
        <h1 class="hide">"Paths"</h1>
        <div class="querybar">
            <QueryBar query to=|query| address::paths(query, shown_as()) facets says/>
            <div class="buttons" role="group" aria-label="Shown as">{choice(false)}{choice(true)}</div>
        </div>
        <States query/>
        {live(body)}
    }
}

/// How the page shows paths now: the query bar keeps it.
fn shown_as() -> &'static str {
    let search = window().location().search().unwrap_or_default();
    if search.contains("view=table") { "table" } else { "map" }
}

#[component]
fn States(query: Steady<String>) -> impl IntoView {
    let counts = store().part(|it| it.counts);
    let list = move || {
        let counts = counts.get();
        let there = wire::State::ALL.iter().filter(|state| counts.of(**state) > 0);
        there
            .map(|state| {
                let term = format!("state:{state}");
                let to = address::paths(&address::narrowed(&query.get(), &term), shown_as());
                view! { <a href=to><code>{term}</code>" "{wording::count(counts.of(*state))}</a> }
            })
            .views()
    };
    view! { <p class="hints"><span>"Narrow to"</span>{live(list)}<span>"or "<code>"pool:"</code>" "<code>"node:"</code>" "<code>"path:"</code>" "<code>"lane:"</code></span></p> }
}
