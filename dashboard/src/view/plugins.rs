//! Plugins: what is loaded, byte for byte, what it may use, and what it did.

use crate::{
    address,
    load::load,
    place::place,
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
use wire::{PluginInfo, RuleText};

/// All plugins, or the one in the address.
#[component]
pub fn Plugins() -> impl IntoView {
    let store = store();
    let name = place().part();
    let all = load::<Vec<PluginInfo>>(store, Steady::new(|_| "/api/v1/plugins".to_owned()), store.pulse());
    let set = store.part(|it| (it.generation, it.enforcing, it.shadowed));
    let full = move |all: Arc<Vec<PluginInfo>>| {
        let name = name.get();
        let shown: Vec<_> = all.iter().filter(|it| name.is_empty() || it.name == name).cloned().collect();
        if shown.is_empty() && name.is_empty() {
            return states::empty(
                "No plugin is loaded",
                "Every question is answered with no opinion. Name plugins in the configuration.",
            )
            .into_any();
        }
        if shown.is_empty() {
            return states::empty(
                "No such plugin",
                &format!("None of the loaded ones is called `{name}`; it may have been removed."),
            )
            .into_any();
        }
        view! { <div class="plugins">{shown.into_iter().map(card).views()}</div> }.into_any()
    };
    let says = move || {
        let (generation, enforcing, shadowed) = set.get();
        format!("{enforcing} enforce, {shadowed} in shadow. This is set {generation}: it grows with every swap.")
    };
    let back = move || {
        (!name.get().is_empty()).then(|| view! { <nav class="crumbs" aria-label="Where you are"><a href="/plugins">"Plugins"</a><span>"/"</span><span>{name.get()}</span></nav> })
    };
    view! {
        {live(back)}
        <div class="pagehead"><h1>"Plugins"</h1><p id="generation">{live(says)}</p></div>
        {states::loaded(all, "Reading plugins", full)}
    }
}

/// How it judged, in a bar: refused, would refuse, the rest.
fn said(info: &PluginInfo) -> impl IntoView + use<> {
    let acts = &info.acts;
    let rest = acts.asked.saturating_sub(acts.refused).saturating_sub(acts.would_refuse);
    let label = format!("{} refused, {} would refuse, {} no objection", acts.refused, acts.would_refuse, rest);
    let cells = [("d", acts.refused), ("s", acts.would_refuse), ("", rest)].into_iter().filter(|(_, count)| *count > 0);
    let cells = cells.map(|(class, count)| view! { <i class=class style=("--v", count.to_string())></i> }).views();
    view! { <div class="said" role="img" aria-label=label>{cells}</div> }
}

/// A plugin in a few lines, as beside a path.
pub fn brief(info: &PluginInfo) -> impl IntoView + use<> {
    let shadow = info.shadow.then(|| view! { " "<span class="badge shadow">{mute("shadow")}"in shadow"</span> });
    view! {
        <li data-plugin=info.name.clone()>
            <span><a class="plain" href=address::plugin(&info.name)><b>{info.name.clone()}</b></a>" "<span class="faint">{info.version.clone()}</span></span>
            <span><span class="chip" title=info.digest.clone()>{wording::short(&info.digest)}</span>{shadow}</span>
            {said(info)}
            {facts(info)}
        </li>
    }
}

fn facts(info: &PluginInfo) -> impl IntoView + use<> {
    let acts = &info.acts;
    let (count, word) = if info.shadow || acts.would_refuse > acts.refused {
        (acts.would_refuse, "would refuse")
    } else {
        (acts.refused, "refused")
    };
    let rest = acts.asked.saturating_sub(acts.refused).saturating_sub(acts.would_refuse);
    view! {
        <dl class="facts">
            <div><dt>{wording::count(count)}" "{word}</dt><dd>{wording::count(rest)}" no objection"</dd></div>
            <div><dt>"p50"</dt><dd>{wording::micros(acts.p50)}</dd></div>
            <div><dt>"p99"</dt><dd>{wording::micros(acts.p99)}</dd></div>
            <div><dt>"fuel"</dt><dd>{wording::count(acts.fuel_p50)}</dd></div>
        </dl>
    }
}

fn card(info: PluginInfo) -> impl IntoView {
    let shadow = info.shadow.then(|| view! { <span class="badge shadow">{mute("shadow")}"in shadow"</span> });
    let resting =
        info.resting.then(|| view! { <span class="badge fail">{mute("fail")}"resting: failed too often"</span> });
    let said = said(&info);
    let facts = facts(&info);
    let failures = failures(&info);
    let disagrees = (info.shadow || info.acts.would_refuse > 0).then(|| {
        let query = format!("plugin:{} shadow:true since:15m", info.name);
        view! { <p class="notice">{mute("shadow")}<a class="plain" href=address::decisions(&query)>{wording::counted(info.acts.would_refuse, "call", "calls")}" that it would refuse if all of it counted"</a></p> }
    });
    let (time, fuel) = (
        spread("Time of a call, µs", &info.acts.micros, format!("99 of 100 within {}", wording::micros(info.acts.p99))),
        spread("Fuel of a call", &info.acts.fuel, format!("most {}", wording::count(info.acts.fuel_max))),
    );
    let name = info.name.clone();
    view! {
        <section class="sheet plugin" data-plugin=info.name.clone() data-digest=info.digest.clone() data-shadow=info.shadow.to_string()>
            <div class="head"><h2><a class="plain" href=address::plugin(&info.name)>{info.name.clone()}</a></h2><span class="faint">{info.version.clone()}</span>
                <span class="chip" title=format!("sha256 {}", info.digest)>{wording::short(&info.digest)}</span>{shadow}{resting}
                <span class="end"><a class="link" href=address::decisions(&format!("plugin:{} since:15m", info.name))>"its decisions"</a></span></div>
            <div class="plug">{said}{facts}</div>
            {failures}{disagrees}
            <div class="two">{time}{fuel}</div>
            {limits(&info)}
            {rules(&name, info.rules)}
        </section>
    }
}

fn failures(info: &PluginInfo) -> Option<impl IntoView + use<>> {
    let failed: Vec<_> = info
        .acts
        .failed
        .iter()
        .filter(|it| it.count > 0)
        .map(|it| format!("{} {}", wording::count(it.count), it.kind))
        .collect();
    (!failed.is_empty()).then(|| {
        let text = format!(
            "Answers it did not give: {}. Each counted as {}.",
            failed.join(", "),
            if info.on_failure == "deny" { "a refusal" } else { "no opinion" }
        );
        view! { <p class="notice" data-failures="">{mute("fail")}{text}</p> }
    })
}

fn limits(info: &PluginInfo) -> impl IntoView + use<> {
    let list = |words: &[String], none: &'static str| if words.is_empty() { none.to_owned() } else { words.join(", ") };
    let limits = info.limits;
    let limits = format!(
        "{} fuel, {}, {}",
        wording::count(limits.fuel),
        wording::micros(limits.deadline_micros),
        wording::bytes(limits.memory)
    );
    view! {
        <details><summary>"What it is and what it may use"</summary>
            <dl class="facts2">
                <dt>"Component"</dt><dd><code>{info.digest.clone()}</code></dd>
                <dt>"Config"</dt><dd><code>{info.config.clone()}</code></dd>
                <dt>"Role"</dt><dd>{info.role.clone()}", on failure "{info.on_failure.clone()}</dd>
                <dt>"Limits"</dt><dd>{limits}" a call"</dd>
                <dt>"Imports"</dt><dd>{list(&info.imports, "nothing")}</dd>
                <dt>"Exports"</dt><dd>{list(&info.exports, "nothing")}</dd>
                <dt>"Is asked"</dt><dd>{list(&info.asks, "about everything")}</dd>
            </dl></details>
    }
}

fn rules(plugin: &str, rules: Vec<RuleText>) -> impl IntoView + use<> {
    let count = rules.len();
    let items = rules.into_iter().map(|rule| {
        let query = format!("rule:{plugin}/{} since:15m", rule.id);
        let hit = match (rule.refused, rule.would_refuse) {
            (0, 0) => view! { <span class="n faint">"0"</span> }.into_any(),
            (refused, would) => {
                let text = [(refused, "refused"), (would, "would refuse")].into_iter().filter(|(count, _)| *count > 0)
                    .map(|(count, word)| format!("{} {word}", wording::count(count))).collect::<Vec<_>>().join(", ");
                view! { <a class="n" href=address::decisions(&query)>{text}</a> }.into_any()
            }
        };
        let source = (!rule.source.is_empty()).then(|| format!(" From {}.", rule.source));
        view! { <li data-rule=rule.id.clone()><b><code>{rule.id.clone()}</code></b>{hit}<p>{prose(&rule.summary)}</p><p class="faint">{prose(&rule.advice)}{source}</p></li> }
    });
    let items = items.views();
    (count > 0).then(|| view! { <details><summary>{count}{if count == 1 { " rule" } else { " rules" }}</summary><ul class="rules rows">{items}</ul></details> })
}

/// A histogram over powers of two.
fn spread(title: &'static str, buckets: &[u64], end: String) -> impl IntoView + use<> {
    let first = buckets.iter().position(|count| *count > 0);
    let last = buckets.iter().rposition(|count| *count > 0);
    let (Some(first), Some(last)) = (first, last) else {
        return view! { <figure class="spread"><figcaption><b>{title}</b></figcaption><p class="faint">"not asked yet"</p></figure> }.into_any();
    };
    // A lone bar needs neighbours to be read as one of a row.
    let (first, last) = (first.saturating_sub(1), (last + 1).max(first + 5));
    let shown: Vec<u64> = (first..=last).map(|at| buckets.get(at).copied().unwrap_or_default()).collect();
    let most = shown.iter().copied().max().unwrap_or(1).max(1);
    let bars = shown.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, count)| {
        let height = (count * 400 / most).max(8);
        let said = |tenths: u64| format!("{}.{}", tenths / 10, tenths % 10);
        view! { <rect x=format!("{at}.08") width="0.84" y=said(400 - height) height=said(height)/> }
    });
    let power = |at: usize| u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at)).unwrap_or(u64::MAX);
    let sum: u64 = shown.iter().sum();
    let label = format!(
        "{title}: {} calls, between {} and {}",
        wording::count(sum),
        wording::count(power(first) / 2),
        wording::count(power(last))
    );
    view! {
        <figure class="spread"><figcaption><b>{title}</b><span>{end}</span></figcaption>
            <svg viewBox=format!("0 0 {} 40", shown.len()) preserveAspectRatio="none" role="img" aria-label=label>{bars.views()}<path class="base" d=format!("M0 40h{}", shown.len())/></svg>
            <div class="ends"><span>{wording::count(power(first) / 2)}</span><span>{wording::count(power(last))}</span></div></figure>
    }
    .into_any()
}
