//! Certificates: what kubelets asked for and what came of it, then the gate's own and those it has seen, the next to end
//! first.

use crate::{
    load::load,
    order::sorted,
    steady::Steady,
    store::store,
    view::{
        live::{Views, live},
        sign::{mute, prose},
        states,
    },
    wording,
};
use leptos::prelude::*;
use std::sync::Arc;
use wire::{Certificate, CsrDecision, CsrVerdict, DecisionPage, Entry};

/// The list.
#[component]
pub fn Certificates() -> impl IntoView {
    let store = store();
    // Certificates change in hours; a page that stays open reads them again with the minute.
    let pulse = Steady::new(move |_| store.now.get() / 60_000);
    let all = load::<Vec<Certificate>>(store, Steady::new(|_| "/api/v1/certificates".to_owned()), pulse);
    let full = move |all: Arc<Vec<Certificate>>| {
        if all.is_empty() {
            return states::empty(
                "No certificate was seen yet",
                "The gate shows its own and those of its callers, as soon as it serves TLS.",
            )
            .into_any();
        }
        let next =
            |a: &Certificate, b: &Certificate| a.not_after.cmp(&b.not_after).then_with(|| a.subject.cmp(&b.subject));
        let sorted = sorted((*all).clone(), next);
        let count = wording::counted(u64::try_from(sorted.len()).unwrap_or(u64::MAX), "certificate", "certificates");
        view! {
            <section class="sheet" id="certificates"><div class="head"><h2>{count}</h2><span class="end">"the next to end first"</span></div>
                <table class="table certs"><thead><tr><th scope="col">"Certificate"</th><th scope="col">"For"</th><th scope="col">"Names"</th>
                    <th scope="col">"Ends"</th><th scope="col">"Seen"</th></tr></thead><tbody>{sorted.into_iter().map(row).views()}</tbody></table></section>
        }
        .into_any()
    };
    view! {
        <div class="pagehead"><h1>"Certificates"</h1><p>"What kubelets asked for, then the gate’s own and those that it has seen. One that is not listed was not seen, which says nothing about it."</p></div>
        <Requests/>
        {states::loaded(all, "Reading certificates", full)}
    }
}

/// What kubelets asked for, the newest first.
#[component]
fn Requests() -> impl IntoView {
    let store = store();
    // A node that joins asks twice within seconds, and somebody may wait for it.
    let pulse = Steady::new(move |_| store.now.get() / 2_000);
    let newest = load::<DecisionPage>(store, Steady::new(|_| "/api/v1/requests?limit=20".to_owned()), pulse);
    let full = move |page: Arc<DecisionPage>| {
        let of = |entry: &Entry| if let Entry::Csr(it) = entry { Some((**it).clone()) } else { None };
        let rows: Vec<_> = page.rows.iter().filter_map(|row| of(&row.entry)).collect();
        if rows.is_empty() {
            return states::empty(
                "No certificate request was judged here",
                "With `approver` in its configuration the gate approves and denies what kubelets ask for.",
            )
            .into_any();
        }
        let more = if page.next.is_some() { "the newest 20" } else { "the newest first" };
        view! {
            <section class="sheet" id="requests"><div class="head"><h2>"Requests of kubelets"</h2><span class="end">{more}</span></div>
                <table class="table certs"><thead><tr><th scope="col">"Request"</th><th scope="col">"For"</th><th scope="col">"Names"</th>
                    <th scope="col">"Decision"</th><th scope="col">"When"</th></tr></thead>
                    <tbody>{rows.into_iter().map(request).views()}</tbody></table></section>
        }
        .into_any()
    };
    states::loaded(newest, "Reading certificate requests", full)
}

fn request(it: CsrDecision) -> impl IntoView {
    let store = store();
    let (at, question) = (it.at, it.question);
    let (mark, says) = match it.verdict {
        CsrVerdict::Approve => ("safe", "approved"),
        CsrVerdict::Deny => ("fail", "denied"),
        CsrVerdict::Leave => ("unknown", "left for a person"),
    };
    let when = move || format!("{} ago", wording::age(store.now.get().saturating_sub(at)));
    let signer = question.signer.trim_start_matches("kubernetes.io/").to_owned();
    view! {
        <tr>
            <td><b>{question.common_name}</b><small>{question.name}</small><small>"asked by "{question.user}</small></td>
            <td>{signer}</td>
            <td>{question.names.join(", ")}</td>
            <td><span class=format!("badge {mark}")>{mute(mark)}{says}</span><small>{prose(&it.reason)}</small><small>{it.rule}</small></td>
            <td><span class="nowrap">{live(when)}</span><small>{wording::date(at)}</small></td>
        </tr>
    }
}

fn row(it: Certificate) -> impl IntoView {
    let store = store();
    let (from, to) = (it.not_before, it.not_after);
    let left = Steady::new(move |_| (to.saturating_sub(store.now.get()), store.now.get() > to, store.now.get() < from));
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
            <td><span class="nowrap">{live(says)}</span><small>{wording::date(to)}</small><span class="age" aria-hidden="true"><i style=("--p", used)></i></span></td>
            <td>{it.from}{node}</td>
        </tr>
    }
}
