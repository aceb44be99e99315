//! The map's query as a table: worst first, and the same numbers.

use crate::{
    address,
    order::sorted,
    steady::Steady,
    view::{
        live::{Views, live},
        sign,
    },
    wording,
};
use leptos::prelude::*;
use wire::{Counts, Lane, State};

/// Lanes as rows.
#[component]
pub fn Table(lanes: Steady<Vec<Lane>>, title: &'static str) -> impl IntoView {
    let rows = Steady::new(move |_| {
        let mut lanes = lanes.get();
        lanes.iter_mut().for_each(|lane| lane.strips.clear());
        let rank = |lane: &Lane| lane.counts.worst().map_or(99, rank);
        sorted(lanes, |a, b| rank(a).cmp(&rank(b)).then_with(|| b.acts.refused.cmp(&a.acts.refused)))
    });
    view! {
        <section class="sheet" id="table">
            <div class="head"><h2>{title}</h2><span class="faint">"worst first"</span><span class="end">"refusals of the last 15 min"</span></div>
            <table class="table paths">
                <thead><tr>
                    <th scope="col">"Path"</th><th scope="col" class="num">"Instances"</th><th scope="col" class="w-share">"States"</th>
                    <th scope="col">"Worst"</th><th scope="col" class="num">"Refused"</th>
                    <th scope="col" class="num opt">"Traffic"</th><th scope="col" class="num opt">"p50"</th>
                </tr></thead>
                <tbody>{live(move || rows.get().into_iter().map(row).views())}</tbody>
            </table>
        </section>
    }
}

fn row(lane: Lane) -> impl IntoView {
    let worst = lane.counts.worst();
    let refused = if lane.path.is_none() {
        view! { <span class="faint">"not judged"</span> }.into_any()
    } else if lane.acts.refused > 0 {
        let query = format!("lane:{} verdict:deny since:15m", lane.id);
        view! { <a class="plain" href=address::decisions(&query)><b>{wording::count(lane.acts.refused)}</b></a> }
            .into_any()
    } else {
        view! { <span class="faint">"0"</span> }.into_any()
    };
    let rate = wording::rate(lane.acts.rate);
    let traffic = if lane.path.is_none() { "unseen".to_owned() } else { rate };
    let half = (lane.acts.decisions > 0).then(|| wording::micros(lane.acts.p50));
    let path = lane.path.map(|path| path.as_str());
    view! {
        <tr data-lane=lane.id.as_str() data-state=worst.map(|it| it.as_str())>
            <td><a class="plain" href=address::path(lane.id, "")><b>{lane.title}</b></a>" "<span class="faint">{path}</span></td>
            <td class="num" data-of="instances">{wording::count(lane.counts.total())}</td>
            <td>{share(lane.counts)}</td>
            <td>{match worst {
                Some(state) => sign::badge(state, wording::state).into_any(),
                None => view! { <span class="faint">"none seen"</span> }.into_any(),
            }}</td>
            <td class="num" data-of="refused">{refused}</td>
            <td class="num opt">{traffic}</td>
            <td class="num opt">{half}</td>
        </tr>
    }
}

/// A share bar: one cell a state, worst first, in the patterns of the map.
pub fn share(counts: Counts) -> impl IntoView {
    let there = State::ALL.iter().copied().filter(|state| counts.of(*state) > 0);
    let label: Vec<_> =
        there.clone().map(|it| format!("{} {}", wording::count(counts.of(it)), wording::state(it))).collect();
    let label = label.join(", ");
    let cells = there.map(|state| view! { <i class=state.as_str() style=("--v", counts.of(state).to_string())></i> });
    (counts.total() > 0).then(|| view! { <span class="share" role="img" aria-label=label>{cells.views()}</span> })
}

fn rank(state: State) -> usize {
    State::ALL.iter().position(|it| *it == state).unwrap_or(usize::MAX)
}
