//! What became of kubelets' requests for certificates: judged, issued, used. Pure, and bounded.

use std::collections::{HashMap, VecDeque};
use wire::{CsrDecision, CsrVerdict, Decision, Join};

/// The newest requests, and which of their certificates nobody has used yet.
#[derive(Debug, Default)]
pub struct Joins {
    /// The oldest first.
    all: VecDeque<Join>,
    /// By the certificate's SHA-256: the request's name.
    unused: HashMap<String, String>,
    /// Issued to requests that are not known to be judged: the cluster may tell sooner than the journal. Name, SHA-256, when.
    early: VecDeque<(String, String, u64)>,
}

impl Joins {
    /// Takes what was decided. A request that is judged again is the same one.
    pub fn judged(&mut self, decision: &CsrDecision) {
        let question = &decision.question;
        self.forget(|it| it.name == question.name);
        if self.all.len() >= MOST
            && let Some(oldest) = self.all.pop_front()
        {
            self.unused.remove(&oldest.sha256);
        }
        self.all.push_back(Join {
            id: decision.id.clone(),
            name: question.name.clone(),
            signer: question.signer.clone(),
            user: question.user.clone(),
            common_name: question.common_name.clone(),
            names: question.names.clone(),
            created: question.created.map(|it| it.saturating_mul(1_000)),
            judged: decision.at,
            verdict: decision.verdict,
            rule: decision.rule.clone(),
            reason: decision.reason.clone(),
            issued: None,
            sha256: String::new(),
            used: None,
        });
        if let Some(place) = self.early.iter().position(|(name, ..)| *name == question.name)
            && let Some((name, sha256, at)) = self.early.remove(place)
        {
            self.issued(&name, &sha256, at);
        }
    }

    /// Takes that a certificate was issued to a request.
    pub fn issued(&mut self, name: &str, sha256: &str, at: u64) {
        match self.all.iter_mut().find(|it| it.name == name) {
            Some(join) if join.issued.is_none() => {
                join.issued = Some(at.max(join.judged));
                join.sha256 = sha256.to_owned();
                self.unused.insert(sha256.to_owned(), name.to_owned());
            }
            Some(_) => {}
            None if self.early.iter().any(|(known, ..)| known == name) => {}
            None => {
                if self.early.len() >= MOST {
                    self.early.pop_front();
                }
                self.early.push_back((name.to_owned(), sha256.to_owned(), at));
            }
        }
    }

    /// Takes that a request is gone from the cluster: of one without a certificate nothing will come.
    pub fn gone(&mut self, name: &str) {
        self.forget(|it| it.name == name && it.issued.is_none());
    }

    fn forget(&mut self, is_it: impl Fn(&Join) -> bool) {
        let Joins { all, unused, .. } = self;
        all.retain(|it| {
            let stays = !is_it(it);
            if !stays {
                unused.remove(&it.sha256);
            }
            stays
        });
    }

    /// Takes who asked kube-apiserver: by the certificate that it tells.
    pub fn asked(&mut self, decision: &Decision) {
        if self.unused.is_empty() {
            return;
        }
        let ids = decision.request.extra.iter().filter(|(key, _)| key == CREDENTIAL).flat_map(|(_, ids)| ids);
        let digest = ids.filter_map(|it| it.strip_prefix("X509SHA256=")).next();
        if let Some(digest) = digest {
            self.used(&digest.to_ascii_lowercase(), decision.at);
        }
    }

    /// Takes that a certificate is in use.
    pub fn used(&mut self, sha256: &str, at: u64) {
        let Some(name) = self.unused.remove(sha256) else { return };
        if let Some(join) = self.all.iter_mut().find(|it| it.name == name) {
            join.used = Some(at);
        }
    }

    /// The newest first, those that are stuck before all others.
    pub fn list(&self, now: u64) -> Vec<Join> {
        let mut all: Vec<_> = self.all.iter().rev().cloned().collect();
        all.sort_by_key(|it| !is_stuck(it, now));
        all.truncate(SHOWN);
        all
    }
}

/// Whether somebody has to look: nobody decided, signed or used what should have been for so long.
fn is_stuck(join: &Join, now: u64) -> bool {
    let since = |at: u64| now.saturating_sub(at) >= STUCK;
    match (join.verdict, join.issued, join.used) {
        (CsrVerdict::Leave, None, _) => true,
        (CsrVerdict::Approve, None, _) => since(join.judged),
        (_, Some(at), None) => since(at),
        (CsrVerdict::Deny, ..) | (_, _, Some(_)) => false,
    }
}

const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";
/// As many as kube-controller-manager keeps of a busy hour.
const MOST: usize = 1_000;
/// A screen, and what is stuck.
const SHOWN: usize = 100;
/// A signer takes a second, a kubelet asks on at once; a probe comes every five minutes.
const STUCK: u64 = 10 * 60 * 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use wire::CsrQuestion;

    fn decision(name: &str, verdict: CsrVerdict, at: u64) -> CsrDecision {
        let question = CsrQuestion { name: name.into(), created: Some(at / 1_000), ..CsrQuestion::default() };
        let (id, rule, reason) = (format!("id-{name}"), "a/b".into(), "because".into());
        let (findings, opinions, engine) = (Vec::new(), Vec::new(), String::new());
        CsrDecision { id, at, question, verdict, rule, reason, findings, opinions, engine, micros: 0 }
    }

    #[test]
    fn a_request_goes_from_step_to_step() {
        let mut joins = Joins::default();
        joins.judged(&decision("a", CsrVerdict::Approve, 5_000));
        joins.used("ab", 1);
        let step = |joins: &Joins| joins.list(6_000).first().map(|it| (it.created, it.judged, it.issued, it.used));
        assert_eq!(step(&joins), Some((Some(5_000), 5_000, None, None)));
        joins.issued("a", "ab", 6_000);
        joins.issued("a", "cd", 6_500);
        assert_eq!(step(&joins), Some((Some(5_000), 5_000, Some(6_000), None)));
        joins.used("ab", 7_000);
        joins.used("ab", 8_000);
        assert_eq!(step(&joins), Some((Some(5_000), 5_000, Some(6_000), Some(7_000))));
    }

    #[test]
    fn the_cluster_may_tell_of_a_certificate_before_the_journal_tells_of_the_decision() {
        let mut joins = Joins::default();
        joins.issued("a", "ab", 7_000);
        joins.judged(&decision("a", CsrVerdict::Approve, 5_000));
        joins.used("ab", 8_000);
        let list = joins.list(9_000);
        assert_eq!(list.first().map(|it| (it.issued, it.used)), Some((Some(7_000), Some(8_000))));
        // Judged again it is another request of the same name.
        joins.judged(&decision("a", CsrVerdict::Leave, 9_000));
        assert_eq!((joins.all.len(), joins.unused.len(), joins.early.len()), (1, 0, 0));
        joins.gone("a");
        assert_eq!(joins.list(9_000), []);
    }

    #[test]
    fn what_is_stuck_comes_first_then_the_newest() {
        let mut joins = Joins::default();
        for (at, (name, verdict)) in [
            ("unsigned", CsrVerdict::Approve),
            ("left", CsrVerdict::Leave),
            ("denied", CsrVerdict::Deny),
            ("unused", CsrVerdict::Approve),
            ("good", CsrVerdict::Approve),
        ]
        .into_iter()
        .enumerate()
        {
            joins.judged(&decision(name, verdict, u64::try_from(at).unwrap()));
        }
        joins.issued("unused", "ab", 10);
        joins.issued("good", "cd", 10);
        joins.used("cd", 11);
        let names = |now| joins.list(now).into_iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(names(20), ["left", "good", "unused", "denied", "unsigned"]);
        assert_eq!(names(STUCK + 20), ["unused", "left", "unsigned", "good", "denied"]);
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut joins = Joins::default();
        for at in 0..MOST + 5 {
            joins.judged(&decision(&at.to_string(), CsrVerdict::Approve, 1));
            joins.issued(&at.to_string(), &format!("{at:064}"), 2);
        }
        assert_eq!((joins.all.len(), joins.unused.len(), joins.list(3).len()), (MOST, MOST, SHOWN));
        for at in 0..MOST + 5 {
            joins.issued(&format!("foreign {at}"), "ab", 2);
        }
        assert_eq!(joins.early.len(), MOST);
    }
}
