//! The query bar: one language for address, gate and command line, with what may come next and what is wrong.

use crate::{
    board::Facet,
    place::place,
    steady::Steady,
    store::store,
    suggest,
    view::{
        live::{Views, live},
        sign::mute,
    },
};
use leptos::{ev, html, prelude::*};
use wire::Query;

/// The bar. `to` makes the address of a query.
#[component]
pub fn QueryBar(
    /// What is asked now, as the address says.
    query: Steady<String>,
    to: fn(&str) -> String,
    facets: Steady<Vec<Facet>>,
    says: Steady<String>,
) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let text = RwSignal::new(query.get_untracked());
    let (open, picked) = (RwSignal::new(false), RwSignal::new(None::<usize>));
    Effect::new(move |_| {
        text.set(query.get());
        open.set(false);
    });
    let nodes = store().part(|it| it.named.iter().map(|named| named.node.clone()).collect::<Vec<_>>());
    let offers = Steady::new(move |_| {
        if open.get() {
            suggest::suggest(&text.get(), &facets.get(), &nodes.get())
                .into_iter()
                .map(|it| (it.word, it.query, it.count))
                .collect()
        } else {
            Vec::new()
        }
    });
    let fault = Steady::new(move |_| Query::parse(&text.get()).err().map(|fault| fault.to_string()));
    let place = place();
    let go = move || {
        if fault.get_untracked().is_none() {
            open.set(false);
            place.go(&to(text.get_untracked().trim()));
        }
    };
    let take = move |query: String| {
        picked.set(None);
        text.set(query);
        if let Some(input) = input.get_untracked() {
            let _ = input.focus();
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let count = offers.with_untracked(Vec::len);
        let step =
            |by: usize| (count > 0).then(|| picked.get_untracked().map_or(by % count, |at| (at + by + 1) % count));
        match event.key().as_str() {
            "ArrowDown" => picked.set(step(0).or(Some(0)).filter(|_| count > 0)),
            "ArrowUp" => picked.set(picked.get_untracked().map_or(count.checked_sub(1), |at| at.checked_sub(1))),
            "Tab" | "Enter" => {
                let word = picked.get_untracked().and_then(|at| offers.with_untracked(|it| it.get(at).cloned()));
                match word {
                    Some((_, query, _)) => take(query),
                    None if event.key() == "Enter" => go(),
                    None => return,
                }
            }
            "Escape" if open.get_untracked() => open.set(false),
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    let list = move || {
        let offers = offers.get();
        let there = !offers.is_empty();
        there.then(|| {
            let items = offers.into_iter().enumerate().map(|(at, (word, query, count))| {
                view! {
                    <li role="option" id=format!("offer-{at}") aria-selected=move || (picked.get() == Some(at)).to_string()
                        on:mousedown=move |event| { event.prevent_default(); take(query.clone()); }>
                        <code>{word}</code>{count.map(|count| view! { <span class="faint">{count}</span> })}
                    </li>
                }
            });
            view! { <ul class="offers" id="offers" role="listbox" aria-label="What may come next">{items.views()}</ul> }
        })
    };
    view! {
        <div class="asks">
            <search class="query" class:is-wrong=move || fault.get().is_some()>
                {mute("find")}
                <input id="query" node_ref=input type="text" role="combobox" aria-label="Query" autocomplete="off" autocapitalize="none" spellcheck="false"
                    placeholder="verdict:deny node:gen-09 since:15m" aria-controls="offers" aria-autocomplete="list"
                    aria-expanded=move || offers.with(|it| !it.is_empty()).to_string()
                    aria-activedescendant=move || picked.get().map(|at| format!("offer-{at}"))
                    aria-invalid=move || fault.get().map(|_| "true") aria-describedby="query-fault"
                    prop:value=text on:keydown=keys
                    on:input=move |event| { text.set(event_target_value(&event)); picked.set(None); open.set(true); }
                    on:blur=move |_| open.set(false)/>
                <span class="end">{live(move || says.get())}" "<span class="key">"/"</span></span>
            </search>
            {live(list)}
            <p id="query-fault" class="wrong" role="alert">{live(move || fault.get())}</p>
        </div>
    }
}
