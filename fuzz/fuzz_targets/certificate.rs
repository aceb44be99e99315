//! Any bytes as a file of certificates, and as what a peer sent: nothing is accepted, and no plugin ends.
//!
//! `cargo +nightly fuzz run certificate -- -max_total_time=60`
#![no_main]

use host::{
    bundle::{self, Kind},
    peer::{Name, Peer, Role, Verdict},
    plugins::{Plugins, Verifier, builtin},
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KUBELETS: LazyLock<(Plugins, Verifier)> = LazyLock::new(|| {
    let plugins = Plugins::new(None).expect("the sandbox starts");
    let component = builtin().remove("apiserver_to_kubelet").expect("the plugin is built in");
    let verifier = plugins.verifier(component).unwrap_or_else(|error| panic!("{error}"));
    (plugins, verifier)
});

fuzz_target!(|bytes: &[u8]| {
    for kind in [Kind::Certificate, Kind::RevocationList] {
        if let Err(faults) = bundle::read(bytes, kind) {
            assert!(!faults.is_empty() && faults.iter().all(|it| !it.is_empty()));
        }
    }
    let chain = bytes.split(|byte| *byte == 0xff).take(4).map(<[u8]>::to_vec).collect();
    let peer = Peer { chain, role: Role::Server, name: Name::None, node: Some("n1".into()), facts: Vec::new() };
    let pins = serde_json::json!({"servers": {"pins": [format!("sha256:{}", "00".repeat(32))]}});
    let outcome = KUBELETS.1.verify(&pins, 1_781_481_600_000, &peer).unwrap_or_else(|error| panic!("{error}"));
    // More than 64 KiB never reach the plugin.
    if let Ok(outcome) = outcome {
        assert_eq!(outcome.verdict, Verdict::Reject);
    }
});
