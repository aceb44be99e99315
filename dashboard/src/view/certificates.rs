//! Certificates: the gate's own and those it has seen, the next to end first.

use crate::{
    load::load,
    store::store,
    view::{
        sign::{mute, prose},
        states,
    },
    wording,
};
use leptos::prelude::*;
use std::sync::Arc;
use wire::Certificate;

/// The list.
#[component]
pub fn Certificates() -> impl IntoView {
    let store = store();
    // Certificates change in hours; a page that stays open reads them again with the minute.
    let pulse = Memo::new(move |_| store.now.get() / 60_000);
    let all = load::<Vec<Certificate>>(store, Memo::new(|_| "/api/v1/certificates".to_owned()), pulse);
    let full = move |all: Arc<Vec<Certificate>>| {
        if all.is_empty() {
            return states::empty(
                "No certificate was seen yet",
                "The gate shows its own and those of its callers, as soon as it serves TLS.",
            )
            .into_any();
        }
        let mut sorted: Vec<_> = (*all).clone();
        sorted.sort_by(|a, b| a.not_after.cmp(&b.not_after).then_with(|| a.subject.cmp(&b.subject)));
        let count = wording::counted(u64::try_from(sorted.len()).unwrap_or(u64::MAX), "certificate", "certificates");
        view! {
            <section class="sheet" id="certificates"><div class="head"><h2>{count}</h2><span class="end">"the next to end first"</span></div>
                <table class="table certs"><thead><tr><th scope="col">"Certificate"</th><th scope="col">"For"</th><th scope="col">"Names"</th>
                    <th scope="col">"Ends"</th><th scope="col">"Seen"</th></tr></thead><tbody>{sorted.into_iter().map(row).collect_view()}</tbody></table></section>
        }
        .into_any()
    };
    view! {
        <div class="pagehead"><h1>"Certificates"</h1><p>"The gate’s own, and those that it has seen. One that is not listed was not seen, which says nothing about it."</p></div>
        {states::loaded(all, "Reading certificates", full)}
    }
}

fn row(it: Certificate) -> impl IntoView {
    let store = store();
    let (from, to) = (it.not_before, it.not_after);
    let left = Memo::new(move |_| (to.saturating_sub(store.now.get()), store.now.get() > to, store.now.get() < from));
    let term = move || match left.get() {
        (_, true, _) => ("fail", "ended".to_owned()),
        (_, _, true) => ("unknown", "not valid yet".to_owned()),
        (left, ..) if left < 7 * wording::DAY => ("unverified", format!("in {}", wording::age(left))),
        (left, ..) => ("", format!("in {}", wording::age(left))),
    };
    let says = move || {
        let (sign, text) = term();
        if sign.is_empty() {
            text.into_any()
        } else {
            view! { <span class=format!("badge {sign}")>{mute(sign)}{text}</span> }.into_any()
        }
    };
    let used = move || {
        let (span, gone) = (to.saturating_sub(from).max(1), store.now.get().saturating_sub(from));
        format!("{}%", (gone.saturating_mul(100) / span).clamp(1, 100))
    };
    let node = (!it.node.is_empty()).then(|| view! { <small>"node "{it.node.clone()}</small> });
    view! {
        <tr data-sha256=it.sha256.clone()>
            <td><b>{it.subject}</b><small>"by "{it.issuer}</small><small><span class="chip" title=it.sha256.clone()>{wording::short(&it.sha256)}</span></small></td>
            <td>{prose(&it.purpose)}</td>
            <td>{it.names.join(", ")}</td>
            <td><span class="nowrap">{says}</span><small>{wording::date(to)}</small><span class="age" aria-hidden="true"><i style=("--p", used)></i></span></td>
            <td>{it.from}{node}</td>
        </tr>
    }
}
