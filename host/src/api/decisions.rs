//! Decisions by query, one of them with everything around it, and one of them made again.

use super::{
    Answer, Api,
    answer::{Fault, Parameters, attached, json, streamed},
};
use crate::{
    api::stream::{Over, Pipe, pipe},
    journal::{Reader, Search},
    judge::{Repeated, recall},
};
use bytes::{BufMut, Bytes, BytesMut};
use hyper::StatusCode;
use std::{sync::Arc, time::Instant};
use tracing::Instrument;
use wire::{Decision, DecisionDetail, DecisionPage, Entry, Explained, Hit, Query, Row};

impl Api {
    /// A page of decisions: newest first, or with `since` onwards from a row.
    pub(super) async fn decisions(&self, given: &Parameters) -> Result<Answer, Fault> {
        let query = given.query()?;
        let limit = given.number("limit")?.unwrap_or(100).clamp(1, MAX_LIMIT);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut look = Look {
            reader: self.journal.reader(),
            now: (self.now)(),
            search: Search { after: given.number("since")?, before: given.number("before")?, ..search(&query, 0) },
            query,
        };
        look.search.from = look.from();
        let last = self.journal.last_row();
        let (rows, next, scanned) = look.find(limit).await?;
        Ok(json(&DecisionPage { rows, next, scanned, last }))
    }

    /// A page of decisions about certificate requests, newest first.
    pub(super) async fn requests(&self, given: &Parameters) -> Result<Answer, Fault> {
        // A row has a request of 64 KiB at most.
        let limit = given.number("limit")?.unwrap_or(100).clamp(1, 100);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = self.journal.reader().requests(given.number("before")?, limit).await?;
        let next = rows.last().filter(|_| rows.len() == limit).map(|row| row.row);
        let scanned = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Ok(json(&DecisionPage { rows, next, scanned, last: self.journal.last_row() }))
    }

    /// Every row that matches, as JSON lines, oldest first.
    pub(super) fn export(&self, given: &Parameters) -> Result<Answer, Fault> {
        let query = given.query()?;
        let now = (self.now)();
        let after = given.number("since")?.unwrap_or(0);
        let reader = self.journal.reader().clone();
        let (pipe, chunks) = pipe();
        let export = async move {
            let search = Search { after: Some(after), ..search(&query, now) };
            // Who is too slow, or gone, has a file that ends early; the page says how many rows it should have.
            drop(export(&reader, search, &query, now, &pipe).await);
        };
        let stop = self.stop.clone();
        let work = async move {
            stop.run_until_cancelled(export).await;
        };
        self.pages.spawn(work.instrument(tracing::debug_span!("export")));
        let mut answer = streamed("application/jsonl", chunks);
        attached(&mut answer, "attachment; filename=\"pathgate-decisions.jsonl\"");
        Ok(answer)
    }

    /// One decision, the text of its rules, and who else the rule hits.
    pub(super) async fn decision(&self, id: &str) -> Result<Answer, Fault> {
        let (row, decision) = self.find(id).await?;
        let set = self.plugins.current();
        let mut rules = Vec::new();
        for opinion in &decision.opinions {
            let Some(plugin) = set.plugins.iter().find(|it| it.name == opinion.plugin) else { continue };
            let spoken = std::iter::once(opinion.rule.as_str()).chain(opinion.shadowed().map(|(rule, _)| rule));
            let texts = plugin.told().rules;
            for rule in spoken {
                let text = texts.iter().find(|it| it.id == rule).cloned();
                rules.extend(text.map(|text| (format!("{}/{rule}", opinion.plugin), text)));
            }
        }
        let hits = if decision.rule.is_empty() {
            Vec::new()
        } else {
            let since = (self.now)().saturating_sub(DAY);
            self.journal.reader().hits(&decision.rule, since, MAX_HITS).await?
        };
        let hits = hits.into_iter().map(|(user, count)| Hit { user, count }).collect();
        let row = Row { row, entry: Entry::Decision(Box::new(decision)) };
        Ok(json(&DecisionDetail { row, rules, hits }))
    }

    /// Executes a decision again.
    pub(super) async fn explain(&self, id: &str) -> Result<Answer, Fault> {
        let (_, decision) = self.find(id).await?;
        let recalled = recall(self.journal.reader(), decision).await;
        let busy = || Fault { status: StatusCode::SERVICE_UNAVAILABLE, sentence: "the gate stops".into() };
        let turn = Arc::clone(&self.explaining).acquire_owned().await.map_err(|_| busy())?;
        let plugins = Arc::clone(&self.plugins);
        let begin = Instant::now();
        let repeat = move || {
            let repeated = recalled.repeat(&plugins);
            drop(turn);
            repeated
        };
        let Repeated { same, differences } = tokio::task::spawn_blocking(repeat).await.map_err(|_| busy())?;
        let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(json(&Explained { same, differences, at: (self.now)(), micros }))
    }

    async fn find(&self, id: &str) -> Result<(u64, Decision), Fault> {
        match self.journal.reader().decision(id).await? {
            Some(Row { row, entry: Entry::Decision(decision) }) => Ok((row, *decision)),
            Some(_) | None => Err(Fault {
                status: StatusCode::NOT_FOUND,
                sentence: format!("decision `{id}` is not in the journal: it was never made, or retention took it"),
            }),
        }
    }
}

/// A search for what a query asks for, as far as the database can tell.
fn search(query: &Query, now: u64) -> Search {
    let from = query.window().map_or(0, |window| now.saturating_sub(window));
    Search { from, columns: query.columns(), limit: Reader::PAGE, ..Search::default() }
}

struct Look<'a> {
    reader: &'a Reader,
    query: Query,
    search: Search,
    now: u64,
}

impl Look<'_> {
    fn from(&self) -> u64 {
        self.query.window().map_or(0, |window| self.now.saturating_sub(window))
    }

    /// Rows that match, where to go on, and how many were looked at.
    async fn find(mut self, limit: usize) -> Result<(Vec<Row>, Option<u64>, u64), Fault> {
        let (mut found, mut scanned) = (Vec::new(), 0);
        // The first look is small: most pages are filled by it.
        self.search.limit = limit;
        loop {
            let rows = self.reader.search(&self.search).await?;
            let is_last = rows.len() < self.search.limit.min(Reader::PAGE);
            let mut at = None;
            for row in rows {
                scanned += 1;
                at = Some(row.row);
                if super::feed::wants(&self.query, &row, self.now) && self.is_decision_or_all(&row) {
                    found.push(row);
                }
                if found.len() == limit {
                    return Ok((found, at, scanned));
                }
            }
            if is_last || scanned >= MAX_SCANNED {
                return Ok((found, at.filter(|_| !is_last), scanned));
            }
            match &mut self.search {
                Search { after: Some(after), .. } => *after = at.unwrap_or(*after),
                Search { before, .. } => *before = at,
            }
            self.search.limit = Reader::PAGE;
        }
    }

    /// What lies between decisions is shown with all of them, and not among those that were picked.
    fn is_decision_or_all(&self, row: &Row) -> bool {
        self.query.is_empty() || matches!(row.entry, Entry::Decision(_))
    }
}

async fn export(reader: &Reader, mut search: Search, query: &Query, now: u64, pipe: &Pipe) -> Result<(), Over> {
    loop {
        let rows = match reader.search(&search).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                return Err(Over);
            }
        };
        let Some(last) = rows.last().map(|row| row.row) else { return Ok(()) };
        let lines = lines(rows.iter().filter(|row| super::feed::wants(query, row, now)));
        pipe.send(lines).await?;
        search.after = Some(last);
    }
}

fn lines<'a>(rows: impl Iterator<Item = &'a Row>) -> Bytes {
    let mut bytes = BytesMut::new();
    for row in rows {
        let mut out = (&mut bytes).writer();
        #[expect(clippy::expect_used, reason = "texts, numbers and lists have a JSON form, and the buffer grows")]
        serde_json::to_writer(&mut out, row).expect("wire words serialise");
        bytes.extend_from_slice(b"\n");
    }
    bytes.freeze()
}

/// More rows than a page shows at once.
const MAX_LIMIT: u64 = 1_000;
/// A fifth of a second of reading; the answer says where to go on.
const MAX_SCANNED: u64 = 20_000;
const MAX_HITS: usize = 20;
const DAY: u64 = 86_400_000;
