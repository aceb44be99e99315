//! The control plane in the middle of the map, and what the gate did for it.

use crate::{address, store::store, view::live::live, wording};
use leptos::prelude::*;

/// The hub.
#[component]
pub fn Hub() -> impl IntoView {
    let store = store();
    let acts = store.part(|it| it.acts);
    let plugins = store.part(|it| (it.enforcing, it.shadowed));
    let gates = store.part(|it| {
        let judged = it.lanes.iter().filter(|lane| lane.path.is_some());
        (judged.clone().filter(|lane| lane.acts.refused > 0).count(), judged.count())
    });
    let pace = move || {
        let acts = acts.get();
        let half = (acts.decisions > 0)
            .then(|| view! { ", half of them within "<b class="nowrap">{wording::micros(acts.p50)}</b> });
        view! { <p><span class="big" id="rate">{wording::pace(acts.rate)}</span>" decisions a second"{half}</p> }
    };
    let loaded = move || {
        let (enforcing, shadowed) = plugins.get();
        let all = u64::from(enforcing) + u64::from(shadowed);
        view! {
            <p><a class="plain" href="/plugins"><b>{wording::counted(all, "plugin", "plugins")}</b></a><br/>
            {wording::count(enforcing.into())}" enforce, "{wording::count(shadowed.into())}" in shadow"</p>
        }
    };
    let refused = move || {
        let (shut, all) = gates.get();
        view! {
            <p><a class="plain" href=address::decisions("verdict:deny since:15m")><b>{wording::count(acts.get().refused)}" refused"</b></a><br/>
            {format!("at {shut} of {all} gates,")}<br/>"in 15 min"</p>
        }
    };
    let trouble = move || {
        let acts = acts.get();
        (acts.failed > 0 || acts.lost > 0).then(|| view! {
            <p class="down"><b>{wording::counted(acts.failed, "answer", "answers")}" not given"</b><br/>
            {(acts.lost > 0).then(|| format!("{} not in the journal", wording::counted(acts.lost, "decision", "decisions")))}</p>
        })
    };
    view! {
        <section class="hub" aria-label="Control plane">
            <h3>"kube-apiserver"</h3>
            <hr/>
            {live(pace)}
            <hr/>
            {live(loaded)}
            <hr/>
            {live(refused)}
            {live(trouble)}
        </section>
    }
}
