use super::*;
use wire::Event;

#[test]
fn heavy_entries_fill_the_queue_before_their_number_does() {
    let load = Load::default();
    let (queue, _receiver) = mpsc::channel(1_000);
    let heavy = |at| {
        let message = "x".repeat(MOST_BYTES / 4);
        Entry::Event(Event { at, kind: "test".into(), message, attributes: vec![] })
    };
    let offered: Vec<_> = (1..=5).map(|at| load.offer(&queue, heavy(at))).collect();
    let expected = [vec![Recorded::Queued; 3], vec![Recorded::Lost; 2]].concat();
    assert_eq!((offered, load.take_losses()), (expected, Some(Gap { lost: 2, from: 4, to: 5 })));
}

#[test]
fn an_entry_that_is_too_heavy_for_any_queue_is_taken_alone() {
    let load = Load::default();
    let (queue, _receiver) = mpsc::channel(1_000);
    let message = "x".repeat(MOST_BYTES * 2);
    let heavy = Entry::Event(Event { at: 1, kind: "test".into(), message, attributes: vec![] });
    let offered = [load.offer(&queue, heavy.clone()), load.offer(&queue, heavy)];
    assert_eq!(offered, [Recorded::Queued, Recorded::Lost]);
}
