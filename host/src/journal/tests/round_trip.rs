//! What `explain` stands on: a decision comes out of the journal byte for byte as it went in.

use super::*;
use crate::paths::Class;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    strategy::ValueTree,
    test_runner::TestRunner,
};
use wire::{Failure, Operator, Opinion, Requirement};

/// Anything a certificate, a header or a review can carry: quotes, NUL, lone combining marks, the far planes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z:/.-]{1,12}", any::<String>(), "[\\x00-\\x1f\"\\\\\u{2028}\u{10ffff}]{1,6}"]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..4)
}

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((text(), text()), 0..3)
}

fn requirements() -> impl Strategy<Value = Vec<Requirement>> {
    let operators = select(vec![Operator::In, Operator::NotIn, Operator::Exists, Operator::DoesNotExist]);
    vec((text(), operators, texts()).prop_map(|(key, operator, values)| Requirement { key, operator, values }), 0..3)
}

fn target() -> impl Strategy<Value = Target> {
    let names = (text(), text(), text(), text(), text(), text(), text());
    let resource = (names, requirements(), requirements()).prop_map(|(names, field_selector, label_selector)| {
        let (namespace, verb, group, version, resource, subresource, name) = names;
        Target::Resource(Box::new(Resource {
            namespace,
            verb,
            group,
            version,
            resource,
            subresource,
            name,
            field_selector,
            label_selector,
        }))
    });
    prop_oneof![
        resource,
        (text(), text()).prop_map(|(path, verb)| Target::NonResource { path, verb }),
        text().prop_map(|fault| Target::Malformed { fault }),
    ]
}

fn opinion() -> impl Strategy<Value = Opinion> {
    let failure = proptest::option::of(select(Failure::ALL));
    let said = (select(Verdict::ALL), text(), text(), texts(), failure);
    let cost = (any::<bool>(), any::<u64>(), any::<u64>());
    let digest = || prop_oneof![text(), "[01]{2}".prop_map(|it| it.repeat(32))];
    (text(), digest(), digest(), said, cost).prop_map(|(plugin, digest, config, said, (shadow, fuel, micros))| {
        let (verdict, rule, reason, notes, failure) = said;
        Opinion { plugin, digest, config, shadow, verdict, rule, reason, notes, failure, fuel, micros }
    })
}

fn anything() -> impl Strategy<Value = Decision> {
    let request = (text(), text(), texts(), vec((text(), texts()), 0..3), target());
    let request = request.prop_map(|(user, uid, groups, extra, target)| Request { user, uid, groups, extra, target });
    let place =
        (select(Door::ALL), select(Source::ALL), select(Traversal::ALL), select(Path::ALL), select(Verdict::ALL));
    let words = (text(), text(), text(), text(), text());
    (request, place, words, pairs(), vec(opinion(), 0..4), (0..1_u64 << 40, any::<u64>())).prop_map(
        |(request, place, words, facts, opinions, (at, micros))| {
            let (door, source, traversal, path, verdict) = place;
            let (id, peer, rule, reason, engine) = words;
            Decision {
                id,
                at,
                door,
                peer,
                request,
                source,
                traversal,
                path,
                facts,
                verdict,
                rule,
                reason,
                opinions,
                engine,
                micros,
            }
        },
    )
}

#[tokio::test]
async fn any_decision_comes_back_byte_for_byte() {
    let bench = Bench::with(1_000, || 0).await.running();
    let mut runner = TestRunner::deterministic();
    let decisions: Vec<_> = (0..800)
        .map(|number| {
            let decision = anything().new_tree(&mut runner).expect("a decision").current();
            // Ids are unique; the text of one is as free as the others.
            let mut decision = Decision { id: format!("{number} {}", decision.id), ..decision };
            if number % 2 == 0
                && let Some(by) = decision.opinions.last()
            {
                (decision.rule, decision.reason) = (format!("{}/{}", by.plugin, by.rule), by.reason.clone());
            }
            if number % 3 == 0 {
                let Decision { source, traversal, path, .. } = decision;
                decision.facts.splice(..0, Class { source, traversal, path }.facts());
            }
            decision
        })
        .collect();
    for decision in &decisions {
        assert_eq!(bench.journal.record(decision.clone()), Recorded::Queued);
    }
    bench.close().await.expect("the journal closes");
    let bytes = |decision: &Decision| serde_json::to_string(decision).expect("it serialises");
    let found = bench.entries().await.into_iter().map(|entry| match entry {
        Entry::Decision(decision) => bytes(&decision),
        other => panic!("not a decision: {other:?}"),
    });
    assert_eq!(found.collect::<Vec<_>>(), decisions.iter().map(bytes).collect::<Vec<_>>());
}
