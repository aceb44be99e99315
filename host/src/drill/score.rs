//! What came back, and what it is worth.

use super::pack::{Expected, Vector};
use std::fmt;
use wire::{Path, Verdict};

/// What a webhook answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Verdict(Verdict),
    /// An HTTP status other than success, and no verdict.
    Status(u16),
    /// No answer that kube-apiserver could use.
    Error(String),
}

/// A vector, and what was answered to its attack and its twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub vector: Vector,
    pub got: Got,
    pub twin: Got,
}

/// Of how many, how many came out as expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub vectors: usize,
    /// Attacks that were refused.
    pub caught: usize,
    /// Twins that were not.
    pub twins_passed: usize,
    /// Vectors of which both came out as expected.
    pub passed: usize,
}

/// The score of a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// Paths that have vectors, in the order of the catalogue.
    pub paths: Vec<(Path, Tally)>,
    pub total: Tally,
}

impl Got {
    /// The answer in a word.
    pub fn word(&self) -> String {
        match self {
            Got::Verdict(verdict) => verdict.as_str().to_owned(),
            Got::Status(status) => format!("http-{status}"),
            Got::Error(_) => "error".to_owned(),
        }
    }

    /// Whether kube-apiserver would refuse, or take the question for a bad one where that will do.
    fn refuses(&self, expected: Expected) -> bool {
        match (self, expected) {
            (Got::Verdict(Verdict::Deny), _) => true,
            (Got::Status(status), Expected::Refused) => BAD_REQUEST.contains(status),
            (Got::Verdict(Verdict::Allow | Verdict::NoOpinion) | Got::Status(_) | Got::Error(_), _) => false,
        }
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Got::Verdict(verdict) => f.write_str(verdict.as_str()),
            Got::Status(status) => write!(f, "HTTP {status}"),
            Got::Error(error) => write!(f, "no answer ({error})"),
        }
    }
}

impl Expected {
    /// In a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Expected::Deny => "deny",
            Expected::Refused => "refused",
        }
    }
}

impl Outcome {
    /// Whether the attack was refused.
    pub fn caught(&self) -> bool {
        self.got.refuses(self.vector.expected)
    }

    /// Whether the twin was not.
    pub fn twin_passed(&self) -> bool {
        match &self.twin {
            Got::Verdict(Verdict::Allow | Verdict::NoOpinion) => true,
            Got::Verdict(Verdict::Deny) | Got::Status(_) | Got::Error(_) => false,
        }
    }

    /// Both.
    pub fn passed(&self) -> bool {
        self.caught() && self.twin_passed()
    }
}

impl Score {
    /// Counts.
    pub fn of(outcomes: &[Outcome]) -> Score {
        let on = |path: Path| Tally::of(outcomes.iter().filter(|it| it.vector.path == path));
        let paths = Path::ALL.iter().map(|path| (*path, on(*path))).filter(|(_, tally)| tally.vectors > 0);
        Score { paths: paths.collect(), total: Tally::of(outcomes.iter()) }
    }
}

impl Tally {
    fn of<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Tally {
        outcomes.fold(Tally::default(), |tally, it| Tally {
            vectors: tally.vectors + 1,
            caught: tally.caught + usize::from(it.caught()),
            twins_passed: tally.twins_passed + usize::from(it.twin_passed()),
            passed: tally.passed + usize::from(it.passed()),
        })
    }
}

/// The statuses that call a request bad, and not its sender, the place or the time.
const BAD_REQUEST: [u16; 5] = [400, 413, 414, 422, 431];
