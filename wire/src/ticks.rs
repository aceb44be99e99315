//! The states of thousands of nodes in a short text: `36s1e4s.`, runs of a count and a letter.

use crate::State;
use serde::{Deserialize, Serialize};

/// States by position, run-length coded: a count, left out if it is 1, and the letter of [`State::letter`], or `.` where
/// there is no such path. Positions are those of a pool's nodes in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticks(String);

impl Ticks {
    /// Writes states down; `None` where there is no such path.
    pub fn write(states: impl IntoIterator<Item = Option<State>>) -> Ticks {
        let mut text = String::new();
        let mut run: Option<(Option<State>, u32)> = None;
        for state in states {
            run = match run {
                Some((same, count)) if same == state => Some((same, count.saturating_add(1))),
                before => {
                    push(&mut text, before);
                    Some((state, 1))
                }
            };
        }
        push(&mut text, run);
        Ticks(text)
    }

    /// The runs in order. What it does not understand reads as unknown: a page must not take it for safe.
    pub fn runs(&self) -> impl Iterator<Item = (u32, Option<State>)> + '_ {
        let mut count: Option<u32> = None;
        self.0.chars().filter_map(move |c| match c.to_digit(10) {
            Some(digit) => {
                count = Some(count.unwrap_or(0).saturating_mul(10).saturating_add(digit));
                None
            }
            None if c == '.' => Some((count.take().unwrap_or(1), None)),
            None => {
                let state = State::ALL.iter().copied().find(|it| it.letter() == c).unwrap_or(State::Unknown);
                Some((count.take().unwrap_or(1), Some(state)))
            }
        })
    }

    /// The state at a position; nothing where there is no such path.
    pub fn at(&self, position: u32) -> Option<State> {
        let mut left = position;
        self.runs()
            .find_map(|(count, state)| {
                if left < count {
                    return Some(state);
                }
                left -= count;
                None
            })
            .flatten()
    }

    /// How many positions there are.
    pub fn len(&self) -> u64 {
        self.runs().map(|(count, _)| u64::from(count)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn push(text: &mut String, run: Option<(Option<State>, u32)>) {
    let Some((state, count)) = run else { return };
    if count > 1 {
        text.push_str(&count.to_string());
    }
    text.push(state.map_or('.', State::letter));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_the_same() {
        let states = [Some(State::Safe), Some(State::Safe), None, Some(State::Exposed), Some(State::Safe)];
        let ticks = Ticks::write(states);
        assert_eq!(ticks, Ticks("2s.es".into()));
        let expected = [(2, Some(State::Safe)), (1, None), (1, Some(State::Exposed)), (1, Some(State::Safe))];
        assert_eq!(ticks.runs().collect::<Vec<_>>(), expected);
        assert_eq!(ticks.len(), 5);
    }

    #[test]
    fn a_position_has_the_state_that_was_written_there() {
        let ticks = Ticks("2s.3e".into());
        let read: Vec<_> = (0..7).map(|at| ticks.at(at)).collect();
        let (safe, exposed) = (Some(State::Safe), Some(State::Exposed));
        assert_eq!(read, [safe, safe, None, exposed, exposed, exposed, None]);
    }

    #[test]
    fn a_letter_of_a_later_version_reads_as_unknown() {
        assert_eq!(Ticks("3z".into()).runs().collect::<Vec<_>>(), [(3, Some(State::Unknown))]);
    }

    #[test]
    fn a_count_without_end_is_bounded() {
        assert_eq!(Ticks("99999999999999s".into()).runs().collect::<Vec<_>>(), [(u32::MAX, Some(State::Safe))]);
    }
}
