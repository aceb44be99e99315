//! Peers: what the path's plugin and `revocation` say of one, and what it comes to. Whatever fails refuses.

use super::Judge;
use crate::{
    peer::{Outcome, Peer, Verdict},
    plugins::{Failed, digest},
};
use wire::{Failure, Finding, Path, Severity};

/// What comes of a peer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub is_accepted: bool,
    /// SHA-256 of each certificate, leaf first, anchor last, in hex; empty unless accepted.
    pub path: Vec<String>,
    pub findings: Vec<Finding>,
}

impl Judge {
    /// Judges a peer by the plugin of this path and by `revocation`, as they are loaded. `now` is in ms since 1970.
    pub fn verify(&self, path: Path, now: u64, peer: &Peer) -> Judged {
        let set = self.plugins.current();
        let ask = |name: &str| {
            let plugin = set.plugins.iter().find(|it| it.name == name)?;
            Some(self.plugins.verify(plugin, now, peer))
        };
        let missing = || Err(Failed { kind: Failure::NotReady, detail: format!("`{path}` is not loaded") });
        self::peer(peer, ask(path.as_str()).unwrap_or_else(missing), ask("revocation"))
    }
}

/// Combines: accepted is who the path's plugin accepts and nobody refuses.
pub fn peer(peer: &Peer, path: Result<Outcome, Failed>, revocation: Option<Result<Outcome, Failed>>) -> Judged {
    let (path, mut findings) = match path {
        Ok(outcome) => (Some(outcome.clone()), outcome.findings),
        Err(failed) => (None, vec![no_answer("the plugin of the path", &failed)]),
    };
    let is_revoked = match revocation {
        None => false,
        Some(Ok(outcome)) => {
            findings.extend(outcome.findings);
            outcome.verdict == Verdict::Reject
        }
        Some(Err(failed)) => {
            findings.push(no_answer("`revocation`", &failed));
            true
        }
    };
    match path {
        Some(outcome) if outcome.verdict == Verdict::Accept && !is_revoked => {
            let place = |at: &u32| usize::try_from(*at).ok().and_then(|at| peer.chain.get(at));
            let mut path: Vec<_> = outcome.path.iter().filter_map(place).map(|der| digest(der)).collect();
            // A pinned certificate is its own anchor.
            path.push(outcome.anchor);
            path.dedup();
            Judged { is_accepted: true, path, findings }
        }
        Some(_) | None => Judged { is_accepted: false, path: Vec::new(), findings },
    }
}

fn no_answer(who: &str, failed: &Failed) -> Finding {
    let detail = format!("{who} gave no answer ({failed}), and what is not verified is refused");
    Finding { code: "no-answer".into(), severity: Severity::High, at: None, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{Name, Role};

    fn asked() -> Peer {
        let chain = vec![b"leaf".to_vec(), b"unused".to_vec(), b"between".to_vec()];
        Peer { chain, role: Role::Server, name: Name::None, node: None, facts: Vec::new() }
    }

    fn said(verdict: Verdict) -> Result<Outcome, Failed> {
        let (path, anchor) = (vec![0, 2], "ab".repeat(32));
        Ok(Outcome { verdict, rule: String::new(), reason: String::new(), path, anchor, findings: Vec::new(), fuel: 1 })
    }

    fn failed() -> Result<Outcome, Failed> {
        Err(Failed { kind: Failure::Trap, detail: "out of luck".into() })
    }

    #[test]
    fn only_whom_the_path_accepts_and_nobody_refuses_is_accepted() {
        use Verdict::{Accept, NoOpinion, Reject};
        let is_accepted = |path, revocation| peer(&asked(), path, revocation).is_accepted;
        let path = [said(Accept), said(Reject), said(NoOpinion), failed()].map(|path| is_accepted(path, None));
        assert_eq!(path, [true, false, false, false]);
        let revocation = [said(NoOpinion), said(Accept), said(Reject), failed()];
        let accepted = revocation.map(|revocation| is_accepted(said(Accept), Some(revocation)));
        assert_eq!(accepted, [true, true, false, false]);
    }

    #[test]
    fn the_path_is_told_by_digests_with_the_anchor_last() {
        let judged = peer(&asked(), said(Verdict::Accept), None);
        assert_eq!(judged.path, [digest(b"leaf"), digest(b"between"), "ab".repeat(32)]);
        assert!(peer(&asked(), said(Verdict::Reject), None).path.is_empty());
    }

    #[test]
    fn a_failure_is_told_with_its_kind() {
        let findings = peer(&asked(), failed(), None).findings;
        let told: Vec<_> =
            findings.iter().map(|it| (it.code.as_str(), it.severity, it.detail.contains("out of luck"))).collect();
        assert_eq!(told, [("no-answer", Severity::High, true)]);
    }
}
