//! A row as the database has it, and how it becomes an entry again.

use super::unsigned;
use crate::journal::{
    brief::Brief,
    line::DecisionColumns,
    words::{Texts, Word},
};
use serde::{Deserialize, de::Error as _};
use std::str::FromStr;
use wire::{CsrDecision, Decision, Entry, Event, Gap, Row};

/// What [`COLUMNS`] selects.
pub(super) type Stored = (i64, i64, Vec<u8>, Text, Text, Text, Text, Text, Text, Text);
type Text = Option<String>;

pub(super) const COLUMNS: &str = "row, at, body, id, path, source, traversal, verdict, rule, user";

/// A row whose words are still numbers.
pub(super) struct Read {
    row: i64,
    at: i64,
    body: Body,
    columns: [Text; 7],
}

/// What a body says.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Body {
    /// How schemas before 4 kept a decision: whole.
    Decision(Box<Decision>),
    Brief(Box<Brief>),
    Gap(Gap),
    Event(Event),
    Csr(Box<CsrDecision>),
}

impl Read {
    /// Reads the body. The row's number comes back with what is wrong.
    pub(super) fn parse(stored: Stored) -> Result<Read, (u64, serde_json::Error)> {
        let (row, at, body, id, path, source, traversal, verdict, rule, user) = stored;
        let body = serde_json::from_slice(&body).map_err(|error| (unsigned(row), error))?;
        Ok(Read { row, at, body, columns: [id, path, source, traversal, verdict, rule, user] })
    }

    /// Whether all its words are among these.
    pub(super) fn is_known(&self, texts: &Texts) -> bool {
        match &self.body {
            Body::Brief(brief) => brief.words().all(|word| match word {
                Word::Kept(number) => texts.contains_key(number),
                Word::Said(_) => true,
            }),
            Body::Decision(_) | Body::Gap(_) | Body::Event(_) | Body::Csr(_) => true,
        }
    }

    pub(super) fn row(self, texts: &Texts) -> Result<Row, (u64, serde_json::Error)> {
        let row = unsigned(self.row);
        let entry = match self.body {
            Body::Decision(decision) => Ok(Entry::Decision(decision)),
            Body::Brief(brief) => whole(*brief, unsigned(self.at), self.columns, texts).map(Entry::Decision),
            Body::Gap(gap) => Ok(Entry::Gap(gap)),
            Body::Event(event) => Ok(Entry::Event(event)),
            Body::Csr(decision) => Ok(Entry::Csr(decision)),
        };
        entry.map(|entry| Row { row, entry }).map_err(|error| (row, error))
    }
}

fn whole(brief: Brief, at: u64, columns: [Text; 7], texts: &Texts) -> Result<Box<Decision>, serde_json::Error> {
    let [id, path, source, traversal, verdict, rule, user] = columns.map(Option::unwrap_or_default);
    let (path, source) = (word(&path)?, word(&source)?);
    let (traversal, verdict) = (word(&traversal)?, word(&verdict)?);
    let columns = DecisionColumns { id, path, source, traversal, verdict, rule, user };
    let decision = brief.decision(at, columns, texts);
    decision.map(Box::new).ok_or_else(|| serde_json::Error::custom("it names a word that the journal does not have"))
}

fn word<T: FromStr<Err = String>>(text: &str) -> Result<T, serde_json::Error> {
    text.parse().map_err(serde_json::Error::custom)
}
