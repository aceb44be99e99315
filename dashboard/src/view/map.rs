//! The map: a lane a path, a gate on the hub's edge, a tick a node, at the same place in every lane.

mod hub;
pub mod lane;
mod legend;

use crate::{
    address,
    columns::{self, Column, Label},
    steady::Steady,
    store::store,
    view::live::{Views, live},
    wording,
};
use leptos::{ev, html, prelude::*};
use wire::{Lane, LaneId, Named, Pool};

/// Names of nodes, each at its column and its place in there; few.
pub type Names = Vec<((usize, u32), String)>;

/// What every lane needs to know of the columns.
#[derive(Clone, Copy)]
pub struct Grid {
    pools: Steady<Vec<Pool>>,
    columns: Steady<Vec<Column>>,
    /// Of each column, in px.
    widths: Steady<Vec<f64>>,
    names: Steady<Names>,
}

/// The whole map of these lanes.
#[component]
pub fn Map(lanes: Steady<Vec<Lane>>) -> impl IntoView {
    let store = store();
    let pools = store.part(|it| it.pools.clone());
    let named = store.part(|it| it.named.clone());
    let columns = Steady::new(move |_| columns::columns(&pools.get()));
    let (place, width) = measured();
    let widths = Steady::new(move |_| columns.with(|it| columns::widths(it, width.get(), GAP)));
    let names = Steady::new(move |_| columns.with(|it| names(&named.get(), it, &pools.get())));
    let grid = Grid { pools, columns, widths, names };
    let ids = Steady::new(move |_| lanes.with(|it| it.iter().map(|lane| lane.id).collect::<Vec<_>>()));
    let unnamed = store.part(|it| it.unnamed);
    view! {
        <section id="map" class="sheet map" aria-labelledby="map-h" style=("--pools", move || columns.with(|it| columns::template(it)))>
            <div class="head">
                <h2 id="map-h">"Every path between the control plane and its nodes"</h2>
                <span class="end">{live(move || explain(&columns.get(), &widths.get()))}</span>
            </div>
            <div class="map-grid">
                <p class="zone callers"><b>"Callers"</b></p>
                <p class="zone plane"><b>"Control plane"</b></p>
                <p class="zone between">"Network, "<b>"not trusted"</b></p>
                <div class="pools" node_ref=place>{live(move || columns.get().into_iter().enumerate().map(pool).views())}</div>
                {live(move || plumbs(grid, &named.get(), unnamed.get()))}
                <hub::Hub/>
                <h3 class="group out-of">"Call the apiserver"</h3>
                {live(move || lane::group(grid, lanes, &ids.get(), &CALLERS, lane::Side::Left))}
                <h3 class="group inward">"Nodes and pods call the apiserver"</h3>
                {live(move || lane::group(grid, lanes, &ids.get(), &INWARD, lane::Side::In))}
                <h3 class="group outward">"The apiserver calls nodes, pods and services"</h3>
                <Sleeve lanes/>
                {live(move || lane::group(grid, lanes, &ids.get(), &OUTWARD, lane::Side::Out))}
                {live(move || ids.get().contains(&LaneId::Direct).then(|| lane::around(grid, lanes)))}
                <legend::Legend/>
            </div>
        </section>
    }
}

/// How wide the columns are together; measured again when the window changes.
pub fn measured() -> (NodeRef<html::Div>, RwSignal<f64>) {
    let place = NodeRef::<html::Div>::new();
    let width = RwSignal::new(FIRST_WIDTH);
    let measure = move || {
        let measured = place.try_get_untracked().flatten().map(|it| it.get_bounding_client_rect().width());
        if let Some(measured) = measured.filter(|it| *it > 0.0 && (it - width.get_untracked()).abs() > 1.0) {
            width.set(measured);
        }
    };
    Effect::new(move |_| {
        if place.get().is_some() {
            request_animation_frame(measure);
        }
    });
    let resized = window_event_listener(ev::resize, move |_| measure());
    on_cleanup(move || resized.remove());
    (place, width)
}

/// The names of these nodes.
pub fn names(named: &[Named], columns: &[Column], pools: &[Pool]) -> Names {
    let placed = named.iter().filter_map(|it| Some((columns::place(columns, it.pool, it.at, pools)?, it.node.clone())));
    placed.collect()
}

pub fn pool((at, column): (usize, Column)) -> impl IntoView {
    let nodes = wording::count(column.nodes.into());
    let nodes = if at == 0 {
        format!(" {nodes} {}", if column.nodes == 1 { "node" } else { "nodes" })
    } else {
        format!(" {nodes}")
    };
    let title = format!("{}, {} nodes", column.title, column.nodes);
    view! { <div title=title><b>{column.title}</b>{nodes}</div> }
}

fn explain(columns: &[Column], widths: &[f64]) -> String {
    let most = columns.iter().zip(widths).map(|(column, width)| column.nodes.div_ceil(lane::room(*width).max(1))).max();
    match most.unwrap_or(1) {
        0 | 1 => "One tick is one node, at the same place in every lane. A gate stands where each lane meets the control plane.".into(),
        several => format!("One tick is up to {several} nodes, the worst of them drawn. A gate stands where each lane meets the control plane."),
    }
}

fn plumbs(grid: Grid, named: &[Named], unnamed: u64) -> impl IntoView + use<> {
    let columns = grid.columns.get();
    let lists = columns::labels(named, &columns, &grid.pools.get(), &grid.widths.get(), GAP);
    let more = (unnamed > 0).then(|| {
        let text = format!("{} more are not named", wording::count(unnamed));
        view! { <a class="unnamed" href="/paths?view=table">{text}</a> }
    });
    let columns = columns.into_iter().zip(lists).map(|(column, labels)| {
        let labels = labels.into_iter().map(plumb).views();
        view! { <div style=("--n", column.nodes.max(1).to_string())>{labels}</div> }
    });
    view! { <div class="plumbs">{columns.views()}{more}</div> }
}

fn plumb(label: Label) -> impl IntoView {
    let says = wording::state_in_full(label.state);
    let more = (label.more > 0).then(|| format!(" +{}", label.more));
    let title = format!("{}: {says}", label.node);
    view! {
        <div class=format!("plumb {}", label.state) style=("--i", (label.at + 1).to_string())>
            <a href=address::path(label.lane, &label.node) title=title data-node=label.node.clone()>
                {label.node.clone()}{more}<span class="hide">": "{says}</span>
            </a>
        </div>
    }
}

/// A tunnel is drawn around lanes, and is never a state.
#[component]
fn Sleeve(lanes: Steady<Vec<Lane>>) -> impl IntoView {
    let agents = Steady::new(move |_| {
        lanes.with(|it| it.iter().find(|lane| lane.id == LaneId::Agents).map_or(0, |lane| lane.counts.total()))
    });
    live(move || {
        let agents = agents.get();
        (agents > 0).then(|| {
            view! { <div class="sleeve"><span>"Tunnel, "{wording::counted(agents, "agent", "agents")}</span></div> }
                .into_any()
        })
    })
}

const CALLERS: [LaneId; 3] = [LaneId::People, LaneId::Anonymous, LaneId::Components];
const INWARD: [LaneId; 4] = [LaneId::Nodes, LaneId::Pods, LaneId::Bootstrap, LaneId::Agents];
const OUTWARD: [LaneId; 4] = [LaneId::Kubelet, LaneId::NodeProxy, LaneId::PodProxy, LaneId::ServiceProxy];
/// Between columns, as in the sheet.
pub const GAP: f64 = 18.0;
/// Until it is measured: that of a window of 1,440 px.
const FIRST_WIDTH: f64 = 380.0;
