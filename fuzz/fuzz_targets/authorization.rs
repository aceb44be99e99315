//! Any bytes as an AuthorizationConfiguration, and as the kubeconfig that one names: each finding has a text.
//!
//! `cargo +nightly fuzz run authorization -- -max_total_time=60`
#![no_main]

use host::authorization::{self, Expected, FailurePolicy, Lead};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lead = Lead { kubeconfig: "webhook.kubeconfig".into(), line: 1, failure: FailurePolicy::Deny };
    let mut findings = authorization::reached(text, &lead, "chain.yaml");
    if let Ok(Some(document)) = authorization::read(text, "chain.yaml") {
        let expected = Expected { revoked_within: Duration::from_secs(10), conditions: None };
        findings.extend(document.check(&expected).findings);
    }
    assert!(findings.iter().all(|it| !it.message.is_empty()), "{findings:?}");
});
