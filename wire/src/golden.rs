//! Every form that leaves the host has a golden text: what is written today is that, and what was written then reads for
//! ever. `UPDATE_EXPECT=1` writes the texts anew; a change that is not an addition breaks open pages and old journals.

use crate::*;
use serde::{Serialize, de::DeserializeOwned};
use std::{env, fmt::Debug, fs, path::Path as File};

#[track_caller]
fn holds<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let file = File::new(env!("CARGO_MANIFEST_DIR")).join("src/fixtures").join(format!("{name}.json"));
    let written = serde_json::to_string_pretty(value).expect("wire words serialise") + "\n";
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, &written).expect("the golden text is written");
    }
    let golden = fs::read_to_string(&file).expect("a golden text; UPDATE_EXPECT=1 writes it");
    assert_eq!(written, golden, "{name}");
    assert_eq!(*value, serde_json::from_str::<T>(&golden).expect("the golden text parses"), "{name}");
}

fn acts() -> Acts {
    Acts { decisions: 9, refused: 2, would_refuse: 1, failed: 1, lost: 3, rate: 1.5, p50: 12, p99: 40 }
}

fn counts() -> Counts {
    Counts { exposed: 1, unverified: 2, conflict: 3, unknown: 4, asserted: 5, safe: 6 }
}

fn lane() -> Lane {
    Lane {
        id: LaneId::Kubelet,
        path: Some(Path::ApiserverToKubelet),
        title: "apiserver → kubelet".into(),
        caption: "logs".into(),
        counts: counts(),
        acts: acts(),
        subjects: 7,
        shut_by: "apiserver_to_kubelet/nodes-proxy".into(),
        strips: vec![Ticks::write([Some(State::Safe), Some(State::Safe), None])],
    }
}

fn named() -> Named {
    Named { pool: 0, at: 8, node: "gen-09".into(), state: State::Unverified, lane: LaneId::Kubelet }
}

fn instance() -> Instance {
    Instance {
        lane: LaneId::Kubelet,
        node: "gen-09".into(),
        pool: "general".into(),
        subject: "gen-09".into(),
        state: State::Unverified,
        rung: Some(Rung::Encrypted),
        says: "it signed its own certificate".into(),
        since: 1,
        seen: 2,
        refused: 3,
        checks: vec![Check {
            id: "kubelet-tls".into(),
            part: Part::WhoAnswers,
            states: "The kubelet listens with TLS".into(),
            outcome: Outcome::Passes,
            found: "TLS 1.3".into(),
            strength: Some(Strength::Proved),
            witness: Some(Witness::Probes),
            from: "127.0.0.1:10250".into(),
            at: 4,
            ttl: 600_000,
            setting: "serverTLSBootstrap: true".into(),
        }],
        steps: vec![Step { done: true, text: "An approver".into(), code: "a: b".into() }],
    }
}

#[test]
fn the_summary_keeps_its_form() {
    let summary = Summary {
        at: 1,
        row: 2,
        cluster: "fra".into(),
        version: "0.1.0".into(),
        started: 3,
        verdict: Sentence { state: State::Exposed, says: "One node is exposed.".into(), adds: "More.".into() },
        counts: counts(),
        acts: acts(),
        enforcing: 9,
        shadowed: 1,
        generation: 4,
        pools: vec![Pool { name: "general".into(), nodes: 3 }],
        lanes: vec![lane()],
        named: vec![named()],
        unnamed: 5,
        todo: vec![Todo {
            state: State::Exposed,
            title: "gen-27 answers".into(),
            text: "Close it.".into(),
            lane: Some(LaneId::Direct),
            node: "gen-27".into(),
            query: "node:gen-27".into(),
        }],
        changes: [ChangeKind::State(State::Unknown), ChangeKind::Refused, ChangeKind::WouldRefuse, ChangeKind::Gate]
            .map(|what| Change { at: 6, what, text: "t".into(), query: "q".into(), lane: None, node: String::new() })
            .into(),
        sources: vec![SourceStatus {
            witness: Witness::Reviews,
            title: "Reviews".into(),
            text: "181 a second".into(),
            at: 7,
            ttl: 8,
            connected: true,
        }],
        blind: vec![Blind { title: "TLS 1.3".into(), text: "hides".into() }],
        minutes: vec![Minute { at: 60_000, refused: 1, would_refuse: 2 }],
    };
    holds("summary", &summary);
}

#[test]
fn a_path_keeps_its_form() {
    let detail = PathDetail {
        lane: lane(),
        pools: vec![Pool { name: "general".into(), nodes: 3 }],
        named: vec![named()],
        purpose: "p".into(),
        warning: "w".into(),
        advice: "a".into(),
        plugins: vec!["apiserver_to_kubelet".into()],
        instances: vec![Instance { checks: vec![], steps: vec![], ..instance() }],
        total: 60,
        instance: Some(instance()),
        at: 1,
    };
    holds("path", &detail);
}

#[test]
fn plugins_keep_their_form() {
    let rule = RuleText {
        id: "nodes-proxy".into(),
        summary: "s".into(),
        advice: "a".into(),
        source: "KEP".into(),
        refused: 1,
        would_refuse: 2,
    };
    let plugin = PluginInfo {
        name: "apiserver_to_kubelet".into(),
        version: "1.0.0".into(),
        digest: "c0".into(),
        config: "cf".into(),
        role: "restrict".into(),
        shadow: false,
        on_failure: "deny".into(),
        resting: true,
        exports: vec!["e".into()],
        imports: vec!["i".into()],
        asks: vec!["traversal:kubelet".into()],
        limits: PluginLimits { fuel: 1, deadline_micros: 2, memory: 3 },
        rules: vec![rule.clone()],
        acts: PluginActs {
            asked: 1,
            refused: 2,
            would_refuse: 3,
            failed: vec![FailureCount { kind: Failure::Fuel, count: 4 }],
            micros: vec![0, 1],
            fuel: vec![2],
            p50: 5,
            p99: 6,
            fuel_p50: 7,
            fuel_max: 8,
        },
    };
    holds("plugin", &plugin);
    let event = Event { at: 1, kind: "started".into(), message: "m".into(), attributes: vec![] };
    let row = Row { row: 1, entry: Entry::Event(event) };
    let hits = vec![Hit { user: "prom".into(), count: 12 }];
    holds("decision", &DecisionDetail { row: row.clone(), rules: vec![("a/b".into(), rule)], hits });
    holds("decisions", &DecisionPage { rows: vec![row], next: Some(1), scanned: 2, last: 3 });
    holds("explained", &Explained { same: Some(false), differences: vec!["d".into()], at: 1, micros: 2 });
    let certificate = Certificate {
        sha256: "ab".into(),
        subject: "CN=a".into(),
        issuer: "CN=b".into(),
        not_before: 1,
        not_after: 2,
        names: vec!["dns:a".into()],
        purpose: "p".into(),
        from: "f".into(),
        node: "n".into(),
        verified: None,
        before: None,
    };
    holds("certificate", &certificate);
    let join = Join {
        id: "01J".into(),
        name: "csr-a".into(),
        signer: "s".into(),
        user: "u".into(),
        common_name: "c".into(),
        names: vec!["dns:a".into()],
        created: Some(1),
        judged: 2,
        verdict: CsrVerdict::Approve,
        rule: "a/b".into(),
        reason: "r".into(),
        issued: Some(3),
        sha256: "ab".into(),
        used: Some(4),
    };
    holds("join", &join);
    let finding = Finding { code: "c".into(), severity: Severity::High, at: Some(0), detail: "d".into() };
    let link = Link { sha256: "ab".into(), subject: "CN=a".into(), issuer: "CN=b".into(), not_after: 2 };
    let (path, findings, chain) = (vec!["ab".into()], vec![finding], vec![link]);
    let before = chain.first().cloned();
    let verified = Some(Verified { by: "p".into(), at: 1, state: State::Safe, path, findings, chain });
    holds("certificate-verified", &Certificate { verified, before, ..certificate });
}

#[test]
fn the_feeds_own_events_keep_their_form() {
    holds("beat", &feed::Beat { at: 1 });
    holds("expired", &feed::Expired { from: 1, to: 2 });
    holds("replaced", &feed::Replaced { asked: 1 });
    holds("dropped", &feed::Dropped { row: 1 });
}

#[test]
fn the_demo_keeps_its_form() {
    let caption = Caption {
        at: 1,
        attack: "s11".into(),
        title: "t".into(),
        tried: "tried".into(),
        by: "by".into(),
        without: "without".into(),
        here: "here".into(),
        twin: false,
        verdict: Verdict::Deny,
        rule: "a/b".into(),
        decision: "01J".into(),
        micros: 2,
        expected: true,
    };
    let demo = Demo {
        paused: true,
        speed: 100,
        nodes: 60,
        attacks: vec![AttackCard { id: "s11".into(), title: "t".into(), source: "CVE".into() }],
        caption: Some(caption),
        passed: 1,
        failed: 2,
    };
    holds("demo", &demo);
    holds(
        "controls",
        &vec![Control::Pause(true), Control::Speed(200), Control::Replay("s11".into()), Control::Nodes(500)],
    );
}
