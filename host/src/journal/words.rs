//! Words that many rows say, each kept once and named by a number: the digests of plugins and configs, their names, the engine.

use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    mem,
    sync::{Arc, PoisonError, RwLock},
};

/// A word as a row has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Word {
    /// Its number among those that are kept.
    Kept(u32),
    Said(String),
}

impl Word {
    /// The text of it, if it is said or its number is known.
    pub(super) fn text(self, texts: &Texts) -> Option<String> {
        match self {
            Word::Kept(number) => texts.get(&number).map(|text| text.as_ref().into()),
            Word::Said(text) => Some(text),
        }
    }
}

impl Default for Word {
    fn default() -> Word {
        Word::Said(String::new())
    }
}

/// The kept words by their numbers.
pub(super) type Texts = HashMap<u32, Arc<str>>;

/// The words of one journal, as its writer knows them.
#[derive(Default)]
pub(super) struct Words(RwLock<Known>);

#[derive(Default)]
struct Known {
    numbers: HashMap<Arc<str>, u32>,
    /// Those that are not in the database yet, ascending.
    new: Vec<(u32, Arc<str>)>,
    next: u32,
    is_full: bool,
}

impl Words {
    /// Goes on from what the database has.
    pub(super) fn of(texts: &Texts) -> Words {
        let next = texts.keys().max().map_or(0, |last| last.saturating_add(1));
        let numbers = texts.iter().map(|(number, text)| (Arc::clone(text), *number)).collect();
        Words(RwLock::new(Known { numbers, next, ..Known::default() }))
    }

    /// Puts a number in the place of a word. For words of the gate's own: what a caller says would fill the room.
    pub(super) fn number(&self, text: String) -> Word {
        if text.len() < SHORT {
            return Word::Said(text);
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).numbers.get(text.as_str()).copied();
        match known.or_else(|| self.add(&text)) {
            Some(number) => Word::Kept(number),
            None => Word::Said(text),
        }
    }

    #[cold]
    fn add(&self, text: &str) -> Option<u32> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(text) {
            return Some(*number);
        }
        if known.numbers.len() >= MOST {
            if !mem::replace(&mut known.is_full, true) {
                tracing::info!("the journal has no room for new words: rows that say them are longer");
            }
            return None;
        }
        let (number, text) = (known.next, Arc::<str>::from(text));
        known.next = number.checked_add(1)?;
        known.numbers.insert(Arc::clone(&text), number);
        known.new.push((number, text));
        Some(number)
    }

    /// What has to be in the database before rows that say it.
    pub(super) fn pending(&self) -> Vec<(u32, Arc<str>)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).new.clone()
    }

    /// So many of them are in the database now.
    pub(super) fn kept(&self, count: usize) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).new.drain(..count);
    }
}

/// Shorter ones take no less room as numbers.
const SHORT: usize = 8;

/// Each change of a plugin or its config adds one or two, a changed list of revoked credentials too, and none is ever taken away. What
/// comes after is written out in each row.
const MOST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn word(words: &Words, text: &str) -> Word {
        words.number(text.into())
    }

    #[test]
    fn a_word_has_one_number_for_good() {
        let words = Words::of(&Texts::from([(7, "wasmtime 48".into())]));
        let numbers = ["wasmtime 48", "wasmtime 49", "wasmtime 48", "wasmtime 49"].map(|text| word(&words, text));
        assert_eq!(numbers, [7, 8, 7, 8].map(Word::Kept));
        let new = words.pending();
        assert_eq!(new, [(8, "wasmtime 49".into())]);
        // One more comes while that is written.
        assert_eq!(word(&words, "wasmtime 50"), Word::Kept(9));
        words.kept(new.len());
        assert_eq!(words.pending(), [(9, "wasmtime 50".into())]);
    }

    #[test]
    fn short_words_and_those_beyond_the_room_are_said() {
        let words = Words::default();
        assert_eq!(word(&words, "tunnel"), Word::Said("tunnel".into()));
        for number in 0..MOST {
            word(&words, &format!("word number {number}"));
        }
        assert_eq!(word(&words, "one too many"), Word::Said("one too many".into()));
        assert_eq!(word(&words, "word number 3"), Word::Kept(3));
    }
}
