//! The database of the journal, known nowhere else: where it is, who may write it, what its tables are.
//!
//! One process writes a file; the lock beside it says so. It refuses files of others, and schemas it does not know.

mod append;
mod artifact;
mod place;
mod read;
mod search;
mod stored;

pub(super) use append::Prepared;
pub use artifact::{Artifact, KeepError};
pub(super) use place::Place;
pub use read::{ReadError, Reader};
pub use search::Search;

use super::words::{Texts, Words};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, Sqlite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use std::{collections::BTreeMap, fs::File, path::PathBuf, sync::Arc, time::Duration};

/// Why a journal cannot be opened, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("journal url `{url}` is not of the form `sqlite:///PATH`")]
    Url { url: String },
    #[error("there is no directory `{path}` for the journal; create it, owned by the user that runs pathgate")]
    NoDirectory { path: PathBuf },
    #[error("there is no journal at `{path}`")]
    Missing { path: PathBuf },
    #[error("open journal file `{path}`")]
    File { path: PathBuf, source: std::io::Error },
    #[error("journal `{path}` is in use by another pathgate; give each host a file of its own")]
    InUse { path: PathBuf },
    #[error("`{path}` is not a journal of pathgate; move it away, or set another file as the journal's url")]
    Foreign { path: PathBuf },
    #[error(
        "journal `{path}` is damaged; move it and its `-wal` and `-shm` away, and a new one is made at the next start"
    )]
    Damaged { path: PathBuf, source: Fault },
    #[error("journal `{path}` has schema {found}, this pathgate knows {known}; run a newer one, or set another file")]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("journal `{path}` has schema {found}, this pathgate reads {known}; `pathgate serve` brings it up to date")]
    Older { path: PathBuf, found: i64, known: i64 },
    #[error("open journal `{path}`")]
    Database { path: PathBuf, source: Fault },
}

/// What the database itself said.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Fault(#[from] sqlx::Error);

impl Fault {
    /// Whether the file can no longer be trusted to be a database.
    fn is_damage(&self) -> bool {
        let code = self.0.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok());
        // The low byte is the primary code: SQLITE_CORRUPT, SQLITE_NOTADB.
        matches!(code.map(|code| code & 0xff), Some(11 | 26))
    }

    /// Whether the connection is gone rather than the statement refused.
    fn is_disconnect(&self) -> bool {
        self.0.as_database_error().is_none()
    }
}

/// The one writing connection. It is opened anew when it broke.
pub(super) struct Store {
    place: Place,
    durability: Durability,
    connection: Option<SqliteConnection>,
    /// The text of the insert by its number of rows.
    statements: BTreeMap<usize, Arc<str>>,
    pub(super) words: Arc<Words>,
    /// Held for as long as this process writes; the system lets go of it however the process ends.
    _lock: File,
    #[cfg(test)]
    pub(super) sabotage: Option<tokio::sync::watch::Receiver<&'static str>>,
}

/// What a committed row survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// The end of the process, however it comes.
    Process,
    /// The loss of power too: each commit waits for the disk.
    Power,
}

impl Store {
    /// Locks, creates or migrates. Nothing of an existing file is changed before it is known to be a journal.
    pub(super) async fn open(place: Place, durability: Durability) -> Result<Store, OpenError> {
        let lock = place.lock()?;
        place.create()?;
        let mut connection = connect(&place, durability).await.map_err(|source| blame(&place, source))?;
        let found = examine(&place, &mut connection).await?;
        prepare(&mut connection, found).await.map_err(|source| blame(&place, source))?;
        let texts = texts(&mut connection).await.map_err(|source| blame(&place, source.into()))?;
        Ok(Store {
            place,
            durability,
            connection: Some(connection),
            statements: BTreeMap::new(),
            words: Arc::new(Words::of(&texts)),
            _lock: lock,
            #[cfg(test)]
            sabotage: None,
        })
    }

    /// The last row that was ever committed, also if retention has taken it since.
    pub(super) async fn last_row(&mut self) -> Result<u64, Fault> {
        let last: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'entry'")
            .fetch_optional(self.connection().await?)
            .await?;
        Ok(last.map_or(0, unsigned))
    }

    /// Deletes the oldest `most` rows as far as they are older than `cutoff`; answers how many that were.
    pub(super) async fn expire(&mut self, cutoff: u64, most: u32) -> Result<u64, Fault> {
        let sql = "DELETE FROM entry WHERE row IN (SELECT row FROM entry ORDER BY row LIMIT ?) AND at < ?";
        let done = sqlx::query(sql).bind(most).bind(signed(cutoff)).execute(self.connection().await?).await?;
        Ok(done.rows_affected())
    }

    /// Says which journal a fault is about.
    pub(super) fn blame(&self, source: Fault) -> OpenError {
        blame(&self.place, source)
    }

    /// Closes it. What is committed is in the file or in the log beside it, from where the next opening takes it.
    pub(super) async fn close(self) -> Result<(), Fault> {
        match self.connection {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, Fault> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.place, self.durability).await?,
        };
        let connection = self.connection.insert(connection);
        #[cfg(test)]
        if let Some(sabotage) = &self.sabotage {
            let pragma = *sabotage.borrow();
            sqlx::raw_sql(pragma).execute(&mut *connection).await?;
        }
        Ok(connection)
    }

    /// Forgets a connection that broke, so that the next use opens another.
    fn note(&mut self, fault: &Fault) {
        if fault.is_disconnect() {
            self.connection = None;
        }
    }
}

/// Which schema a file has; 0 is an empty one.
async fn examine(place: &Place, connection: &mut SqliteConnection) -> Result<i64, OpenError> {
    let asked = sqlx::query_as(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
                (SELECT count(*) FROM sqlite_schema)",
    );
    let asked = asked.fetch_one(connection).await;
    let (application, found, tables): (i64, i64, i64) = asked.map_err(|source| blame(place, source.into()))?;
    let known = known();
    match (application, found) {
        (0, 0) if tables == 0 => Ok(0),
        (APPLICATION, 1..) if found <= known => Ok(found),
        (APPLICATION, 1..) => Err(OpenError::Newer { path: place.file.clone(), found, known }),
        (_, _) => Err(OpenError::Foreign { path: place.file.clone() }),
    }
}

/// Makes a writable journal of what [`examine`] found, and looks at both its ends.
async fn prepare(connection: &mut SqliteConnection, found: i64) -> Result<(), Fault> {
    // Only now: it writes to the file.
    sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut *connection).await?;
    let steps = usize::try_from(found).unwrap_or(usize::MAX);
    migrate(connection, MIGRATIONS, steps).await?;
    sqlx::raw_sql("SELECT max(row), min(row) FROM entry; SELECT count(*) FROM artifact").execute(connection).await?;
    Ok(())
}

/// Runs the steps that a file has not seen yet, each in a transaction of its own.
async fn migrate(connection: &mut SqliteConnection, steps: &[&str], found: usize) -> Result<(), Fault> {
    for (number, step) in steps.iter().enumerate().skip(found) {
        let version = number.saturating_add(1);
        let sql = format!(
            "BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version}; COMMIT"
        );
        if let Err(source) = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await {
            // The step's own error is the one to tell.
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await;
            return Err(source.into());
        }
    }
    Ok(())
}

/// The words that rows name by number.
async fn texts(executor: impl Executor<'_, Database = Sqlite>) -> Result<Texts, sqlx::Error> {
    let found: Vec<(u32, String)> = sqlx::query_as("SELECT number, text FROM word").fetch_all(executor).await?;
    Ok(found.into_iter().map(|(number, text)| (number, text.into())).collect())
}

async fn connect(place: &Place, durability: Durability) -> Result<SqliteConnection, Fault> {
    let synchronous = match durability {
        Durability::Process => SqliteSynchronous::Normal,
        Durability::Power => SqliteSynchronous::Full,
    };
    let options = SqliteConnectOptions::new()
        .filename(&place.file)
        // For a new file. A decision takes about 0.7 kB: of SQLite's 4096 bytes more would be left over.
        .page_size(8192)
        .synchronous(synchronous)
        .busy_timeout(BUSY)
        // After a burst the write-ahead log is cut back to this, in bytes.
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging();
    Ok(options.connect().await?)
}

fn blame(place: &Place, source: Fault) -> OpenError {
    let path = place.file.clone();
    match &source {
        fault if fault.is_damage() => OpenError::Damaged { path, source },
        _ => OpenError::Database { path, source },
    }
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// SQLite's integers are signed; times and rows stay far below where that matters.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// `PTHG` in the header of the file: what `file` and SQLite call the application id.
const APPLICATION: i64 = 0x5054_4847;

/// Another process that writes (`sqlite3`, a backup) is waited for as long as this.
const BUSY: Duration = Duration::from_secs(5);

/// Schema 1, 2, …; a step that was released never changes.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE entry (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        kind TEXT NOT NULL,
        id TEXT,
        path TEXT,
        source TEXT,
        traversal TEXT,
        verdict TEXT,
        rule TEXT,
        user TEXT,
        body BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX entry_id ON entry (id) WHERE id IS NOT NULL;
    CREATE TABLE artifact (
        digest TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT
",
    "
    CREATE INDEX entry_refused ON entry (rule, at, user) WHERE verdict = 'deny';
    CREATE INDEX entry_refused_row ON entry (row) WHERE verdict = 'deny'
",
    "CREATE INDEX entry_csr ON entry (row) WHERE kind = 'csr'",
    "CREATE TABLE word (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
];

#[cfg(test)]
pub(in crate::journal) mod tests;
