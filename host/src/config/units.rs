//! How durations, sizes and slips of the hand are written. Pure, and nothing of YAML.

use std::{fmt::Write, time::Duration};

/// `1h30m`, `20ms`, `7d`, `1.5s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u128 = 0;
    loop {
        let (number, after) = rest.split_at_checked(rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?)?;
        let (unit, after) = after.split_at_checked(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()))?;
        let (_, unit) = DURATION_UNITS.iter().find(|(word, _)| *word == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if fraction.len() > 9 || whole.is_empty() {
            return None;
        }
        let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = whole.parse::<u64>().ok()?;
        let whole = u128::from(part).checked_mul(*unit)?;
        let fraction = u128::from(fraction.parse::<u64>().ok()?).checked_mul(*unit)?.checked_div(scale)?;
        nanos = nanos.checked_add(whole)?.checked_add(fraction)?;
        rest = after;
        if rest.is_empty() {
            let nanos = u64::try_from(nanos).ok()?;
            return Some(Duration::from_nanos(nanos));
        }
    }
}

/// `8MiB`, `8Mi`, `512KiB`, `64k`, `1048576`.
pub(super) fn quantity(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))?;
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let (_, factor) = SIZE_UNITS.iter().find(|(word, _)| *word == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// What to say of a key that is not known.
pub(super) fn unknown(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|it| (distance(key, it), it)).min();
    match nearest {
        // A slip of the hand, not another word.
        Some((distance, it)) if distance <= 2.max(it.len() / 3) => format!("is not a key here; did you mean `{it}`?"),
        Some(_) | None => {
            let mut message = String::from("is not a key here; the keys are ");
            for (index, it) in known.iter().enumerate() {
                let _infallible = write!(message, "{}`{it}`", if index == 0 { "" } else { ", " });
            }
            message
        }
    }
}

/// Letters to change, add or remove, whatever their case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    // A key longer than any of ours is far from all of them.
    for (index, letter) in one.to_lowercase().chars().take(64).enumerate() {
        let mut diagonal = index;
        let mut left = index.saturating_add(1);
        for (cell, &theirs) in row.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal.saturating_add(usize::from(theirs != letter));
            diagonal = *cell;
            left = replaced.min(left.saturating_add(1)).min(diagonal.saturating_add(1));
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}

const DURATION_UNITS: &[(&str, u128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const SIZE_UNITS: &[(&str, u64)] =
    &[("", 1), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];
