//! A disk that is full or read-only is survived, shown, and told.

use super::*;

/// Takes the disk away, lets the queue overflow, gives it back; answers what was shown and what stands in the journal.
async fn survive(fault: &'static str, cure: &'static str) -> (String, Vec<Entry>) {
    let mut bench = Bench::with(8, || NOW).await;
    let switch = watch::Sender::new(fault);
    bench.writer.as_mut().expect("not running yet").store.sabotage = Some(switch.subscribe());
    let mut health = bench.journal.watch_health();
    let mut subscription = bench.journal.subscribe(0);
    bench.run();
    let _ = bench.journal.record(heavy(0));
    let degraded = soon(health.wait_for(|health| *health != Health::Ok)).await.expect("the writer lives").clone();
    // The kept batch is not in the queue any more: eight fit.
    let recorded: Vec<_> = (1..=12).map(|number| bench.journal.record(heavy(number))).collect();
    assert_eq!(recorded, [vec![Recorded::Queued; 8], vec![Recorded::Lost; 4]].concat());
    switch.send_replace(cure);
    soon(health.wait_for(|health| *health == Health::Ok)).await.expect("the writer lives");
    let mut entries = Vec::new();
    while entries.len() < 11 {
        match soon(subscription.next()).await.expect("it reads") {
            Some(Delivery::Row(row)) => entries.push(row.entry),
            other => panic!("not a row: {other:?}"),
        }
    }
    bench.close().await.expect("the journal closes");
    match degraded {
        Health::Degraded { since: NOW, error } => (error, entries),
        other => panic!("not degraded since now: {other:?}"),
    }
}

/// Two of these do not fit on the pages of an empty journal.
fn heavy(number: u64) -> Decision {
    Decision { reason: "x".repeat(100_000), ..decision(number) }
}

fn survived(error: &str) -> (String, Vec<Entry>) {
    let kept = (0..=8).map(|number| Entry::Decision(Box::new(heavy(number))));
    let told = Event {
        at: NOW,
        kind: "journal-degraded".into(),
        message: "the journal could not write for 0 ms".into(),
        attributes: vec![("until".into(), NOW.to_string()), ("error".into(), error.into())],
    };
    let gap = Gap { lost: 4, from: NOW + 9, to: NOW + 12 };
    (error.into(), kept.chain([Entry::Gap(gap), Entry::Event(told)]).collect())
}

#[tokio::test]
async fn a_full_disk_is_survived_and_told() {
    let found = survive("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000").await;
    assert_eq!(found, survived("error returned from database: (code: 13) database or disk is full"));
}

#[tokio::test]
async fn a_read_only_disk_is_survived_and_told() {
    let found = survive("PRAGMA query_only = 1", "PRAGMA query_only = 0").await;
    assert_eq!(found, survived("error returned from database: (code: 8) attempt to write a readonly database"));
}

#[tokio::test]
async fn a_disk_that_stays_full_does_not_hold_up_the_end() {
    let mut bench = Bench::new().await;
    let (_switch, sabotage) = watch::channel("PRAGMA query_only = 1");
    bench.writer.as_mut().expect("not running yet").store.sabotage = Some(sabotage);
    bench.run();
    let _ = record(&bench.journal, 1..=5);
    let mut health = bench.journal.watch_health();
    soon(health.wait_for(|health| *health != Health::Ok)).await.expect("the writer lives");
    let closed = bench.journal.close(Duration::from_millis(1)).await;
    let ended = soon(bench.tasks.join_next()).await.map(|ended| ended.is_ok());
    assert_eq!((closed, ended), (Err(Unwritten { entries: 5 }), Some(true)));
}
