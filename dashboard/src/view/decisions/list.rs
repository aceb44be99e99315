//! The list itself. Nothing moves in it while the reader's pointer or focus is there: what is new waits behind a button.

use crate::{
    address,
    board::{self, Fold, Older, Section},
    feed,
    model::{Class, Notice},
    steady::Steady,
    store::{east, store},
    view::{
        live::{Views, live},
        sign, states,
    },
    wording,
};
use leptos::prelude::*;
use std::sync::Arc;
use wire::Query;

/// The list.
#[component]
pub fn List(query: Steady<String>, id: Steady<String>) -> impl IntoView {
    let store = store();
    let classes =
        Steady::new(move |_| store.board.with(|board| board.sections.iter().map(|it| it.class).collect::<Vec<_>>()));
    let body = move || {
        let classes = classes.get();
        if !classes.is_empty() {
            let sections = classes.into_iter().map(|class| view! { <Body class query id/> });
            return view! {
                <table class="table">
                    <colgroup><col class="c-time"/><col class="c-verdict"/><col class="c-who"/><col/><col class="c-rule"/><col class="c-us"/></colgroup>
                    <thead><tr>
                        <th scope="col">"Time"</th><th scope="col">"Verdict"</th><th scope="col">"Who"</th>
                        <th scope="col">"Asks"</th><th scope="col">"Rule and path"</th><th scope="col" class="num">"µs"</th>
                    </tr></thead>
                    {sections.views()}
                </table>
            }
            .into_any();
        }
        match (store.fault.get(), store.listed.get(), Query::parse(&query.get())) {
            (_, _, Err(fault)) => states::empty("The query makes no sense yet", &fault.to_string()).into_any(),
            (Some(text), ..) => states::failed(text, move || store.asked.notify()).into_any(),
            (None, false, _) => states::waiting("Reading decisions").into_any(),
            (None, true, _) => nothing(&query.get()).into_any(),
        }
    };
    let hold = move |held: bool| {
        store.held.set(held);
        if !held {
            store.publish();
        }
    };
    view! {
        <section class="sheet list" id="decisions" aria-label="Decisions"
            on:pointerenter=move |event| { if event.pointer_type() == "mouse" { hold(true); } } on:pointerleave=move |_| hold(false)
            on:focusin=move |_| hold(true) on:focusout=move |_| hold(false)>
            <Waiting/>
            {live(move || store.board.with(|board| board.notices.clone()).into_iter().map(notice).views())}
            {live(body)}
        </section>
    }
}

#[component]
fn Waiting() -> impl IntoView {
    let store = store();
    live(move || {
        let waiting = store.waiting.get();
        (waiting > 0).then(|| {
            let text = format!("{waiting} new");
            view! { <button id="new-rows" class="button new" type="button" on:click=move |_| store.release()>{text}</button> }
        })
    })
}

fn notice(notice: Notice) -> impl IntoView {
    let text = match notice {
        Notice::Lost(gap) => format!(
            "Between {} and {} {} could not be written to the journal, and are not shown.",
            wording::clock(gap.from, east()),
            wording::clock(gap.to, east()),
            wording::counted(gap.lost, "decision", "decisions")
        ),
        Notice::Expired(expired) => format!(
            "Rows {} to {} were removed by retention before this page could read them.",
            wording::count(expired.from),
            wording::count(expired.to)
        ),
        Notice::Replaced => "The gate began another journal. What was shown before is not in it.".to_owned(),
    };
    view! { <p class="notice" role="status">{sign::mute("unknown")}{text}</p> }
}

fn nothing(query: &str) -> impl IntoView + use<> {
    let wide = "since:24h";
    let text = format!("No decision answers `{}`.", if query.is_empty() { "the empty query" } else { query });
    view! {
        {states::empty("Nothing to show", &text)}
        <p class="state-more">"Widen to "<a href=address::decisions(wide)><code>{wide}</code></a>", or wait: this list is live."</p>
    }
}

/// The rows of one class.
#[component]
fn Body(class: Class, query: Steady<String>, id: Steady<String>) -> impl IntoView {
    let store = store();
    let section =
        Steady::new(move |_| store.board.with(|board| board.sections.iter().find(|it| it.class == class).cloned()));
    let head = move || section.with(|it| it.as_ref().map(board::heading));
    let folds = move || section.with(|it| it.as_ref().map(|section| section.folds.clone()).unwrap_or_default());
    let older =
        Steady::new(move |_| section.with(|it| it.as_ref().map_or(Older::None, |section: &Section| section.older)));
    let name = match class {
        Class::Refused => "refused",
        Class::WouldRefuse => "would-refuse",
        Class::Passed => "passed",
    };
    view! {
        <tbody data-class=name>
            <tr class="fold"><th colspan="6" scope="colgroup">{live(move || head().map(|(text, more)| view! { {text}" "<span class="faint">{more}</span> }))}</th></tr>
            <For each=folds key=|fold| (fold.row, fold.times) children=move |fold| view! { <FoldRow fold class query id/> }/>
            <OlderRow class older query/>
        </tbody>
    }
}

/// The way to older ones, under the last row of a class.
#[component]
fn OlderRow(class: Class, older: Steady<Older>, query: Steady<String>) -> impl IntoView {
    let store = store();
    let (reading, fault) = (RwSignal::new(false), RwSignal::new(None));
    let act = move |_| match older.get_untracked() {
        Older::Held(_) => {
            store.update(|model| model.page(class));
            store.release();
        }
        Older::Before(row) => {
            reading.set(true);
            leptos::task::spawn_local(async move {
                let outcome = feed::older(store, &query.get_untracked(), class, row).await;
                store.release();
                reading.try_set(false);
                fault.try_set(outcome.err());
            });
        }
        Older::None | Older::TooMany => {}
    };
    let way = move || match older.get() {
        Older::None => None,
        Older::TooMany => Some("Older ones are in the journal; narrow the query to see them".into_any()),
        Older::Held(_) | Older::Before(_) => Some(
            view! {
                <button class="button" type="button" prop:disabled=reading on:click=act>
                    {live(move || if reading.get() { "Reading" } else { "Show older" })}
                </button>
                {live(move || fault.get().map(|text: String| view! { <span role="alert">{text}</span> }))}
            }
            .into_any(),
        ),
    };
    live(move || way().map(|way| view! { <tr class="more"><td colspan="6">{way}</td></tr> }))
}

#[component]
fn FoldRow(fold: Fold, class: Class, query: Steady<String>, id: Steady<String>) -> impl IntoView {
    let decision = Arc::clone(&fold.decision);
    let to = {
        let id = decision.id.clone();
        move || address::decision(&id, &query.get())
    };
    let mine = decision.id.clone();
    let selected = Steady::new(move |_| id.with(|id| *id == mine));
    let (plugin, rule) = board::spoken(&decision);
    let ways = format!("{} × {}", wording::source(decision.source), wording::traversal(decision.traversal));
    let (rule, small, ways) = match class {
        Class::Passed => (ways, String::new(), String::new()),
        Class::Refused | Class::WouldRefuse => (rule, plugin, ways),
    };
    let time = wording::clock(decision.at, east());
    let times = (fold.times > 1).then(|| view! { " "<span class="times">"×"{fold.times}</span> });
    let title = wording::headline(&decision);
    view! {
        <tr class:plain=class == Class::Passed class:fresh=is_fresh(decision.at) aria-current=move || selected.get().then_some("true")
            data-decision=decision.id.clone() data-row=fold.row.to_string() data-verdict=decision.verdict.as_str()>
            <td><a class="row" href=to title=title aria-label=format!("{time}, {}", wording::headline(&decision))>{time.clone()}</a></td>
            <td>{sign::verdict(&decision)}{times}</td>
            <td>{wording::who(&decision.request.user)}<small>{wording::from_where(&decision)}</small></td>
            <td>{fold.asks}<small>{ways}</small></td>
            <td>{rule}<small>{small}</small></td>
            <td class="num">{decision.micros}</td>
        </tr>
    }
}

/// Whether it happened so recently that the eye should be led to it once.
fn is_fresh(at: u64) -> bool {
    store().now.get_untracked().saturating_sub(at) < 2_000
}
