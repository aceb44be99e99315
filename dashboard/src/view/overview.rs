//! The overview: the verdict in a sentence, the counts, the map, what needs a person, what changed, and what is not known.

mod parts;

use crate::{
    address,
    steady::Steady,
    store::{east, store},
    view::{
        live::live,
        map::Map,
        sign::{self, mute, mute_state, prose},
        states,
        table::Table,
    },
    wording,
};
use leptos::prelude::*;
use wire::{State, Summary};

/// The first page.
#[component]
pub fn Overview() -> impl IntoView {
    let store = store();
    let there = Steady::new(move |_| store.summary.with(Option::is_some));
    let nothing = store.part(is_empty);
    live(move || match (there.get(), nothing.get()) {
        (false, _) => match store.fault.get() {
            Some(text) => states::failed(text, reload).into_any(),
            None => states::waiting("Asking the gate for the state of every path").into_any(),
        },
        (true, true) => view! { <First/> }.into_any(),
        (true, false) => view! { <Full/> }.into_any(),
    })
}

fn reload() {
    let _ = window().location().reload();
}

/// Nothing was seen and nothing is known: not a cluster without trouble, but no cluster.
fn is_empty(summary: &Summary) -> bool {
    summary.acts.decisions == 0 && summary.pools.is_empty() && summary.counts.total() == 0
}

#[component]
fn Full() -> impl IntoView {
    let store = store();
    let lanes = store.part(|it| it.lanes.clone());
    view! {
        <div class="verdict">
            <Verdict/>
            <Tally/>
        </div>
        <div class="posture">
            <div class="lanes"><Map lanes/><Table lanes title="The same, as a table"/></div>
            <div class="rail"><parts::Todo/><parts::Changes/><parts::Sources/></div>
        </div>
        <parts::Blind/>
    }
}

/// The sentence. While the gate is not heard, it says so in place of what was true before.
#[component]
fn Verdict() -> impl IntoView {
    let store = store();
    let verdict = store.part(|it| (it.verdict.clone(), it.at));
    let seconds = move || wording::age(store.silence.get());
    live(move || {
        let (verdict, at) = verdict.get();
        if store.lost.get() {
            let at = wording::minute(at, east());
            return view! {
                <div id="verdict" data-state="unknown">
                    <h1>{sign::state(State::Unknown)}<span>"We can’t tell: the gate has not been heard for "<span class="nowrap">{live(seconds)}</span>"."</span></h1>
                    <p>"Last known, at "{at}": "{prose(&verdict.says)}" Nothing on this page is counted as safe until news arrives."</p>
                </div>
            }
            .into_any();
        }
        view! {
            <div id="verdict" data-state=verdict.state.as_str()>
                <h1>{sign::state(verdict.state)}<span>{prose(&verdict.says)}</span></h1>
                <p>{prose(&verdict.adds)}</p>
            </div>
        }
        .into_any()
    })
}

#[component]
fn Tally() -> impl IntoView {
    let store = store();
    let counts = store.part(|it| it.counts);
    let acts = store.part(|it| (it.acts.refused, it.acts.would_refuse));
    let one = move |state: State| {
        let count = move || counts.get().of(state);
        view! {
            <a class:none=move || count() == 0 href=address::paths(&format!("state:{state}"), "table") data-state=state.as_str()>
                <b>{mute_state(state)}{live(move || wording::count(count()))}</b>
                <span class="what">{live(move || if store.lost.get() { wording::tally_before(state) } else { wording::tally(state) })}</span>
            </a>
        }
    };
    let refused = move || acts.get().0;
    let would = move || acts.get().1;
    view! {
        <nav class="tally" aria-label="Path instances by state, and what the gate did in the last 15 minutes">
            {one(State::Exposed)}{one(State::Unverified)}{one(State::Unknown)}{one(State::Conflict)}{one(State::Asserted)}{one(State::Safe)}
            <a class="acts" class:none=move || refused() == 0 href=address::decisions("verdict:deny since:15m") id="refused">
                <b>{mute("denied")}{live(move || wording::count(refused()))}</b><span class="what">"refused, 15 min"</span>
            </a>
            <a class:none=move || would() == 0 href=address::decisions("shadow:true since:15m") id="would-refuse">
                <b>{mute("shadow")}{live(move || wording::count(would()))}</b><span class="what">"would refuse"</span>
            </a>
        </nav>
    }
}

/// Before the first cluster: what is waited for, and how to connect one.
#[component]
fn First() -> impl IntoView {
    let store = store();
    let started = store.part(|it| it.started);
    let since = move || wording::age(store.now.get().saturating_sub(started.get()));
    view! {
        <div class="verdict"><div id="verdict" data-state="unknown">
            <h1>{sign::state(State::Unknown)}<span>"Nothing has reached this gate yet, so nothing is known."</span></h1>
            <p>"It has been waiting for "{live(since)}". No path is counted as safe before it was seen."</p>
        </div></div>
        <section class="sheet first" data-state="empty">
            <div class="head"><h2>"Connect a cluster"</h2><span class="end">"in this order"</span></div>
            <ol class="steps">
                <li><span>"Let pathgate write what kube-apiserver needs, with its checks"
                    <pre tabindex="0">"pathgate generate authorization-config --config gate.yaml"</pre></span></li>
                <li><span>"Give it to kube-apiserver on each control-plane node, and restart it"
                    <pre tabindex="0">"--authorization-config=/etc/kubernetes/authorization.yaml"</pre></span></li>
                <li><span>"Tell pathgate where the cluster is, so that it knows nodes and pods"
                    <pre tabindex="0">"cluster: {kubeconfig: /etc/kubernetes/pathgate.conf}"</pre></span></li>
                <li><span>"Look at it work without a cluster at all"<pre tabindex="0">"pathgate demo"</pre></span></li>
            </ol>
        </section>
        <parts::Sources/>
        <parts::Blind/>
    }
}
