//! What the script expected, and what it got.

use serde::Serialize;
use wire::{Caption, Verdict};

/// One scene of the score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// As `s11`, or `traffic/nodes`.
    pub scene: String,
    pub title: String,
    /// The legitimate twin of an attack.
    pub twin: bool,
    pub expected: Verdict,
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// From question to answer, as kube-apiserver sees it.
    pub micros: u64,
    pub passed: bool,
    /// What happened.
    pub here: String,
}

/// The whole score.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score(pub Vec<Line>);

impl Line {
    pub(super) fn of(caption: &Caption, expected: Verdict) -> Line {
        Line {
            scene: caption.attack.clone(),
            title: if caption.twin { caption.tried.clone() } else { caption.title.clone() },
            twin: caption.twin,
            expected,
            verdict: caption.verdict,
            rule: caption.rule.clone(),
            micros: caption.micros,
            passed: caption.expected,
            here: caption.here.clone(),
        }
    }
}

impl Score {
    /// How many scenes had the outcome expected of them, and how many had not.
    pub fn counts(&self) -> (usize, usize) {
        let passed = self.0.iter().filter(|line| line.passed).count();
        (passed, self.0.len() - passed)
    }
}
