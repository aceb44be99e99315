//! Kubelets calling kube-apiserver.
//!
//! Owns what a node's credential is good for: its own Node, its own pods, its own lease, and nothing that reaches beyond.
//! kube-apiserver's Node authorizer has no opinion on the rest, so that an RBAC binding to `system:nodes` or to
//! `system:authenticated` opens it again; these rules close it. Nothing here refuses what a kubelet does: which secret or
//! pod belongs to a node is for the Node authorizer's graph, which sees objects where this sees names.

mod beyond;
mod own;

use schemars::JsonSchema;
use sdk::{Answer, Context, Fault, Request, ResourceAttributes, Rule, Target};
use std::collections::BTreeMap;

/// Which rules hold, and for whom not.
#[derive(Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// Rules that are switched off, by their ids.
    off: Vec<String>,
    /// Users a rule does not hold for, by the rule's id: `{"node-reads-itself": ["system:node:gateway-1"]}`.
    allow: BTreeMap<String, Vec<String>>,
}

impl sdk::Config for Config {
    fn check(&self) -> Vec<Fault> {
        let off = self.off.iter().enumerate().map(|(at, id)| (format!("/off/{at}"), id));
        // A JSON pointer escapes these two (RFC 6901, section 3).
        let allow = self.allow.keys().map(|id| (format!("/allow/{}", id.replace('~', "~0").replace('/', "~1")), id));
        off.chain(allow)
            .filter(|(_, id)| RULES.iter().all(|rule| rule.id != id.as_str()))
            .map(|(pointer, id)| Fault { pointer, message: format!("`{id}` is no rule of this plugin") })
            .collect()
    }
}

impl Config {
    fn holds(&self, rule: &Rule, user: &str) -> bool {
        let is_off = self.off.iter().any(|id| id == rule.id);
        let is_allowed = self.allow.get(rule.id).is_some_and(|users| users.iter().any(|allowed| allowed == user));
        !is_off && !is_allowed
    }
}

sdk::plugin! {
    asks: ["source:node", "source:pseudo-node"],
    config: Config,
    rules: RULES,
    authorize: authorize,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    let Target::Resource(at) = &request.target else { return Answer::none() };
    // Who has half a node's identity has no Node of its own: only what no node may do is refused.
    let node = request.node().filter(|_| context.source() == "node");
    let of_nodes = own::GUARDS.iter().filter_map(|guard| Some((guard.rule, (guard.check)(node?, at)?)));
    let of_all = beyond::GUARDS.iter().filter_map(|guard| Some((guard.rule, (guard.check)(at)?)));
    of_nodes
        .chain(of_all)
        .find(|(rule, _)| config.holds(rule, &request.user))
        .map_or_else(Answer::none, |(rule, reason)| Answer::deny(rule.id, reason))
}

/// A rule, and the check that says why a request is refused, if it is.
struct Guard<C> {
    rule: &'static Rule,
    check: C,
}

/// Whether the verb changes nothing. A verb that nobody knows is a write.
fn is_read(verb: &str) -> bool {
    matches!(verb, "get" | "list" | "watch")
}

/// Group, resource and subresource: rules match all three, never a part.
fn tuple(at: &ResourceAttributes) -> (&str, &str, &str) {
    (&at.group, &at.resource, &at.subresource)
}

const RULES: [Rule; 12] = [
    own::READS_ITSELF,
    own::WRITES_ITSELF,
    own::LISTS_OWN_PODS,
    own::OWN_LEASE,
    beyond::SECRETS_BY_NAME,
    beyond::WRITES_NO_SECRETS,
    beyond::DELETES_NO_NODES,
    beyond::OPENS_NOTHING,
    beyond::TOKEN_BY_NAME,
    beyond::IMPERSONATES_NOBODY,
    beyond::GRANTS_NOTHING,
    beyond::EXTENDS_NOTHING,
];

#[cfg(test)]
mod tests;
