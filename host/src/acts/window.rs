//! Fifteen minutes in as many buckets, and the last ten seconds in theirs.

use super::kinds;
use wire::{Acts as Counted, Failure, Minute as Told, PluginActs};

/// Counts of the last 15 minutes. What is older is dropped as time goes on.
#[derive(Debug, Default)]
pub(super) struct Window {
    minutes: Vec<Minute>,
    /// The second, and how many; the newest last.
    seconds: Vec<(u64, u64)>,
}

/// What happened within one minute.
#[derive(Debug, Default)]
pub(super) struct Minute {
    /// Since 1970.
    number: u64,
    pub(super) decisions: u64,
    pub(super) refused: u64,
    pub(super) would: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    pub(super) micros: Spread,
    pub(super) fuel: Spread,
    failures: Vec<(Failure, u64)>,
}

impl Minute {
    pub(super) fn fail(&mut self, kind: Failure) {
        self.failed += 1;
        match self.failures.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.failures.push((kind, 1)),
        }
    }
}

impl Window {
    /// The bucket of this time. One that lies before the window counts in the oldest.
    pub(super) fn minute(&mut self, at: u64) -> &mut Minute {
        let number = at / MINUTE;
        let place = self.minutes.partition_point(|minute| minute.number < number);
        if self.minutes.get(place).is_none_or(|minute| minute.number != number) {
            self.minutes.insert(place, Minute { number, ..Minute::default() });
        }
        let excess = self.minutes.len().saturating_sub(KEPT);
        self.minutes.drain(..excess);
        let place = place.saturating_sub(excess);
        #[expect(
            clippy::indexing_slicing,
            reason = "it was put there above; of KEPT + 1 buckets only the first is dropped"
        )]
        &mut self.minutes[place]
    }

    /// Counts one more for the rate.
    pub(super) fn second(&mut self, at: u64) {
        let number = at / SECOND;
        match self.seconds.last_mut() {
            Some((last, count)) if *last == number => *count += 1,
            // Rows come in the order of their time, nearly.
            _ => self.seconds.push((number, 1)),
        }
        let excess = self.seconds.len().saturating_sub(RATE_SECONDS + 2);
        self.seconds.drain(..excess);
    }

    pub(super) fn counted(&self, now: u64) -> Counted {
        let mut counted = Counted { rate: self.rate(now), ..Counted::default() };
        let mut micros = Spread::default();
        for minute in self.recent(now) {
            counted.decisions += minute.decisions;
            counted.refused += minute.refused;
            counted.would_refuse += minute.would;
            counted.failed += minute.failed;
            counted.lost += minute.lost;
            micros.merge(&minute.micros);
        }
        (counted.p50, counted.p99) = (micros.within(50), micros.within(99));
        counted
    }

    pub(super) fn plugin(&self, now: u64) -> PluginActs {
        let (mut micros, mut fuel) = (Spread::default(), Spread::default());
        let mut acts = PluginActs::default();
        let mut failures: Vec<(Failure, u64)> = Vec::new();
        for minute in self.recent(now) {
            acts.asked += minute.decisions;
            acts.refused += minute.refused;
            acts.would_refuse += minute.would;
            micros.merge(&minute.micros);
            fuel.merge(&minute.fuel);
            for (kind, more) in &minute.failures {
                match failures.iter_mut().find(|(known, _)| known == kind) {
                    Some((_, count)) => *count += more,
                    None => failures.push((*kind, *more)),
                }
            }
        }
        failures.sort();
        acts.failed = kinds(&failures);
        (acts.p50, acts.p99) = (micros.within(50), micros.within(99));
        (acts.fuel_p50, acts.fuel_max) = (fuel.within(50), fuel.most);
        (acts.micros, acts.fuel) = (micros.octaves(), fuel.octaves());
        acts
    }

    pub(super) fn minutes(&self, now: u64) -> Vec<Told> {
        let last = now / MINUTE;
        let told = |number: u64| {
            let minute = self.minutes.iter().find(|minute| minute.number == number);
            let (refused, would_refuse) = minute.map_or((0, 0), |minute| (minute.refused, minute.would));
            Told { at: number * MINUTE, refused, would_refuse }
        };
        (0..WINDOW).rev().map(|back| told(last.saturating_sub(back))).collect()
    }

    fn recent(&self, now: u64) -> impl Iterator<Item = &Minute> {
        let last = now / MINUTE;
        self.minutes.iter().filter(move |minute| minute.number + WINDOW > last)
    }

    /// Over the last ten whole seconds.
    fn rate(&self, now: u64) -> f64 {
        let now = now / SECOND;
        let from = now.saturating_sub(RATE_SECONDS_LONG);
        let sum: u64 = self.seconds.iter().filter(|(at, _)| (from..now).contains(at)).map(|(_, count)| count).sum();
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a rate for people, far below 2^52")]
        let rate = sum as f64 / RATE_SECONDS_LONG as f64;
        rate
    }
}

/// Whether what happened at this time counts no more.
pub(super) fn is_past(at: u64, now: u64) -> bool {
    at / MINUTE + WINDOW <= now / MINUTE
}

/// How values are spread: four buckets to an octave, so that a quantile is right to an eighth.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    counts: Vec<u32>,
    most: u64,
}

impl Spread {
    pub(super) fn add(&mut self, value: u64) {
        let at = bucket(value);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
        self.most = self.most.max(value);
    }

    fn merge(&mut self, other: &Spread) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.most = self.most.max(other.most);
    }

    /// The value that this many in a hundred do not exceed; 0 without values.
    fn within(&self, percent: u64) -> u64 {
        let total: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let needed = (total * percent).div_ceil(100);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= needed && seen > 0 {
                return highest(at).min(self.most);
            }
        }
        0
    }

    /// Counts by powers of two: the first is of values below 1, the next of 1, then of 2 and 3, and so on.
    fn octaves(&self) -> Vec<u64> {
        let mut octaves = Vec::new();
        for (at, count) in self.counts.iter().enumerate() {
            let octave = usize::try_from(u64::BITS - lowest(at).leading_zeros()).unwrap_or(usize::MAX);
            if octaves.len() <= octave {
                octaves.resize(octave + 1, 0);
            }
            if let Some(sum) = octaves.get_mut(octave) {
                *sum += u64::from(*count);
            }
        }
        octaves
    }
}

/// The bucket of a value: itself below 4, then the leading bit and the two after it.
fn bucket(value: u64) -> usize {
    let exponent = value.checked_ilog2().unwrap_or(0);
    let at = match exponent {
        0 | 1 => value,
        _ => u64::from(exponent - 1) * 4 + ((value >> (exponent - 2)) & 3),
    };
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// The smallest value of a bucket.
fn lowest(at: usize) -> u64 {
    let at = u64::try_from(at).unwrap_or(u64::MAX);
    if at < 4 {
        at
    } else {
        (4 + at % 4).checked_shl(u32::try_from(at / 4 - 1).unwrap_or(u32::MAX)).unwrap_or(u64::MAX)
    }
}

/// The largest value of a bucket.
fn highest(at: usize) -> u64 {
    lowest(at + 1).saturating_sub(1)
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60_000;
/// Minutes that count.
const WINDOW: u64 = 15;
/// One more, for rows that are late, and one for the minute that runs.
const KEPT: usize = 17;
const RATE_SECONDS: usize = 10;
const RATE_SECONDS_LONG: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_ascend() {
        let values = (0..2_000_u64).chain([u64::from(u32::MAX), 1 << 40, u64::MAX >> 1]);
        for value in values {
            let at = bucket(value);
            assert!((lowest(at)..=highest(at)).contains(&value), "{value} in {at}: {}..={}", lowest(at), highest(at));
        }
    }

    #[test]
    fn quantiles_are_right_to_an_eighth() {
        let mut spread = Spread::default();
        (1..=1_000).for_each(|value| spread.add(value));
        assert!((500..=563).contains(&spread.within(50)), "{}", spread.within(50));
        assert!((990..=1_000).contains(&spread.within(99)), "{}", spread.within(99));
        assert_eq!(Spread::default().within(99), 0);
    }

    #[test]
    fn octaves_hold_every_value_once() {
        let mut spread = Spread::default();
        [0, 1, 2, 3, 4, 7, 8, 100].into_iter().for_each(|value| spread.add(value));
        assert_eq!(spread.octaves(), [1, 1, 2, 2, 1, 0, 0, 1]);
    }

    #[test]
    fn what_is_older_than_a_quarter_of_an_hour_is_gone() {
        let mut window = Window::default();
        window.minute(0).decisions += 1;
        window.minute(14 * MINUTE).decisions += 1;
        assert_eq!(window.counted(14 * MINUTE).decisions, 2);
        assert_eq!(window.counted(15 * MINUTE).decisions, 1);
        for minute in 0..1_000 {
            window.minute(minute * MINUTE);
        }
        assert_eq!(window.minutes.len(), KEPT);
    }

    #[test]
    fn a_late_row_counts_in_its_own_minute() {
        let mut window = Window::default();
        window.minute(5 * MINUTE).refused += 1;
        window.minute(4 * MINUTE).refused += 2;
        let told: Vec<_> = window.minutes(5 * MINUTE).iter().map(|minute| minute.refused).collect();
        assert_eq!(told.get(13..), Some([2, 1].as_slice()));
        assert_eq!(told.len(), 15);
    }

    #[test]
    fn a_row_from_long_ago_changes_nothing_that_counts() {
        let mut window = Window::default();
        (100..117).for_each(|minute| window.minute(minute * MINUTE).refused += 1);
        window.minute(MINUTE).refused += 1;
        assert_eq!(window.counted(116 * MINUTE).refused, 15);
    }

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let mut window = Window::default();
        (0..30).for_each(|second| (0..5).for_each(|_| window.second(second * SECOND)));
        assert!((window.rate(30 * SECOND) - 5.0).abs() < f64::EPSILON);
        assert!(window.rate(60 * SECOND).abs() < f64::EPSILON);
    }
}
