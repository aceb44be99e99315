//! What a decision takes on disk, and that nothing of it is lost there.

use super::*;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use wire::Opinion;

/// As a gate records them: digests, the facts of its class, one opinion that decides.
fn ordinary(number: u64) -> Decision {
    let decision = decision(number);
    let opinion = Opinion {
        plugin: "apiserver_to_kubelet".into(),
        digest: "ab".repeat(32),
        config: "cd".repeat(32),
        shadow: false,
        verdict: Verdict::Deny,
        rule: "nodes-proxy".into(),
        reason: decision.reason.clone(),
        notes: vec![],
        failure: None,
        fuel: 7_524,
        micros: 11,
    };
    let facts = [("source", "user"), ("traversal", "node-proxy"), ("path", "apiserver_to_kubelet")];
    let facts = facts.map(|(key, word)| (format!("pathgate.io/{key}"), word.to_owned()));
    let facts = facts.into_iter().chain([("pathgate.io/node-role".into(), "control-plane".into())]).collect();
    let silent = Opinion { verdict: Verdict::NoOpinion, rule: String::new(), reason: String::new(), ..opinion.clone() };
    let silent = Opinion { plugin: "revocation".into(), ..silent };
    Decision { facts, opinions: vec![opinion, silent], ..decision }
}

/// The file itself, beside the journal.
async fn database(bench: &Bench) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(bench.directory.path().join("journal.db"));
    SqlitePool::connect_with(options).await.expect("it connects")
}

#[tokio::test]
async fn a_row_says_nothing_twice() {
    let bench = Bench::new().await.running();
    assert_eq!(bench.journal.record(ordinary(1)), Recorded::Queued);
    bench.close().await.expect("the journal closes");
    let expected = concat!(
        r#"{"brief":{"peer":4,"groups":["dev"],"target":{"resource":{"verb":"get","resource":"nodes","subresource":"proxy"}},"#,
        r#""facts":[["pathgate.io/node-role","control-plane"]],"reason":"no","opinions":["#,
        r#"{"plugin":0,"digest":1,"config":2,"verdict":"deny","decisive":true,"fuel":7524,"micros":11},"#,
        r#"{"plugin":3,"digest":1,"config":2,"fuel":7524,"micros":11}],"engine":5,"micros":12}}"#,
    );
    let bodies = sqlx::query_scalar("SELECT CAST(body AS TEXT) FROM entry ORDER BY row");
    let bodies: Vec<String> = bodies.fetch_all(&database(&bench).await).await.expect("it reads");
    assert_eq!(bodies, [expected]);
    assert_eq!(bench.entries().await, [Entry::Decision(Box::new(ordinary(1)))]);
}

#[tokio::test]
async fn words_that_came_after_a_reader_began_are_found() {
    let bench = Bench::new().await.running();
    let reader = Journal::read_only(&bench.url()).await.expect("a reader opens beside the writer");
    let swapped = |number, digest: &str| {
        let mut decision = ordinary(number);
        decision.opinions.iter_mut().for_each(|it| it.digest = digest.repeat(32));
        decision
    };
    for (number, digest) in [(1, "01"), (2, "02")] {
        assert_eq!(bench.journal.record(swapped(number, digest)), Recorded::Queued);
        let mut committed = bench.journal.shared.committed.subscribe();
        soon(committed.wait_for(|row| *row == number)).await.expect("the writer lives");
        let found = reader.decision(&decision(number).id).await.expect("it reads").expect("it is there");
        assert_eq!(found.entry, Entry::Decision(Box::new(swapped(number, digest))));
    }
    // The next process goes on with the same numbers.
    let bench = bench.reopened(|| NOW).await;
    assert_eq!(bench.journal.record(swapped(3, "01")), Recorded::Queued);
    bench.close().await.expect("the journal closes");
    let found = [swapped(1, "01"), swapped(2, "02"), swapped(3, "01")].map(|it| Entry::Decision(Box::new(it)));
    assert_eq!(bench.entries().await, found);
    let words = sqlx::query_scalar("SELECT count(*) FROM word").fetch_one(&database(&bench).await).await;
    assert_eq!(words.ok(), Some(7_i64));
}

#[tokio::test]
async fn a_journal_that_kept_decisions_whole_goes_on() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    store::tests::of_schema_3(directory.path(), &decision(1)).await;
    let (journal, writer) = open(directory.path(), 64, || NOW).await.expect("it is brought up to date");
    let bench = Bench { directory, journal, writer: Some(writer), tasks: JoinSet::new() }.running();
    assert_eq!(bench.journal.record(ordinary(2)), Recorded::Queued);
    bench.close().await.expect("the journal closes");
    let rows = [entry(1), Entry::Decision(Box::new(ordinary(2)))];
    assert_eq!(bench.entries().await, rows);
    let search = Search { columns: vec![("verdict", "deny"), ("source", "user")], limit: 10, ..Search::default() };
    let found = bench.journal.reader().search(&search).await.expect("it reads");
    assert_eq!(found.into_iter().rev().map(|row| row.entry).collect::<Vec<_>>(), rows);
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_told_by_its_number() {
    let bench = Bench::new().await.running();
    let _ = record(&bench.journal, [1]);
    bench.close().await.expect("the journal closes");
    let pool = database(&bench).await;
    let mut found = Vec::new();
    for damage in [
        "DELETE FROM word",
        "UPDATE entry SET source = 'nobody'",
        "UPDATE entry SET source = NULL",
        "UPDATE entry SET body = CAST('{\"brief\":{}}' AS BLOB)",
        "UPDATE entry SET body = x'ff'",
    ] {
        sqlx::query(damage).execute(&pool).await.expect("it writes");
        let error =
            Journal::read_only(&bench.url()).await.expect("a reader opens").since(0, 1).await.expect_err(damage);
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        found.push(format!("{error}: {}", cause.split(',').next().unwrap_or_default()));
    }
    let row = "read row 1 of the journal, which this pathgate does not understand";
    let causes = [
        "it names a word that the journal does not have",
        "`nobody` is none of malformed",
        "`` is none of malformed",
        "missing field `target` at line 1 column 11",
        "expected value at line 1 column 1",
    ];
    assert_eq!(found, causes.map(|cause| format!("{row}: {cause}")));
}
