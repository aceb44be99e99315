use super::{known::GENERATION, lines::LONGEST, report::BAD_LINES, report::FLIPS, *};
use crate::{
    inventory::Inventory,
    plugins::{Plugins, Spec, builtin},
};
use serde_json::{Value, json};
use std::sync::OnceLock;
use wire::{Door, Entry, Gap, Path};

const CATCH: &str = "apiserver_to_kubelet/nodes-proxy";
const FILE: &str = "audit.log";

/// A judge with one plugin, which refuses nodes/proxy to all but a few.
struct World {
    judge: Judge,
    set: Arc<Set>,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let plugins = Arc::new(Plugins::for_tests());
        let spec = Spec::new("apiserver_to_kubelet", builtin()["apiserver_to_kubelet"], json!({}));
        let set = plugins.activate(plugins.prepare(vec![spec]).map_err(|it| format!("{it:?}")).unwrap());
        World { judge: Judge::new(plugins, None, Inventory::default()), set }
    })
}

fn replay() -> Replay<'static> {
    Replay::new(&world().judge, &world().set, Facts::Recorded, None)
}

fn run<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Report {
    let mut replay = replay();
    for (number, line) in (1..).zip(lines) {
        replay.line(Line::Whole(line), Place { file: FILE, line: number });
    }
    replay.finish()
}

/// `user` gets nodes/proxy of a node; RBAC allowed it unless a reason is given.
fn proxied(user: &str, node: &str, refused: Option<&str>) -> Vec<u8> {
    let (decision, reason) = refused.map_or(("allow", "RBAC: allowed"), |reason| ("forbid", reason));
    let event = json!({
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "stage": "ResponseComplete",
        "auditID": format!("{user}-{node}"),
        "verb": "get",
        "requestURI": format!("/api/v1/nodes/{node}/proxy/pods"),
        "user": {"username": user, "groups": ["system:authenticated"]},
        "objectRef": {"resource": "nodes", "name": node, "subresource": "proxy", "apiVersion": "v1"},
        "annotations": {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": reason},
    });
    event.to_string().into_bytes()
}

/// A row of an export: the gate's verdict on nodes/proxy by `prom`.
fn row(verdict: Verdict, change: impl FnOnce(&mut Decision)) -> Row {
    let request = json!({"user": "prom", "resourceAttributes": {"verb": "get", "resource": "nodes", "subresource": "proxy", "name": "a"}});
    let request = review::from_spec(&request).unwrap();
    let mut decision = world().judge.consider(&world().set, Door::Webhook, 1_000, request, None);
    decision.verdict = verdict;
    change(&mut decision);
    Row { row: 7, entry: Entry::Decision(Box::new(decision)) }
}

fn export(row: &Row) -> Vec<u8> {
    serde_json::to_vec(row).unwrap()
}

#[test]
fn what_rbac_allowed_and_the_plugins_refuse_flips() {
    let lines =
        [proxied("prom", "a", None), proxied("prom", "a", None), proxied("kube-apiserver-kubelet-client", "a", None)];
    let report = run(lines.iter().map(Vec::as_slice));
    let reason = report.flips[0].reason.clone();
    let flip = Flip {
        was: Verdict::NoOpinion,
        now: Verdict::Deny,
        path: Path::ApiserverToKubelet,
        user: "prom".into(),
        request: "get nodes/proxy a".into(),
        rule: CATCH.into(),
        reason: reason.clone(),
        count: 2,
        first: First { id: "prom-a".into(), file: FILE.into(), line: 1 },
    };
    let one = |key: &str| [(key.to_owned(), 2)].into();
    let totals = Totals {
        lines: 3,
        judged: 3,
        distinct: 2,
        flipped: 2,
        by_path: one("apiserver_to_kubelet"),
        by_identity: one("prom"),
        by_rule: one(CATCH),
        ..Totals::default()
    };
    assert_eq!((report.flips, report.totals, reason.is_empty()), (vec![flip], totals, false));
}

#[test]
fn what_we_refused_and_refuse_no_more_flips_with_the_rule_of_then() {
    let ours = |rule: &str| format!("pathgate: no (rule {rule}, decision 01)");
    let lines = [
        proxied("prom", "a", Some(&ours(CATCH))),
        proxied("kube-apiserver-kubelet-client", "a", Some(&ours("house/rule"))),
        proxied("kube-apiserver-kubelet-client", "b", Some("RBAC said nothing")),
    ];
    let report = run(lines.iter().map(Vec::as_slice));
    let flips: Vec<_> = report.flips.iter().map(|it| (it.was, it.now, it.rule.as_str(), it.first.line)).collect();
    assert_eq!(flips, [(Verdict::Deny, Verdict::NoOpinion, "house/rule", 2)]);
}

#[test]
fn a_permission_changes_nothing_where_others_allowed() {
    use Verdict::{Allow, Deny, NoOpinion};
    let was = |verdict, allowed| Was { verdict, rule: String::new(), allowed };
    let rows = [
        (was(NoOpinion, true), [true, false, false]),
        (was(NoOpinion, false), [true, false, true]),
        (was(Deny, false), [false, true, true]),
        (was(Allow, true), [true, true, false]),
    ];
    for (was, expected) in rows {
        assert_eq!([Deny, NoOpinion, Allow].map(|now| flips(&was, now)), expected, "{was:?}");
    }
}

#[test]
fn a_row_of_a_journal_is_judged_by_the_facts_of_then() {
    let same = row(Verdict::Deny, |_| {});
    let flipped = row(Verdict::NoOpinion, |it| it.facts.push(("node.ip".into(), "10.0.0.1".into())));
    let report = run([export(&same).as_slice(), export(&flipped).as_slice(), export(&same).as_slice()]);
    let flips: Vec<_> = report.flips.iter().map(|it| (it.was, it.now, it.count, it.first.line)).collect();
    let totals = (report.totals.judged, report.totals.distinct, report.totals.flipped);
    assert_eq!((flips, totals), (vec![(Verdict::NoOpinion, Verdict::Deny, 1, 2)], (3, 2, 1)));
}

#[test]
fn what_a_journal_lost_is_counted() {
    let gap = Row { row: 1, entry: Entry::Gap(Gap { lost: 5, from: 1, to: 2 }) };
    let totals = run([export(&gap).as_slice()]).totals;
    assert_eq!((totals.lines, totals.judged, totals.left), (1, 0, [("lost by the journal".to_owned(), 5)].into()));
}

#[test]
fn lines_that_cannot_be_understood_are_counted_and_the_first_are_shown() {
    let event = proxied("kube-apiserver-kubelet-client", "a", None);
    let bad = vec![b"{".as_slice(); BAD_LINES + 5];
    let report = run(bad.into_iter().chain([event.as_slice(), b"", b"{}", b"\0\xff", br#"{"row":1,"entry":{"x":1}}"#]));
    let totals = report.totals;
    let first = totals.bad_lines.first().map(|it| (it.file.as_str(), it.line));
    assert_eq!((totals.lines, totals.judged, totals.bad), (19, 1, 18));
    assert_eq!((totals.bad_lines.len(), first), (BAD_LINES, Some((FILE, 1))));
}

#[test]
fn a_last_line_that_is_cut_off_is_named_as_such() {
    let event = proxied("prom", "a", None);
    let mut replay = replay();
    replay.line(Line::Cut(&event[..event.len() / 2]), Place { file: FILE, line: 1 });
    replay.line(Line::Cut(&event), Place { file: FILE, line: 1 });
    replay.line(Line::Long, Place { file: FILE, line: 2 });
    let totals = replay.finish().totals;
    let why: Vec<_> = totals.bad_lines.iter().map(|it| it.why.as_str()).collect();
    assert_eq!((totals.judged, why), (1, vec!["the last line is cut off", "longer than 1024 KiB"]));
}

#[test]
fn a_file_is_read_line_by_line_whatever_their_length() {
    let longest = "x".repeat(LONGEST);
    let text = format!("a\n\n{longest}\n{longest}y\nb\r\nend");
    let mut lines = Lines::new(text.as_bytes());
    let mut read = Vec::new();
    while let Some(line) = lines.next_line().unwrap() {
        read.push(match line {
            Line::Whole(bytes) => format!("whole {}", bytes.len()),
            Line::Cut(bytes) => format!("cut {}", bytes.len()),
            Line::Long => "long".into(),
        });
    }
    assert_eq!(read, ["whole 1", "whole 0", &format!("whole {LONGEST}"), "long", "whole 2", "cut 3"]);
}

#[test]
fn tables_have_a_bound_and_what_is_past_it_is_counted() {
    let mut report = Report::default();
    let now = Now { verdict: Verdict::Deny, path: Path::Tunnel, rule: Arc::from("p/r"), reason: String::new() };
    let was = Was { verdict: Verdict::NoOpinion, rule: String::new(), allowed: true };
    for number in 0..FLIPS + 3 {
        let request = Request { user: format!("\u{1b}{number}{}", "x".repeat(1_000)), ..Request::default() };
        report.flip(&request, &was, &now, "", "", Place { file: FILE, line: 1 });
    }
    let user = report.flips[0].user.clone();
    let Report { flips, totals, .. } = report.sorted();
    let sum: u64 = totals.by_identity.values().sum();
    let others = totals.by_identity["(others)"] > 0;
    assert_eq!((flips.len(), totals.unlisted, sum, others), (FLIPS, 3, totals.flipped, true));
    assert_eq!((user.chars().next(), user.chars().count()), (Some(char::REPLACEMENT_CHARACTER), 401));
}

#[test]
fn answers_that_nobody_asks_for_again_are_forgotten() {
    let now = || Now { verdict: Verdict::Deny, path: Path::Tunnel, rule: Arc::from(""), reason: String::new() };
    let key = |number: usize| {
        let mut key = [0; 32];
        key[..size_of::<usize>()].copy_from_slice(&number.to_le_bytes());
        key
    };
    let mut known = Known::default();
    for number in 0..=2 * GENERATION {
        // Often enough to be kept.
        if number % (GENERATION / 4) == 1 {
            known.find(&key(0));
        }
        known.keep(key(number), now());
    }
    let found = [0, 1, GENERATION + 1, 2 * GENERATION].map(|number| known.find(&key(number)).is_some());
    assert_eq!(found, [true, false, true, true]);
}

#[test]
fn a_plugin_that_the_clock_cuts_off_tells_nothing() {
    let flip = |failure: Failure| is_of_the_moment(failure);
    let moments = [Failure::Deadline, Failure::Busy, Failure::Quarantined, Failure::NotReady].map(flip);
    let faults = [Failure::Trap, Failure::Fuel, Failure::Memory, Failure::Output, Failure::Role].map(flip);
    assert_eq!((moments, faults), ([true; 4], [false; 5]));
}

#[test]
fn json_has_the_keys_that_scripts_rely_on() {
    let report = run([proxied("prom", "a", None).as_slice()]);
    let keys = |value: Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys.join(" ")
    };
    let got = [keys(json!(report.flips[0])), keys(json!(report.totals))];
    let flip = "count first now path reason request rule user was";
    let totals = "bad badLines broken byIdentity byPath byRule distinct flipped judged left lines unlisted unseen";
    assert_eq!(got, [flip, totals]);
}
