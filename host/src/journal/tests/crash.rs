//! A process that is killed while it writes loses no committed row and leaves no torn one.

use super::*;
use crate::journal::store::tests::complaints;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

/// The child of the test below: this test binary, which does nothing here unless it is told where.
#[tokio::test]
async fn a_child_of_the_kill_test_records_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let (journal, writer) = open(FilePath::new(&directory), 4_096, || NOW).await.expect("the journal opens");
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run());
    let mut subscription = journal.subscribe(0);
    let mut next = 0..;
    loop {
        while journal.shared.load.entries() < 2_000 {
            let _ = record(&journal, next.next());
        }
        let Ok(Some(Delivery::Row(row))) = subscription.next().await else { panic!("no row") };
        let Entry::Decision(decision) = row.entry else { panic!("not a decision") };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{MARK}{} {}", row.row, decision.id).expect("the parent listens");
        out.flush().expect("the parent listens");
    }
}

#[tokio::test]
async fn a_kill_under_load_loses_no_committed_row_and_tears_none() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let mut command = Command::new(std::env::current_exe().expect("this test binary"));
    command.args(["--exact", CHILD, "--nocapture"]).env(DIRECTORY, directory.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut told: Vec<_> = lines.by_ref().filter(|line| line.contains(MARK)).take(3_000).collect();
    child.kill().expect("the child is killed");
    child.wait().expect("the child has ended");
    // What was still in the pipe was committed too; a line that the kill cut off is none.
    told.extend(lines.filter(|line| line.contains(MARK)));
    told.pop();

    let reader = Journal::read_only(&url(directory.path())).await.expect("a reader opens what a kill left");
    let mut found = Vec::new();
    loop {
        let page = reader.since(found.len().try_into().expect("few rows"), Reader::PAGE).await.expect("no row is torn");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let ids = found.iter().map(|row| match &row.entry {
        Entry::Decision(decision) => format!("{} {}", row.row, decision.id),
        other => panic!("not a decision: {other:?}"),
    });
    let kept: Vec<_> = ids.take(told.len()).collect();
    let told: Vec<_> = told.iter().filter_map(|line| Some(line.split_once(MARK)?.1)).collect();
    assert_eq!((kept.iter().map(String::as_str).collect::<Vec<_>>(), told.len() >= 2_999), (told, true));

    let (journal, writer) = open(directory.path(), 64, || NOW).await.expect("the journal opens after a kill");
    drop(writer);
    let last = found.last().map_or(0, |row| row.row);
    assert_eq!((journal.last_row(), complaints(&reader).await), (last, vec!["ok".to_owned()]));
}

const CHILD: &str = "journal::tests::crash::a_child_of_the_kill_test_records_until_it_is_killed";

const DIRECTORY: &str = "PATHGATE_TEST_CRASH_DIRECTORY";

const MARK: &str = "committed ";
