//! Signs and badges. Shape says what, fill says how we know; the word is always there for those who hear the page.

use crate::{
    store::{doubted, store},
    view::live::live,
    wording,
};
use leptos::prelude::*;
use wire::{Decision, State, Verdict};

/// A sign that says something by itself.
pub fn sign(name: &'static str, label: impl Into<String>) -> impl IntoView {
    let label = label.into();
    view! { <svg class=format!("sign {name}") role="img" aria-label=label><use href=format!("#{name}")/></svg> }
}

/// A sign beside the word that says the same.
pub fn mute(name: &'static str) -> impl IntoView {
    view! { <svg class=format!("sign {name}") aria-hidden="true"><use href=format!("#{name}")/></svg> }
}

/// A state as it may be shown now: nothing looks safe while the gate is not heard.
pub fn shown(state: State) -> impl Fn() -> State + Copy + Send + Sync {
    let lost = store().lost;
    move || if lost.get() { doubted(state) } else { state }
}

/// The sign of a state.
pub fn state(state: State) -> impl IntoView {
    let shown = shown(state);
    view! {
        <svg class=move || format!("sign {}", shown()) role="img" aria-label=move || wording::state_in_full(shown())>
            <use href=move || format!("#{}", shown())/>
        </svg>
    }
}

/// The sign of a state, beside its word.
pub fn mute_state(state: State) -> impl IntoView {
    let shown = shown(state);
    view! {
        <svg class=move || format!("sign {}", shown()) aria-hidden="true"><use href=move || format!("#{}", shown())/></svg>
    }
}

/// A state in a badge, in these words: [`wording::state`], or what it means of a single thing.
pub fn badge(state: State, words: fn(State) -> &'static str) -> impl IntoView {
    let shown = shown(state);
    view! {
        <span class=move || format!("badge {}", shown()) data-state=move || shown().as_str()>
            {mute_state(state)}{live(move || words(shown()))}
        </span>
    }
}

/// What was decided, in a badge.
pub fn verdict(decision: &Decision) -> impl IntoView + use<> {
    let (name, word) = match decision.verdict {
        Verdict::Deny => ("denied", "refused"),
        Verdict::NoOpinion | Verdict::Allow if decision.would_refuse() => ("shadow", "would refuse"),
        Verdict::NoOpinion => ("passed", "no objection"),
        Verdict::Allow => ("passed", "allowed"),
    };
    view! { <span class=format!("badge {name}")>{mute(name)}{word}</span> }
}

/// Words with code in them: what stands between backticks.
pub fn prose(text: &str) -> Vec<AnyView> {
    let parts = text.split('`').map(str::to_owned).enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { view! { <code>{part}</code> }.into_any() } else { part.into_any() })
        .collect()
}
