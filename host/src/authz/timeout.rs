//! `?timeout=3s`, which client-go appends: how long the asker waits, as Go writes durations.

use std::time::Duration;

/// The asker's patience; absent if the query does not say, or says nothing sensible.
pub(super) fn of(query: Option<&str>) -> Option<Duration> {
    let value = query?.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    // The one character of Go's durations that a query escapes.
    let value = value.replace("%C2%B5", "µ").replace("%c2%b5", "µ");
    parse(&value).filter(|it| !it.is_zero())
}

/// Go's grammar without the sign: one or more of a decimal number and a unit, without blanks.
fn parse(text: &str) -> Option<Duration> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, tail) = split(rest, |it| it.is_ascii_digit() || it == '.');
        let (unit, tail) = split(tail, |it| !it.is_ascii_digit() && it != '.');
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = tail;
    }
    Some(total)
}

fn split(text: &str, takes: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|it| !takes(it)).unwrap_or(text.len()))
}

/// `2562047h47m16.854775807s` is the longest duration that Go prints.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_go_writes_it() {
        let table = [
            ("timeout=3s", Some(Duration::from_secs(3))),
            ("timeout=1m30s", Some(Duration::from_secs(90))),
            ("timeout=500ms", Some(Duration::from_millis(500))),
            ("timeout=1.5s", Some(Duration::from_millis(1500))),
            ("timeout=1h0m0s", Some(Duration::from_secs(3600))),
            ("timeout=250%C2%B5s", Some(Duration::from_micros(250))),
            ("a=b&timeout=30s&timeout=1s", Some(Duration::from_secs(30))),
            ("timeout=0s", None),
            ("timeout=0", None),
            ("timeout=", None),
            ("timeout=3", None),
            ("timeout=-3s", None),
            ("timeout=s", None),
            ("timeout=.s", None),
            ("timeout=3 s", None),
            ("timeout=1e3s", None),
            ("timeout=99999999999999999999999999h", None),
            ("timeouts=3s", None),
        ];
        for (query, expected) in table {
            assert_eq!(of(Some(query)), expected, "{query}");
        }
        assert_eq!(of(None), None);
    }
}
