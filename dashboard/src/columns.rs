//! The columns of the map: pools side by side, and the names above them that fit.

use crate::order::sorted;
use wire::{Named, Pool, State, Ticks};

/// One column: a pool, or the many small ones together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub title: String,
    pub nodes: u32,
    /// Positions of its pools in the summary.
    pools: Vec<usize>,
}

/// A name above the map, at a node's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Node, from 0, in its column.
    pub at: u32,
    pub node: String,
    pub state: State,
    pub lane: wire::LaneId,
    /// Names that found no room beside this one.
    pub more: u32,
}

/// At most eight columns, in the order of the pools; the smallest share the last one.
pub fn columns(pools: &[Pool]) -> Vec<Column> {
    let one = |(at, pool): (usize, &Pool)| Column { title: pool.name.clone(), nodes: pool.nodes, pools: vec![at] };
    if pools.len() <= MOST {
        return pools.iter().enumerate().map(one).collect();
    }
    let mut large = sorted(pools.iter().enumerate().collect(), |a, b| b.1.nodes.cmp(&a.1.nodes));
    let by_place = |a: &(usize, &Pool), b: &(usize, &Pool)| a.0.cmp(&b.0);
    let small = sorted(large.split_off(MOST - 1), by_place);
    large = sorted(large, by_place);
    let rest = Column {
        title: format!("{} more", small.len()),
        nodes: small.iter().map(|(_, pool)| pool.nodes).sum(),
        pools: small.iter().map(|(at, _)| *at).collect(),
    };
    large.into_iter().map(one).chain([rest]).collect()
}

impl Column {
    /// The share of the width: that of its nodes, and enough to be seen.
    pub fn share(&self, all: u32) -> u32 {
        self.nodes.max(all / 16).max(1)
    }

    /// The ticks of this column, from the strips of a lane, one a pool.
    pub fn ticks(&self, strips: &[Ticks], pools: &[Pool]) -> Ticks {
        if let [one] = self.pools.as_slice() {
            return strips.get(*one).cloned().unwrap_or_default();
        }
        let states = self.pools.iter().flat_map(|at| {
            let nodes = pools.get(*at).map_or(0, |pool| pool.nodes);
            let strip: Vec<_> = strips.get(*at).into_iter().flat_map(|strip| strip.runs()).collect();
            let states = strip.into_iter().flat_map(|(count, state)| (0..count).map(move |_| state));
            states.chain(std::iter::repeat(None)).take(usize::try_from(nodes).unwrap_or_default())
        });
        Ticks::write(states)
    }

    /// Where in the column the node `at` of this pool stands.
    fn place(&self, pool: u32, at: u32, pools: &[Pool]) -> Option<u32> {
        let pool = usize::try_from(pool).ok()?;
        let before = self.pools.iter().take_while(|it| **it != pool).count();
        (before < self.pools.len()).then(|| {
            let skipped = self.pools.iter().take(before).filter_map(|it| pools.get(*it)).map(|it| it.nodes);
            skipped.sum::<u32>().saturating_add(at)
        })
    }
}

/// The nodes that are in trouble on a lane with these strips, in the state that they have there.
pub fn named_on(named: &[Named], strips: &[Ticks]) -> Vec<Named> {
    let there = named.iter().filter_map(|it| {
        let strip = strips.get(usize::try_from(it.pool).ok()?)?;
        let state = strip.at(it.at)?;
        let is_fine = matches!(state, State::Safe | State::Asserted);
        (!is_fine).then(|| Named { state, ..it.clone() })
    });
    there.collect()
}

/// The column of a pool's node, and its place in there.
pub fn place(columns: &[Column], pool: u32, at: u32, pools: &[Pool]) -> Option<(usize, u32)> {
    columns.iter().enumerate().find_map(|(column, it)| Some((column, it.place(pool, at, pools)?)))
}

/// The names of bad nodes that fit above columns of these widths in px, a list for each column. Of two that are closer
/// than their width the worse one stays, and says that there is one more.
pub fn labels(named: &[Named], columns: &[Column], pools: &[Pool], widths: &[f64], gap: f64) -> Vec<Vec<Label>> {
    let mut placed: Vec<Vec<(f64, f64, Label)>> = columns.iter().map(|_| Vec::new()).collect();
    let by_trouble = sorted(named.iter().collect(), |a: &&Named, b| a.state.cmp(&b.state));
    // Where there are many, most names will say how many they stand for.
    let spare = if named.len() > MANY { GLYPH * 4.0 } else { 0.0 };
    for it in by_trouble {
        let Some((at, node)) = place(columns, it.pool, it.at, pools) else { continue };
        let left: f64 = widths.iter().take(at).map(|width| width + gap).sum();
        let (Some(column), Some(width)) = (columns.get(at), widths.get(at)) else { continue };
        let middle = left + (f64::from(node) + 0.5) / f64::from(column.nodes.max(1)) * width;
        let half = (f64::from(u32::try_from(it.node.chars().count()).unwrap_or(LONG)) * GLYPH + PAD + spare) / 2.0;
        let close = placed.iter_mut().flatten().filter(|(at, reach, _)| (middle - at).abs() < half + reach);
        let nearest = close.min_by(|a, b| (a.0 - middle).abs().total_cmp(&(b.0 - middle).abs()));
        match nearest {
            // A name that says "+1" grows; what comes later keeps more distance.
            Some((_, reach, label)) => {
                if label.more == 0 {
                    *reach += GLYPH * 1.5;
                }
                label.more += 1;
            }
            None => {
                let label = Label { at: node, node: it.node.clone(), state: it.state, lane: it.lane, more: 0 };
                if let Some(list) = placed.get_mut(at) {
                    list.push((middle, half, label));
                }
            }
        }
    }
    let lists = placed.into_iter().map(|list| list.into_iter().map(|(.., label)| label).collect());
    lists.map(|list| sorted(list, |a: &Label, b| a.at.cmp(&b.at))).collect()
}

/// The widths in px of columns with these shares.
pub fn widths(columns: &[Column], width: f64, gap: f64) -> Vec<f64> {
    let all: u32 = columns.iter().map(|column| column.nodes).sum();
    let shares: Vec<f64> = columns.iter().map(|column| f64::from(column.share(all))).collect();
    let gaps = gap * f64::from(u32::try_from(columns.len().saturating_sub(1)).unwrap_or_default());
    let sum: f64 = shares.iter().sum();
    shares.iter().map(|share| ((width - gaps) * share / sum).max(1.0)).collect()
}

/// The value of `--pools`.
pub fn template(columns: &[Column]) -> String {
    let all: u32 = columns.iter().map(|column| column.nodes).sum();
    let parts: Vec<_> = columns.iter().map(|column| format!("minmax(0,{}fr)", column.share(all))).collect();
    if parts.is_empty() { "minmax(0,1fr)".into() } else { parts.join(" ") }
}

/// More columns are too narrow to be told apart.
const MOST: usize = 8;
/// The width of a letter at 12 px and 650, and what stands around a name.
const GLYPH: f64 = 6.7;
const PAD: f64 = 8.0;
/// More bad nodes than this do not all find room.
const MANY: usize = 30;
/// No name of a node is longer.
const LONG: u32 = 253;

#[cfg(test)]
mod tests {
    use super::*;
    use wire::LaneId;

    fn pools(nodes: &[u32]) -> Vec<Pool> {
        nodes.iter().enumerate().map(|(at, nodes)| Pool { name: format!("p{at}"), nodes: *nodes }).collect()
    }

    fn named(pool: u32, at: u32, node: &str, state: State) -> Named {
        Named { pool, at, node: node.into(), state, lane: LaneId::Kubelet }
    }

    #[test]
    fn the_smallest_pools_share_the_last_of_eight_columns() {
        let pools = pools(&[9, 1, 8, 7, 6, 5, 4, 3, 2, 10]);
        let columns = columns(&pools);
        let said: Vec<_> = columns.iter().map(|column| (column.title.as_str(), column.nodes)).collect();
        let expected = [("p0", 9), ("p2", 8), ("p3", 7), ("p4", 6), ("p5", 5), ("p6", 4), ("p9", 10), ("3 more", 6)];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_shared_column_keeps_every_node_in_its_place() {
        let pools = pools(&[9, 2, 8, 7, 6, 5, 4, 3, 1, 10]);
        let columns = columns(&pools);
        let last = columns.last().unwrap();
        let strips: Vec<Ticks> =
            pools.iter().map(|pool| Ticks::write((0..pool.nodes).map(|at| (at > 0).then_some(State::Safe)))).collect();
        // Pools 1, 7 and 8: two, three and one node, the first of each without a path.
        assert_eq!(last.ticks(&strips, &pools).runs().map(|(count, _)| count).collect::<Vec<_>>(), [1, 1, 1, 2, 1]);
        assert_eq!(last.place(7, 2, &pools), Some(4));
        assert_eq!(last.place(0, 0, &pools), None);
    }

    #[test]
    fn of_two_names_without_room_the_worse_stays_and_counts_the_other() {
        let pools = pools(&[100]);
        let columns = columns(&pools);
        let bad = [
            named(0, 10, "gen-10", State::Unknown),
            named(0, 11, "gen-11", State::Exposed),
            named(0, 90, "gen-90", State::Unknown),
        ];
        let found = labels(&bad, &columns, &pools, &widths(&columns, 500.0, 18.0), 18.0);
        let said: Vec<_> = found.iter().flatten().map(|label| (label.node.as_str(), label.more)).collect();
        assert_eq!(said, [("gen-11", 1), ("gen-90", 0)]);
    }

    #[test]
    fn a_node_is_named_on_the_lanes_on_which_it_is_in_trouble() {
        let strips = [Ticks::write([Some(State::Safe), Some(State::Unknown), None])];
        let bad = [0, 1, 2].map(|at| named(0, at, &format!("gen-{at}"), State::Exposed));
        let found: Vec<_> = named_on(&bad, &strips).into_iter().map(|it| (it.node, it.state)).collect();
        assert_eq!(found, [("gen-1".to_owned(), State::Unknown)]);
    }

    #[test]
    fn names_of_neighbouring_columns_do_not_run_into_each_other() {
        let pools = pools(&[10, 10]);
        let columns = columns(&pools);
        let bad = [named(0, 9, "gen-09", State::Unknown), named(1, 0, "mem-00", State::Unknown)];
        let found = labels(&bad, &columns, &pools, &widths(&columns, 300.0, 18.0), 18.0);
        assert_eq!(found.iter().flatten().map(|label| label.more).sum::<u32>(), 1);
    }
}
