//! One decision, so that "why" needs no second look: what was asked, who answered what, by which rule, at what cost.

use crate::{
    address,
    load::{Load, get, load},
    steady::Steady,
    store::{clock, east, store},
    view::{
        live::{Views, live},
        sign::{self, mute, prose},
        states,
    },
    wording,
};
use leptos::{prelude::*, task::spawn_local};
use std::sync::Arc;
use wire::{Decision, DecisionDetail, Entry, Explained, Hit, Opinion, RuleText, Target};

/// The trace of the decision with this id.
#[component]
pub fn Trace(id: String, query: Steady<String>) -> impl IntoView {
    let store = store();
    let url = {
        let id = id.clone();
        Steady::new(move |_| address::with(&format!("/api/v1/decisions/{id}"), &[]))
    };
    let detail = load::<DecisionDetail>(store, url, Steady::new(|_| 0));
    let full = move |detail: Arc<DecisionDetail>| match &detail.row.entry {
        Entry::Decision(decision) => whole(decision, &detail, query.get()).into_any(),
        Entry::Gap(_) | Entry::Event(_) | Entry::Csr(_) => {
            states::empty("No decision", "This row of the journal is no decision.").into_any()
        }
    };
    view! {
        <aside class="sheet trace" id="trace" aria-label="One decision" data-decision=id>
            {states::loaded(detail, "Reading the decision", full)}
        </aside>
    }
}

fn whole(decision: &Decision, detail: &DecisionDetail, query: String) -> impl IntoView + use<> {
    let time = format!("{}.{:03}", wording::clock(decision.at, east()), decision.at % 1_000);
    let by = if decision.peer.is_empty() { String::new() } else { format!(" by {}", decision.peer) };
    let cross = view! {
        <div class="cross">
            <div><b>{wording::source(decision.source)}</b><small>{wording::source_in_full(decision.source)}</small></div>
            <div class="x">"×"</div>
            <div><b>{wording::traversal(decision.traversal)}</b><small>{wording::traversal_in_full(decision.traversal)}</small></div>
        </div>
    };
    view! {
        <section>
            <div class="top">{sign::verdict(decision)}<span>{time}{by}</span>
                <a class="end nowrap" id="close-trace" href=address::decisions(&query)>"back to the list "<span class="key">"esc"</span></a></div>
            <h2>{wording::headline(decision)}</h2>
        </section>
        {asked(decision)}
        <section><h3>"Classified "<span class="end">"who × which way on"</span></h3>{cross}
            <p class="on-path">"Judged as "<a href=path_of(decision)>{wording::path(decision.path)}</a>" "<code>{decision.path.as_str()}</code></p></section>
        {opinions(&decision.opinions)}
        {rules(decision, &detail.rules)}
        {proof(decision)}
        {hits(&decision.rule, &detail.hits)}
    }
}

fn path_of(decision: &Decision) -> String {
    match decision.lane() {
        Some(lane) => address::path(lane, decision.node().unwrap_or_default()),
        None => address::paths(&format!("path:{}", decision.path), "table"),
    }
}

fn asked(decision: &Decision) -> impl IntoView + use<> {
    let request = &decision.request;
    let from = wording::from_where(decision);
    let facts = decision
        .facts
        .iter()
        .map(|(key, value)| view! { <dt>{key.clone()}</dt><dd><code>{value.clone()}</code></dd> })
        .views();
    let extra = request.extra.iter().map(|(key, values)| {
        view! { <dt>{key.clone()}</dt><dd><code>{values.join(", ")}</code></dd> }
    });
    let inside = match &request.target {
        Target::Resource(at) if !at.field_selector.is_empty() || !at.label_selector.is_empty() => {
            Some("with selectors")
        }
        _ => None,
    };
    view! {
        <section>
            <h3>"Asked"</h3>
            <dl class="facts2">
                <dt>"Who"</dt><dd><code>{request.user.clone()}</code></dd>
                <dt>"From"</dt><dd>{from}", credential "<span class="redact">"redacted"</span></dd>
                <dt>"Wants"</dt><dd><code>{request.describe()}</code>{inside.map(|it| view! { " "<span class="faint">{it}</span> })}</dd>
                {(!request.groups.is_empty()).then(|| view! { <dt>"Groups"</dt><dd><code>{request.groups.join(", ")}</code></dd> })}
            </dl>
            {(!request.extra.is_empty() || !decision.facts.is_empty()).then(|| view! {
                <details><summary>"What the plugins were given besides"</summary><dl class="facts2 wide">{extra.views()}{facts}</dl></details>
            })}
        </section>
    }
}

fn opinions(opinions: &[Opinion]) -> impl IntoView + use<> {
    let rows = opinions.iter().map(|opinion| {
        let (name, word) = wording::opinion(opinion.verdict);
        let shadowed = opinion.shadowed().map(|(rule, _)| rule.to_owned()).collect::<Vec<_>>();
        let note = match (&opinion.failure, opinion.shadow, shadowed.is_empty()) {
            (Some(failure), ..) => Some(format!("no answer: {failure}")),
            (None, true, _) => Some("in shadow".to_owned()),
            (None, false, false) => Some(format!("would refuse: {}", shadowed.join(", "))),
            (None, false, true) => None,
        };
        let name = if opinion.shadow && name == "denied" { "shadow" } else { name };
        view! {
            <tr class:wins=name == "denied" data-plugin=opinion.plugin.clone()>
                <td><a class="plain" href=address::plugin(&opinion.plugin)>{opinion.plugin.clone()}</a></td>
                <td><span class=format!("badge {name}")>{mute(name)}{word}</span></td>
                <td>{opinion.rule.clone()}{note.map(|note| view! { " "<span class="faint">{note}</span> })}</td>
                <td class="num">{wording::count(opinion.fuel)}</td>
                <td class="num">{opinion.micros}</td>
            </tr>
        }
    });
    let rows = rows.views();
    view! {
        <section><h3>"Opinions "<span class="end">"one refusal is enough"</span></h3>
            <table class="table ops"><thead><tr><th scope="col">"Plugin"</th><th scope="col">"Opinion"</th><th scope="col">"Rule"</th>
                <th scope="col" class="num">"Fuel"</th><th scope="col" class="num">"µs"</th></tr></thead><tbody>{rows}</tbody></table>
        </section>
    }
}

fn rules(decision: &Decision, rules: &[(String, RuleText)]) -> impl IntoView + use<> {
    let texts = rules.iter().map(|(name, rule)| {
        let plugin = name.split('/').next().unwrap_or_default();
        let from = (!rule.source.is_empty()).then(|| view! { <p class="faint">"From "{prose(&rule.source)}</p> });
        view! {
            <section data-rule=name.clone()><h3>"The rule "<span class="end"><a class="link" href=address::plugin(plugin)>{name.clone()}</a></span></h3>
                <p class="quote">{prose(&rule.summary)}</p><p class="muted">{prose(&rule.advice)}</p>{from}</section>
        }
    });
    let texts = texts.views();
    let gone = (!decision.rule.is_empty() && !rules.iter().any(|(name, _)| *name == decision.rule)).then(|| view! {
        <section><h3>"The rule "<span class="end"><code>{decision.rule.clone()}</code></span></h3>
            <p class="muted">"Its text is not loaded any more: the plugin was changed or removed since, or the gate itself decided."</p></section>
    });
    view! { {texts}{gone} }
}

fn proof(decision: &Decision) -> impl IntoView + use<> {
    let fuel: u64 = decision.opinions.iter().map(|opinion| opinion.fuel).sum();
    let spoke = decision.opinions.iter().find(|it| decision.rule.starts_with(&format!("{}/", it.plugin)));
    let digest = spoke.map(|it| {
        view! { <dt>"Plugin"</dt><dd><span class="chip" title=it.digest.clone()>"sha256 "{wording::short(&it.digest)}</span>" config "
            <span class="chip" title=it.config.clone()>{wording::short(&it.config)}</span></dd> }
    });
    let told = (!decision.reason.is_empty())
        .then(|| view! { <dt>"Told the user"</dt><dd class="muted">{prose(&decision.reason)}</dd> });
    view! {
        <section><h3>"Proof"</h3>
            <dl class="facts2">
                <dt>"Decision"</dt><dd><code>{decision.id.clone()}</code></dd>
                {digest}
                <dt>"Engine"</dt><dd>{decision.engine.clone()}</dd>
                <dt>"Cost"</dt><dd>{wording::micros(decision.micros)}" in all, "{wording::count(fuel)}" fuel"</dd>
                {told}
            </dl>
            <Again id=decision.id.clone()/>
        </section>
    }
}

/// Executes the decision again, on the gate, and says whether it came out the same.
#[component]
fn Again(id: String) -> impl IntoView {
    let answer = RwSignal::new(None::<Load<Explained>>);
    let url = format!("/api/v1/decisions/{id}/explain");
    let ask = move |_| {
        let url = url.clone();
        answer.set(Some(Load::Waiting));
        spawn_local(async move {
            let came = match get::<Explained>(&url).await {
                Ok(it) => Load::Have(Arc::new(it)),
                Err(text) => Load::Failed(text),
            };
            answer.try_set(Some(came));
        });
    };
    let says = move || {
        match answer.get() {
        None => view! { {mute("passed")}<span class="faint">"The gate can execute it again, with the same facts and plugins."</span> }.into_any(),
        Some(Load::Waiting) => view! { {mute("unknown")}<span>"Executing it again"</span> }.into_any(),
        Some(Load::Failed(text)) => view! { {mute("unknown")}<span><b>"It could not be executed again"</b><br/>{text}</span> }.into_any(),
        Some(Load::Have(it)) => explained(&it).into_any(),
    }
    };
    view! {
        <div class="again"><div id="explained" role="status" data-same=move || match answer.get() {
            Some(Load::Have(it)) => it.same.map_or("unknown", |same| if same { "true" } else { "false" }),
            _ => "",
        }>{live(says)}</div>
        <button id="explain-again" class="button" type="button" on:click=ask>"Explain again"</button></div>
    }
}

fn explained(it: &Explained) -> impl IntoView + use<> {
    let time = wording::clock(if it.at == 0 { clock() } else { it.at }, east());
    let (name, title) = match it.same {
        Some(true) => ("safe", "Explained again: identical"),
        Some(false) => ("fail", "Explained again: different"),
        None => ("unknown", "It cannot be told whether it would be the same"),
    };
    let more =
        if it.differences.is_empty() { "same answer, rule and fuel".to_owned() } else { it.differences.join(" ") };
    view! {
        {mute(name)}
        <span><b>{title}</b><br/><span class="faint">{time}", "{more}", in "{wording::micros(it.micros)}</span></span>
    }
}

fn hits(rule: &str, hits: &[Hit]) -> impl IntoView + use<> {
    let most = hits.iter().map(|hit| hit.count).max().unwrap_or(1).max(1);
    let rule = rule.to_owned();
    let all = address::decisions(&format!("rule:{rule} since:24h"));
    let there = !hits.is_empty();
    let rows = hits.iter().map(|hit| {
        let query = format!("{} rule:{rule} since:24h", address::term("user", &hit.user));
        let share = format!("{}%", hit.count.saturating_mul(100) / most);
        view! {
            <li data-user=hit.user.clone()><a class="plain" href=address::decisions(&query)>{wording::who(&hit.user)}</a>
                <i style=("--p", share) aria-hidden="true"></i><b>{wording::count(hit.count)}</b></li>
        }
    });
    let rows = rows.views();
    there.then(|| view! {
        <section><h3>"Who else does this rule hit "<span class="end"><a class="link" href=all>"last 24 hours"</a></span></h3><ul class="hits">{rows}</ul></section>
    })
}
