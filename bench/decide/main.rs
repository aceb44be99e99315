//! Thread CPU time of one authorization decision: a plugin in a fresh sandbox with its limits on, Cedar on the same
//! rules and requests, and the whole judge.
//!
//! `cargo xtask bench decide`. Unix only, for the clock. What the figures are, and what they are not:
//!
//! - A plugin's row is one call as the judge makes it: a slot, a fresh instance, the request in, the answer out, metrics.
//!   Cedar's row makes entities of the request and authorizes; its policies are parsed before, as the plugin is compiled
//!   before. Plugins are given every field. "Fields read" lets Cedar leave out what the five rules do not read, which a
//!   gate that does not know its rules cannot.
//! - Cedar has five rules, all in one policy set. The plugins are those that ship: `node_to_apiserver` has 14 rules,
//!   `apiserver_to_kubelet` 3, one of them off by default, and the call asks the plugin that has the rule. A plugin goes
//!   on until a rule refuses; a request that none refuses passes all of its rules, so there the plugin does more.
//! - Plugins are told by the host whether the caller is a node; Cedar's policy finds that out by itself. The judge's rows
//!   include that classification.
//! - Each decision names another node, so that an inventory of 5,000 does not stay in the caches by being asked for one.
//!   Making the request is not timed.

mod cedar;
mod questions;

use cedar::{Cedar, Fields};
use cpu_time::ThreadTime;
use host::{
    config::{OnFailure, Role},
    inventory::Inventory,
    judge::Judge,
    paths::{self, Names},
    plugins::{Bounds, Plugins, Set, Spec, builtin},
};
use questions::{AGREED, BOTH, Question, TIMED};
use serde_json::json;
use std::{error::Error, hint::black_box, sync::Arc};
use wire::{Door, Request};

fn main() -> Result<(), Box<dyn Error>> {
    let plugins = Arc::new(load()?);
    let judge =
        |nodes| Ok::<_, Box<dyn Error>>(Way::Judge(Judge::new(plugins.clone(), None, inventory(nodes)?).into()));
    let mut rows = [
        Row::new("the clock alone", SMALL, Way::Clock),
        Row::new("plugin, fresh instance", SMALL, Way::Plugin),
        Row::new("Cedar, fields read", SMALL, Way::Cedar(Cedar::new(Fields::Read)?.into())),
        Row::new("Cedar, all fields", SMALL, Way::Cedar(Cedar::new(Fields::All)?.into())),
        Row::new("judge, 10 nodes", SMALL, judge(SMALL)?),
        Row::new("judge, 5,000 nodes", LARGE, judge(LARGE)?),
    ];
    let set = plugins.current();
    let bench = Bench { plugins: &plugins, set: &set };
    // A way that decides otherwise is not worth timing.
    rows.iter().try_for_each(|row| bench.agrees(row))?;
    for turn in 0..TURNS {
        for row in &mut rows {
            bench.measure(row, turn)?;
        }
    }
    report(&rows);
    Ok(())
}

/// A way to the name of the rule that refuses.
enum Way {
    Clock,
    Plugin,
    Cedar(Box<Cedar>),
    Judge(Box<Judge>),
}

struct Row {
    name: &'static str,
    /// How many nodes the requests are about.
    nodes: u32,
    way: Way,
    /// Nanoseconds, a list for each timed question; the last is of the one for both plugins.
    samples: [Vec<u64>; 4],
}

impl Row {
    fn new(name: &'static str, nodes: u32, way: Way) -> Row {
        Row { name, nodes, way, samples: Default::default() }
    }

    /// The rule's name as this way gives it.
    fn expected(&self, question: &Question) -> String {
        match self.way {
            Way::Clock => String::new(),
            Way::Judge(_) if !question.rule.is_empty() => format!("{}/{}", question.plugin, question.rule),
            Way::Plugin | Way::Cedar(_) | Way::Judge(_) => question.rule.to_owned(),
        }
    }
}

struct Bench<'a> {
    plugins: &'a Plugins,
    set: &'a Set,
}

impl Bench<'_> {
    fn agrees(&self, row: &Row) -> Result<(), Box<dyn Error>> {
        let one_plugin = TIMED.iter().chain(&AGREED);
        let questions = one_plugin.chain(matches!(row.way, Way::Judge(_)).then_some(&BOTH));
        for question in questions {
            let (rule, _) = self.time(row, question, 1)?;
            assert_eq!(rule, row.expected(question), "{}: {}", row.name, question.name);
        }
        Ok(())
    }

    /// Takes one chunk of each timed question.
    fn measure(&self, row: &mut Row, turn: u32) -> Result<(), Box<dyn Error>> {
        let questions = TIMED.iter().chain(matches!(row.way, Way::Judge(_)).then_some(&BOTH));
        let mut samples = std::mem::take(&mut row.samples);
        for (question, samples) in questions.zip(&mut samples) {
            let first = turn.wrapping_mul(WARM_UP + CHUNK);
            // The row before has taken the caches; without a warm-up p99 would be that of the first calls.
            for number in 0..WARM_UP {
                self.time(row, question, first.wrapping_add(number))?;
            }
            for number in WARM_UP..WARM_UP + CHUNK {
                samples.push(self.time(row, question, first.wrapping_add(number))?.1);
            }
        }
        row.samples = samples;
        Ok(())
    }

    /// The rule that refuses, and the nanoseconds of CPU that it took to say so.
    fn time(&self, row: &Row, question: &Question, number: u32) -> Result<(String, u64), Box<dyn Error>> {
        // A prime, so that all nodes have their turn, not one beside the other.
        let node = number.wrapping_mul(7_919).checked_rem(row.nodes).unwrap_or(0);
        let request = black_box((question.request)(node, row.nodes));
        let facts = paths::classify(&request, &Names::default()).facts();
        let begin = ThreadTime::now();
        let rule = black_box(self.decide(&row.way, question, &facts, request)?);
        Ok((rule, u64::try_from(begin.elapsed().as_nanos())?))
    }

    fn decide(
        &self,
        way: &Way,
        question: &Question,
        facts: &[(String, String)],
        request: Request,
    ) -> Result<String, Box<dyn Error>> {
        match way {
            Way::Clock => Ok(String::new()),
            Way::Plugin => {
                let plugin = self.set.plugin(question.plugin).ok_or("no such plugin")?;
                Ok(self.plugins.ask(plugin, NOW, facts, &request, None)?.rule)
            }
            Way::Cedar(cedar) => cedar.decide(&request),
            Way::Judge(judge) => Ok(judge.consider(self.set, Door::Webhook, NOW, request, None).rule),
        }
    }
}

/// Both plugins, with the allow-list that the Cedar policy has.
fn load() -> Result<Plugins, Box<dyn Error>> {
    let plugins = Plugins::new(None)?;
    let components = builtin();
    let configs = [
        ("node_to_apiserver", json!({})),
        ("apiserver_to_kubelet", json!({"allow": {"nodes-proxy": ["kube-apiserver-kubelet-client"]}})),
    ];
    let specs = configs.into_iter().map(|(name, config)| {
        let component = components.get(name).ok_or_else(|| format!("no built-in plugin `{name}`"))?;
        Ok::<_, Box<dyn Error>>(Spec {
            name: name.into(),
            component: (*component).into(),
            sha256: None,
            role: Role::Restrict,
            shadow: false,
            on_failure: OnFailure::Deny,
            bounds: Bounds::DECISION,
            config,
        })
    });
    let set = plugins.prepare(specs.collect::<Result<_, _>>()?).map_err(|faults| format!("{faults:?}"))?;
    plugins.activate(set);
    Ok(plugins)
}

fn inventory(nodes: u32) -> Result<Inventory, Box<dyn Error>> {
    let node = |number| {
        json!({
            "kind": "Node",
            "metadata": {"name": format!("worker-{number}"), "uid": format!("0b7c9a54-7f0d-4a35-9f5e-{number:012}")},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
        })
    };
    let list = json!({"kind": "List", "items": (0..nodes).map(node).collect::<Vec<_>>()});
    Ok(Inventory::from_list(list.to_string().as_bytes())?)
}

fn report(rows: &[Row]) {
    let [clock, plugin, small, all, few, many] = rows else { return };
    let zero = Figures::of(&clock.samples, 0);
    let figures = |row: &Row, questions: &[usize]| {
        let samples: Vec<_> = questions.iter().filter_map(|&it| row.samples.get(it)).cloned().collect();
        Figures::of(&samples, zero.p50)
    };
    println!("The clock takes {} ns, which are taken off.\n", zero.p50);
    println!("| ns of CPU a decision | min | p50 | p99 |\n| --- | ---: | ---: | ---: |");
    let groups: [(&str, &[usize]); 5] = [
        ("all three", &[0, 1, 2]),
        (TIMED[0].name, &[0]),
        (TIMED[1].name, &[1]),
        (TIMED[2].name, &[2]),
        (BOTH.name, &[3]),
    ];
    for (name, questions) in groups {
        for row in [plugin, small, all, few, many] {
            let Figures { min, p50, p99 } = figures(row, questions);
            if p99 > 0 {
                println!("| {name}: {} | {min} | {p50} | {p99} |", row.name);
            }
        }
    }
    println!("\n| p50 of | plugin / Cedar, fields read | plugin / Cedar, all fields | judge, 5,000 / 10 nodes |");
    println!("| --- | ---: | ---: | ---: |");
    for (name, questions) in groups.into_iter().take(4) {
        let p50 = |row| figures(row, questions).p50;
        let ratios = [(plugin, small), (plugin, all), (many, few)].map(|(one, other)| ratio(p50(one), p50(other)));
        println!("| {name} | {} |", ratios.join(" | "));
    }
    println!(
        "\nPromised: 0.60 in the first column for all three, a plugin's min of 12,000 ns, and 1 in the last column."
    );
}

struct Figures {
    min: u64,
    p50: u64,
    p99: u64,
}

impl Figures {
    fn of(samples: &[Vec<u64>], clock: u64) -> Figures {
        let mut all = samples.concat();
        all.sort_unstable();
        let at = |percent: usize| {
            let index = all.len().saturating_mul(percent).checked_div(100).unwrap_or(0);
            all.get(index).map_or(0, |it| it.saturating_sub(clock))
        };
        Figures { min: at(0), p50: at(50), p99: at(99) }
    }
}

/// To two places.
fn ratio(one: u64, other: u64) -> String {
    let percent = one.saturating_mul(100).checked_div(other).unwrap_or(0);
    format!("{}.{:02}", percent / 100, percent % 100)
}

/// Rows take turns, so a noisy neighbour hits all alike.
const TURNS: u32 = 60;
/// Decisions of each question in one turn.
const CHUNK: u32 = 100;
const WARM_UP: u32 = 20;
const SMALL: u32 = 10;
const LARGE: u32 = 5_000;
/// When all of it is decided, in milliseconds since 1970.
const NOW: u64 = 1_800_000_000_000;
