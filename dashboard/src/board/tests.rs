use super::*;
use crate::model::News;
use wire::{Door, Entry, Opinion, Path, Request, Resource, Row, Source, Traversal, Verdict};

/// A decision in few words: row, user, node and verdict; `at` is the row in seconds.
pub(crate) fn decided(row: u64, user: &str, node: &str, verdict: Verdict) -> Row {
    let at = Resource {
        verb: "get".into(),
        resource: "nodes".into(),
        subresource: "proxy".into(),
        name: node.into(),
        ..Resource::default()
    };
    let decision = Decision {
        id: format!("D{row}"),
        at: row * 1_000,
        door: Door::Webhook,
        peer: String::new(),
        request: Request { user: user.into(), target: Target::Resource(Box::new(at)), ..Request::default() },
        source: Source::Pod,
        traversal: Traversal::NodeProxy,
        path: Path::ApiserverToKubelet,
        facts: Vec::new(),
        verdict,
        rule: if verdict == Verdict::Deny { "apiserver_to_kubelet/node-proxy".into() } else { String::new() },
        reason: String::new(),
        opinions: Vec::new(),
        engine: String::new(),
        micros: 17,
    };
    Row { row, entry: Entry::Decision(Box::new(decision)) }
}

/// One that a plugin in shadow would have refused.
pub(crate) fn doubted(row: u64, user: &str) -> Row {
    let mut row = decided(row, user, "gen-1", Verdict::NoOpinion);
    if let Entry::Decision(decision) = &mut row.entry {
        decision.opinions.push(Opinion {
            plugin: "house_rules".into(),
            digest: String::new(),
            config: String::new(),
            shadow: true,
            verdict: Verdict::Deny,
            rule: "change-window".into(),
            reason: String::new(),
            notes: Vec::new(),
            failure: None,
            fuel: 1,
            micros: 1,
        });
    }
    row
}

fn board_of(rows: Vec<Row>) -> Board {
    let mut model = Model::default();
    for row in rows {
        model.apply(News::Row(row), 0);
    }
    board(&model)
}

#[test]
fn refusals_come_first_whenever_they_happened() {
    let rows = vec![decided(1, "a", "n", Verdict::Deny), doubted(2, "b"), decided(3, "c", "n", Verdict::NoOpinion)];
    assert_eq!(board_of(rows).ids(), ["D1", "D2", "D3"]);
}

#[test]
fn repeats_are_folded_into_their_newest() {
    let rows = (1..=12).map(|row| decided(row, "prom", &format!("gen-{row}"), Verdict::Deny)).collect();
    let board = board_of(rows);
    let folds: Vec<_> =
        board.sections.iter().flat_map(|it| &it.folds).map(|it| (it.row, it.times, it.asks.as_str())).collect();
    assert_eq!(folds, [(12, 12, "get nodes/proxy, 12 targets")]);
}

#[test]
fn what_another_caller_asks_is_no_repeat() {
    let rows = vec![decided(1, "a", "n", Verdict::Deny), decided(2, "b", "n", Verdict::Deny)];
    assert_eq!(board_of(rows).ids(), ["D2", "D1"]);
}

#[test]
fn what_passed_is_not_folded_but_bounded() {
    let board = board_of((1..=100).map(|row| decided(row, "a", "n", Verdict::NoOpinion)).collect());
    let section = board.sections.first().unwrap();
    assert_eq!((section.held, section.folds.len(), section.older), (100, PAGE, Older::Held(40)));
}

#[test]
fn older_ones_are_drawn_then_read_then_searched_for() {
    let mut model = Model::default();
    let older = |model: &Model| board(model).sections.first().map(|it| (it.folds.len(), it.older));
    let rows = |from: u64, to: u64| (from..=to).map(|row| decided(row, "a", "n", Verdict::NoOpinion)).collect();
    model.fill(rows(601, 700), Class::Passed, true, 700);
    assert_eq!(older(&model), Some((PAGE, Older::Held(40))));
    model.page(Class::Passed);
    assert_eq!(older(&model), Some((100, Older::Before(601))));
    model.fill_older(rows(201, 600), Class::Passed, true);
    (0..8).for_each(|_| model.page(Class::Passed));
    assert_eq!(older(&model), Some((500, Older::TooMany)));
    let mut small = Model::default();
    small.fill(rows(1, 2), Class::Passed, false, 2);
    assert_eq!(older(&small), Some((2, Older::None)));
}

#[test]
fn the_neighbour_of_the_last_decision_is_itself() {
    let board = board_of(vec![decided(1, "a", "n", Verdict::Deny), decided(2, "b", "n", Verdict::Deny)]);
    let beside = [("D2", 1), ("D1", 1), ("D2", -1), ("gone", 1)].map(|(id, by)| board.beside(id, by).unwrap());
    assert_eq!(beside, ["D1", "D1", "D2", "D2"]);
}

#[test]
fn facets_count_what_is_held() {
    let board = board_of(vec![
        decided(1, "prom", "gen-1", Verdict::Deny),
        decided(2, "prom", "gen-1", Verdict::Deny),
        doubted(3, "b"),
    ]);
    let said: Vec<_> = board.facets.iter().map(|it| (it.term.as_str(), it.count)).collect();
    let expected = [
        ("verdict:deny", 2),
        ("shadow:true", 1),
        ("path:apiserver_to_kubelet", 3),
        ("user:prom", 2),
        ("node:gen-1", 3),
        ("rule:node-proxy", 2),
    ];
    assert_eq!(said, expected);
}

#[test]
fn every_facet_is_a_query() {
    let board = board_of(vec![decided(1, "system:node:a b", "gen-1", Verdict::Deny)]);
    assert!(board.facets.iter().all(|facet| wire::Query::parse(&facet.term).is_ok()));
}

#[test]
fn minutes_hold_what_happened_in_them_and_no_more() {
    let mut model = Model::default();
    let now = 100 * MINUTE + 30_000;
    // Rows are seconds; the first is before the window.
    for row in [5_000, 5_990, 6_000, 6_001] {
        model.apply(News::Row(decided(row, "a", "n", Verdict::Deny)), 0);
    }
    let refused: Vec<_> = minutes(&model.rows, now).iter().map(|it| it.refused).collect();
    assert_eq!(refused, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
}

#[test]
fn a_section_that_was_cut_says_so() {
    let section = Section { class: Class::Refused, held: 1_000, cut: true, folds: Vec::new(), older: Older::TooMany };
    assert_eq!(heading(&section).0, "Refused, 1,000 and more");
}
