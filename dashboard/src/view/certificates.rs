//! Certificates: how far requests for them came, when each ends, what is wrong with one, and all about one of them.

mod joins;

use crate::{
    load::load,
    order::sorted,
    place::place,
    steady::Steady,
    store::store,
    view::{
        live::{Views, live},
        sign::{self, mute, prose},
        states,
    },
    wording,
};
use joins::Joins;
use leptos::prelude::*;
use std::sync::Arc;
use wire::{Certificate, Link, State, Verified};

/// All of them, or the one in the address.
#[component]
pub fn Certificates() -> impl IntoView {
    let part = place().part();
    let shown = move || if part.with(String::is_empty) { All().into_any() } else { One().into_any() };
    live(shown)
}

#[component]
fn All() -> impl IntoView {
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
        let holds = |it: &Certificate| it.verified.as_ref().is_none_or(|it| it.state != State::Unverified);
        let next = |a: &Certificate, b: &Certificate| {
            let by_end = || a.not_after.cmp(&b.not_after).then_with(|| a.subject.cmp(&b.subject));
            holds(a).cmp(&holds(b)).then_with(by_end)
        };
        let sorted = sorted((*all).clone(), next);
        let count = wording::counted(u64::try_from(sorted.len()).unwrap_or(u64::MAX), "certificate", "certificates");
        view! {
            {terms(&sorted, store.now.get_untracked())}
            <section class="sheet" id="certificates"><div class="head"><h2>{count}</h2><span class="end">"at most 200: what is refused, then the next to end"</span></div>
                <table class="table certs"><thead><tr><th scope="col">"Certificate"</th><th scope="col">"For"</th><th scope="col">"Names"</th>
                    <th scope="col">"Ends"</th><th scope="col">"Seen"</th></tr></thead><tbody>{sorted.into_iter().take(MOST).map(row).views()}</tbody></table></section>
        }
        .into_any()
    };
    view! {
        <div class="pagehead"><h1>"Certificates"</h1><p>"What kubelets asked for, then the gate’s own and those that it has seen. One that is not listed was not seen, which says nothing about it."</p></div>
        <Joins/>
        {states::loaded(all, "Reading certificates", full)}
    }
}

/// When they end, by who signed them: a tick for each, from now to the last.
fn terms(all: &[Certificate], now: u64) -> impl IntoView + use<> {
    let mut signers: Vec<(String, Vec<(u64, bool)>)> = Vec::new();
    let end = all.iter().map(|it| it.not_after).max().unwrap_or_default().max(now.saturating_add(wording::DAY));
    let span = end.saturating_sub(now);
    for it in all {
        // Half a per cent is as fine as a screen.
        let at = it.not_after.saturating_sub(now).saturating_mul(200) / span.max(1);
        let tick = (at, it.verified.as_ref().is_some_and(|it| it.state == State::Unverified));
        match signers.iter_mut().find(|(name, _)| *name == it.issuer) {
            Some((_, ticks)) if ticks.contains(&tick) => {}
            Some((_, ticks)) => ticks.push(tick),
            None => signers.push((it.issuer.clone(), vec![tick])),
        }
    }
    let line = |(name, ticks): (String, Vec<(u64, bool)>)| {
        let tick = |(at, wrong): (u64, bool)| {
            let class = if at == 0 || wrong { "bad" } else { "" };
            view! { <i class=class style=("--p", format!("{}%", at / 2))></i> }
        };
        view! { <li><span>{name}</span><span class="term" aria-hidden="true">{ticks.into_iter().map(tick).views()}</span></li> }
    };
    view! {
        <section class="sheet" id="terms"><div class="head"><h2>"When they end, by signer"</h2><span class="end">"from now to "{wording::date(end)}</span></div>
            <ul class="terms">{signers.into_iter().map(line).views()}</ul></section>
    }
}

/// How long it still holds: a sign, and words.
fn term(from: u64, to: u64, now: u64) -> (&'static str, String) {
    if now > to {
        ("fail", "ended".to_owned())
    } else if now < from {
        ("unknown", "not valid yet".to_owned())
    } else {
        let left = to.saturating_sub(now);
        (if left < 7 * wording::DAY { "unverified" } else { "" }, format!("in {}", wording::age(left)))
    }
}

fn badge(sign: &'static str, text: String) -> AnyView {
    if sign.is_empty() {
        return text.into_any();
    }
    view! { <span class=format!("badge {sign}")>{mute(sign)}{text}</span> }.into_any()
}

/// A certificate that a plugin accepts makes no path safe: kube-apiserver may still not look at it.
fn words(state: State) -> &'static str {
    if state == State::Safe { "verified" } else { wording::state(state) }
}

/// What a plugin made of it: how far it can be relied on, and what speaks against it first.
fn judged(verified: &Verified) -> AnyView {
    let first = verified.findings.first().map(|it| it.code.clone());
    view! { {sign::badge(verified.state, words)}" "{first} }.into_any()
}

/// Where it was seen.
fn seen(it: &Certificate) -> String {
    if it.node.is_empty() { it.from.clone() } else { format!("{}, node {}", it.from, it.node) }
}

fn row(it: Certificate) -> impl IntoView {
    let (from, to) = (it.not_before, it.not_after);
    let dates = wording::date(to) + if it.before.is_some() { ", rotated" } else { "" };
    // The list is read again each minute.
    let now = store().now.get_untracked();
    let (sign, text) = term(from, to, now);
    let (span, gone) = (to.saturating_sub(from).max(1), now.saturating_sub(from));
    let used = format!("{}%", (gone.saturating_mul(100) / span).clamp(1, 100));
    let seen = seen(&it);
    view! {
        <tr>
            <td><a class="plain" href=format!("/certificates/{}", it.sha256)><b>{it.subject}</b></a><small>"by "{it.issuer}</small><small><span class="chip" title=it.sha256.clone()>{wording::short(&it.sha256)}</span></small></td>
            <td>{prose(&it.purpose)}<small>{it.verified.as_ref().map(judged)}</small></td>
            <td>{it.names.join(", ")}</td>
            <td><span class="nowrap">{badge(sign, text)}</span><small>{dates}</small><span class="age" aria-hidden="true"><i style=("--p", used)></i></span></td>
            <td>{seen}</td>
        </tr>
    }
}

/// One certificate: where it is, who verified it, its chain, and everything that was found.
#[component]
fn One() -> impl IntoView {
    let store = store();
    let part = place().part();
    let pulse = Steady::new(move |_| store.now.get() / 60_000);
    let from = Steady::new(move |_| format!("/api/v1/certificates/{}", part.get()));
    let one = load::<Certificate>(store, from, pulse);
    view! {
        <nav class="crumbs" aria-label="Where you are"><a href="/certificates">"Certificates"</a><span>"/"</span><span>{live(move || wording::short(&part.get()))}</span></nav>
        {states::loaded(one, "Reading the certificate", move |it: Arc<Certificate>| whole(&it, store.now.get_untracked()))}
    }
}

fn whole(it: &Certificate, now: u64) -> AnyView {
    let (_, end) = term(it.not_before, it.not_after, now);
    let mut rows = Vec::new();
    let mut add = |what: &str, says: String| rows.push((what.to_owned(), says));
    if let Some(by) = &it.verified {
        add("Verified by", format!("{}, {} ago", by.by, wording::age(now.saturating_sub(by.at))));
        for finding in &by.findings {
            add(&finding.code, finding.detail.clone());
        }
    }
    add("Issued by", it.issuer.clone());
    add("For", it.names.join(", "));
    add("Ends", format!("{end}, {}", wording::date(it.not_after)));
    let told = |it: &Link| format!("{} by {}, until {}", it.subject, it.issuer, wording::date(it.not_after));
    if let Some(last) = &it.before {
        add("In place of", told(last));
    }
    add("Served", format!("{} at {}", it.purpose, seen(it)));
    add("SHA-256", it.sha256.clone());
    if let Some(by) = &it.verified {
        for it in &by.chain {
            add("Sent", told(it));
        }
        for digest in &by.path {
            add("On the path", digest.clone());
        }
    }
    let row = |(what, says): (String, String)| view! { <tr><th scope="row">{what}</th><td>{prose(&says)}</td></tr> };
    view! {
        <div class="pagehead"><h1>{it.subject.clone()}</h1><p>{it.verified.as_ref().map(judged)}</p></div>
        <section class="sheet" id="certificate"><table class="table certs"><tbody>{rows.into_iter().map(row).views()}</tbody></table></section>
    }
    .into_any()
}

/// Rows of a table that a person reads.
const MOST: usize = 200;
