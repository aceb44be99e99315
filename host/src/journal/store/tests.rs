use super::*;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// What SQLite finds wrong in a journal: `ok` if nothing.
pub(in crate::journal) async fn complaints(reader: &Reader) -> Vec<String> {
    sqlx::query_scalar("PRAGMA integrity_check").fetch_all(reader.pool()).await.expect("it checks")
}

/// A journal as schema 3 left it, with this one decision.
pub(in crate::journal) async fn of_schema_3(directory: &Path, decision: &wire::Decision) {
    let options = SqliteConnectOptions::new().filename(directory.join("journal.db")).create_if_missing(true);
    let mut connection = options.connect().await.expect("it connects");
    migrate(&mut connection, &MIGRATIONS[..3], 0).await.expect("it migrates");
    let insert = "INSERT INTO entry (at, kind, id, path, source, traversal, verdict, rule, user, body) \
                  VALUES (?, 'decision', ?, ?, ?, ?, ?, ?, ?, ?)";
    let body = serde_json::json!({"decision": decision}).to_string().into_bytes();
    let insert = sqlx::query(insert)
        .bind(signed(decision.at))
        .bind(&decision.id)
        .bind(decision.path.as_str())
        .bind(decision.source.as_str())
        .bind(decision.traversal.as_str())
        .bind(decision.verdict.as_str())
        .bind(&decision.rule)
        .bind(&decision.request.user)
        .bind(body);
    insert.execute(&mut connection).await.expect("it writes");
    connection.close().await.expect("it closes");
}

fn place(directory: &Path) -> Place {
    Place::parse(&format!("sqlite://{}/journal.db", directory.display())).expect("a good url")
}

async fn raw(file: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options.connect().await.expect("it connects");
    sqlx::raw_sql(sql).execute(&mut connection).await.expect("it runs");
    connection.close().await.expect("it closes");
}

/// The refusal, with the directory's name taken out.
async fn refusal(directory: &Path) -> String {
    let error = Store::open(place(directory), Durability::Process).await.err().expect("it is refused");
    error.to_string().replace(&directory.display().to_string(), "DIR")
}

#[test]
fn a_url_names_an_absolute_file() {
    let urls = ["sqlite:///a/journal.db", "sqlite://journal.db", "sqlite:///", "postgres://host/db", "/a/journal.db"];
    let parsed = urls.map(|url| Place::parse(url).map(|place| place.file.display().to_string()).ok());
    assert_eq!(parsed, [Some("/a/journal.db".into()), None, None, None, None]);
}

#[tokio::test]
async fn a_journal_is_for_its_owner_only() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let _store = Store::open(place(directory.path()), Durability::Process).await.expect("a new journal opens");
    let files = fs::read_dir(directory.path()).expect("a directory").map(|file| file.expect("a file"));
    let mut modes: Vec<_> = files
        .map(|file| (file.file_name(), file.metadata().expect("a file").permissions().mode() & 0o777))
        .map(|(name, mode)| format!("{} {mode:o}", name.display()))
        .collect();
    modes.sort();
    assert_eq!(modes, ["journal.db 600", "journal.db-lock 600", "journal.db-shm 600", "journal.db-wal 600"]);
}

#[tokio::test]
async fn a_second_host_on_the_file_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = Store::open(place(directory.path()), Durability::Process).await.expect("a new journal opens");
    let refused = refusal(directory.path()).await;
    store.close().await.expect("it closes");
    let reopened = Store::open(place(directory.path()), Durability::Process).await.is_ok();
    let expected = "journal `DIR/journal.db` is in use by another pathgate; give each host a file of its own";
    assert_eq!((refused.as_str(), reopened), (expected, true));
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let refused = refusal(&directory.path().join("gone")).await;
    assert!(refused.starts_with("there is no directory `DIR`"), "{refused}");
}

#[tokio::test]
async fn a_database_of_others_is_refused_and_left_as_it_was() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let file = directory.path().join("journal.db");
    raw(&file, "CREATE TABLE t (x)").await;
    let before = fs::read(&file).expect("a file");
    let refused = refusal(directory.path()).await;
    let expected =
        "`DIR/journal.db` is not a journal of pathgate; move it away, or set another file as the journal's url";
    assert_eq!((refused.as_str(), fs::read(&file).expect("a file") == before), (expected, true));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    fs::write(directory.path().join("journal.db"), "hello, world\n".repeat(1_000)).expect("it writes");
    let expected = "journal `DIR/journal.db` is damaged; move it and its `-wal` and `-shm` away, and a new one is made \
                    at the next start";
    assert_eq!(refusal(directory.path()).await, expected);
}

#[tokio::test]
async fn a_journal_that_lost_its_middle_is_refused() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let store = Store::open(place(directory.path()), Durability::Process).await.expect("a new journal opens");
    store.close().await.expect("it closes");
    let file = directory.path().join("journal.db");
    let mut bytes = fs::read(&file).expect("a file");
    bytes[8_192..].fill(0xa5);
    fs::write(&file, bytes).expect("it writes");
    assert!(refusal(directory.path()).await.contains("is damaged"));
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_its_number() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    raw(
        &directory.path().join("journal.db"),
        "CREATE TABLE t (x); PRAGMA application_id = 1347700807; PRAGMA user_version = 9",
    )
    .await;
    let expected = "journal `DIR/journal.db` has schema 9, this pathgate knows 4; run a newer one, or set another file";
    assert_eq!(refusal(directory.path()).await, expected);
}

#[tokio::test]
async fn an_older_file_is_brought_up_by_the_steps_it_lacks() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let place = place(directory.path());
    raw(&place.file, "CREATE TABLE t (x); PRAGMA user_version = 1").await;
    let mut connection = connect(&place, Durability::Process).await.expect("it connects");
    let steps = ["CREATE TABLE t (x)", "ALTER TABLE t ADD COLUMN y", "ALTER TABLE t ADD COLUMN z"];
    migrate(&mut connection, &steps, 1).await.expect("it migrates");
    let found: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM pragma_table_info('t'))",
    )
    .fetch_one(&mut connection)
    .await
    .expect("it reads");
    assert_eq!(found, (3, 3));
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_schema_before_it() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let place = place(directory.path());
    raw(&place.file, "CREATE TABLE t (x); PRAGMA user_version = 1").await;
    let mut connection = connect(&place, Durability::Process).await.expect("it connects");
    let failed = migrate(&mut connection, &["", "ALTER TABLE t ADD COLUMN y; SELECT nothing"], 1).await.is_err();
    let found: (i64, i64) = sqlx::query_as(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM pragma_table_info('t'))",
    )
    .fetch_one(&mut connection)
    .await
    .expect("it reads");
    assert_eq!((failed, found), (true, (1, 1)));
}

#[tokio::test]
async fn a_strict_journal_waits_for_the_disk() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let mut levels = Vec::new();
    for durability in [Durability::Process, Durability::Power] {
        let mut store = Store::open(place(directory.path()), durability).await.expect("it opens");
        let connection = store.connection().await.expect("it connects");
        let level: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(connection).await.expect("it reads");
        levels.push(level);
        store.close().await.expect("it closes");
    }
    assert_eq!(levels, [1, 2]);
}

#[tokio::test]
async fn reading_a_journal_that_is_not_there_makes_none() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let refused = Reader::open(&place(directory.path())).await.err().map(|error| error.to_string());
    let is_there = directory.path().join("journal.db").exists();
    let expected = format!("there is no journal at `{}/journal.db`", directory.path().display());
    assert_eq!((refused, is_there), (Some(expected), false));
}
