//! Promises of the journal as a whole. `crash.rs` kills it, `disk.rs` takes its disk away.

use super::*;
use std::{collections::BTreeMap, future::Future, path::Path as FilePath};
use tempfile::TempDir;
use tokio::task::JoinSet;
use wire::{Door, Entry, Gap, Path, Request, Resource, Row, Source, Target, Traversal, Verdict};

mod crash;
mod disk;
mod kept;
mod round_trip;

/// A journal in a directory of its own, with its writer running or not.
struct Bench {
    directory: TempDir,
    journal: Journal,
    writer: Option<Writer>,
    tasks: JoinSet<()>,
}

impl Bench {
    async fn new() -> Bench {
        Bench::with(64, || NOW).await
    }

    async fn with(queue: usize, now: fn() -> u64) -> Bench {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let (journal, writer) = open(directory.path(), queue, now).await.expect("a new journal opens");
        Bench { directory, journal, writer: Some(writer), tasks: JoinSet::new() }
    }

    /// Closes, and opens the same file with another clock.
    async fn reopened(self, now: fn() -> u64) -> Bench {
        self.close().await.expect("the journal closes");
        let (journal, writer) = open(self.directory.path(), 64, now).await.expect("the journal opens again");
        Bench { journal, writer: Some(writer), ..self }.running()
    }

    fn running(mut self) -> Bench {
        self.run();
        self
    }

    fn run(&mut self) {
        let writer = self.writer.take().expect("the writer runs once");
        self.tasks.spawn(writer.run());
    }

    fn url(&self) -> String {
        url(self.directory.path())
    }

    async fn close(&self) -> Result<(), Unwritten> {
        self.journal.close(PATIENCE).await
    }

    async fn entries(&self) -> Vec<Entry> {
        let rows = self.journal.reader().since(0, Reader::PAGE).await.expect("the journal reads");
        rows.into_iter().map(|row| row.entry).collect()
    }
}

/// Fails rather than hang.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    time::timeout(PATIENCE, what).await.expect("it happens in time")
}

async fn open(directory: &FilePath, queue: usize, now: fn() -> u64) -> Result<(Journal, Writer), OpenError> {
    let options = Options { url: url(directory), retention: Duration::from_secs(10), queue, strict: false };
    Journal::open_tuned(options, Tuning { now }).await
}

fn url(directory: &FilePath) -> String {
    format!("sqlite://{}/journal.db", directory.display())
}

/// The decision with this number: it is its time too.
fn decision(number: u64) -> Decision {
    Decision {
        id: format!("{number:026}"),
        at: NOW + number,
        door: Door::Webhook,
        peer: "kube-apiserver".into(),
        request: Request {
            user: "alice".into(),
            groups: vec!["dev".into()],
            target: Target::Resource(Box::new(Resource {
                verb: "get".into(),
                resource: "nodes".into(),
                subresource: "proxy".into(),
                ..Resource::default()
            })),
            ..Request::default()
        },
        source: Source::User,
        traversal: Traversal::NodeProxy,
        path: Path::ApiserverToKubelet,
        facts: vec![],
        verdict: Verdict::Deny,
        rule: "apiserver_to_kubelet/nodes-proxy".into(),
        reason: "no".into(),
        opinions: vec![],
        engine: "wasmtime 48".into(),
        micros: 12,
    }
}

fn entry(number: u64) -> Entry {
    Entry::Decision(Box::new(decision(number)))
}

fn record(journal: &Journal, numbers: impl IntoIterator<Item = u64>) -> Vec<Recorded> {
    numbers.into_iter().map(|number| journal.record(decision(number))).collect()
}

#[tokio::test]
async fn what_was_recorded_is_there_after_closing_and_opening() {
    let bench = Bench::new().await.running();
    let recorded = record(&bench.journal, 1..=20);
    let bench = bench.reopened(|| NOW).await;
    let found = (recorded, bench.entries().await, bench.journal.last_row());
    assert_eq!(found, (vec![Recorded::Queued; 20], (1..=20).map(entry).collect(), 20));
}

#[tokio::test]
async fn a_full_queue_loses_the_newest_and_tells_it_in_one_gap() {
    let mut bench = Bench::with(4, || NOW).await;
    let recorded = record(&bench.journal, 1..=10);
    bench.run();
    bench.close().await.expect("the journal closes");
    let gap = Entry::Gap(Gap { lost: 6, from: NOW + 5, to: NOW + 10 });
    let expected = [vec![Recorded::Queued; 4], vec![Recorded::Lost; 6]].concat();
    let entries: Vec<_> = (1..=4).map(entry).chain([gap]).collect();
    assert_eq!((recorded, bench.entries().await), (expected, entries));
}

#[tokio::test]
async fn recording_after_the_close_is_a_loss() {
    let bench = Bench::new().await.running();
    bench.close().await.expect("the journal closes");
    assert_eq!(record(&bench.journal, [1]), [Recorded::Lost]);
}

#[tokio::test]
async fn a_close_that_cannot_write_in_time_says_how_much_is_left() {
    let bench = Bench::new().await;
    let _ = record(&bench.journal, 1..=3);
    assert_eq!(bench.journal.close(Duration::ZERO).await, Err(Unwritten { entries: 3 }));
}

#[tokio::test]
async fn an_id_that_comes_twice_is_kept_once_and_stops_nothing() {
    let bench = Bench::new().await.running();
    let _ = record(&bench.journal, [1, 2, 1, 3]);
    bench.close().await.expect("the journal closes");
    assert_eq!(bench.entries().await, [entry(1), entry(2), entry(3)]);
}

#[tokio::test]
async fn events_stand_among_the_decisions() {
    let bench = Bench::new().await.running();
    let event = Event { at: NOW, kind: "started".into(), message: "serving".into(), attributes: vec![] };
    let _ = record(&bench.journal, [1]);
    let recorded = bench.journal.note(event.clone());
    let _ = record(&bench.journal, [2]);
    bench.close().await.expect("the journal closes");
    let expected = vec![entry(1), Entry::Event(event), entry(2)];
    assert_eq!((recorded, bench.entries().await), (Recorded::Queued, expected));
}

#[tokio::test]
async fn a_decision_is_found_by_its_id() {
    let bench = Bench::new().await.running();
    let _ = record(&bench.journal, 1..=9);
    bench.close().await.expect("the journal closes");
    let reader = bench.journal.reader();
    let found = (reader.decision(&decision(7).id).await, reader.decision("none").await);
    let found = (found.0.expect("it reads"), found.1.expect("it reads"));
    assert_eq!(found, (Some(Row { row: 7, entry: entry(7) }), None));
}

#[tokio::test]
async fn pages_are_read_from_either_end() {
    let bench = Bench::new().await.running();
    let _ = record(&bench.journal, 1..=9);
    bench.close().await.expect("the journal closes");
    let reader = bench.journal.reader();
    let numbers = |rows: Result<Vec<Row>, ReadError>| -> Vec<u64> {
        rows.expect("it reads").into_iter().map(|row| row.row).collect()
    };
    let since = numbers(reader.since(3, 2).await);
    let latest = numbers(reader.latest(2).await);
    let count = reader.count().await.expect("it counts");
    assert_eq!((since, latest, count), (vec![4, 5], vec![8, 9], 9));
}

#[tokio::test]
async fn a_subscriber_that_begins_late_and_reads_slowly_gets_every_row_once_in_order() {
    let bench = Bench::with(10_000, || NOW).await.running();
    let _ = record(&bench.journal, 1..=700);
    let mut committed = bench.journal.shared.committed.subscribe();
    soon(committed.wait_for(|row| *row >= 100)).await.expect("the writer lives");
    let mut subscription = bench.journal.subscribe(50);
    let mut rows = Vec::new();
    while rows.len() < 2_950 {
        match soon(subscription.next()).await.expect("it reads") {
            Some(Delivery::Row(row)) => rows.push(row.row),
            other => panic!("not a row: {other:?}"),
        }
        if rows.len() == 60 {
            let _ = record(&bench.journal, 701..=3_000);
        }
    }
    bench.close().await.expect("the journal closes");
    let end = soon(subscription.next()).await.expect("it reads");
    assert_eq!((rows, end), ((51..=3_000).collect(), None));
}

#[tokio::test]
async fn a_subscriber_is_told_what_retention_took() {
    let bench = Bench::new().await.running();
    let _ = record(&bench.journal, 1..=30);
    let later = || NOW + 10_000 + 21;
    let bench = bench.reopened(later).await;
    let mut subscription = bench.journal.subscribe(5);
    let _ = record(&bench.journal, [31]);
    bench.close().await.expect("the journal closes");
    let mut deliveries = Vec::new();
    while let Some(delivery) = soon(subscription.next()).await.expect("it reads") {
        deliveries.push(delivery);
    }
    let rows = (21..=31).map(|row| Delivery::Row(Row { row, entry: entry(row) }));
    let expected: Vec<_> = [Delivery::Expired { from: 6, to: 20 }].into_iter().chain(rows).collect();
    assert_eq!(deliveries, expected);
}

#[tokio::test]
async fn a_journal_that_retention_emptied_goes_on_counting() {
    let bench = Bench::new().await.running();
    let _ = record(&bench.journal, 1..=30);
    let bench = bench.reopened(|| NOW + 1_000_000).await.reopened(|| NOW).await;
    let emptied = bench.entries().await;
    let _ = record(&bench.journal, [31]);
    bench.close().await.expect("the journal closes");
    let rows = bench.journal.reader().latest(10).await.expect("it reads");
    assert_eq!((emptied, rows), (vec![], vec![Row { row: 31, entry: entry(31) }]));
}

#[tokio::test]
async fn a_subscriber_of_another_journal_is_told_and_starts_at_the_first_row() {
    let bench = Bench::new().await.running();
    let _ = record(&bench.journal, [1]);
    let mut committed = bench.journal.shared.committed.subscribe();
    soon(committed.wait_for(|row| *row == 1)).await.expect("the writer lives");
    let mut subscription = bench.journal.subscribe(4_000);
    let first = soon(subscription.next()).await.expect("it reads");
    let second = soon(subscription.next()).await.expect("it reads");
    let row = Delivery::Row(Row { row: 1, entry: entry(1) });
    assert_eq!((first, second), (Some(Delivery::Replaced { asked: 4_000 }), Some(row)));
}

#[tokio::test]
async fn a_journal_is_read_while_another_process_would_write_it() {
    let bench = Bench::new().await.running();
    let reader = Journal::read_only(&bench.url()).await.expect("a reader opens beside the writer");
    let _ = record(&bench.journal, [1]);
    let mut subscription = bench.journal.subscribe(0);
    let live = soon(subscription.next()).await.expect("it reads");
    let row = Row { row: 1, entry: entry(1) };
    let read = reader.since(0, 10).await.expect("it reads");
    assert_eq!((live, read), (Some(Delivery::Row(row.clone())), vec![row]));
}

#[tokio::test]
async fn an_artifact_is_found_by_its_digest() {
    let bench = Bench::new().await.running();
    let digest = bench.journal.keep(Artifact::Config, b"{}").await.expect("it is kept");
    let again = bench.journal.keep(Artifact::Config, b"{}").await.expect("it is kept once");
    let reader = Journal::read_only(&bench.url()).await.expect("a reader opens");
    let found = reader.artifact(&digest).await.expect("it reads");
    let missing = reader.artifact("00").await.expect("it reads");
    let sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!((digest.as_str(), again.as_str(), found, missing), (sha256, sha256, Some(b"{}".to_vec()), None));
}

#[tokio::test]
async fn metrics_count_what_came_what_was_lost_and_what_is_on_disk() {
    let mut bench = Bench::with(4, || NOW).await;
    let mut registry = Registry::default();
    bench.journal.metrics().register(&mut registry);
    let _ = record(&bench.journal, 1..=6);
    bench.run();
    bench.close().await.expect("the journal closes");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("metrics print");
    let values: BTreeMap<_, _> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("duration"))
        .filter_map(|line| line.rsplit_once(' '))
        .collect();
    let expected = BTreeMap::from([
        ("journal_recorded_total", "4"),
        ("journal_lost_total", "2"),
        ("journal_committed_total", "5"),
        ("journal_queue_depth", "0"),
    ]);
    assert_eq!(values, expected);
}

const NOW: u64 = 1_700_000_000_000;

const PATIENCE: Duration = Duration::from_secs(60);
