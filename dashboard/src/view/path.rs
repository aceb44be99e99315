//! One path: how far it is safe on this node, check by check, by what evidence, and what to do.

mod checks;
mod side;

use crate::{
    address, columns,
    load::{Load, Loaded, load},
    place::place,
    steady::Steady,
    store::{doubted, store},
    view::{
        live::{Views, live},
        map::{self, lane},
        sign::{self, mute_state, prose},
        states,
    },
    wording,
};
use leptos::{ev, prelude::*};
use std::sync::Arc;
use wire::{Instance, LaneId, PathDetail, Rung, State};

/// The lane, and the node or caller, in the address.
#[component]
pub fn PathPage() -> impl IntoView {
    let store = store();
    let place = place();
    let (lane, node, subject) = (place.part(), place.parameter("node"), place.parameter("subject"));
    let url = Steady::new(move |_| {
        address::with(&format!("/api/v1/paths/{}", lane.get()), &[("node", &node.get()), ("subject", &subject.get())])
    });
    let detail = load::<PathDetail>(store, url, store.pulse());
    step_with_keys(detail, node, subject);
    let full = move |it: Arc<PathDetail>| whole(&it, &node.get());
    live(move || match lane.get().parse::<LaneId>() {
        Ok(_) => states::loaded(detail, "Reading the path", full).into_any(),
        Err(text) => {
            view! { <h1 class="only">"There is no such path"</h1>{states::empty("Not a lane of the map", &text)} }
                .into_any()
        }
    })
}

fn step_with_keys(detail: Loaded<PathDetail>, node: Steady<String>, subject: Steady<String>) {
    let place = place();
    let listener = window_event_listener(ev::keydown, move |event| {
        let Load::Have(detail) = detail.get_untracked() else { return };
        let by = match event.key().as_str() {
            "j" => 1,
            "k" => -1,
            _ => return,
        };
        if crate::keys::is_typing(&event) {
            return;
        }
        let (node, subject) = (node.get_untracked(), subject.get_untracked());
        let here = |it: &Instance| if it.node.is_empty() { it.subject == subject } else { it.node == node };
        let at = detail.instances.iter().position(here);
        let next = at.map_or(Some(0), |at| at.checked_add_signed(by)).and_then(|at| detail.instances.get(at));
        if let Some(next) = next {
            if at.is_some() {
                place.replace(&to(next))
            } else {
                place.open(&to(next))
            }
            event.prevent_default();
        }
    });
    on_cleanup(move || listener.remove());
}

fn to(instance: &Instance) -> String {
    if instance.node.is_empty() {
        address::subject(instance.lane, &instance.subject)
    } else {
        address::path(instance.lane, &instance.node)
    }
}

fn whole(detail: &PathDetail, node: &str) -> impl IntoView + use<> {
    let lane = &detail.lane;
    let on = detail.instance.as_ref().map(|it| it.subject.clone());
    let title = on.as_ref().map_or(lane.title.clone(), |on| format!("{}, on {on}", lane.title));
    let says = match (&detail.instance, node.is_empty()) {
        (Some(it), _) if !it.says.is_empty() => it.says.clone(),
        (Some(it), _) => format!("{}.", wording::state_in_full(it.state)),
        (None, false) => format!("{node} has no such path, or is not known."),
        (None, true) => lane.caption.clone(),
    };
    let crumb = on.map(|on| view! { <span>"/"</span><span>{on}</span> });
    let lower = match &detail.instance {
        Some(it) => {
            view! { {end_to_end(it, lane.acts.refused)}{kubernetes(detail)}{checks::checks(&it.checks)} }.into_any()
        }
        None => view! { {kubernetes(detail)}{instances(detail)} }.into_any(),
    };
    let state = detail.instance.as_ref().map(|it| it.state).or(lane.counts.worst());
    view! {
        <nav class="crumbs" aria-label="Where you are"><a href="/paths">"Paths"</a><span>"/"</span>
            <a href=address::path(lane.id, "")>{lane.title.clone()}</a>{crumb}</nav>
        <div class="titlebar" id="path" data-lane=lane.id.as_str() data-state=state.map(|it| it.as_str())>
            <div><h1>{title}</h1><p>{prose(&says)}</p></div>
            {detail.instance.as_ref().map(ladder)}
        </div>
        {pickbar(detail, node)}
        <div class="detail">
            <div class="stack">{lower}</div>
            <div class="stack">
                {detail.instance.as_ref().map(|it| side::steps(&it.steps))}
                <side::OnPath names=detail.plugins.clone()/>
                <side::Latest lane=lane.id node=node.to_owned()/>
            </div>
        </div>
    }
}

/// The five rungs. While the gate is not heard, none of them is known to hold.
fn ladder(instance: &Instance) -> impl IntoView + use<> {
    let (state, rung) = (instance.state, instance.rung);
    let lost = store().lost;
    let at = move || if lost.get() && doubted(state) != state { None } else { rung };
    let label = move || match at() {
        Some(rung) => format!("{}, of five rungs: {}", wording::state_in_full(state), wording::rung(rung)),
        None => "unknown: no rung is known to hold".to_owned(),
    };
    let rungs = Rung::ALL.iter().map(|it| {
        let class = move || match at() {
            Some(at) if at == *it => format!("on at-{state}"),
            Some(at) if *it < at => "passed-by".to_owned(),
            _ => String::new(),
        };
        view! { <li class=class data-rung=it.as_str()><span>{wording::rung(*it)}</span></li> }
    });
    let rungs = rungs.views();
    view! { <div class="rungs"><ol class="ladder" aria-label=label>{rungs}</ol></div> }
}

fn pickbar(detail: &PathDetail, here: &str) -> impl IntoView + use<> {
    let columns = columns::columns(&detail.pools);
    let counts = detail.lane.counts;
    let lost = store().lost;
    let total = move || {
        let word = if lost.get() { wording::tally_before } else { wording::tally };
        let there = State::ALL.iter().rev().filter(|it| counts.of(**it) > 0);
        there.map(|it| format!("{} {}", wording::count(counts.of(*it)), word(*it))).collect::<Vec<_>>().join(", ")
    };
    let there = detail.lane.strips.iter().any(|it| !it.is_empty()) && !columns.is_empty();
    let bad = columns::named_on(&detail.named, &detail.lane.strips);
    let (strips, pools, lane) = (detail.lane.strips.clone(), detail.pools.clone(), detail.lane.id);
    let (template, here, all) = (columns::template(&columns), here.to_owned(), counts.total());
    let heads = columns.clone().into_iter().enumerate().map(map::pool).views();
    there.then(move || {
        let (place, width) = map::measured();
        let names = map::names(&bad, &columns, &pools);
        let drawn = move || {
            let widths = columns::widths(&columns, width.get(), map::GAP);
            let labels = columns::labels(&bad, &columns, &pools, &widths, map::GAP);
            let each = columns.iter().zip(&widths).zip(labels).enumerate();
            each.map(|(at, ((column, width), labels))| {
                let flags = labels.into_iter().map(|label| flag(label, lane, &here)).views();
                let ticks = column.ticks(&strips, &pools);
                view! { <div class="pick">{lane::drawing(&names, at, &ticks, column.nodes, *width)}
                    <div class="flags" style=("--n", column.nodes.max(1).to_string())>{flags}</div></div> }
            })
            .views()
        };
        view! {
            <section class="sheet pickbar" style=("--pools", template)>
                <div class="head"><h2>{wording::counted(all, "instance", "instances")}</h2><span class="muted">{live(total)}</span>
                    <span class="end"><span class="key">"j"</span>" "<span class="key">"k"</span>" next, previous"</span></div>
                <div class="inner" node_ref=place>{live(drawn)}</div>
                <div class="pools under">{heads}</div>
            </section>
        }
    })
}

fn flag(label: columns::Label, lane: LaneId, here: &str) -> impl IntoView + use<> {
    let is_here = label.node == here;
    let class = if is_here { "flag here".to_owned() } else { format!("flag {}", label.state) };
    let more = (label.more > 0).then(|| format!(" +{}", label.more));
    view! {
        <a class=class style=("--i", (label.at + 1).to_string()) href=address::path(lane, &label.node) aria-current=is_here.then_some("true")>
            {label.node.clone()}{more}
        </a>
    }
}

/// Who stands at the two ends of a lane.
const fn ends(lane: LaneId) -> (&'static str, &'static str) {
    match lane {
        LaneId::People => ("a person", "kube-apiserver"),
        LaneId::Anonymous => ("a caller without a name", "kube-apiserver"),
        LaneId::Components => ("a component", "kube-apiserver"),
        LaneId::Nodes => ("kubelet", "kube-apiserver"),
        LaneId::Pods => ("pods", "kube-apiserver"),
        LaneId::Bootstrap => ("a node that joins", "kube-apiserver"),
        LaneId::Agents => ("tunnel agent", "tunnel server"),
        LaneId::Kubelet | LaneId::NodeProxy => ("kube-apiserver", "kubelet"),
        LaneId::PodProxy => ("kube-apiserver", "pod"),
        LaneId::ServiceProxy => ("kube-apiserver", "service endpoint"),
        LaneId::Direct => ("anyone on the network", "kubelet"),
    }
}

fn end_to_end(instance: &Instance, refused: u64) -> impl IntoView + use<> {
    let (from, to) = ends(instance.lane);
    let is_out = matches!(
        instance.lane,
        LaneId::Kubelet | LaneId::NodeProxy | LaneId::PodProxy | LaneId::ServiceProxy | LaneId::Direct
    );
    let state = instance.state;
    let (far, near) = if is_out { (to, from) } else { (from, to) };
    let subject = instance.subject.clone();
    let far = view! { <div class=format!("stop at-{state}")><b>{mute_state(state)}{subject.clone()}</b>{far}</div> }
        .into_any();
    let near = view! { <div class="stop"><b>{near}</b>"asks the gate first"</div> }.into_any();
    let open = view! { <div class="leg cut">{sign::state(state)}<small>{wording::state_in_full(state)}</small></div> }
        .into_any();
    let kept = view! { <div class="leg"><small>"reviews"</small></div> }.into_any();
    let gate = (instance.lane != LaneId::Direct).then(|| {
        let says = if refused > 0 {
            format!("{} refused in 15 min", wording::count(refused))
        } else {
            "nothing refused in 15 min".to_owned()
        };
        view! { <div class="stop the-gate"><b>"Gate"</b>{says}</div> }
    });
    let class = if gate.is_some() { "wire three" } else { "wire two" };
    let parts = match (gate, is_out) {
        (Some(gate), true) => vec![near, kept, gate.into_any(), open, far],
        (Some(gate), false) => vec![far, open, gate.into_any(), kept, near],
        (None, _) => vec![view! { <div class="stop"><b>{from}</b>"goes around the gate"</div> }.into_any(), open, far],
    };
    let seen = if instance.seen == 0 {
        "never used since the gate started".to_owned()
    } else {
        format!("last used {}", wording::clock(instance.seen, crate::store::east()))
    };
    let label = format!("From {from} to {to}, {subject}: {}", wording::state_in_full(state));
    view! {
        <section class="sheet"><div class="head"><h2>"From end to end"</h2><span class="end">{seen}</span></div>
            <div class=class role="group" aria-label=label>{parts}</div></section>
    }
}

fn kubernetes(detail: &PathDetail) -> impl IntoView + use<> {
    let said = [
        ("What it is for", &detail.purpose),
        ("What it warns of", &detail.warning),
        ("What it advises", &detail.advice),
    ];
    let said = said.into_iter().filter(|(_, text)| !text.is_empty());
    let parts = said.map(|(title, text)| view! { <div><dt>{title}</dt><dd>{prose(text)}</dd></div> }).views();
    view! {
        <section class="sheet"><div class="head"><h2>"What Kubernetes says about this path"</h2>
            <a class="link end" rel="external noreferrer" target="_blank" href="https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/">"Communication between Nodes and the Control Plane"</a></div>
            <dl class="says">{parts}</dl></section>
    }
}

fn instances(detail: &PathDetail) -> impl IntoView + use<> {
    let store = store();
    let rows = detail.instances.iter().map(|it| {
        let since = it.since;
        let age = move || (since > 0).then(|| format!("for {}", wording::age(store.now.get().saturating_sub(since))));
        let refused = (it.refused > 0).then(|| wording::count(it.refused));
        view! {
            <tr data-subject=it.subject.clone()>
                <td><a class="plain" href=to(it)><b>{it.subject.clone()}</b></a>" "<span class="faint">{it.pool.clone()}</span></td>
                <td>{sign::badge(it.state, wording::state)}</td><td>{prose(&it.says)}</td><td class="num faint nowrap">{live(age)}</td><td class="num">{refused}</td>
            </tr>
        }
    });
    let rows = rows.views();
    let shown = u64::try_from(detail.instances.len()).unwrap_or(u64::MAX);
    let more = if shown < detail.total {
        format!("the worst {} of {}", wording::count(shown), wording::count(detail.total))
    } else {
        "worst first".to_owned()
    };
    let body = if shown == 0 {
        states::empty(
            "Nothing was seen on this path yet",
            "It stays unknown until something is seen or a probe is allowed.",
        )
        .into_any()
    } else {
        view! {
            <table class="table instances"><thead><tr><th scope="col">"Instance"</th><th scope="col">"State"</th><th scope="col">"Worst found"</th>
                <th scope="col" class="num">"Since"</th><th scope="col" class="num">"Refused"</th></tr></thead><tbody>{rows}</tbody></table>
        }
        .into_any()
    };
    view! { <section class="sheet" id="instances"><div class="head"><h2>"One by one"</h2><span class="end">{more}</span></div>{body}</section> }
}
