//! Any bytes as a configuration: understood, or refused with at least one fault that has a text.
//!
//! `cargo +nightly fuzz run config -- -max_total_time=60`
#![no_main]

use host::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(faults) = Config::parse(text, "gate.yaml") {
        assert!(!faults.is_empty(), "refused without a reason");
        assert!(faults.iter().all(|fault| !fault.message.is_empty()), "{faults:?}");
    }
});
