//! How far kubelets' requests for certificates came.

use super::badge;
use crate::{
    load::load,
    steady::Steady,
    store::store,
    view::{live::Views, sign::prose, states},
    wording,
};
use leptos::prelude::*;
use std::sync::Arc;
use wire::{CsrVerdict, Join};

/// What kubelets asked for: what is stuck first, then the newest.
#[component]
pub fn Joins() -> impl IntoView {
    let store = store();
    // A node that joins asks twice within seconds, and somebody may wait for it.
    let pulse = Steady::new(move |_| store.now.get() / 2_000);
    let newest = load::<Vec<Join>>(store, Steady::new(|_| "/api/v1/joins".to_owned()), pulse);
    let full = move |all: Arc<Vec<Join>>| {
        if all.is_empty() {
            return states::empty(
                "No certificate request was judged here",
                "With `approver` in its configuration the gate approves and denies what kubelets ask for.",
            )
            .into_any();
        }
        view! {
            <section class="sheet" id="requests"><div class="head"><h2>"Requests of kubelets"</h2><span class="end">"what is stuck first, then the newest"</span></div>
                <table class="table certs"><thead><tr><th scope="col">"Request"</th><th scope="col">"Names"</th>
                    <th scope="col">"Decision"</th><th scope="col">"How far it came"</th></tr></thead>
                    <tbody>{all.iter().map(row).views()}</tbody></table></section>
        }
        .into_any()
    };
    states::loaded(newest, "Reading certificate requests", full)
}

fn row(it: &Join) -> impl IntoView + use<> {
    let (mark, says) = match it.verdict {
        CsrVerdict::Approve => ("", "approved"),
        CsrVerdict::Deny => ("fail", "denied"),
        CsrVerdict::Leave => ("unknown", "left for a person"),
    };
    let age = wording::age(store().now.get_untracked().saturating_sub(it.judged));
    let rule = format!("{}, {age} ago", it.rule);
    let request = format!("{}, {}", it.name, it.signer.trim_start_matches("kubernetes.io/"));
    view! {
        <tr>
            <td><b>{it.common_name.clone()}</b><small>{request}</small></td>
            <td>{it.names.join(", ")}</td>
            <td>{badge(mark, says.to_owned())}<small>{prose(&it.reason)}</small><small>{rule}</small></td>
            <td>{way(it)}</td>
        </tr>
    }
}

/// The steps of a request, up to the first that is not done yet.
fn way(it: &Join) -> String {
    let by = match it.user.strip_prefix("system:bootstrap:") {
        Some(token) => format!("token {token}"),
        None => "its own certificate".to_owned(),
    };
    let after = |what: &str, at: u64, since: u64| format!("{what} after {}", wording::age(at.saturating_sub(since)));
    let mut steps = vec![by, after("judged", it.judged, it.created.unwrap_or(it.judged))];
    match (it.issued, it.used) {
        (Some(issued), used) => {
            steps.push(after("issued", issued, it.judged));
            steps.push(used.map_or("not used yet".to_owned(), |used| after("used", used, issued)));
        }
        (None, _) if it.verdict == CsrVerdict::Approve => steps.push("not issued yet".to_owned()),
        (None, _) => {}
    }
    steps.join(" → ")
}
