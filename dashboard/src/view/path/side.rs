//! Beside a path: the way to safety, the plugins that judge it, and what they decided last.

use crate::{
    address,
    load::{Load, load},
    steady::Steady,
    store::{east, store},
    view::{
        live::{Views, live},
        plugins, sign,
        sign::prose,
    },
    wording,
};
use leptos::prelude::*;
use wire::{DecisionPage, Entry, LaneId, PluginInfo, Step};

/// What to do, in this order.
pub fn steps(steps: &[Step]) -> impl IntoView + use<> {
    let there = !steps.is_empty();
    let items = steps.iter().map(|step| {
        let code = (!step.code.is_empty()).then(|| view! { <pre tabindex="0">{step.code.clone()}</pre> });
        let done = step.done.then(|| view! { <span class="hide">"done: "</span> });
        view! { <li class:done=step.done><span>{done}{prose(&step.text)}{code}</span></li> }
    });
    let items = items.views();
    there.then(|| view! {
        <section class="sheet" id="steps"><div class="head"><h2>"To make it safe"</h2><span class="end">"in this order"</span></div><ol class="steps">{items}</ol></section>
    })
}

/// The plugins that judge this path.
#[component]
pub fn OnPath(names: Vec<String>) -> impl IntoView {
    let store = store();
    let all = load::<Vec<PluginInfo>>(store, Steady::new(|_| "/api/v1/plugins".to_owned()), store.pulse());
    let there = !names.is_empty();
    let list = move || match all.get() {
        Load::Waiting => view! { <li class="faint">"Reading"</li> }.into_any(),
        Load::Failed(text) => view! { <li class="faint">{text}</li> }.into_any(),
        Load::Have(all) => {
            let on = all.iter().filter(|it| names.contains(&it.name));
            on.map(plugins::brief).views().into_any()
        }
    };
    there.then(|| view! {
        <section class="sheet" id="plugins-on-path"><div class="head"><h2>"Plugins on this path"</h2><span class="end">"last 15 min"</span></div><ul class="plug rows">{live(list)}</ul></section>
    })
}

/// The last decisions on this path, or about this node on it.
#[component]
pub fn Latest(lane: LaneId, node: String) -> impl IntoView {
    let store = store();
    let query =
        if node.is_empty() { format!("lane:{lane}") } else { format!("lane:{lane} {}", address::term("node", &node)) };
    let all = address::decisions(&query);
    let url = address::with("/api/v1/decisions", &[("q", &query), ("limit", "6")]);
    let page = load::<DecisionPage>(store, Steady::new(move |_| url.clone()), store.pulse());
    let list = move || match page.get() {
        Load::Waiting => view! { <li class="faint">"Reading"</li> }.into_any(),
        Load::Failed(text) => view! { <li class="faint">{text}</li> }.into_any(),
        Load::Have(page) if page.rows.is_empty() => {
            view! { <li class="none"><span class="faint">"None yet."</span></li> }.into_any()
        }
        Load::Have(page) => {
            let rows = page.rows.iter().filter_map(|row| match &row.entry {
                Entry::Decision(it) => Some((**it).clone()),
                Entry::Gap(_) | Entry::Event(_) | Entry::Csr(_) => None,
            });
            rows.map(|it| {
                let (_, rule) = crate::board::spoken(&it);
                let said = format!("{}: {}", wording::who(&it.request.user), it.request.describe());
                view! {
                    <li data-decision=it.id.clone()><time>{wording::clock(it.at, east())}</time>
                        <span><a class="plain" href=address::decision(&it.id, &query)>{said}</a><br/><span class="rule">{rule}</span></span>{sign::verdict(&it)}</li>
                }
            })
            .views()
            .into_any()
        }
    };
    view! {
        <section class="sheet" id="latest"><div class="head"><h2>"Latest decisions"</h2><a class="link end" href=all>"All of this path"</a></div><ol class="mini rows">{live(list)}</ol></section>
    }
}
