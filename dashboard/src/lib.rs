//! Pathgate in the browser. The gate tells what it sees; this shows it, and never more than that.
//!
//! Pure modules decide what is shown: `model` takes in the feed, `board` makes the list, `strip` and `columns` the map,
//! `suggest` what may be typed. `feed`, `load`, `place` and `store` connect them to the gate, to the browser's address and to
//! the views in `view`.

mod address;
mod app;
mod board;
mod columns;
mod feed;
mod jumps;
mod keys;
mod load;
mod model;
mod order;
mod place;
mod scheme;
mod steady;
mod store;
mod strip;
mod suggest;
mod view;
mod wording;

pub use app::start;

/// The query that the list of decisions begins with: as far back as all counts go.
const RECENT: &str = "since:15m";
