use super::*;
use crate::board::tests::{decided, doubted};
use wire::Event;

fn beat(row: Option<u64>) -> News {
    News::Beat(row, Beat { at: 1_000_000 })
}

fn refused(row: u64) -> News {
    News::Row(decided(row, "prom", "gen-1", Verdict::Deny))
}

fn held(model: &Model) -> Vec<u64> {
    model.rows.refused.newest().map(|(row, _)| row).collect()
}

#[test]
fn a_row_that_comes_again_counts_once() {
    let mut model = Model::default();
    assert!(model.apply(refused(7), 0));
    assert!(!model.apply(refused(7), 0));
    assert!(!model.apply(refused(6), 0));
    assert_eq!((held(&model), model.place()), (vec![7], Some(7)));
}

#[test]
fn after_a_lost_connection_the_feed_goes_on_after_the_last_row() {
    let mut model = Model::default();
    model.apply(refused(7), 0);
    model.apply(beat(Some(9)), 0);
    model.apply(News::Lost, 0);
    assert_eq!(model.place(), Some(9));
    // The gate sends from there; a row that was sent twice is left out.
    model.apply(refused(9), 0);
    model.apply(refused(10), 0);
    assert_eq!(held(&model), [10, 7]);
}

#[test]
fn pages_and_feed_join_without_gap_or_repeat() {
    let mut model = Model::default();
    model.fill(vec![decided(3, "a", "n", Verdict::Deny)], Class::Refused, false, 5);
    model.fill(vec![doubted(6, "b")], Class::WouldRefuse, true, 8);
    assert_eq!(model.place(), Some(5));
    // Row 6 was in the second page already.
    model.apply(News::Row(doubted(6, "b")), 0);
    model.apply(refused(7), 0);
    assert_eq!((held(&model), model.rows.would.count(), model.rows.would.cut), (vec![7, 3], 1, true));
}

#[test]
fn older_pages_do_not_move_the_place_of_the_feed() {
    let mut model = Model::default();
    model.fill(vec![decided(3, "a", "n", Verdict::Deny)], Class::Refused, true, 5);
    model.fill_older(vec![decided(1, "a", "n", Verdict::Deny)], Class::Refused, false);
    let shelf = &model.rows.refused;
    assert_eq!((held(&model), shelf.cut, shelf.pages, model.place()), (vec![3, 1], false, 1, Some(5)));
}

#[test]
fn a_beat_never_moves_the_place_back() {
    let mut model = Model::default();
    model.apply(beat(Some(9)), 0);
    model.apply(beat(Some(3)), 0);
    model.apply(beat(None), 0);
    assert_eq!(model.place(), Some(9));
}

#[test]
fn rows_that_retention_took_are_said() {
    let mut model = Model::default();
    let expired = Expired { from: 1, to: 40 };
    model.apply(News::Expired(expired), 0);
    assert_eq!((model.place(), model.notices.as_slice()), (Some(40), [Notice::Expired(expired)].as_slice()));
}

#[test]
fn another_journal_begins_an_empty_list() {
    let mut model = Model::default();
    model.apply(refused(900), 0);
    model.apply(News::Replaced(Replaced { asked: 900 }), 0);
    assert_eq!(model.notices, [Notice::Replaced]);
    model.apply(refused(1), 0);
    assert_eq!(held(&model), [1]);
}

#[test]
fn lost_decisions_are_said_and_events_of_the_gate_are_not_decisions() {
    let mut model = Model::default();
    let gap = Gap { lost: 3, from: 1, to: 2 };
    assert!(model.apply(News::Row(Row { row: 1, entry: Entry::Gap(gap) }), 0));
    let event = Event { at: 1, kind: "started".into(), message: "started".into(), attributes: Vec::new() };
    assert!(!model.apply(News::Row(Row { row: 2, entry: Entry::Event(event) }), 0));
    assert_eq!(
        (model.notices.as_slice(), model.rows.count(), model.place()),
        ([Notice::Lost(gap)].as_slice(), 0, Some(2))
    );
}

#[test]
fn a_silent_feed_is_overdue_and_a_lost_one_is_not_live() {
    let mut model = Model::default();
    model.apply(beat(None), 10_000);
    assert!(!model.is_overdue(10_000 + OVERDUE));
    assert!(model.is_overdue(10_001 + OVERDUE));
    assert!(model.apply(News::Lost, 20_000));
    assert_eq!(model.link, Link::Lost { since: 10_000 });
    assert!(model.apply(beat(None), 21_000));
    assert_eq!(model.link, Link::Live);
}

#[test]
fn a_connection_that_never_was_is_not_called_lost() {
    let mut model = Model::default();
    model.apply(News::Lost, 5);
    assert_eq!(model.link, Link::Connecting);
}

#[test]
fn attempts_grow_apart_and_begin_anew_with_news() {
    let mut model = Model::default();
    let mut waits = Vec::new();
    for _ in 0..6 {
        waits.push(model.patience());
        model.apply(News::Trying, 0);
    }
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
    model.apply(beat(None), 0);
    assert_eq!(model.patience(), 500);
}

#[test]
fn memory_is_bounded_and_a_flood_of_one_kind_keeps_the_others() {
    let mut model = Model::default();
    model.apply(refused(1), 0);
    for row in 2..5_000 {
        model.apply(News::Row(decided(row, "a", "n", Verdict::NoOpinion)), 0);
    }
    assert_eq!((model.rows.passed.count(), model.rows.passed.cut, held(&model)), (Class::Passed.most(), true, vec![1]));
    for row in 5_000..7_000 {
        model.apply(refused(row), 0);
        model.apply(News::Row(doubted(row, "a")), 0);
    }
    assert!(model.rows.count() <= 2_000);
}

#[test]
fn what_left_the_window_is_forgotten() {
    let mut model = Model::default();
    model.apply(refused(10), 0);
    model.apply(refused(20), 0);
    model.forget_before(15_000);
    assert_eq!(held(&model), [20]);
}

#[test]
fn the_gates_clock_is_used_for_ages() {
    let mut model = Model::default();
    model.apply(beat(None), 400_000);
    assert_eq!(model.gate_time(401_000), 1_001_000);
}

#[test]
fn another_question_keeps_what_is_no_answer_to_one() {
    let mut model = Model::default();
    model.apply(News::Summary(Box::default()), 0);
    model.apply(refused(1), 0);
    model.ask();
    assert_eq!((model.rows.count(), model.place(), model.summary.is_some()), (0, None, true));
}
