//! Any bytes as a line of an audit log: they are understood or refused, and what is rebuilt has a class.
//!
//! `cargo +nightly fuzz run audit -- -max_total_time=60`
#![no_main]

use host::{
    audit::{self, Parsed},
    paths::{Names, classify},
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static NAMES: LazyLock<Names> = LazyLock::new(Names::default);

fuzz_target!(|line: &[u8]| {
    if let Ok(Parsed::Event(event)) = audit::parse(line) {
        classify(&event.request, &NAMES);
    }
});
