//! A decision made again: the same components, configs, facts and time, read back from the journal. Because a plugin is a
//! pure function, the answers are the same, or something is wrong.

use crate::{
    config::{OnFailure, Role},
    journal::Reader,
    plugins::{Bounds, Failed, Plugins, Spec},
};
use std::sync::Arc;
use wire::{CsrDecision, CsrOpinion, Decision, Failure, Opinion, Verdict};

/// A decision, with what the journal has kept of the plugins that it asked.
pub struct Recalled<D = Decision> {
    decision: D,
    /// One for each opinion; an error is why nobody can tell.
    kept: Vec<Result<Kept, String>>,
}

struct Kept {
    component: Arc<[u8]>,
    config: serde_json::Value,
}

/// How a second execution compares with the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// None if it cannot be told.
    pub same: Option<bool>,
    /// What differs, and what cannot be told and why; a sentence each.
    pub differences: Vec<String>,
}

/// Reads what is needed to make a decision again.
pub async fn recall(reader: &Reader, decision: Decision) -> Recalled {
    let mut kept = Vec::new();
    for it in &decision.opinions {
        kept.push(recall_one(reader, &it.plugin, &it.digest, &it.config, it.failure).await);
    }
    Recalled { decision, kept }
}

/// Reads what is needed to decide on a certificate request again.
pub async fn recall_request(reader: &Reader, decision: CsrDecision) -> Recalled<CsrDecision> {
    let mut kept = Vec::new();
    for it in &decision.opinions {
        kept.push(recall_one(reader, &it.plugin, &it.digest, &it.config, it.failure).await);
    }
    Recalled { decision, kept }
}

async fn recall_one(
    reader: &Reader,
    name: &str,
    digest: &str,
    config: &str,
    failure: Option<Failure>,
) -> Result<Kept, String> {
    match failure {
        Some(kind @ (Failure::Deadline | Failure::Busy | Failure::Quarantined | Failure::NotReady)) => {
            return Err(format!("`{name}` was cut off by the host ({kind}), which depends on the moment"));
        }
        Some(Failure::Trap | Failure::Fuel | Failure::Memory | Failure::Output | Failure::Role) | None => {}
    }
    let kept = async |digest: &str| {
        let bytes = reader.artifact(digest).await.map_err(|error| error.to_string())?;
        bytes.ok_or_else(|| format!("what `{name}` was ({digest}) is not in the journal"))
    };
    let component = kept(digest).await?.into();
    let config = serde_json::from_slice(&kept(config).await?).map_err(|error| error.to_string())?;
    Ok(Kept { component, config })
}

impl<D> Recalled<D> {
    /// The decision as it was made the first time.
    pub fn decision(&self) -> &D {
        &self.decision
    }

    /// Compares opinion by opinion. A difference is a sentence; an error is why nobody can tell.
    fn compare<O>(&self, opinions: &[O], again: impl Fn(&O, &Kept) -> Result<Option<String>, String>) -> Repeated {
        let (mut differences, mut unknown) = (Vec::new(), Vec::new());
        for (opinion, kept) in opinions.iter().zip(&self.kept) {
            match kept.as_ref().map_err(Clone::clone).and_then(|kept| again(opinion, kept)) {
                Ok(None) => {}
                Ok(Some(difference)) => differences.push(difference),
                Err(why) => unknown.push(why),
            }
        }
        let same = match (differences.is_empty(), unknown.is_empty()) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        };
        differences.extend(unknown);
        Repeated { same, differences }
    }
}

impl Recalled {
    /// Asks the same components with the same configs the same question. It compiles what is not in force any more, which
    /// takes part of a second, so it is not for a task that others wait on.
    pub fn repeat(&self, plugins: &Plugins) -> Repeated {
        self.compare(&self.decision.opinions, |opinion, kept| again(plugins, &self.decision, opinion, kept))
    }
}

impl Recalled<CsrDecision> {
    /// As for a decision on a review.
    pub fn repeat(&self, plugins: &Plugins) -> Repeated {
        self.compare(&self.decision.opinions, |opinion, kept| request_again(plugins, &self.decision, opinion, kept))
    }
}

/// A difference is a sentence; an error is why nobody can tell.
fn again(plugins: &Plugins, decision: &Decision, opinion: &Opinion, kept: &Kept) -> Result<Option<String>, String> {
    let name = &opinion.plugin;
    let role = if opinion.verdict == Verdict::Allow { Role::Grant } else { Role::Restrict };
    let spec = kept.spec(name, &opinion.digest, role);
    let answer = plugins.ask_once(spec, decision.at, &decision.facts, &decision.request);
    let answer = answer.map_err(|error| format!("`{name}`: {error}"))?;
    let now = answer.as_ref().map(|it| {
        let same = (it.verdict, &it.rule, &it.reason, &it.notes, it.fuel)
            == (opinion.verdict, &opinion.rule, &opinion.reason, &opinion.notes, opinion.fuel);
        (same, it.verdict.as_str(), it.rule.as_str(), it.fuel)
    });
    Ok(difference(name, now, opinion.failure))
}

fn request_again(
    plugins: &Plugins,
    decision: &CsrDecision,
    opinion: &CsrOpinion,
    kept: &Kept,
) -> Result<Option<String>, String> {
    let name = &opinion.plugin;
    let spec = kept.spec(name, &opinion.digest, Role::Restrict);
    let answer = plugins.approve_once(spec, decision.at, &decision.question);
    let answer = answer.map_err(|error| format!("`{name}`: {error}"))?;
    let now = answer.as_ref().map(|it| {
        let same = (it.verdict, &it.rule, &it.reason, it.fuel)
            == (opinion.verdict, &opinion.rule, &opinion.reason, opinion.fuel);
        (same, it.verdict.as_str(), it.rule.as_str(), it.fuel)
    });
    Ok(difference(name, now, opinion.failure))
}

/// What a plugin says now, and whether it is the same (verdict, rule, fuel), against what it said or how it failed then.
fn difference(name: &str, now: Result<(bool, &str, &str, u64), &Failed>, then: Option<Failure>) -> Option<String> {
    match (now, then) {
        (Ok((true, ..)), None) => None,
        (Ok((false, verdict, rule, fuel)), None) => {
            Some(format!("`{name}` now says {verdict} {rule} for {fuel} units of fuel"))
        }
        (Err(Failed { kind, .. }), Some(then)) if *kind == then => None,
        (Err(failed), _) => Some(format!("`{name}` now gives no answer: {failed}")),
        (Ok((_, verdict, ..)), Some(then)) => Some(format!("`{name}` failed then ({then}), and now says {verdict}")),
    }
}

impl Kept {
    fn spec(&self, name: &str, digest: &str, role: Role) -> Spec {
        Spec {
            name: name.to_owned(),
            component: self.component.clone(),
            sha256: Some(digest.to_owned()),
            role,
            shadow: false,
            on_failure: OnFailure::Deny,
            bounds: Bounds::DECISION,
            config: self.config.clone(),
        }
    }
}
