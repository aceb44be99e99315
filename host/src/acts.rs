//! What the gate did in the last quarter of an hour: how much, how fast, whom it refused. Counted from the journal, in
//! minutes, so that the size does not depend on the traffic. Pure: the caller says what time it is.

mod refusals;
mod window;

use std::collections::BTreeMap;
use window::Window;
use wire::{Acts as Counted, Change, Decision, Failure, FailureCount, LaneId, Minute, PluginActs, Verdict};

use refusals::Refusals;
pub use refusals::short;

/// Counts of everything, by lane, plugin and rule.
#[derive(Debug, Default)]
pub struct Acts {
    all: Window,
    lanes: BTreeMap<LaneId, Lane>,
    plugins: BTreeMap<String, Window>,
    rules: BTreeMap<(String, String), Window>,
    refusals: Refusals,
}

#[derive(Debug, Default)]
struct Lane {
    window: Window,
    /// The rule of the last refusal.
    rule: String,
    /// When the refusals before that one were by another rule, or 0.
    other: u64,
}

impl Acts {
    /// Counts a decision.
    pub fn apply(&mut self, decision: &Decision) {
        let at = decision.at;
        let refused = decision.verdict == Verdict::Deny;
        let would = decision.would_refuse();
        let failed = decision.opinions.iter().filter(|it| it.failure.is_some()).count();
        let count = |window: &mut Window| {
            let minute = window.minute(at);
            minute.decisions += 1;
            minute.refused += u64::from(refused);
            minute.would += u64::from(would);
            minute.failed += u64::try_from(failed).unwrap_or(u64::MAX);
            minute.micros.add(decision.micros);
        };
        count(&mut self.all);
        self.all.second(at);
        if let Some(lane) = decision.lane() {
            let lane = self.lanes.entry(lane).or_default();
            count(&mut lane.window);
            lane.window.second(at);
            lane.note(decision);
        }
        for opinion in &decision.opinions {
            self.opinion(at, opinion);
        }
        if refused || would {
            self.refusals.apply(decision);
        }
    }

    /// Counts what the journal lost.
    pub fn lost(&mut self, at: u64, count: u64) {
        self.all.minute(at).lost += count;
    }

    /// All of it.
    pub fn total(&self, now: u64) -> Counted {
        self.all.counted(now)
    }

    /// What went over a lane, and the rule that lets nothing through, if one does.
    pub fn lane(&self, lane: LaneId, now: u64) -> (Counted, String) {
        let Some(lane) = self.lanes.get(&lane) else { return (Counted::default(), String::new()) };
        let counted = lane.window.counted(now);
        let shut = counted.decisions > 0 && counted.decisions == counted.refused && window::is_past(lane.other, now);
        let by = if shut { lane.rule.clone() } else { String::new() };
        (counted, by)
    }

    /// What a plugin did.
    pub fn plugin(&self, name: &str, now: u64) -> PluginActs {
        self.plugins.get(name).map_or_else(PluginActs::default, |window| window.plugin(now))
    }

    /// Refusals by a rule, and what it would have refused.
    pub fn rule(&self, plugin: &str, rule: &str, now: u64) -> (u64, u64) {
        let window = self.rules.get(&(plugin.to_owned(), rule.to_owned()));
        window.map_or((0, 0), |window| {
            let counted = window.counted(now);
            (counted.refused, counted.would_refuse)
        })
    }

    /// Refusals a minute, oldest first.
    pub fn minutes(&self, now: u64) -> Vec<Minute> {
        self.all.minutes(now)
    }

    /// Who began to be refused, newest first.
    pub fn changes(&self, now: u64) -> Vec<Change> {
        self.refusals.changes(now)
    }

    fn opinion(&mut self, at: u64, opinion: &wire::Opinion) {
        let window = entry(&mut self.plugins, opinion.plugin.as_str(), MAX_PLUGINS);
        let Some(window) = window else { return };
        let refuses = opinion.verdict == Verdict::Deny;
        let minute = window.minute(at);
        minute.decisions += 1;
        minute.refused += u64::from(refuses && !opinion.shadow);
        minute.would += u64::from(refuses && opinion.shadow || opinion.shadowed().next().is_some());
        minute.micros.add(opinion.micros);
        match opinion.failure {
            Some(kind) => minute.fail(kind),
            None => minute.fuel.add(opinion.fuel),
        }
        if refuses && opinion.failure.is_none() {
            self.rule_counts(at, &opinion.plugin, &opinion.rule, !opinion.shadow);
        }
        for (rule, _) in opinion.shadowed() {
            self.rule_counts(at, &opinion.plugin, rule, false);
        }
    }

    fn rule_counts(&mut self, at: u64, plugin: &str, rule: &str, counts: bool) {
        let key = (plugin.to_owned(), rule.to_owned());
        if self.rules.len() >= MAX_RULES && !self.rules.contains_key(&key) {
            return;
        }
        let minute = self.rules.entry(key).or_default().minute(at);
        minute.decisions += 1;
        minute.refused += u64::from(counts);
        minute.would += u64::from(!counts);
    }
}

impl Lane {
    fn note(&mut self, decision: &Decision) {
        if decision.verdict != Verdict::Deny || decision.rule == self.rule {
            return;
        }
        if !self.rule.is_empty() {
            self.other = decision.at;
        }
        self.rule.clone_from(&decision.rule);
    }
}

/// The window under a name, unless there are too many names.
fn entry<'a>(windows: &'a mut BTreeMap<String, Window>, name: &str, most: usize) -> Option<&'a mut Window> {
    if !windows.contains_key(name) {
        if windows.len() >= most {
            return None;
        }
        windows.insert(name.to_owned(), Window::default());
    }
    windows.get_mut(name)
}

fn kinds(counts: &[(Failure, u64)]) -> Vec<FailureCount> {
    counts.iter().map(|(kind, count)| FailureCount { kind: *kind, count: *count }).collect()
}

/// A configuration holds 64 plugins; those that were swapped stay for a while.
const MAX_PLUGINS: usize = 256;
/// A plugin says its rules' names; a bad one could invent them.
const MAX_RULES: usize = 4_096;

#[cfg(test)]
mod tests;
