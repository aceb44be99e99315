//! One lane: its name above the line, its traffic below, its gate, and a strip for each column.

use super::{Grid, Names};
use crate::{
    address,
    steady::Steady,
    strip::{self, Mark},
    view::{
        live::{Views, live},
        sign::{self, mute},
    },
    wording,
};
use leptos::prelude::*;
use wire::{Lane, LaneId, Ticks};

/// From where a lane meets the control plane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    In,
    Out,
}

/// The lanes of one side, in the order of the map.
pub fn group(grid: Grid, lanes: Steady<Vec<Lane>>, ids: &[LaneId], of: &[LaneId], side: Side) -> impl IntoView + use<> {
    let first = if side == Side::Out { 9 } else { 3 };
    let there: Vec<LaneId> = of.iter().copied().filter(|id| ids.contains(id)).collect();
    let rows = there.into_iter().enumerate();
    rows.map(|(at, id)| one(grid, the(lanes, id), id, side, first + at)).views()
}

fn the(lanes: Steady<Vec<Lane>>, id: LaneId) -> Steady<Option<Lane>> {
    Steady::new(move |_| lanes.with(|it| it.iter().find(|lane| lane.id == id).cloned()))
}

fn one(grid: Grid, lane: Steady<Option<Lane>>, id: LaneId, side: Side, row: usize) -> impl IntoView {
    let shut = move || lane.with(|it| it.as_ref().is_some_and(|lane| !lane.shut_by.is_empty()));
    let class = move || {
        let side = match side {
            Side::Left => "lane from-left",
            Side::In => "lane in inward",
            Side::Out => "lane out outward",
        };
        if shut() { format!("{side} shut") } else { side.to_owned() }
    };
    let worst = Steady::new(move |_| lane.with(|it| it.as_ref().and_then(|lane| lane.counts.worst())));
    let title = move || lane.with(|it| it.as_ref().map(|lane| lane.title.clone()).unwrap_or_default());
    let refused = Steady::new(move |_| lane.with(|it| it.as_ref().map_or(0, |lane| lane.acts.refused)));
    let own_sign = move || (side == Side::Left).then(|| worst.get().map(sign::state));
    view! {
        <a class=class href=address::path(id, "") data-lane=id.as_str() data-state=move || worst.get().map(|it| it.as_str())
            style=("--r", row.to_string()) style=("--w", move || lane.with(thickness))>
            <span class="label">
                {live(move || gate(refused.get() > 0))}
                <span class="name">{live(own_sign)}{live(title)}</span>
                {live(move || refusals(refused.get()))}
                <span class="sub">{live(move || lane.with(traffic))}</span>
            </span>
            {(side != Side::Left).then(|| strips(grid, lane))}
        </a>
    }
}

/// The lane that goes around the gate: always drawn, never judged.
pub fn around(grid: Grid, lanes: Steady<Vec<Lane>>) -> impl IntoView {
    let lane = the(lanes, LaneId::Direct);
    let worst = move || lane.with(|it| it.as_ref().and_then(|lane| lane.counts.worst()).map(|it| it.as_str()));
    view! {
        <a class="lane around" href=address::path(LaneId::Direct, "") data-lane=LaneId::Direct.as_str() data-state=worst>
            <span class="label far"><span class="name">"anyone on the network"</span><span class="sub">"goes around the gate"</span></span>
            <span class="under"></span>
            <span class="label near">
                <span class="name">"→ kubelet, directly"</span>
                <span class="sub">{live(move || lane.with(traffic))}</span>
            </span>
            {strips(grid, lane)}
        </a>
    }
}

fn strips(grid: Grid, lane: Steady<Option<Lane>>) -> impl IntoView {
    // Apart from the rest of the lane, whose counts change all the time.
    let ticks = Steady::new(move |_| lane.with(|it| it.as_ref().map(|lane| lane.strips.clone()).unwrap_or_default()));
    let drawn = move || {
        let (strips, pools, widths) = (ticks.get(), grid.pools.get(), grid.widths.get());
        let columns = grid.columns.get();
        let each = columns.iter().zip(widths).enumerate();
        let drawn = each.map(|(at, (column, width))| {
            grid.names.with(|names| drawing(names, at, &column.ticks(&strips, &pools), column.nodes, width))
        });
        drawn.views()
    };
    view! { <span class="strips">{live(drawn)}</span> }
}

/// The ticks and signs of one column.
pub fn drawing(names: &Names, column: usize, ticks: &Ticks, nodes: u32, width: f64) -> impl IntoView + use<> {
    let most = room(width);
    let cells = nodes.clamp(1, most.max(1));
    let drawn = strip::draw(ticks, most, apart(width, cells));
    let cells = drawn.cells.max(1);
    let paths = drawn.paths.into_iter().map(|(class, d)| view! { <path class=class d=d/> }).views();
    let marks = drawn.marks.into_iter().map(|it| mark(names, column, it)).views();
    view! {
        <span class="strip" style=("--n", cells.to_string())>
            <svg class="ticks" viewBox=format!("0 0 {cells} 10") preserveAspectRatio="none" aria-hidden="true">{paths}</svg>
            {marks}
        </span>
    }
}

fn mark(names: &Names, column: usize, mark: Mark) -> impl IntoView + use<> {
    let says = wording::state_in_full(mark.state);
    let name = names.iter().find(|(place, _)| *place == (column, mark.at)).map(|(_, name)| name.clone());
    let name = name.unwrap_or_else(|| format!("node {}", mark.at + 1));
    let label: String = match mark.nodes {
        1 => format!("{name} {says}"),
        several => format!("{name} and {} more {says}", several - 1),
    };
    let spoken = label.clone();
    view! {
        <span class="mark" style=("--i", (mark.cell + 1).to_string()) title=label data-node=name data-state=mark.state.as_str()>
            {sign::sign(mark.state.as_str(), spoken)}
        </span>
    }
}

fn refusals(refused: u64) -> Option<impl IntoView> {
    (refused > 0).then(|| view! { <span class="refused">{mute("denied")}{wording::count(refused)}" refused"</span> })
}

/// A gate: a gap while it is open, a bar when it refused.
pub fn gate(refused: bool) -> impl IntoView {
    let (back, front, width) = if refused { ("", "M7 1v24", "5") } else { ("M7 0v26", "M7 1v8M7 17v8", "3.4") };
    view! {
        <svg class="gate" viewBox="0 0 14 26" aria-hidden="true">
            <path class="back" d=back stroke-width="5" fill="none"/>
            <path d=front stroke="currentColor" stroke-width=width fill="none"/>
        </svg>
    }
}

fn traffic(lane: &Option<Lane>) -> String {
    let Some(lane) = lane else { return String::new() };
    if !lane.shut_by.is_empty() {
        return format!("shut by rule {}", wording::rule(&lane.shut_by));
    }
    let rate = wording::rate(lane.acts.rate);
    match (lane.caption.is_empty(), rate.is_empty()) {
        (false, false) => format!("{} · {rate}", lane.caption),
        (false, true) => lane.caption.clone(),
        (true, _) => rate,
    }
}

fn thickness(lane: &Option<Lane>) -> &'static str {
    match lane.as_ref().map_or(0.0, |lane| lane.acts.rate) {
        slow if slow < 1.0 => "1px",
        some if some < 10.0 => "2px",
        much if much < 100.0 => "3px",
        _ => "4px",
    }
}

/// How many ticks fit: 60 in 200 px.
pub fn room(width: f64) -> u32 {
    whole(width * 60.0 / 200.0).max(1)
}

/// How many cells apart two signs must be: 13 px.
fn apart(width: f64, cells: u32) -> u32 {
    whole((13.0 * f64::from(cells) / width.max(1.0)).ceil())
}

/// The whole part of a small number of pixels or cells.
fn whole(number: f64) -> u32 {
    // INVARIANT: widths of a window; what is not a number or has no end reads as 0.
    std::time::Duration::try_from_secs_f64(number).map_or(0, |it| u32::try_from(it.as_secs()).unwrap_or(u32::MAX))
}
