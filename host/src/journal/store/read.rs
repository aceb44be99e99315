//! Reading a journal, in order and at a place. It never blocks the writer, and sees only what was committed.

use super::{
    Fault, OpenError, Place, blame, examine, known, signed,
    stored::{COLUMNS, Read, Stored},
    texts, unsigned,
};
use crate::journal::words::Texts;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Sqlite, SqlitePool,
    query::QueryAs,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePoolOptions},
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use wire::Row;

/// Reads a journal, also while another process writes it. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Reader {
    pool: SqlitePool,
    /// The words that were read last; there may be more by now.
    texts: Arc<RwLock<Arc<Texts>>>,
}

/// Why a journal could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    #[error("read the journal")]
    Database { source: Fault },
    #[error("read row {row} of the journal, which this pathgate does not understand")]
    Row { row: u64, source: serde_json::Error },
}

impl Reader {
    /// Opens a journal that is there, and changes nothing in it.
    pub(in crate::journal) async fn open(place: &Place) -> Result<Reader, OpenError> {
        if !place.file.is_file() {
            return Err(OpenError::Missing { path: place.file.clone() });
        }
        let reader = Reader::of(place);
        let connection = reader.pool.acquire().await;
        let mut connection = connection.map_err(|source| blame(place, source.into()))?;
        match examine(place, &mut connection).await? {
            found if found == known() => Ok(reader),
            found => Err(OpenError::Older { path: place.file.clone(), found, known: known() }),
        }
    }

    /// Connects when first asked.
    pub(in crate::journal) fn of(place: &Place) -> Reader {
        let options = SqliteConnectOptions::new().filename(&place.file).read_only(true).disable_statement_logging();
        let texts = Arc::<RwLock<Arc<Texts>>>::default();
        let forgotten = Arc::clone(&texts);
        let pool = SqlitePoolOptions::new()
            // By now it may be another file.
            .after_connect(move |_, _| {
                forgotten.write().unwrap_or_else(PoisonError::into_inner).clone_from(&Arc::default());
                Box::pin(async { Ok(()) })
            })
            // Each is a thread and 2 MB of cache; what is read is small, and a queue is better than more of them.
            .max_connections(3)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(30))
            // SQLite's connections do not break by waiting.
            .test_before_acquire(false);
        Reader { pool: pool.connect_lazy_with(options), texts }
    }

    /// The rows after this one, ascending; at most `limit` and [`Reader::PAGE`].
    pub async fn since(&self, row: u64, limit: usize) -> Result<Vec<Row>, ReadError> {
        self.rows("row > ? ORDER BY row LIMIT ?", |it| it.bind(signed(row)).bind(page(limit))).await
    }

    /// The newest rows, ascending; at most `limit` and [`Reader::PAGE`].
    pub async fn latest(&self, limit: usize) -> Result<Vec<Row>, ReadError> {
        let mut rows = self.rows("true ORDER BY row DESC LIMIT ?", |it| it.bind(page(limit))).await?;
        rows.reverse();
        Ok(rows)
    }

    /// The decision with this id, as the reason of a refusal names it.
    pub async fn decision(&self, id: &str) -> Result<Option<Row>, ReadError> {
        Ok(self.rows("id = ?", |it| it.bind(id.to_owned())).await?.pop())
    }

    /// The newest decisions about certificate requests, newest first: below a row, at most [`Reader::PAGE`].
    pub async fn requests(&self, before: Option<u64>, limit: usize) -> Result<Vec<Row>, ReadError> {
        let before = before.map_or(i64::MAX, signed);
        let sql = "kind = 'csr' AND row < ? ORDER BY row DESC LIMIT ?";
        self.rows(sql, |it| it.bind(before).bind(page(limit))).await
    }

    /// The rows of which this holds, in the order that it says.
    pub(super) async fn rows(&self, sql: &str, bind: impl FnOnce(Query) -> Query) -> Result<Vec<Row>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM entry WHERE {sql}");
        let found = bind(sqlx::query_as(AssertSqlSafe(sql))).fetch_all(&self.pool).await?;
        let found = found.into_iter().map(Read::parse).collect::<Result<Vec<_>, _>>()?;
        let mut known = Arc::clone(&self.texts.read().unwrap_or_else(PoisonError::into_inner));
        if !found.iter().all(|read| read.is_known(&known)) {
            known = Arc::new(texts(&self.pool).await?);
            *self.texts.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&known);
        }
        Ok(found.into_iter().map(|read| read.row(&known)).collect::<Result<_, _>>()?)
    }

    /// How many rows there are.
    pub async fn count(&self) -> Result<u64, ReadError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM entry").fetch_one(&self.pool).await?;
        Ok(unsigned(count))
    }

    /// The oldest row that retention has left, if there is any.
    pub async fn first_row(&self) -> Result<Option<u64>, ReadError> {
        let first: Option<i64> = sqlx::query_scalar("SELECT min(row) FROM entry").fetch_one(&self.pool).await?;
        Ok(first.map(unsigned))
    }

    /// What one call reads at most, so that a page of long rows stays in memory easily.
    pub const PAGE: usize = 1_000;

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Waits for reads under way, and closes.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A query for rows that is not complete yet.
pub(super) type Query = QueryAs<'static, Sqlite, Stored, SqliteArguments>;

impl From<(u64, serde_json::Error)> for ReadError {
    fn from((row, source): (u64, serde_json::Error)) -> ReadError {
        ReadError::Row { row, source }
    }
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> ReadError {
        ReadError::Database { source: error.into() }
    }
}

pub(super) fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(Reader::PAGE)).unwrap_or(i64::MAX)
}
