//! Check by check: what must be true, what was found, how it is known and until when.

use crate::{
    steady::Steady,
    store::store,
    view::{
        live::{Views, live},
        sign::prose,
    },
    wording,
};
use leptos::prelude::*;
use wire::{Check, Outcome, Part};

/// The checks of one instance, by what they are about.
pub fn checks(checks: &[Check]) -> impl IntoView + use<> {
    let of = |outcome: Outcome| checks.iter().filter(|it| it.outcome == outcome).count();
    let mut said = vec![
        format!("{} pass", of(Outcome::Passes)),
        format!("{} fail", of(Outcome::Fails)),
        format!("{} unknown", of(Outcome::Unknown)),
    ];
    if of(Outcome::Conflict) > 0 {
        said.push(format!("{} in conflict", of(Outcome::Conflict)));
    }
    let parts = Part::ALL.iter().filter(|part| checks.iter().any(|it| it.part == **part));
    let rows = parts.map(|part| {
        let rows = checks.iter().filter(|it| it.part == *part).map(row).views();
        view! { <tr class="part"><th colspan="4" scope="colgroup">{wording::part(*part)}</th></tr>{rows} }
    });
    let rows = rows.views();
    view! {
        <section class="sheet" id="checks"><div class="head"><h2>"Check by check"</h2><span class="muted">{said.join(", ")}</span></div>
            <table class="table checks"><thead><tr><th scope="col">"Check"</th><th scope="col">"What we found"</th><th scope="col">"How we know"</th>
                <th scope="col" class="w-set">"What would change it"</th></tr></thead><tbody>{rows}</tbody></table></section>
    }
}

fn row(check: &Check) -> impl IntoView + use<> {
    let store = store();
    let (outcome, at, ttl) = (check.outcome, check.at, check.ttl);
    let old = move || store.now.get().saturating_sub(at);
    let ran_out = Steady::new(move |_| at > 0 && ttl > 0 && old() > ttl);
    // Evidence that ran out, or that nobody confirms any more, proves nothing; a failure stays one.
    let shown = move || {
        if outcome == Outcome::Passes && (ran_out.get() || store.lost.get()) { Outcome::Unknown } else { outcome }
    };
    let how = match (check.strength, check.witness) {
        (Some(strength), witness) => {
            let by = witness.map(|it| format!(" {}", wording::witness(it)));
            view! { <span class="strength">{wording::strength(strength)}</span>{by} }.into_any()
        }
        (None, _) => view! { <span class="strength weak">"No evidence"</span> }.into_any(),
    };
    let age = move || {
        (at > 0).then(|| match (ttl, ran_out.get()) {
            (0, _) => format!("{} old", wording::age(old())),
            (_, true) => format!("ran out {} ago", wording::age(old().saturating_sub(ttl))),
            (_, false) => format!("{} old, valid {}", wording::age(old()), wording::span(ttl)),
        })
    };
    let from = (!check.from.is_empty()).then(|| view! { <br/><span class="faint">{check.from.clone()}</span> });
    let setting = if check.setting.is_empty() {
        ().into_any()
    } else if check.setting.contains('`') {
        prose(&check.setting).into_any()
    } else {
        view! { <code>{check.setting.clone()}</code> }.into_any()
    };
    view! {
        <tr data-check=check.id.clone() data-outcome=move || shown().as_str()>
            <td><span class="q">
                <svg class=move || format!("sign {}", wording::outcome_sign(shown())) role="img" aria-label=move || wording::outcome(shown())>
                    <use href=move || format!("#{}", wording::outcome_sign(shown()))/></svg>
                <span>{check.states.clone()}</span></span></td>
            <td>{prose(&check.found)}{from}</td>
            <td class="how">{how}<br/>{live(age)}</td>
            <td class="set">{setting}</td>
        </tr>
    }
}
