//! Writing entries: many in one statement, which is one transaction.
//!
//! Measured on decisions of 1.35 kB, longer than they are now: rows as VALUES cost 8 µs of CPU each, `json_each` over one argument 20 µs
//! and more.

use super::{Fault, Store, signed, unsigned};
use crate::journal::line::{Columns, Line};
use sqlx::{Arguments, AssertSqlSafe, error::BoxDynError, sqlite::SqliteArguments};
use std::{collections::BTreeMap, sync::Arc};

/// Entries ready to be written. It can be written again when that failed.
#[derive(Default)]
pub(in crate::journal) struct Prepared {
    arguments: SqliteArguments,
    rows: u64,
    /// The words of this batch. To share them costs less than to copy each for each row.
    words: BTreeMap<&'static str, Arc<str>>,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) struct Appended {
    /// Rows written. A decision whose id is there already is not written again.
    pub(in crate::journal) rows: u64,
    /// The row of the last of them.
    pub(in crate::journal) last: u64,
}

impl Prepared {
    /// Adds one more entry.
    pub(in crate::journal) fn push(&mut self, line: Line) -> Result<(), BoxDynError> {
        let arguments = &mut self.arguments;
        arguments.add(signed(line.at))?;
        match line.columns {
            Columns::Decision(columns) => {
                let mut word = |word| Arc::clone(self.words.entry(word).or_insert_with(|| word.into()));
                arguments.add(word("decision"))?;
                arguments.add(columns.id)?;
                arguments.add(word(columns.path.as_str()))?;
                arguments.add(word(columns.source.as_str()))?;
                arguments.add(word(columns.traversal.as_str()))?;
                arguments.add(word(columns.verdict.as_str()))?;
                arguments.add(columns.rule)?;
                arguments.add(columns.user)?;
            }
            Columns::Gap => add_other(arguments, "gap")?,
            Columns::Event => add_other(arguments, "event")?,
            Columns::Csr(columns) => {
                arguments.add("csr")?;
                arguments.add(columns.id)?;
                for _ in 0..4 {
                    arguments.add(None::<&str>)?;
                }
                arguments.add(columns.rule)?;
                arguments.add(columns.user)?;
            }
        }
        arguments.add(line.body)?;
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }

    pub(in crate::journal) fn rows(&self) -> u64 {
        self.rows
    }
}

impl Store {
    /// Commits all of it or nothing.
    pub(in crate::journal) async fn append(&mut self, prepared: &Prepared) -> Result<Appended, Fault> {
        let appended = self.try_append(prepared).await;
        if let Err(fault) = &appended {
            self.note(fault);
        }
        appended
    }

    async fn try_append(&mut self, prepared: &Prepared) -> Result<Appended, Fault> {
        self.append_words().await?;
        // A power of two, so that ten statements are prepared once and serve every size; arguments that are left over
        // are NULL, and their rows are left out.
        let slots = usize::try_from(prepared.rows).unwrap_or(usize::MAX).next_power_of_two();
        let sql = Arc::clone(self.statements.entry(slots).or_insert_with(|| statement(slots)));
        // The values are behind `Arc`s.
        let arguments = prepared.arguments.clone();
        let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(self.connection().await?).await?;
        Ok(Appended { rows: done.rows_affected(), last: unsigned(done.last_insert_rowid()) })
    }

    /// Before the rows that say them, so that a reader who sees a row finds its words.
    async fn append_words(&mut self) -> Result<(), Fault> {
        let new = self.words.pending();
        for (number, text) in &new {
            let insert = sqlx::query("INSERT INTO word (number, text) VALUES (?, ?) ON CONFLICT DO NOTHING");
            insert.bind(*number).bind(text.as_ref()).execute(self.connection().await?).await?;
        }
        if !new.is_empty() {
            self.words.kept(new.len());
        }
        Ok(())
    }
}

fn add_other(arguments: &mut SqliteArguments, kind: &'static str) -> Result<(), BoxDynError> {
    arguments.add(kind)?;
    for _ in 0..7 {
        arguments.add(None::<&str>)?;
    }
    Ok(())
}

fn statement(slots: usize) -> Arc<str> {
    let slots = vec!["(?,?,?,?,?,?,?,?,?,?)"; slots].join(",");
    format!(
        "INSERT INTO entry (at, kind, id, path, source, traversal, verdict, rule, user, body)
         SELECT * FROM (VALUES {slots}) WHERE column1 IS NOT NULL ON CONFLICT (id) WHERE id IS NOT NULL DO NOTHING"
    )
    .into()
}
