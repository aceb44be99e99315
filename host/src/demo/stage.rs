//! What the script acts with: it asks as kube-apiserver does, changes the gate's configuration, and reads its journal.

use super::gate::{Change, Folder};
use crate::journal::{Delivery, Journal};
use std::time::Duration;
use tokio::{sync::watch, time};
use wire::{Decision, Demo, Entry, Verdict};
use world::{Apiserver, Caller, Deed, Review, World};

pub(super) struct Stage {
    pub world: World,
    pub apiserver: Apiserver,
    pub folder: Folder,
    pub journal: Journal,
    pub state: watch::Sender<Demo>,
}

/// What the gate said to the first question that it refused, or else to the last.
pub(super) struct Said {
    pub verdict: Verdict,
    pub rule: String,
    pub reason: String,
    /// The decision's id.
    pub decision: String,
    pub micros: u64,
}

impl Said {
    /// When there was no answer.
    pub(super) fn nothing() -> Said {
        let (rule, reason, decision) = Default::default();
        Said { verdict: Verdict::NoOpinion, rule, reason, decision, micros: 0 }
    }
}

impl Stage {
    /// Asks one after the other, as kube-apiserver does, which stops at a refusal.
    pub(super) async fn ask(&self, questions: &[(Caller, Deed)]) -> Result<Said, String> {
        let reviews: Vec<_> = questions.iter().map(|(caller, deed)| Review::new(caller, deed)).collect();
        ask(&self.apiserver, &reviews).await
    }

    /// Lets the gate take a change of its configuration, and waits until it has. What it refuses is taken back.
    pub(super) async fn change(&self, change: Option<&Change>) -> Result<(), String> {
        let changed = self.try_change(change).await;
        if changed.is_err() {
            self.write(None)?;
        }
        changed
    }

    async fn try_change(&self, change: Option<&Change>) -> Result<(), String> {
        let mut rows = self.journal.subscribe(self.journal.last_row());
        self.write(change)?;
        let found = async {
            loop {
                match rows.next().await.map_err(|error| error.to_string())? {
                    Some(Delivery::Row(row)) => match row.entry {
                        Entry::Event(event) if event.kind == "plugin-swapped" => return Ok(()),
                        Entry::Event(event) if event.kind == "config-refused" => return Err(event.message),
                        Entry::Event(_) | Entry::Decision(_) | Entry::Gap(_) | Entry::Csr(_) => {}
                    },
                    Some(Delivery::Expired { .. } | Delivery::Replaced { .. }) => {}
                    None => return Err("the journal was closed".into()),
                }
            }
        };
        time::timeout(PATIENCE, found).await.unwrap_or_else(|_| Err("the change did not take effect in time".into()))
    }

    fn write(&self, change: Option<&Change>) -> Result<(), String> {
        self.folder.write(change).map_err(|error| format!("write the configuration: {error}"))
    }

    /// A decision, as soon as it is on record.
    pub(super) async fn decision(&self, id: &str) -> Result<Decision, String> {
        let mut rows = self.journal.subscribe(self.journal.last_row());
        let found = async {
            loop {
                let row = self.journal.reader().decision(id).await.map_err(|error| error.to_string())?;
                if let Some(Entry::Decision(decision)) = row.map(|row| row.entry) {
                    return Ok(*decision);
                }
                if rows.next().await.map_err(|error| error.to_string())?.is_none() {
                    return Err("the journal was closed".to_owned());
                }
            }
        };
        time::timeout(PATIENCE, found).await.unwrap_or_else(|_| Err(format!("decision `{id}` is not on record")))
    }
}

/// Asks one after the other until one is refused.
pub(super) async fn ask(apiserver: &Apiserver, reviews: &[Review]) -> Result<Said, String> {
    let mut last = Err("nothing was asked".to_owned());
    for review in reviews {
        let heard = apiserver.ask(review).await.map_err(|error| error.to_string())?;
        let (reason, rule, decision) = told(&heard.reason);
        let verdict = match heard.verdict {
            world::Verdict::Allow => Verdict::Allow,
            world::Verdict::Deny => Verdict::Deny,
            world::Verdict::NoOpinion => Verdict::NoOpinion,
        };
        let micros = u64::try_from(heard.took.as_micros()).unwrap_or(u64::MAX);
        last = Ok(Said { verdict, rule, reason, decision, micros });
        if verdict == Verdict::Deny {
            break;
        }
    }
    last
}

/// `pathgate: SENTENCE (rule RULE, decision ID)`, taken apart; without a rule for no opinion.
fn told(reason: &str) -> (String, String, String) {
    let text = reason.strip_prefix("pathgate: ").unwrap_or(reason);
    let Some((sentence, place)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) else {
        return (text.to_owned(), String::new(), String::new());
    };
    let (rule, decision) = match place.split_once(", decision ") {
        Some((rule, decision)) => (rule.trim_start_matches("rule "), decision),
        None => ("", place.trim_start_matches("decision ")),
    };
    (sentence.to_owned(), rule.to_owned(), decision.to_owned())
}

/// A reload looks once a second, and compiles for some seconds on a slow machine without a cache.
const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_reason_is_told_apart_from_its_rule_and_decision() {
        let texts = ["pathgate: a (b) c (rule p/r, decision 01X)", "pathgate: no opinion (decision 01Y)", "odd"];
        let parts = texts.map(told);
        let expected = [("a (b) c", "p/r", "01X"), ("no opinion", "", "01Y"), ("odd", "", "")];
        assert_eq!(parts, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    }
}
