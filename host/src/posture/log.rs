//! What changed lately. Bounded: of many at once, the newest.

use super::table::Place;
use std::{collections::VecDeque, sync::Arc};
use wire::{LaneId, State};

#[derive(Clone, Debug)]
pub(super) enum Note {
    State { at: u64, lane: LaneId, subject: Arc<str>, node: Option<Arc<str>>, from: State, to: State },
    Gate { at: u64, text: String },
}

#[derive(Debug, Default)]
pub(super) struct Log(VecDeque<Note>);

impl Log {
    pub fn push(&mut self, at: u64, lane: LaneId, place: Place<'_>, node: Option<&str>, from: State, to: State) {
        let (subject, node) = match place {
            Place::Node(name) => (name, Some(name)),
            Place::Subject(name) => (name, node),
        };
        let (subject, node) = (subject.into(), node.map(Into::into));
        self.add(Note::State { at, lane, subject, node, from, to });
    }

    pub fn gate(&mut self, at: u64, text: String) {
        self.add(Note::Gate { at, text });
    }

    /// The newest first, within this span of time.
    pub fn since(&self, from: u64) -> impl Iterator<Item = &Note> {
        self.0.iter().rev().filter(move |it| it.at() >= from)
    }

    fn add(&mut self, note: Note) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(note);
    }
}

impl Note {
    pub fn at(&self) -> u64 {
        match self {
            Note::State { at, .. } | Note::Gate { at, .. } => *at,
        }
    }
}

/// When a witness falls silent, every node of a large cluster changes on some lanes at once.
const MOST: usize = 20_000;
