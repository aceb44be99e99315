//! What cases cannot say well: letters that are not what they seem, and configs that are refused.

use super::{
    Config,
    confusable::{NAMES, PREFIXES, resembled, seen, seen_real},
};
use sdk::Config as _;

#[test]
fn an_unknown_rule_is_a_fault_that_says_where() {
    let mut config = Config::default();
    config.allow.insert("endpoint".into(), Vec::new());
    let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(pointers, ["/allow/endpoint"]);
}

#[test]
fn a_name_that_looks_like_a_reserved_one_is_told_from_it() {
    let table = [
        ("System:Masters", Some("system:masters")),
        ("SYSTEM:MASTERS", Some("system:masters")),
        ("system:masters ", Some("system:masters")),
        (" system:masters", Some("system:masters")),
        ("system:mаsters", Some("system:masters")),         // a Cyrillic a
        ("ѕystem:masters", Some("system:masters")),         // a Cyrillic s
        ("system:masters\u{200b}", Some("system:masters")), // without width
        ("sys\u{ad}tem:nodes", Some("system:nodes")),       // a soft hyphen
        ("ｓｙｓｔｅｍ：ｎｏｄｅｓ", Some("system:nodes")), // full width
        ("system:n0des", Some("system:nodes")),             // a digit
        ("system:kube-schedu1er", Some("system:kube-scheduler")),
        ("system:Node:n1", Some("system:node:")),
        ("ѕystem:serviceaccount:web:app", Some("system:serviceaccount:")),
        ("Kube-Apiserver-Kubelet-Client", Some("kube-apiserver-kubelet-client")),
        ("kubeadm:c1uster-admins", Some("kubeadm:cluster-admins")),
        ("system:masters", None),
        ("system:node:n1", None),
        ("system:something", None),
        ("systems", None),
        ("alice", None),
        ("équipe-système", None),
        ("kubernetes-admin", None),
        ("svetlana", None),
        ("фёдор", None),
        ("", None),
    ];
    assert_eq!(table.map(|(name, _)| (name, resembled(name))), table);
}

#[test]
fn a_reserved_name_is_seen_as_the_tables_say() {
    for name in NAMES.into_iter().chain(PREFIXES) {
        assert_eq!(seen_real(name), seen(name), "{name}");
    }
}
