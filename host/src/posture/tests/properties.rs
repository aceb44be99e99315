use super::super::{evidence::*, state::*};
use proptest::prelude::*;
use std::sync::Arc;
use wire::{LaneId, Rung, State, Strength, Witness};

const HOUR: u64 = 3_600_000;

fn piece<V: Copy + std::fmt::Debug + 'static>(values: &'static [V]) -> impl Strategy<Value = Evidence<V>> {
    let strengths = prop::sample::select(Strength::ALL);
    let witnesses = prop::sample::select(Witness::ALL);
    let times = (0..HOUR, prop_oneof![Just(0), 1..HOUR]);
    (prop::sample::select(values), strengths, witnesses, 0..3_u8, times).prop_map(
        |(value, strength, witness, from, (at, ttl))| {
            let from: Arc<str> = from.to_string().into();
            Evidence { value, strength, witness, from, note: "".into(), at, ttl }
        },
    )
}

fn field<V: super::super::Value + std::fmt::Debug + 'static>(values: &'static [V]) -> impl Strategy<Value = Field<V>> {
    prop::collection::vec(piece(values), 0..6).prop_map(|pieces| {
        let mut field = Field::default();
        pieces.into_iter().for_each(|it| field.add(it));
        field
    })
}

fn vector() -> impl Strategy<Value = Vector> {
    let one = (field(Transport::ALL), field(Shown::ALL), field(Server::ALL), field(Client::ALL));
    let other = (field(Authz::ALL), field(Tunnel::ALL), field(Bypass::ALL));
    (one, other).prop_map(|((transport, shown, server, client), (authz, tunnel, bypass))| Vector {
        transport,
        shown,
        server,
        client,
        authz,
        tunnel,
        bypass,
    })
}

/// A vector of good evidence, so that safe states are common enough to be tested.
fn good() -> impl Strategy<Value = Vector> {
    let one = (field(&[Transport::Tls]), field(&[Shown::Genuine]), field(&[Server::Checked]));
    let other = (field(&[Client::Certificate, Client::Token]), field(&[Authz::Delegated]), field(&[Bypass::Closed]));
    (one, other).prop_map(|((transport, shown, server), (client, authz, bypass))| Vector {
        transport,
        shown,
        server,
        client,
        authz,
        bypass,
        tunnel: Field::default(),
    })
}

fn any() -> impl Strategy<Value = Vector> {
    prop_oneof![vector(), good()]
}

fn lane() -> impl Strategy<Value = LaneId> {
    prop::sample::select(LaneId::ALL)
}

/// How green it is.
fn comfort(state: State) -> u8 {
    match state {
        State::Exposed | State::Unverified | State::Conflict | State::Unknown => 0,
        State::Asserted => 1,
        State::Safe => 2,
    }
}

fn is_seen<V: super::super::Value>(field: &Field<V>, now: u64) -> bool {
    match field.resolve(now) {
        Known::Is(it) => it.is_valid(now) && it.value.is_good() && it.strength <= Strength::Observed,
        Known::Unknown(_) | Known::Conflict(..) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn safe_means_that_everything_needed_was_proved_or_seen(vector in any(), lane in lane(), now in 0..3 * HOUR) {
        let needs = Needs::of(lane);
        let label = vector.label(needs, now);
        let seen = is_seen(&vector.transport, now)
            && is_seen(&vector.authz, now)
            && (!needs.shown || is_seen(&vector.shown, now))
            && (!needs.server || is_seen(&vector.server, now))
            && (!needs.client || is_seen(&vector.client, now))
            && (!needs.bypass || is_seen(&vector.bypass, now));
        prop_assert_eq!(label.state == State::Safe, seen);
        prop_assert!(label.state != State::Safe || lane == LaneId::Anonymous || label.rung == Some(Rung::Authorized));
    }

    #[test]
    fn waiting_makes_nothing_better(vector in any(), lane in lane(), one in 0..3 * HOUR, more in 0..HOUR) {
        let before = vector.label(Needs::of(lane), one.max(HOUR));
        let after = vector.label(Needs::of(lane), one.max(HOUR) + more);
        prop_assert!(comfort(after.state) <= comfort(before.state), "{:?} became {:?}", before, after);
    }

    #[test]
    fn nothing_changes_before_it_was_said_to(vector in any(), lane in lane(), now in 0..3 * HOUR) {
        let until = vector.until(now);
        prop_assert!(until > now);
        let last = until.saturating_sub(1).min(now + HOUR);
        prop_assert_eq!(vector.label(Needs::of(lane), now), vector.label(Needs::of(lane), last));
    }

    #[test]
    fn strong_evidence_of_trouble_never_improves_a_state(
        vector in any(),
        lane in lane(),
        strength in prop::sample::select(&[Strength::Proved, Strength::Observed]),
        witness in prop::sample::select(Witness::ALL),
        what in 0..6_u8,
        ttl in prop_oneof![Just(0), 1..HOUR],
    ) {
        // It is the newest: older evidence cannot take its place.
        let now = HOUR;
        let before = vector.label(Needs::of(lane), now);
        let mut worse = vector;
        let from: Arc<str> = "new".into();
        macro_rules! tell {
            ($field:ident, $value:expr) => {
                worse.$field.add(Evidence { value: $value, strength, witness, from, note: "".into(), at: now, ttl })
            };
        }
        match what {
            0 => tell!(transport, Transport::Plaintext),
            1 => tell!(shown, Shown::OtherNode),
            2 => tell!(server, Server::NotChecked),
            3 => tell!(client, Client::Anonymous),
            4 => tell!(authz, Authz::AlwaysAllow),
            _ => tell!(bypass, Bypass::Open),
        }
        let after = worse.label(Needs::of(lane), now);
        prop_assert!(comfort(after.state) <= comfort(before.state), "{:?} became {:?}", before, after);
    }

    #[test]
    fn a_tunnel_changes_no_state(vector in any(), tunnel in field(Tunnel::ALL), lane in lane(), now in 0..3 * HOUR) {
        let before = vector.label(Needs::of(lane), now);
        let after = Vector { tunnel, ..vector }.label(Needs::of(lane), now);
        prop_assert_eq!(before, after);
    }
}

#[test]
fn sources_that_are_equally_good_and_disagree_are_a_conflict() {
    let piece = |value, strength, witness| Evidence {
        value,
        strength,
        witness,
        from: "f".into(),
        note: "".into(),
        at: 1,
        ttl: 9,
    };
    let table = [
        (Strength::Asserted, Strength::Asserted, "conflict"),
        (Strength::Observed, Strength::Observed, "conflict"),
        (Strength::Proved, Strength::Asserted, "good"),
        (Strength::Asserted, Strength::Observed, "bad"),
        // A sighting of trouble that is as new as the proof.
        (Strength::Proved, Strength::Observed, "conflict"),
    ];
    let seen = table.map(|(good, bad, _)| {
        let mut field = Field::default();
        field.add(piece(Authz::Delegated, good, Witness::Probes));
        field.add(piece(Authz::AlwaysAllow, bad, Witness::Reviews));
        let comes_to = match field.resolve(2) {
            Known::Unknown(_) => "unknown",
            Known::Conflict(..) => "conflict",
            Known::Is(it) if it.value == Authz::Delegated => "good",
            Known::Is(_) => "bad",
        };
        (good, bad, comes_to)
    });
    assert_eq!(seen, table);
}
