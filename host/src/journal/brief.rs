//! A decision in the form in which it is kept: less than half of what it takes as JSON, and with that of what a row costs.
//!
//! What the columns beside it say is left out, what follows from them likewise, and words of the gate's own are numbers.

use super::{
    line::DecisionColumns,
    words::{Texts, Word, Words},
};
use crate::paths::Class;
use serde::{Deserialize, Serialize};
use wire::{Decision, Door, Failure, Opinion, Request, Target, Verdict};

/// [`Decision`] without its columns.
#[derive(Serialize, Deserialize)]
pub(super) struct Brief {
    #[serde(default = "webhook", skip_serializing_if = "is_webhook")]
    door: Door,
    #[serde(default, skip_serializing_if = "is_empty")]
    peer: Word,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    uid: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extra: Vec<(String, Vec<String>)>,
    target: Target,
    /// Whether the facts are all there: else those of the class come before them.
    #[serde(default, skip_serializing_if = "is_false")]
    bare: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    facts: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    opinions: Vec<BriefOpinion>,
    engine: Word,
    micros: u64,
}

#[derive(Serialize, Deserialize)]
struct BriefOpinion {
    plugin: Word,
    digest: Word,
    config: Word,
    #[serde(default, skip_serializing_if = "is_false")]
    shadow: bool,
    #[serde(default = "no_opinion", skip_serializing_if = "is_no_opinion")]
    verdict: Verdict,
    /// Whether rule and reason are those of the decision.
    #[serde(default, skip_serializing_if = "is_false")]
    decisive: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    rule: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    fuel: u64,
    micros: u64,
}

impl Brief {
    /// Takes a decision apart. What the columns have is all that it does not.
    pub(super) fn of(decision: Decision, words: &Words) -> (u64, DecisionColumns, Brief) {
        let Decision {
            id,
            at,
            door,
            peer,
            request,
            source,
            traversal,
            path,
            mut facts,
            verdict,
            rule,
            reason,
            opinions,
            engine,
            micros,
        } = decision;
        let Request { user, uid, groups, extra, target } = request;
        let of_class = Class { source, traversal, path }.words();
        let said = facts.iter().take(of_class.len()).map(|(key, word)| (key.as_str(), word.as_str()));
        let bare = !said.eq(of_class);
        if !bare {
            facts.drain(..of_class.len());
        }
        let brief = |it: Opinion| BriefOpinion::of(it, &rule, &reason, words);
        let opinions = opinions.into_iter().map(brief).collect();
        let (peer, engine) = (words.number(peer), words.number(engine));
        let brief = Brief { door, peer, uid, groups, extra, target, bare, facts, reason, opinions, engine, micros };
        (at, DecisionColumns { id, path, source, traversal, verdict, rule, user }, brief)
    }

    /// The decision that it was made of; nothing, if a word is not known.
    pub(super) fn decision(self, at: u64, columns: DecisionColumns, texts: &Texts) -> Option<Decision> {
        let DecisionColumns { id, path, source, traversal, verdict, rule, user } = columns;
        let Brief { door, peer, uid, groups, extra, target, bare, mut facts, reason, opinions, engine, micros } = self;
        if !bare {
            facts.splice(..0, Class { source, traversal, path }.facts());
        }
        let request = Request { user, uid, groups, extra, target };
        let opinions = opinions.into_iter().map(|it| it.opinion(&rule, &reason, texts)).collect::<Option<_>>()?;
        let (peer, engine) = (peer.text(texts)?, engine.text(texts)?);
        Some(Decision {
            id,
            at,
            door,
            peer,
            request,
            source,
            traversal,
            path,
            facts,
            verdict,
            rule,
            reason,
            opinions,
            engine,
            micros,
        })
    }

    /// The words in it.
    pub(super) fn words(&self) -> impl Iterator<Item = &Word> {
        let of_opinions = self.opinions.iter().flat_map(|it| [&it.plugin, &it.digest, &it.config]);
        [&self.peer, &self.engine].into_iter().chain(of_opinions)
    }
}

impl BriefOpinion {
    fn of(opinion: Opinion, decided: &str, because: &str, words: &Words) -> BriefOpinion {
        let Opinion { plugin, digest, config, shadow, verdict, mut rule, mut reason, notes, failure, fuel, micros } =
            opinion;
        let decisive = rule_of(&plugin, decided) == Some(rule.as_str()) && reason == because;
        if decisive {
            rule.clear();
            reason.clear();
        }
        let [plugin, digest, config] = [plugin, digest, config].map(|it| words.number(it));
        BriefOpinion { plugin, digest, config, shadow, verdict, decisive, rule, reason, notes, failure, fuel, micros }
    }

    fn opinion(self, decided: &str, because: &str, texts: &Texts) -> Option<Opinion> {
        let BriefOpinion {
            plugin,
            digest,
            config,
            shadow,
            verdict,
            decisive,
            rule,
            reason,
            notes,
            failure,
            fuel,
            micros,
        } = self;
        let plugin = plugin.text(texts)?;
        let (rule, reason) =
            if decisive { (rule_of(&plugin, decided)?.to_owned(), because.to_owned()) } else { (rule, reason) };
        let (digest, config) = (digest.text(texts)?, config.text(texts)?);
        Some(Opinion { plugin, digest, config, shadow, verdict, rule, reason, notes, failure, fuel, micros })
    }
}

/// What of `plugin/rule` is the rule, if it is this plugin's.
fn rule_of<'a>(plugin: &str, decided: &'a str) -> Option<&'a str> {
    decided.strip_prefix(plugin)?.strip_prefix('/')
}

fn webhook() -> Door {
    Door::Webhook
}

fn no_opinion() -> Verdict {
    Verdict::NoOpinion
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_webhook(door: &Door) -> bool {
    *door == webhook()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_no_opinion(verdict: &Verdict) -> bool {
    *verdict == no_opinion()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_false(value: &bool) -> bool {
    !value
}

fn is_empty(word: &Word) -> bool {
    *word == Word::default()
}
