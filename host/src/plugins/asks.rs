//! What a plugin wants to be asked.

use super::LoadError;
use wire::{Source, Traversal};

/// A bit for each word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asks {
    sources: u32,
    traversals: u32,
}

impl Asks {
    pub(super) fn parse(asks: &[String]) -> Result<Asks, LoadError> {
        if asks.is_empty() {
            return Ok(Asks { sources: u32::MAX, traversals: u32::MAX });
        }
        let mut parsed = Asks { sources: 0, traversals: 0 };
        for ask in asks {
            let word = || LoadError::Asks(ask.clone());
            match ask.split_once(':') {
                Some(("source", name)) => {
                    parsed.sources |= bit(name.parse::<Source>().map_err(|_| word())?, Source::ALL)
                }
                Some(("traversal", name)) => {
                    parsed.traversals |= bit(name.parse::<Traversal>().map_err(|_| word())?, Traversal::ALL);
                }
                Some(_) | None => return Err(word()),
            }
        }
        Ok(parsed)
    }

    pub(super) fn covers(self, source: Source, traversal: Traversal) -> bool {
        self.sources & bit(source, Source::ALL) != 0 || self.traversals & bit(traversal, Traversal::ALL) != 0
    }
}

fn bit<T: PartialEq>(word: T, all: &[T]) -> u32 {
    all.iter().position(|it| *it == word).map_or(0, |at| 1 << at)
}
