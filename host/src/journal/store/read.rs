//! Reading a journal, in order and at a place. It never blocks the writer, and sees only what was committed.

use super::{Fault, OpenError, Place, blame, examine, known, signed, unsigned};
use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use std::time::Duration;
use wire::{Entry, Row};

/// Reads a journal, also while another process writes it. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Reader {
    pool: SqlitePool,
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
        let pool = SqlitePoolOptions::new()
            // Each is a thread and 2 MB of cache; what is read is small, and a queue is better than more of them.
            .max_connections(3)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(30))
            // SQLite's connections do not break by waiting.
            .test_before_acquire(false);
        Reader { pool: pool.connect_lazy_with(options) }
    }

    /// The rows after this one, ascending; at most `limit` and [`Reader::PAGE`].
    pub async fn since(&self, row: u64, limit: usize) -> Result<Vec<Row>, ReadError> {
        let sql = "SELECT row, body FROM entry WHERE row > ? ORDER BY row LIMIT ?";
        let found = sqlx::query_as(sql).bind(signed(row)).bind(page(limit)).fetch_all(&self.pool).await?;
        found.into_iter().map(parse).collect()
    }

    /// The newest rows, ascending; at most `limit` and [`Reader::PAGE`].
    pub async fn latest(&self, limit: usize) -> Result<Vec<Row>, ReadError> {
        let sql = "SELECT row, body FROM entry ORDER BY row DESC LIMIT ?";
        let found = sqlx::query_as(sql).bind(page(limit)).fetch_all(&self.pool).await?;
        found.into_iter().rev().map(parse).collect()
    }

    /// The decision with this id, as the reason of a refusal names it.
    pub async fn decision(&self, id: &str) -> Result<Option<Row>, ReadError> {
        let found = sqlx::query_as("SELECT row, body FROM entry WHERE id = ?").bind(id).fetch_optional(&self.pool);
        found.await?.map(parse).transpose()
    }

    /// The newest decisions about certificate requests, newest first: below a row, at most [`Reader::PAGE`].
    pub async fn requests(&self, before: Option<u64>, limit: usize) -> Result<Vec<Row>, ReadError> {
        let sql = "SELECT row, body FROM entry WHERE kind = 'csr' AND row < ? ORDER BY row DESC LIMIT ?";
        let before = before.map_or(i64::MAX, signed);
        let found = sqlx::query_as(sql).bind(before).bind(page(limit)).fetch_all(&self.pool);
        found.await?.into_iter().map(parse).collect()
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

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> ReadError {
        ReadError::Database { source: error.into() }
    }
}

pub(super) fn parse((row, body): (i64, Vec<u8>)) -> Result<Row, ReadError> {
    let row = unsigned(row);
    match serde_json::from_slice::<Entry>(&body) {
        Ok(entry) => Ok(Row { row, entry }),
        Err(source) => Err(ReadError::Row { row, source }),
    }
}

fn page(limit: usize) -> i64 {
    i64::try_from(limit.min(Reader::PAGE)).unwrap_or(i64::MAX)
}
