//! A strip of the map: thousands of states become one SVG path for each state, and a few signs.
//!
//! Refuses to make a node in trouble vanish: where ticks stand for several nodes, the worst one is drawn.

use wire::{State, Ticks};

/// What is drawn in one strip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    /// Places side by side: the width of the drawing.
    pub cells: u32,
    /// A class and the `d` of its path.
    pub paths: Vec<(&'static str, String)>,
    /// Signs over the ticks: the cell from 0, the state, and how many nodes in that state the cell holds.
    pub marks: Vec<Mark>,
}

/// One sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub cell: u32,
    pub state: State,
    pub nodes: u32,
    /// The node's position; the first, if there are several.
    pub at: u32,
}

/// Draws ticks in at most `most` cells, with signs no closer than `apart` cells.
pub fn draw(ticks: &Ticks, most: u32, apart: u32) -> Strip {
    let nodes = u32::try_from(ticks.len().min(u64::from(LONGEST))).unwrap_or(LONGEST);
    let cells = nodes.min(most.max(1));
    let content = gather(ticks, nodes, cells);
    let marks = marks(&content, apart.max(1));
    let mut strip = Strip { cells, paths: Vec::new(), marks };
    for (class, d) in classes(&content, &strip.marks) {
        if !d.is_empty() {
            strip.paths.push((class, d));
        }
    }
    strip
}

/// The worst state in each cell, how many nodes are in it, and the first of them; nothing where there is no path.
fn gather(ticks: &Ticks, nodes: u32, cells: u32) -> Vec<Option<(State, u32, u32)>> {
    let mut content: Vec<Option<(State, u32, u32)>> = vec![None; usize::try_from(cells).unwrap_or_default()];
    let mut at = 0_u32;
    for (count, state) in ticks.runs() {
        for node in at..at.saturating_add(count).min(nodes) {
            let cell = u64::from(node) * u64::from(cells) / u64::from(nodes.max(1));
            let slot = usize::try_from(cell).ok().and_then(|cell| content.get_mut(cell));
            if let (Some(slot), Some(state)) = (slot, state) {
                *slot = match *slot {
                    // The order of states is that of trouble.
                    Some((worst, more, first)) if worst == state => Some((worst, more + 1, first)),
                    Some(held) if held.0 < state => Some(held),
                    _ => Some((state, 1, node)),
                };
            }
        }
        at = at.saturating_add(count);
    }
    content
}

fn marks(content: &[Option<(State, u32, u32)>], apart: u32) -> Vec<Mark> {
    let unknown = content.iter().flatten().filter(|(state, ..)| *state == State::Unknown).count();
    let mut marks: Vec<Mark> = Vec::new();
    for (cell, held) in content.iter().enumerate() {
        let Some((state, nodes, at)) = *held else { continue };
        let is_marked = match state {
            State::Exposed | State::Unverified | State::Conflict => true,
            // Many of them are a pattern, not a sign each.
            State::Unknown => unknown <= FEW,
            State::Asserted | State::Safe => false,
        };
        let Some(cell) = u32::try_from(cell).ok().filter(|_| is_marked) else { continue };
        let mark = Mark { cell, state, nodes, at };
        match marks.last_mut() {
            // No room for both: the worse stays, and the other one is still a tick in its own colour and pattern.
            Some(last) if cell - last.cell < apart => {
                if state < last.state {
                    *last = mark;
                }
            }
            _ => marks.push(mark),
        }
    }
    marks
}

fn classes(content: &[Option<(State, u32, u32)>], marks: &[Mark]) -> [(&'static str, String); 7] {
    let mut drawn = [
        ("k-safe", String::new()),
        ("k-asserted", String::new()),
        ("k-hollow", String::new()),
        ("k-unknown", String::new()),
        ("k-conflict", String::new()),
        ("k-unverified", String::new()),
        ("k-exposed", String::new()),
    ];
    let mut signs = marks.iter().map(|mark| mark.cell).peekable();
    for (cell, held) in content.iter().enumerate() {
        let signed = signs.next_if(|sign| usize::try_from(*sign).is_ok_and(|sign| sign == cell)).is_some();
        let Some((state, ..)) = held.filter(|_| !signed) else { continue };
        let class = match state {
            State::Safe => "k-safe",
            State::Asserted => "k-asserted",
            State::Unknown => "k-unknown",
            State::Conflict => "k-conflict",
            State::Unverified => "k-unverified",
            State::Exposed => "k-exposed",
        };
        for (name, d) in &mut drawn {
            if *name == class {
                d.push_str(&format!("M{cell}.5 0v10"));
            } else if *name == "k-hollow" && class == "k-asserted" {
                d.push_str(&format!("M{cell}.5 1.2v7.6"));
            }
        }
    }
    drawn
}

/// More nodes than Kubernetes is made for; a longer text is not drawn further.
const LONGEST: u32 = 20_000;
/// As many unknown ones get a sign each.
const FEW: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(text: &str) -> Ticks {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn a_node_in_trouble_has_a_sign_and_the_others_a_tick() {
        let strip = draw(&ticks("2sv.a"), 60, 1);
        let mark = Mark { cell: 2, state: State::Unverified, nodes: 1, at: 2 };
        let paths = [("k-safe", "M0.5 0v10M1.5 0v10"), ("k-asserted", "M4.5 0v10"), ("k-hollow", "M4.5 1.2v7.6")];
        let paths = paths.map(|(class, d)| (class, d.to_owned())).to_vec();
        assert_eq!(strip, Strip { cells: 5, paths, marks: vec![mark] });
    }

    #[test]
    fn the_worst_of_several_nodes_is_drawn() {
        let strip = draw(&ticks("1000sv999se999s"), 30, 1);
        assert_eq!(strip.cells, 30);
        let states: Vec<_> = strip.marks.iter().map(|mark| (mark.cell, mark.state, mark.at)).collect();
        assert_eq!(states, [(10, State::Unverified, 1_000), (20, State::Exposed, 2_000)]);
    }

    #[test]
    fn where_two_signs_have_no_room_the_worse_stays_and_the_other_is_a_tick() {
        let strip = draw(&ticks("veu7s"), 60, 3);
        assert_eq!(strip.marks, [Mark { cell: 1, state: State::Exposed, nodes: 1, at: 1 }]);
        let drawn: Vec<_> = strip.paths.iter().map(|(class, _)| *class).collect();
        assert_eq!(drawn, ["k-safe", "k-unknown", "k-unverified"]);
    }

    #[test]
    fn many_unknown_nodes_are_a_pattern_and_never_safe() {
        let strip = draw(&ticks("500u"), 60, 1);
        assert_eq!((strip.marks.len(), strip.paths.len()), (0, 1));
        assert_eq!(strip.paths.first().map(|(class, _)| *class), Some("k-unknown"));
    }

    #[test]
    fn five_thousand_nodes_are_a_few_elements() {
        let mixed = "97s1v1u1a".repeat(50);
        let strip = draw(&ticks(&mixed), 200, 6);
        assert!(strip.paths.len() <= 7, "{}", strip.paths.len());
        assert!(strip.marks.len() <= 34, "{}", strip.marks.len());
    }

    #[test]
    fn a_text_without_end_is_bounded() {
        assert_eq!(draw(&ticks("4000000000s"), 60, 1).cells, 60);
    }
}
