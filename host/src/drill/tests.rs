use super::*;
use crate::{
    paths::{Names, classify},
    review,
};
use std::collections::BTreeSet;
use wire::{Path, Verdict};

#[test]
fn the_pack_is_read_and_large_enough() {
    let vectors = pack().unwrap();
    assert!(vectors.len() >= 250, "{}", vectors.len());
}

#[test]
fn every_vector_has_an_id_of_its_own() {
    let vectors = pack().unwrap();
    let ids: BTreeSet<_> = vectors.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), vectors.len());
}

#[test]
fn no_attack_is_put_twice_and_no_twin_is_an_attack() {
    let vectors = pack().unwrap();
    let texts = |spec: fn(&Vector) -> &serde_json::Value| -> Vec<String> {
        vectors.iter().map(|it| spec(it).to_string()).collect()
    };
    let (attacks, twins) = (texts(|it| &it.attack.spec), texts(|it| &it.twin.spec));
    let mut seen = BTreeSet::new();
    let twice: Vec<_> =
        vectors.iter().zip(&attacks).filter(|(_, text)| !seen.insert(*text)).map(|(it, _)| &it.id).collect();
    let same: Vec<_> =
        vectors.iter().zip(&twins).filter(|(_, text)| seen.contains(text)).map(|(it, _)| &it.id).collect();
    assert_eq!((twice, same), (vec![], vec![]));
}

#[test]
fn every_vector_says_where_it_is_known_from_and_why_it_matters() {
    let says_nothing = |it: &Vector| [it.title, it.reference, it.why].iter().any(|text| text.trim().is_empty());
    let silent: Vec<_> = pack().unwrap().into_iter().filter(says_nothing).collect();
    assert_eq!(silent, []);
}

#[test]
fn every_trap_of_naive_classifiers_is_in_the_pack() {
    let mut traps = BTreeSet::new();
    for vector in pack().unwrap() {
        if let Some((_, list)) = vector.reference.split_once("trap") {
            let list = list.split(';').next().unwrap();
            traps.extend(list.split(|it: char| !it.is_ascii_digit()).filter_map(|it| it.parse::<u8>().ok()));
        }
    }
    assert_eq!(traps, (1..=17).collect());
}

#[test]
fn every_attack_is_on_the_path_of_its_file() {
    let names = Names::default();
    let mut elsewhere = Vec::new();
    for vector in pack().unwrap() {
        let request = review::parse(&review::question(&vector.attack.spec)).unwrap().request;
        let class = classify(&request, &names);
        // The tunnel's own path shows in no review: its ends are seen as a component, and as whoever asks for a token.
        if vector.path != Path::Tunnel && class.path != vector.path {
            elsewhere.push((vector.id, class.path));
        }
    }
    assert_eq!(elsewhere, []);
}

#[test]
fn every_path_but_revocation_has_a_file() {
    // What is revoked is known to one gate only.
    let files: Vec<_> = pack::FILES.map(|(path, _)| path).into();
    let expected: Vec<_> = Path::ALL.iter().copied().filter(|path| *path != Path::Revocation).collect();
    assert_eq!(files, expected);
}

fn outcome(expected: Expected, got: Got, twin: Got) -> Outcome {
    let mut vector = pack().unwrap().remove(0);
    vector.expected = expected;
    Outcome { vector, got, twin }
}

#[test]
fn only_a_refusal_catches_and_only_a_refusal_breaks_a_twin() {
    let (deny, allow, silent) =
        (Got::Verdict(Verdict::Deny), Got::Verdict(Verdict::Allow), Got::Verdict(Verdict::NoOpinion));
    let judged = |expected, got: &Got, twin: &Got| {
        let it = outcome(expected, got.clone(), twin.clone());
        (it.caught(), it.twin_passed(), it.passed())
    };
    let (bad, busy, broken) = (Got::Status(400), Got::Status(503), Got::Error("reset".into()));
    let expected = [
        (Expected::Deny, &deny, &silent, (true, true, true)),
        (Expected::Deny, &deny, &allow, (true, true, true)),
        (Expected::Deny, &deny, &deny, (true, false, false)),
        (Expected::Deny, &allow, &allow, (false, true, false)),
        (Expected::Deny, &silent, &silent, (false, true, false)),
        // kube-apiserver follows its failure policy then, which may be to ask RBAC alone.
        (Expected::Deny, &bad, &silent, (false, true, false)),
        (Expected::Refused, &bad, &silent, (true, true, true)),
        (Expected::Refused, &busy, &silent, (false, true, false)),
        (Expected::Refused, &broken, &bad, (false, false, false)),
        (Expected::Refused, &deny, &broken, (true, false, false)),
    ];
    for (class, got, twin, judgement) in expected {
        assert_eq!(judged(class, got, twin), judgement, "{class:?} {got:?} {twin:?}");
    }
}

#[test]
fn a_score_counts_what_came_out_as_expected() {
    let (deny, silent) = (Got::Verdict(Verdict::Deny), Got::Verdict(Verdict::NoOpinion));
    let outcomes = [
        outcome(Expected::Deny, deny.clone(), silent.clone()),
        outcome(Expected::Deny, silent.clone(), silent),
        outcome(Expected::Deny, deny.clone(), deny),
    ];
    let tally = Tally { vectors: 3, caught: 2, twins_passed: 2, passed: 1 };
    let path = outcomes[0].vector.path;
    assert_eq!(Score::of(&outcomes), Score { paths: vec![(path, tally)], total: tally });
}
