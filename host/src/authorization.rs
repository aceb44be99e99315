//! kube-apiserver's AuthorizationConfiguration: whether one that is to lead to the gate does.
//!
//! Pure: it reads text, and names for each finding its rule, its line and where the rule comes from. It refuses to guess:
//! matchConditions that are not those of the plugins' questions are a finding, because nothing shows what they skip.

mod conditions;
mod kubeconfig;
mod rules;
mod shape;

pub use conditions::{Conditions, conditions};
pub use kubeconfig::reached;
pub use rules::{Finding, MASTERS, NO_WEBHOOK, RULES, Rule, Severity, WRONG};
pub use shape::{FailurePolicy, Lead};

use crate::config::{
    Fault,
    raw::{self, Faults, Node},
};
use shape::{Authorizer, Kind, Webhook};
use std::{collections::HashSet, time::Duration};

/// What a configuration is held against.
#[derive(Clone, Debug)]
pub struct Expected {
    /// How soon a credential that is revoked must be refused.
    pub revoked_within: Duration,
    /// What may be skipped; none if nobody asked the plugins.
    pub conditions: Option<Conditions>,
}

/// What was found, and where each webhook leads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub leads: Vec<Lead>,
}

/// An AuthorizationConfiguration that was read and not judged yet.
pub struct Document {
    node: Node,
    origin: String,
}

/// Reads one; nothing if the text is of another kind.
pub fn read(text: &str, origin: &str) -> Result<Option<Document>, Fault> {
    match raw::read(text, origin) {
        Ok(node) if shape::is_one(&node) => Ok(Some(Document { node, origin: origin.to_owned() })),
        Ok(_) => Ok(None),
        Err(fault) if text.contains(shape::KIND) => Err(fault),
        Err(_) => Ok(None),
    }
}

impl Document {
    /// Whether it skips requests: then [`Expected::conditions`] are needed.
    pub fn skips(&self) -> bool {
        let read = shape::read(&self.node, &mut Faults::new(&self.origin));
        read.authorizers.iter().filter_map(|it| it.webhook.as_ref()).any(|it| !it.conditions.is_empty())
    }

    /// How long kube-apiserver keeps an answer that allowed nothing, at most; nothing if it asks no webhook. A gate of
    /// `restrict` plugins gives no others.
    pub fn unauthorized_kept(&self) -> Option<Duration> {
        let read = shape::read(&self.node, &mut Faults::new(&self.origin));
        let webhooks = read.authorizers.iter().filter_map(|it| it.webhook.as_ref());
        webhooks.map(|webhook| webhook.ttls[1].value()).max()
    }

    /// Everything that is wrong with it, in the order of its lines.
    pub fn check(&self, expected: &Expected) -> Report {
        let mut faults = Faults::new(&self.origin);
        let read = shape::read(&self.node, &mut faults);
        let mut found = Found { origin: &self.origin, list: Vec::new() };
        for fault in faults.into_sorted() {
            let key = if fault.key.is_empty() { String::new() } else { format!("`{}` ", fault.key) };
            found.add(&rules::INVALID, fault.line, format!("kube-apiserver refuses it: {key}{}", fault.message));
        }
        version(&read.version, &mut found);
        names(&read.authorizers, &mut found);
        order(&read.authorizers, &mut found);
        let mut leads = Vec::new();
        for webhook in read.authorizers.iter().filter_map(|it| it.webhook.as_ref()) {
            times(webhook, expected, &mut found);
            skipped(webhook, expected, &mut found);
            if webhook.review_version.as_ref().is_some_and(|(version, _)| version == "v1beta1") {
                let line = webhook.review_version.as_ref().map_or(webhook.line, |(_, line)| *line);
                found.add(&rules::REVIEW_VERSION, line, "SubjectAccessReview v1beta1 is deprecated; write `v1`".into());
            }
            leads.extend(webhook.lead.clone());
        }
        found.list.sort_by_key(|it| it.line);
        Report { findings: found.list, leads }
    }
}

struct Found<'a> {
    origin: &'a str,
    list: Vec<Finding>,
}

impl Found<'_> {
    fn add(&mut self, rule: &'static Rule, line: u64, message: String) {
        self.list.push(Finding { rule, file: self.origin.to_owned(), line, message });
    }
}

fn version(version: &Option<(String, u64)>, found: &mut Found<'_>) {
    let Some((version, line)) = version else { return };
    match version.rsplit('/').next() {
        Some("v1beta1") => found.add(
            &rules::API_VERSION,
            *line,
            "v1beta1 is deprecated since Kubernetes 1.32; write `apiserver.config.k8s.io/v1` unless it is older".into(),
        ),
        Some("v1alpha1") => found.add(
            &rules::API_VERSION,
            *line,
            "v1alpha1 was for trials of Kubernetes 1.29; write `apiserver.config.k8s.io/v1`".into(),
        ),
        Some(_) | None => {}
    }
}

fn names(all: &[Authorizer], found: &mut Found<'_>) {
    let (mut names, mut kinds) = (HashSet::new(), HashSet::new());
    for it in all {
        if !it.name.is_empty() && !names.insert(&it.name) {
            let message = format!("a second authorizer is called `{}`: kube-apiserver refuses the file", it.name);
            found.add(&rules::DUPLICATE, it.line, message);
        }
        if it.kind != Kind::Webhook && !kinds.insert(it.kind) {
            let message = format!("a second authorizer is of type {}: kube-apiserver refuses the file", it.kind.word());
            found.add(&rules::DUPLICATE, it.line, message);
        }
    }
}

/// An authorizer that allows ends the chain, so whoever stands behind it is not asked.
fn order(all: &[Authorizer], found: &mut Found<'_>) {
    let mut before: Vec<&Authorizer> = Vec::new();
    for it in all {
        match it.kind {
            Kind::Webhook => {
                if let Some(first) = before.first() {
                    let message = format!(
                        "`{}` stands behind {}, and is not asked about what that decides; move it to the front",
                        it.name,
                        first.kind.word()
                    );
                    found.add(&rules::ORDER, it.line, message);
                }
            }
            Kind::AlwaysAllow => {
                let message = "AlwaysAllow allows whatever the authorizers before it have no opinion on; remove it";
                found.add(&rules::ALWAYS_ALLOW, it.line, message.into());
                before.push(it);
            }
            Kind::Node | Kind::Rbac | Kind::Abac | Kind::AlwaysDeny => before.push(it),
        }
    }
    if !all.is_empty() && !all.iter().any(|it| it.kind == Kind::Webhook) {
        let line = all.first().map_or(0, |it| it.line);
        let message = "no authorizer is a webhook, so the gate is never asked; `pathgate generate` writes the entry";
        found.add(&rules::NO_WEBHOOK, line, message.into());
    }
}

fn times(webhook: &Webhook, expected: &Expected, found: &mut Found<'_>) {
    if let Some((timeout, line)) = webhook.timeout {
        let worst = timeout.saturating_mul(CALLS).saturating_add(WAITS);
        if worst > REQUEST {
            let message = format!(
                "{CALLS} calls of {} and the waits between them take {} s, and a request has {} s; write at most 11s",
                humantime::format_duration(timeout),
                worst.as_secs(),
                REQUEST.as_secs()
            );
            found.add(&rules::TIMEOUT, line, message);
        }
    }
    for ttl in &webhook.ttls {
        let written = match ttl.written {
            Some(it) if it.is_zero() => "0 means the default, ",
            Some(_) => "",
            None => "absent means the default, ",
        };
        let value = ttl.value();
        if value > expected.revoked_within {
            let message = format!(
                "`{}`: {written}{}: an answer may be that old, and what is revoked must be refused within {}",
                ttl.name,
                humantime::format_duration(value),
                humantime::format_duration(expected.revoked_within)
            );
            found.add(&rules::TTL, ttl.line, message);
        }
    }
}

fn skipped(webhook: &Webhook, expected: &Expected, found: &mut Found<'_>) {
    let Some((_, line)) = webhook.conditions.first() else { return };
    let message = match &expected.conditions {
        Some(Conditions::Only(wanted)) => {
            let is_wanted = |(text, _): &(String, u64)| plain(text) == plain(wanted);
            if webhook.conditions.iter().all(is_wanted) {
                return;
            }
            "nothing shows that they keep no request from a plugin that refuses it; write those of \
             `pathgate generate authorization-config --match-conditions`, or none"
                .to_owned()
        }
        Some(Conditions::Everything(plugin)) => {
            format!("the plugin `{plugin}` is asked about every request, and these keep some from it; remove them")
        }
        None => "nobody asked the plugins what they are asked about; name the gate's configuration".to_owned(),
    };
    found.add(&rules::MATCH_CONDITIONS, *line, message);
}

/// An expression whatever its line breaks.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// kube-apiserver calls a webhook that answers 500 five times, and waits between: 0.5 s, each time half as long again,
/// and up to a fifth more.
const CALLS: u32 = 5;
const WAITS: Duration = Duration::from_millis(4_950);
/// `--request-timeout` of kube-apiserver.
const REQUEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
