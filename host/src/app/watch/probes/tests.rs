use super::{super::nodes, *};
use crate::inventory::Inventory;

fn named(names: &[&str]) -> Nodes {
    let node = |name: &&str| format!(r#"{{"kind": "Node", "metadata": {{"name": "{name}"}}}}"#);
    let items = names.iter().map(node).collect::<Vec<_>>().join(",");
    nodes(&Inventory::from_list(format!(r#"{{"kind": "List", "items": [{items}]}}"#).as_bytes()).unwrap())
}

fn report(node: &str, found: Found) -> ProbeReport {
    ProbeReport {
        path: wire::Path::ApiserverToKubelet,
        node: node.into(),
        address: String::new(),
        at: 0,
        found,
        read_only: None,
    }
}

const EVERY: Duration = Duration::from_secs(300);

#[test]
fn every_node_has_its_turn_once_and_no_more_at_once_than_there_is_room() {
    let now = Instant::now();
    let mut schedule = Schedule::new(EVERY);
    schedule.take(&named(&["a", "b", "c"]), now);
    let soon = now + FIRST;
    let mut names = schedule.due(2, soon);
    assert_eq!(names.len(), 2);
    names.extend(schedule.due(9, soon));
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(schedule.due(9, soon + EVERY), [""; 0]);
}

#[test]
fn a_kubelet_that_does_not_answer_is_asked_less_often_until_it_does() {
    let now = Instant::now();
    let mut schedule = Schedule::new(EVERY);
    schedule.take(&named(&["a"]), now);
    let wait = |schedule: &mut Schedule, found: Found| {
        schedule.done(&report("a", found), now);
        (schedule.nodes["a"].at - now).as_secs_f64() / EVERY.as_secs_f64()
    };
    let silent = || Found::Silent(String::new());
    let waits: Vec<_> = (0..5).map(|_| wait(&mut schedule, silent()).ceil()).collect();
    assert_eq!(waits, [1.0, 2.0, 4.0, 4.0, 4.0]);
    assert_eq!(wait(&mut schedule, Found::Plaintext).ceil(), 1.0);
}

#[test]
fn a_kubelet_is_dialled_where_its_node_says_and_nowhere_harmful() {
    let list = r#"{"kind": "List", "items": [
        {"kind": "Node", "metadata": {"name": "a", "annotations": {"pathgate.io/read-only-port": "7"}},
         "status": {"addresses": [{"type": "Hostname", "address": "a"}, {"type": "InternalIP", "address": "127.0.0.9"}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": 99}}}},
        {"kind": "Node", "metadata": {"name": "b"}, "status": {"addresses": [{"type": "Hostname", "address": "b"}]}}]}"#;
    let inventory = Inventory::from_list(list.as_bytes()).unwrap();
    let options = Probes {
        every: EVERY,
        kubelet_ca: None,
        kubelet_port: 10_250,
        read_only_port: 10_255,
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        concurrency: 1,
    };
    let ports = (options.kubelet_port, options.read_only_port);
    let target = |name: &str, reach: &Reach| Target::of_node(name, inventory.node(name).unwrap(), ports, reach);
    let allowed = Reach::new(options.allow.clone());
    let a = target("a", &allowed).unwrap();
    let dialled = (a.server.address().to_string(), a.read_only.map(|it| it.address().to_string()));
    assert_eq!(dialled, ("127.0.0.9:99".into(), Some("127.0.0.9:7".into())));
    assert!(target("a", &Reach::default()).unwrap_err().contains("loopback"));
    assert!(target("b", &allowed).unwrap_err().contains("no IP address"));
}

#[test]
fn what_a_probe_proves_is_on_record_once_with_its_strength_and_its_time() {
    let mut before = Evidence::default();
    let mut told = |found: Found, at: u64| {
        let event = evidence(&ProbeReport { at, ..report("a", found) });
        let of = |key: &str| event.attributes.iter().find(|(it, _)| it == key).map(|(_, value)| value.clone());
        (is_news(&event, &mut before), of("strength"), of("ttl"))
    };
    let proved = |is_news| (is_news, Some("proved".to_owned()), Some("10m".to_owned()));
    assert_eq!(told(Found::Plaintext, 1), proved(true));
    assert_eq!(told(Found::Plaintext, 2), proved(false));
    // Nothing was proved: nobody answered.
    assert_eq!(told(Found::Silent("refused".into()), 3), (true, None, None));
    assert_eq!(told(Found::Plaintext, 4), proved(true));
}
