//! The live feed: nothing is missing, nothing comes twice, and nobody holds up the others.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_is_told_as_it_is_committed() {
    let world = World::new().await;
    let mut feed = world.follow("", None).await;
    world.ask("prom", "proxy");
    let data = feed.until(wire::feed::DECISION).await;
    assert_eq!((&data["row"], &data["entry"]["decision"]["verdict"]), (&1.into(), &"deny".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_comes_back_has_no_gap_and_no_repeat() {
    let world = World::new().await;
    let mut rows = Vec::new();
    let mut last = 0;
    for _ in 0..6 {
        for n in 0..50 {
            world.ask(&format!("user-{n}"), "metrics");
        }
        let mut feed = world.follow("", Some(last)).await;
        // It goes away in the middle.
        rows.extend(feed.rows(30).await);
        last = feed.last;
    }
    rows.extend(world.follow("", Some(last)).await.rows(300 - rows.len()).await);
    assert_eq!(rows, (1..=300).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_comes_back_after_a_restart_has_no_gap_and_no_repeat() {
    let world = World::new().await;
    let mut feed = world.follow("", Some(0)).await;
    (0..10).for_each(|_| drop(world.ask("prom", "proxy")));
    assert_eq!(feed.rows(10).await, (1..=10).collect::<Vec<u64>>());
    (0..5).for_each(|_| drop(world.ask("prom", "proxy")));
    world.committed(15).await;
    let last = 12;
    let world = World::open(world.end().await, None).await;
    let mut feed = world.follow("", Some(last)).await;
    world.ask("prom", "proxy");
    assert_eq!(feed.rows(4).await, [13, 14, 15, 16]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filtered_feed_moves_on_over_what_it_leaves_out() {
    let world = World::new().await;
    let mut feed = world.follow("q=verdict:deny", Some(0)).await;
    for _ in 0..20 {
        world.ask("prom", "metrics");
    }
    world.ask("prom", "proxy");
    assert_eq!(feed.rows(1).await, [21]);
    world.ask("prom", "metrics");
    world.committed(22).await;
    while feed.last < 22 {
        let (id, name, _) = feed.next().await.expect("the feed goes on");
        assert!(name != wire::feed::BEAT || id.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_another_journal_is_said_to_be_unknown() {
    let world = World::new().await;
    world.ask("prom", "proxy");
    world.committed(1).await;
    let mut feed = world.follow("", Some(5_000)).await;
    let (id, name, data) = feed.next().await.expect("an event");
    assert_eq!((id, name.as_str(), &data["asked"]), (Some(0), wire::feed::REPLACED, &5_000.into()));
    assert_eq!(feed.rows(1).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_summary_is_told_at_once_and_when_something_changed() {
    let world = World::new().await;
    let mut feed = world.follow("", None).await;
    let first = feed.until(wire::feed::SUMMARY).await;
    assert_eq!(first["acts"]["refused"], 0);
    world.ask("prom", "proxy");
    while feed.until(wire::feed::SUMMARY).await["acts"]["refused"] != 1 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_feed_says_that_it_lives() {
    let world = World::new().await;
    let mut feed = world.follow("", None).await;
    assert!(feed.until(wire::feed::BEAT).await["at"].as_u64().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_does_not_read_is_let_go_and_told() {
    let world = World::new().await;
    let mut slow = world.follow("", Some(0)).await;
    let mut quick = world.follow("", Some(0)).await;
    // More than the ring, the channel and the sockets hold together.
    let (rounds, each) = (60_u64, 500);
    let long = "u".repeat(1_500);
    for round in 0..rounds {
        for _ in 0..each {
            world.ask(&long, "metrics");
        }
        world.committed((round + 1) * each).await;
        quick.rows(usize::try_from(each).unwrap()).await;
    }
    let mut seen = 0;
    let told = loop {
        match slow.next().await {
            Some((Some(row), name, _)) if name == wire::feed::DECISION => {
                assert_eq!(row, seen + 1);
                seen = row;
            }
            Some((_, name, data)) if name == wire::feed::DROPPED => break data,
            Some(_) => {}
            None => panic!("the feed ended without a word, at row {seen}"),
        }
    };
    assert_eq!(told["row"].as_u64(), Some(seen));
    assert!(slow.next().await.is_none());
    assert!(seen < rounds * each);
    // It may come back, and misses nothing.
    let mut back = world.follow("", Some(seen)).await;
    assert_eq!(back.rows(3).await, [seen + 1, seen + 2, seen + 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stop_ends_every_feed() {
    let world = World::new().await;
    let mut feed = world.follow("", None).await;
    world.ask("prom", "proxy");
    feed.rows(1).await;
    let end = world.end();
    let (_, rest) = tokio::join!(end, async { while feed.next().await.is_some() {} });
    assert_eq!(rest, ());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_is_told_to_its_page() {
    let (state, shown) = watch::channel(Demo { nodes: 60, ..Demo::default() });
    let (control, _asked) = mpsc::channel(1);
    let world = World::with_stage(Stage { state: shown, control }).await;
    let mut feed = world.follow("", None).await;
    assert_eq!(feed.until(wire::feed::DEMO).await["nodes"], 60);
    state.send_modify(|demo| demo.paused = true);
    while feed.until(wire::feed::DEMO).await["paused"] != true {}
}
