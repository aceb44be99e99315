use super::*;
use crate::journal::line::{Columns, CsrColumns};

fn heavy(at: u64, length: usize) -> impl FnOnce() -> Line {
    move || Line { at, columns: Columns::Event, body: vec![0; length] }
}

#[test]
fn heavy_entries_fill_the_queue_before_their_number_does() {
    let load = Load::default();
    let (queue, _receiver) = mpsc::channel(1_000);
    let offered: Vec<_> = (1..=5).map(|at| load.offer(&queue, at, heavy(at, MOST_BYTES / 4))).collect();
    let expected = [vec![Recorded::Queued; 3], vec![Recorded::Lost; 2]].concat();
    assert_eq!((offered, load.take_losses()), (expected, Some(Gap { lost: 2, from: 4, to: 5 })));
}

#[test]
fn the_words_of_a_caller_weigh_in_the_columns_too() {
    let columns = |user: &str| Columns::Csr(CsrColumns { id: String::new(), rule: String::new(), user: user.into() });
    let [short, long] = ["", &"u".repeat(250_000)].map(|user| Line { at: 0, columns: columns(user), body: vec![] });
    assert_eq!(long.weight() - short.weight(), 250_000);
}

#[test]
fn an_entry_that_is_too_heavy_for_any_queue_is_taken_alone() {
    let load = Load::default();
    let (queue, _receiver) = mpsc::channel(1_000);
    let offered = [1, 2].map(|at| load.offer(&queue, at, heavy(at, MOST_BYTES * 2)));
    assert_eq!(offered, [Recorded::Queued, Recorded::Lost]);
}
