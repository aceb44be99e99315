//! What doors hand to the judge, and what they take back.

use std::{sync::Arc, time::Duration};

/// A question, as a door understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub request: wire::Request,
    /// Who asks, as the door authenticated it: the client certificate's name.
    pub peer: Arc<str>,
    /// How long the asker still waits; absent if it did not say.
    pub deadline: Option<Duration>,
}

/// The answer, complete: a door adds nothing to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub verdict: wire::Verdict,
    /// What the user is told, decision id included.
    pub reason: String,
}

/// What several plugins say together: deny wins, then allow, then silence. What is in the shadow does not count.
pub fn combine(opinions: &[wire::Opinion]) -> (wire::Verdict, Option<&wire::Opinion>) {
    let first = |verdict| opinions.iter().find(|it| !it.shadow && it.verdict == verdict);
    match (first(wire::Verdict::Deny), first(wire::Verdict::Allow)) {
        (Some(deny), _) => (wire::Verdict::Deny, Some(deny)),
        (None, Some(allow)) => (wire::Verdict::Allow, Some(allow)),
        (None, None) => (wire::Verdict::NoOpinion, None),
    }
}
