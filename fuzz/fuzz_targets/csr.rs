//! Any bytes as a CertificateSigningRequest: understood, or refused with a reason; and any bytes as the PKCS#10 inside one:
//! looked up and judged by the built-in plugin without a failure, and never approved, because nobody has signed them.
//!
//! `cargo +nightly fuzz run csr -- -max_total_time=60`
#![no_main]

use host::{
    csr::{Request, parse_many},
    inventory::Inventory,
    judge::Judge,
    plugins::{Plugins, Set, Spec, builtin},
};
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use wire::CsrVerdict;

static GATE: LazyLock<(Judge, Set)> = LazyLock::new(|| {
    let plugins = Arc::new(Plugins::new(None).expect("the sandbox engine starts"));
    let component = builtin()["tls_bootstrap"];
    let set = plugins.prepare(vec![Spec::new("tls_bootstrap", component, serde_json::json!({}))]);
    let facts = br#"{"kind": "List", "items": [{"kind": "Node", "metadata": {"name": "a"}}]}"#;
    let inventory = Inventory::from_list(facts).expect("the facts are a list");
    (Judge::new(plugins, None, inventory), set.unwrap_or_else(|faults| panic!("{faults:?}")))
});

fuzz_target!(|bytes: &[u8]| {
    if let Err(faults) = parse_many(bytes) {
        assert!(faults.iter().any(|fault| !fault.is_empty()), "refused without a reason");
    }
    let (judge, set) = &*GATE;
    let request = Request {
        signer: "kubernetes.io/kubelet-serving".into(),
        user: "system:node:a".into(),
        groups: vec!["system:nodes".into()],
        usages: vec!["digital signature".into(), "server auth".into()],
        der: bytes.to_vec(),
        ..Request::default()
    };
    let judged = judge.consider_request(set, 0, &request);
    assert!(judged.verdict != CsrVerdict::Approve, "{judged:?}");
    assert!(!judged.rule.ends_with("failure-trap"), "{judged:?}");
});
