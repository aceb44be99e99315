//! The demo's strip: what was just tried, what would have become of it without the gate, and what became of it here.

use crate::{
    address,
    load::post,
    steady::Steady,
    store::store,
    view::{
        live::{Views, live},
        sign::{mute, prose},
    },
    wording,
};
use leptos::{prelude::*, task::spawn_local};
use wire::{Caption, Control, Demo, Verdict};

/// The strip; nothing unless a demo runs.
#[component]
pub fn DemoStrip() -> impl IntoView {
    let store = store();
    let there = Steady::new(move |_| store.demo.with(Option::is_some));
    let fault = RwSignal::new(None::<String>);
    let caption = Steady::new(move |_| store.demo.with(|it| it.as_ref().and_then(|demo| demo.caption.clone())));
    let says = move || {
        match caption.get() {
        Some(it) => told(it).into_any(),
        None => view! { <h2>"A cluster of the demo’s own, and its usual traffic"</h2><p class="muted">"The attacks begin in a moment."</p> }.into_any(),
    }
    };
    live(move || {
        there.get().then(|| {
            view! {
                <section class="show" id="demo" aria-label="Demo"><div>
                    <div>{live(says)}</div>
                    <div><Controls fault/><p class="wrong" role="alert">{live(move || fault.get())}</p></div>
                </div></section>
            }
        })
    })
}

fn told(it: Caption) -> impl IntoView {
    let (name, word) = match it.verdict {
        Verdict::Deny => ("denied", "refused"),
        Verdict::NoOpinion => ("passed", "no objection"),
        Verdict::Allow => ("passed", "allowed"),
    };
    let kind = if it.twin { "its allowed twin" } else { "attack" };
    let odd = (!it.expected).then(|| view! { <span class="badge fail">{mute("fail")}"not what was expected"</span> });
    let rule = (!it.rule.is_empty()).then(|| view! { " By rule "<code>{it.rule.clone()}</code> });
    let why = (!it.decision.is_empty())
        .then(|| view! { " "<a href=address::decision(&it.decision, crate::RECENT)>"Why"</a> });
    view! {
        <h2 id="caption" data-attack=it.attack.clone() data-verdict=it.verdict.as_str() data-expected=it.expected.to_string()>
            <span class=format!("badge {name}")>{mute(name)}{word}</span>{odd}<span>{it.title}</span><span class="faint">{kind}" "{it.attack.clone()}</span>
        </h2>
        <dl>
            <div><dt>"Tried, by "{it.by}</dt><dd>{prose(&it.tried)}</dd></div>
            <div><dt>"Without the gate"</dt><dd>{prose(&it.without)}</dd></div>
            <div><dt>"Here, in "{wording::micros(it.micros)}</dt><dd>{prose(&it.here)}{rule}{why}</dd></div>
        </dl>
    }
}

#[component]
fn Controls(fault: RwSignal<Option<String>>) -> impl IntoView {
    let store = store();
    let part = move |part: fn(&Demo) -> u32| {
        Steady::new(move |_| store.demo.with(|it| it.as_ref().map_or(0, |demo| part(demo))))
    };
    let (speed, nodes) = (part(|it| it.speed), part(|it| it.nodes));
    let paused = Steady::new(move |_| store.demo.with(|it| it.as_ref().is_some_and(|demo| demo.paused)));
    let attacks =
        Steady::new(move |_| store.demo.with(|it| it.as_ref().map(|demo| demo.attacks.clone()).unwrap_or_default()));
    let score =
        Steady::new(move |_| store.demo.with(|it| it.as_ref().map_or((0, 0), |demo| (demo.passed, demo.failed))));
    let send = move |control: Control| {
        spawn_local(async move {
            let answer = post("/demo/v1/control", &control).await;
            fault.try_set(answer.err());
        });
    };
    let speeds = [10_u32, 50, 100, 200, 500, 1_000].map(|it| {
        view! { <option value=it.to_string() selected=move || speed.get() == it>{format!("{it} %")}</option> }
    });
    let attack = RwSignal::new(String::new());
    let list = move || {
        attacks
            .get()
            .into_iter()
            .map(|it| view! { <option value=it.id.clone() title=it.source>{it.id.clone()}" "{it.title}</option> })
            .views()
    };
    let chosen = move || {
        let chosen = attack.get_untracked();
        if chosen.is_empty() {
            attacks.with_untracked(|it| it.first().map(|it| it.id.clone()).unwrap_or_default())
        } else {
            chosen
        }
    };
    let tally = move || {
        let (passed, failed) = score.get();
        format!("{passed} as expected, {failed} not")
    };
    view! {
        <div class="controls">
            <button id="demo-pause" class="button" type="button" aria-pressed=move || paused.get().to_string() on:click=move |_| send(Control::Pause(!paused.get_untracked()))>
                {live(move || if paused.get() { "Go on" } else { "Hold the show" })}</button>
            <label>"Traffic "<select id="demo-speed" on:change=move |event| { if let Ok(it) = event_target_value(&event).parse() { send(Control::Speed(it)); } }>{speeds.views()}</select></label>
            <label>"Nodes "<input id="demo-nodes" type="number" min="5" max="5000" prop:value=move || nodes.get().to_string()
                on:change=move |event| { if let Ok(it) = event_target_value(&event).parse::<u32>() { send(Control::Nodes(it.clamp(5, 5_000))); } }/></label>
            <label><span class="hide">"Attack"</span><select id="demo-attack" on:change=move |event| attack.set(event_target_value(&event))>{live(list)}</select></label>
            <button id="demo-replay" class="button" type="button" on:click=move |_| send(Control::Replay(chosen()))>"Replay"</button>
            <span id="demo-score">{live(tally)}</span>
        </div>
    }
}
