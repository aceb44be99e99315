//! The script: each scene is played, judged against what is expected of it, and captioned.

use super::{
    attacks::{ATTACKS, Attack, Try},
    gate::Change,
    score::{Line, Score},
    stage::{Said, Stage, ask},
};
use crate::judge;
use serde_json::json;
use wire::{AttackCard, Caption, Failure, Verdict};
use world::{Apiserver, Caller, Deed, Traffic, alice};

/// A scene that can be played by itself.
#[derive(Clone, Copy)]
pub(super) enum Scene {
    Attack(&'static Attack),
    Twin(&'static Attack),
    Swap,
    Loop,
}

/// The scenes in their order.
pub(super) fn scenes() -> impl Iterator<Item = Scene> + Clone {
    let attacks = ATTACKS.iter().flat_map(|it| [Scene::Attack(it), Scene::Twin(it)]);
    attacks.chain([Scene::Swap, Scene::Loop])
}

/// The scenes that have this id.
pub(super) fn by_id(id: &str) -> Vec<Scene> {
    let is_it = |scene: &Scene| match scene {
        Scene::Attack(it) | Scene::Twin(it) => it.id == id,
        Scene::Swap => id == SWAP,
        Scene::Loop => id == LOOP,
    };
    scenes().filter(is_it).collect()
}

/// What can be replayed.
pub(super) fn cards() -> Vec<AttackCard> {
    let attacks = ATTACKS.iter().map(|it| (it.id, it.title, it.source));
    let own = [
        (SWAP, "Swap a plugin while it decides", "this program"),
        (LOOP, "Let a plugin think for ever", "this program"),
    ];
    let card = |(id, title, source): (&str, &str, &str)| AttackCard {
        id: id.to_owned(),
        title: title.to_owned(),
        source: source.to_owned(),
    };
    attacks.chain(own).map(card).collect()
}

/// Everything once.
pub(super) async fn once(stage: &mut Stage) -> Score {
    let mut lines = traffic(&stage.apiserver, stage.world.traffic()).await;
    for scene in scenes() {
        lines.extend(play(stage, scene).await);
    }
    Score(lines)
}

/// Plays a scene, and shows each caption as soon as it is known.
pub(super) async fn play(stage: &mut Stage, scene: Scene) -> Vec<Line> {
    match scene {
        Scene::Attack(it) => {
            let said = perform(stage, &it.attack).await;
            vec![show(stage, it.id, it.title, &it.attack, false, said, Expected::Refused(it.rule))]
        }
        Scene::Twin(it) => {
            let said = perform(stage, &it.twin).await;
            vec![show(stage, it.id, it.title, &it.twin, true, said, Expected::Passes)]
        }
        Scene::Swap => swap(stage).await,
        Scene::Loop => endless(stage).await,
    }
}

/// Each way once at least; nothing of it may be refused.
async fn traffic(apiserver: &Apiserver, traffic: Traffic) -> Vec<Line> {
    let round = traffic.round();
    let mut lines: Vec<Line> = Vec::new();
    for scene in traffic.take(round + MORE) {
        let said = ask(apiserver, &scene.reviews).await;
        let id = format!("traffic/{}", scene.lane);
        let at = lines.iter().position(|line| line.scene == id).unwrap_or_else(|| {
            lines.push(Line {
                scene: id,
                title: "Normal traffic".into(),
                twin: false,
                expected: Verdict::NoOpinion,
                verdict: Verdict::NoOpinion,
                rule: String::new(),
                micros: 0,
                passed: true,
                here: "Nothing was refused.".into(),
            });
            lines.len() - 1
        });
        let Some(line) = lines.get_mut(at) else { continue };
        match said {
            Ok(said) => {
                line.micros = line.micros.max(said.micros);
                if said.verdict != Verdict::NoOpinion && line.passed {
                    let here = format!("Refused: {}", said.reason);
                    (line.passed, line.verdict, line.rule, line.here) = (false, said.verdict, said.rule, here);
                }
            }
            Err(error) => (line.passed, line.here) = (false, format!("No answer: {error}")),
        }
    }
    lines
}

/// A rule is switched on while the gate decides; the next decision is another one, and afterwards everything is as before.
async fn swap(stage: &mut Stage) -> Vec<Line> {
    let shell = |verb| [(alice(), Deed::core(verb, "pods/exec").within("shop").named("web"))];
    let title = "Swap a plugin while it decides";
    let before = config_of(stage, &shell("get")).await;
    let change = Change::Config { plugin: KUBELET, config: json!({"rules": {"streams-by-get": "on"}}) };
    let changed = stage.change(Some(&change)).await;
    let is_changed = changed.is_ok();
    let after = match (before, changed) {
        (Ok((_, before)), Ok(())) => config_of(stage, &shell("get")).await.map(|(said, after)| {
            let reason = format!("{} (its config was {before}, and is {after})", said.reason);
            Said { reason, ..said }
        }),
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    let on = by_alice("Switch the rule `streams-by-get` on in the configuration, then open a shell by `get`.");
    let refused = Expected::Refused("apiserver_to_kubelet/streams-by-get");
    let mut lines = vec![show(stage, SWAP, title, &on, false, after, refused)];
    if !is_changed {
        return lines;
    }
    let said = stage.ask(&shell("create")).await;
    lines.push(show(stage, SWAP, title, &by_alice("Open a shell by `create`."), true, said, Expected::Passes));
    let said = restored(stage, &shell("get")).await;
    let off = by_alice("Take the change back, then open a shell by `get`.");
    lines.push(show(stage, SWAP, title, &off, true, said, Expected::Passes));
    lines
}

/// A plugin that never answers is stopped by its fuel, and the others go on.
async fn endless(stage: &mut Stage) -> Vec<Line> {
    let log = [(alice(), Deed::core("get", "pods/log").within("shop").named("web"))];
    let title = "Let a plugin think for ever";
    let changed = stage.change(Some(&Change::Loop)).await;
    let is_changed = changed.is_ok();
    let said = match changed {
        Ok(()) => contained(stage, &log).await,
        Err(error) => Err(error),
    };
    let add = Try {
        tried: "Add a plugin that loops, whose failure means no opinion; then read a log.",
        by: "whoever wrote the plugin",
        without: "A webhook that hangs holds up every request until its timeout.",
        asks: |_| None,
    };
    let mut lines = vec![show(stage, LOOP, title, &add, false, said, Expected::Passes)];
    if !is_changed {
        return lines;
    }
    if let Some(other) = ATTACKS.iter().find(|it| it.id == "s11") {
        let said = perform(stage, &other.attack).await;
        let beside = Try { tried: "While it loops: an attack on the same path.", ..other.attack };
        lines.push(show(stage, LOOP, title, &beside, false, said, Expected::Refused(other.rule)));
    }
    let said = restored(stage, &log).await;
    let out = by_alice("Take it out again, then read a log.");
    lines.push(show(stage, LOOP, title, &out, true, said, Expected::Passes));
    lines
}

/// What was said although a plugin loops, and how that one ended.
async fn contained(stage: &Stage, questions: &[(Caller, Deed)]) -> Result<Said, String> {
    let said = stage.ask(questions).await?;
    let decision = stage.decision(&said.decision).await?;
    let looped = decision.opinions.iter().find(|it| it.plugin == LOOPING);
    match looped.and_then(|it| Some((it.failure?, it.micros))) {
        Some((Failure::Fuel, micros)) => {
            let reason = format!("the plugin ran out of fuel after {micros} µs, and the rest decided");
            Ok(Said { reason, ..said })
        }
        Some((other, _)) => Err(format!("the plugin was stopped by `{other}`, not by its fuel")),
        None => Err("the plugin was not asked".into()),
    }
}

/// What is said once everything is as it was.
async fn restored(stage: &Stage, questions: &[(Caller, Deed)]) -> Result<Said, String> {
    stage.change(None).await?;
    stage.ask(questions).await
}

/// What was said, and the first digits of the config by which the plugin of kubelets said it.
async fn config_of(stage: &Stage, questions: &[(Caller, Deed)]) -> Result<(Said, String), String> {
    let said = stage.ask(questions).await?;
    let decision = stage.decision(&said.decision).await?;
    let of = decision.opinions.iter().find(|it| it.plugin == KUBELET).ok_or("the plugin of kubelets was not asked")?;
    Ok((said, of.config.chars().take(8).collect()))
}

async fn perform(stage: &Stage, what: &Try) -> Result<Said, String> {
    let questions = (what.asks)(stage.world.cast()).ok_or("this world lacks a part of the scene")?;
    stage.ask(&questions).await
}

/// Something that no table holds, because more than questions belongs to it.
fn by_alice(tried: &'static str) -> Try {
    Try { tried, by: "alice", without: "An authorizer is changed by a restart of kube-apiserver.", asks: |_| None }
}

/// What must come of a scene.
#[derive(Clone, Copy)]
enum Expected {
    /// By a rule that begins so.
    Refused(&'static str),
    Passes,
}

/// Judges a scene, captions it, and counts it.
fn show(
    stage: &Stage,
    id: &str,
    title: &str,
    what: &Try,
    twin: bool,
    said: Result<Said, String>,
    expected: Expected,
) -> Line {
    let (wanted, is_expected) = judged(expected, said.as_ref().ok());
    let (here, said) = match said {
        Ok(said) => (here(&said), said),
        Err(error) => (format!("No answer: {error}"), Said::nothing()),
    };
    let caption = Caption {
        at: judge::now(),
        attack: id.to_owned(),
        title: title.to_owned(),
        tried: what.tried.to_owned(),
        by: what.by.to_owned(),
        without: what.without.to_owned(),
        here,
        twin,
        verdict: said.verdict,
        rule: said.rule,
        decision: said.decision,
        micros: said.micros,
        expected: is_expected,
    };
    let line = Line::of(&caption, wanted);
    stage.state.send_modify(|demo| {
        let count = if is_expected { &mut demo.passed } else { &mut demo.failed };
        *count = count.saturating_add(1);
        demo.caption = Some(caption);
    });
    line
}

/// The verdict that was wanted, and whether it came. No answer is never what was wanted.
fn judged(expected: Expected, said: Option<&Said>) -> (Verdict, bool) {
    match expected {
        Expected::Refused(rule) => {
            (Verdict::Deny, said.is_some_and(|it| it.verdict == Verdict::Deny && it.rule.starts_with(rule)))
        }
        Expected::Passes => (Verdict::NoOpinion, said.is_some_and(|it| it.verdict == Verdict::NoOpinion)),
    }
}

fn here(said: &Said) -> String {
    match said.verdict {
        Verdict::Deny => format!("Refused: {}.", said.reason),
        Verdict::NoOpinion if said.reason == "no opinion" => "No opinion: Node and RBAC decide.".to_owned(),
        Verdict::NoOpinion => format!("No opinion: {}.", said.reason),
        Verdict::Allow => format!("Allowed: {}.", said.reason),
    }
}

const SWAP: &str = "swap";
const LOOP: &str = "loop";
const LOOPING: &str = "thinks_for_ever";
const KUBELET: &str = "apiserver_to_kubelet";
/// After each way was taken once: enough for every way to be taken again.
const MORE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(verdict: Verdict, rule: &str) -> Said {
        Said { verdict, rule: rule.to_owned(), ..Said::nothing() }
    }

    #[test]
    fn an_attack_counts_as_refused_only_by_its_own_rule() {
        let refused = Expected::Refused("p/r");
        let outcomes = [
            judged(refused, Some(&said(Verdict::Deny, "p/r"))),
            judged(refused, Some(&said(Verdict::Deny, "p/failure-trap"))),
            judged(refused, Some(&said(Verdict::NoOpinion, ""))),
            judged(refused, None),
        ];
        assert_eq!(outcomes, [true, false, false, false].map(|it| (Verdict::Deny, it)));
    }

    #[test]
    fn a_twin_passes_only_if_the_gate_has_no_opinion() {
        let outcomes = [
            judged(Expected::Passes, Some(&said(Verdict::NoOpinion, ""))),
            judged(Expected::Passes, Some(&said(Verdict::Deny, "p/r"))),
            judged(Expected::Passes, Some(&said(Verdict::Allow, "p/r"))),
            judged(Expected::Passes, None),
        ];
        assert_eq!(outcomes, [true, false, false, false].map(|it| (Verdict::NoOpinion, it)));
    }

    #[test]
    fn every_card_can_be_replayed() {
        let played: Vec<_> = cards().iter().map(|card| by_id(&card.id).len()).collect();
        assert_eq!(played.iter().sum::<usize>(), scenes().count());
        assert!(played.iter().all(|scenes| *scenes > 0));
    }
}
