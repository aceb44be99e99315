//! Any bytes as the body of a review: they are understood or refused, and what is understood has a class.
//!
//! `cargo +nightly fuzz run review -- -max_total_time=60`
#![no_main]

use host::{
    review,
    paths::{Names, classify},
};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static NAMES: LazyLock<Names> = LazyLock::new(Names::default);

fuzz_target!(|body: &[u8]| {
    if let Ok(review) = review::parse(body) {
        classify(&review.request, &NAMES);
    }
});
