//! A policy, loaded once and asked often.

use super::{
    Cache, LoadError, Sandbox, Spec,
    asks::Asks,
    bindings::{WitAnswer, WitInfo, WitVerdict},
    breaker::Breaker,
    cases,
    component::Code,
    digest,
    limits::{Bounds, Failed},
    metrics::PluginMetrics,
    snapshot::Instrumented,
};
use crate::{
    config::{OnFailure, Role},
    json::canonical,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use wire::{Failure, LaneId, PluginActs, PluginInfo, PluginLimits, Request, RuleText, Source, Traversal, Verdict};

/// A component after `init(config)`. Every decision starts from this state, in an instance of its own: no request sees
/// what another left behind, and the same request gives the same answer for the same fuel.
pub struct Plugin {
    /// As the configuration calls it.
    pub name: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// SHA-256 of the config as canonical JSON, in hex.
    pub config_digest: String,
    pub info: Info,
    pub role: Role,
    pub shadow: bool,
    pub on_failure: OnFailure,
    pub bounds: Bounds,
    pub(super) spec: Arc<Spec>,
    asks: Asks,
    pub(super) code: Code,
    breaker: Breaker,
    /// Whether it rests after failing too often.
    pub(super) rests: bool,
    pub(super) metrics: PluginMetrics,
}

/// What a plugin says of itself.
#[derive(Clone, Debug)]
pub struct Info {
    pub name: String,
    pub version: String,
    pub asks: Vec<String>,
    pub schema: Value,
    pub rules: Vec<Rule>,
    /// The interfaces that it exports.
    pub exports: Vec<&'static str>,
}

/// One rule, for documentation and statistics.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub summary: String,
    pub advice: String,
    pub source: String,
    /// `on`, `shadow` or `off` when the config does not say; empty if the plugin does not tell.
    pub default: String,
    /// Whom it leaves alone when the config does not say.
    pub allow: Vec<String>,
    /// What it is about: `authorize`, or the name of another interface.
    pub interface: String,
}

/// An answer, cut to what the host keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub verdict: Verdict,
    pub rule: String,
    pub reason: String,
    pub notes: Vec<String>,
    /// Units burnt.
    pub fuel: u64,
}

impl Plugin {
    /// Describes, checks the config against the schema, runs the plugin's own cases, calls `init`, snapshots, compiles.
    /// With a warm cache only the first and the last are left.
    pub(super) fn load(sandbox: &Sandbox, cache: Option<&Cache>, spec: Arc<Spec>) -> Result<Plugin, LoadError> {
        if spec.component.len() > MAX_COMPONENT {
            return Err(LoadError::Size(spec.component.len()));
        }
        let component_digest = digest(&spec.component);
        if let Some(pinned) = &spec.sha256
            && *pinned != component_digest
        {
            return Err(LoadError::Digest { pinned: pinned.clone(), found: component_digest });
        }
        let config = canonical(&spec.config).to_string();
        let config_digest = digest(config.as_bytes());
        let key = Cache::key(sandbox, &component_digest, &config_digest);
        let (code, info) = compile(sandbox, cache, &key, &spec, &config)?;
        let asks = Asks::parse(&info.asks)?;
        // What `init` left must fit into what a decision may have, or every decision would fail.
        code.start(&spec.bounds).map_err(LoadError::Start)?;
        Ok(Plugin {
            name: spec.name.clone(),
            digest: component_digest,
            config_digest,
            info,
            role: spec.role,
            shadow: spec.shadow,
            on_failure: spec.on_failure,
            bounds: spec.bounds,
            asks,
            code,
            breaker: Breaker::default(),
            rests: true,
            metrics: PluginMetrics::default(),
            spec,
        })
    }

    /// Whether a request of this class is for this plugin.
    pub fn is_asked(&self, source: Source, traversal: Traversal) -> bool {
        self.code.can_authorize() && self.asks.covers(source, traversal)
    }

    /// Whether it is asked about what moves on a lane of the map.
    pub fn judges(&self, lane: LaneId) -> bool {
        use {Source as S, Traversal as T};
        let classes: &[(S, T)] = match lane {
            LaneId::People => &[(S::User, T::Plain)],
            LaneId::Anonymous => &[(S::Anonymous, T::Plain)],
            LaneId::Components => &[(S::ControlPlane, T::Plain), (S::Controller, T::Plain)],
            LaneId::Nodes => &[(S::Node, T::Plain)],
            LaneId::Pods => &[(S::Pod, T::Plain), (S::UnboundServiceAccount, T::Plain)],
            LaneId::Bootstrap => &[(S::Bootstrap, T::CredentialMinting)],
            LaneId::Kubelet => &[(S::ControlPlane, T::Kubelet), (S::User, T::Stream), (S::User, T::Log)],
            LaneId::NodeProxy => &[(S::User, T::NodeProxy)],
            LaneId::PodProxy | LaneId::ServiceProxy => &[(S::User, T::EndpointProxy)],
            // No review shows it, or nobody judges it.
            LaneId::Agents | LaneId::Direct => &[],
        };
        classes.iter().any(|(source, traversal)| self.is_asked(*source, *traversal))
    }

    /// The interfaces that it imports.
    pub fn imports(&self) -> Vec<String> {
        self.code.imports()
    }

    /// What the dashboard tells of it; counts are left out.
    pub fn told(&self) -> PluginInfo {
        let rule = |it: &Rule| RuleText {
            id: it.id.clone(),
            summary: it.summary.clone(),
            advice: it.advice.clone(),
            source: it.source.clone(),
            refused: 0,
            would_refuse: 0,
        };
        PluginInfo {
            name: self.name.clone(),
            version: self.info.version.clone(),
            digest: self.digest.clone(),
            config: self.config_digest.clone(),
            role: match self.role {
                Role::Restrict => "restrict",
                Role::Grant => "grant",
            }
            .into(),
            shadow: self.shadow,
            on_failure: match self.on_failure {
                OnFailure::Deny => "deny",
                OnFailure::NoOpinion => "no-opinion",
            }
            .into(),
            resting: self.is_quarantined(),
            exports: self.info.exports.iter().map(|it| (*it).to_owned()).collect(),
            imports: self.imports(),
            asks: self.info.asks.clone(),
            limits: PluginLimits {
                fuel: self.bounds.fuel,
                deadline_micros: u64::try_from(self.bounds.deadline.as_micros()).unwrap_or(u64::MAX),
                memory: u64::try_from(self.bounds.memory).unwrap_or(u64::MAX),
            },
            rules: self.info.rules.iter().map(rule).collect(),
            acts: PluginActs::default(),
        }
    }

    /// Asks, in a fresh instance. `now` is the time of the decision in milliseconds since 1970; `left` what the caller
    /// can still wait.
    pub fn decide(
        &self,
        now: u64,
        facts: &[(String, String)],
        request: &Request,
        left: Option<Duration>,
    ) -> Result<Answer, Failed> {
        if self.rests && !self.breaker.admits(now) {
            return Err(Failed::new(Failure::Quarantined, "it failed too often"));
        }
        let patience = left.map_or(self.bounds.patience, |left| left.min(self.bounds.patience));
        let bounds = Bounds { patience, ..self.bounds };
        let answer = self.run(&bounds, now / 1_000, facts, request);
        match &answer {
            Ok(_) => self.breaker.succeeded(),
            // Not its fault.
            Err(Failed { kind: Failure::Busy, .. }) => {}
            Err(_) if self.rests && self.breaker.failed(now) => {
                tracing::warn!(plugin = self.name, "plugin fails again and again: not asked for 30 s");
            }
            Err(_) => {}
        }
        answer
    }

    /// The component, as it is kept for explanations.
    pub fn component(&self) -> &[u8] {
        &self.spec.component
    }

    /// The config as canonical JSON, as it is kept for explanations.
    pub fn config(&self) -> String {
        canonical(&self.spec.config).to_string()
    }

    /// Whether it is not asked at present because it failed too often.
    pub fn is_quarantined(&self) -> bool {
        self.breaker.is_open()
    }

    fn run(&self, bounds: &Bounds, now: u64, facts: &[(String, String)], request: &Request) -> Result<Answer, Failed> {
        let mut instance = self.code.start(bounds)?;
        let answer = instance.decide(now, facts, request)?;
        self.admit(answer, bounds.fuel.saturating_sub(instance.fuel_left()))
    }

    /// What counts of an answer that took this much fuel.
    pub(super) fn admit(&self, answer: WitAnswer, fuel: u64) -> Result<Answer, Failed> {
        let verdict = match (answer.verdict, self.role) {
            (WitVerdict::NoOpinion, Role::Restrict | Role::Grant) => Verdict::NoOpinion,
            (WitVerdict::Deny, Role::Restrict) => Verdict::Deny,
            (WitVerdict::Allow, Role::Grant) => Verdict::Allow,
            (WitVerdict::Allow, Role::Restrict) => {
                return Err(Failed::new(Failure::Role, "it allowed, and its role is `restrict`"));
            }
            (WitVerdict::Deny, Role::Grant) => {
                return Err(Failed::new(Failure::Role, "it denied, and its role is `grant`"));
            }
        };
        Ok(Answer {
            verdict,
            rule: cut(answer.rule, 64),
            reason: cut(answer.reason, 512),
            notes: answer.notes.into_iter().take(8).map(|note| cut(note, 256)).collect(),
            fuel,
        })
    }
}

/// The plugin, and what it says of itself; from the cache if it is there.
fn compile(
    sandbox: &Sandbox,
    cache: Option<&Cache>,
    key: &str,
    spec: &Spec,
    config: &str,
) -> Result<(Code, Info), LoadError> {
    let code = Code::cached(sandbox, cache, key, || {
        let snapshot = prepare(sandbox, spec, config)?;
        match encode::direct(&spec.component, &snapshot) {
            Ok(direct) => Code::compile(sandbox, &direct.unwrap_or(snapshot)),
            Err(error) => {
                tracing::warn!(plugin = spec.name, %error, "a plugin runs as it is wired, which takes longer");
                Code::compile(sandbox, &snapshot)
            }
        }
    })?;
    let info = describe(&code)?;
    // The pages that this wrote would be written back after each decision. They go with the code that wrote them.
    let code = Code::kept(sandbox, cache, key).unwrap_or_else(|| code.again(sandbox))?;
    Ok((code, info))
}

/// What happens once for a component and a config: everything that could be wrong is found here. Answers the snapshot.
fn prepare(sandbox: &Sandbox, spec: &Spec, config: &str) -> Result<Vec<u8>, LoadError> {
    let instrumented = Instrumented::new(sandbox, &spec.component)?;
    let info = describe(&instrumented.code)?;
    check(&info.schema, &spec.config)?;
    cases::run(&instrumented.code, &Asks::parse(&info.asks)?, &cases::embedded(&spec.component)?)?;
    instrumented.initialise(config)
}

/// Runs the cases that a component carries, and these besides.
pub(super) fn run_cases(
    sandbox: &Sandbox,
    component: &[u8],
    more: Vec<cases::Case>,
) -> Result<Vec<cases::Outcome>, LoadError> {
    let code = Code::compile(sandbox, component)?;
    let asks = Asks::parse(&describe(&code)?.asks)?;
    let cases = cases::embedded(component)?.into_iter().chain(more);
    Ok(cases.map(|case| cases::judge(&code, &asks, &case)).collect())
}

pub(super) fn describe(code: &Code) -> Result<Info, LoadError> {
    let mut instance = code.start(&Bounds::INIT).map_err(LoadError::Start)?;
    let WitInfo { name, version, asks, config_schema, rules, .. } = instance.describe().map_err(LoadError::Describe)?;
    let schema = serde_json::from_str(&config_schema).map_err(|error| LoadError::Schema(error.to_string()))?;
    let rules = rules.into_iter().map(rule).collect();
    Ok(Info { name, version, asks, schema, rules, exports: code.interfaces() })
}

fn rule(it: super::bindings::WitRule) -> Rule {
    let (mut default, mut allow, mut interface) = (String::new(), Vec::new(), "authorize".to_owned());
    for attribute in it.attributes {
        match attribute.key.as_str() {
            "pathgate.io/default" => default = attribute.value,
            "pathgate.io/allow" => allow.push(attribute.value),
            "pathgate.io/interface" => interface = attribute.value,
            // Growth of the contract: a reader ignores what it does not know.
            _ => {}
        }
    }
    Rule { id: it.id, summary: it.summary, advice: it.advice, source: it.source, default, allow, interface }
}

/// Checks a config against the plugin's schema: all faults, each with its place.
pub(super) fn check(schema: &Value, config: &Value) -> Result<(), LoadError> {
    let schema = jsonschema::validator_for(schema).map_err(|error| LoadError::Schema(error.to_string()))?;
    let fault = |error: jsonschema::ValidationError<'_>| (error.instance_path().to_string(), error.to_string());
    let faults: Vec<_> = schema.iter_errors(config).map(fault).take(MAX_FAULTS).collect();
    if faults.is_empty() { Ok(()) } else { Err(LoadError::Config(faults)) }
}

/// Text that goes to users and logs: bounded, and in one line.
pub(super) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    if text.chars().any(char::is_control) {
        text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    text
}

/// Four times the largest of ours; compiling more would take seconds.
const MAX_COMPONENT: usize = 4 << 20;
const MAX_FAULTS: usize = 32;
