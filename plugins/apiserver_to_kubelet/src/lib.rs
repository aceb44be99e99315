//! The way to a kubelet: logs, exec, attach, port-forward, stats, and `nodes/*`.

use schemars::JsonSchema;
use sdk::{Answer, Context,  Request, ResourceAttributes, Rule, Target};

/// Who may reach what of a kubelet.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// Users who may use `nodes/proxy`. It reaches every pod of the node, and bypasses admission and audit.
    nodes_proxy: Vec<String>,
    /// Users who may open `pods/exec`, `pods/attach` and `pods/portforward` by `get`, as WebSocket clients did before 1.35.
    streams_by_get: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config { nodes_proxy: vec!["kube-apiserver-kubelet-client".into()], streams_by_get: Vec::new() }
    }
}

impl sdk::Config for Config {}

sdk::plugin! {
    asks: ["traversal:kubelet", "traversal:node-proxy", "traversal:stream"],
    config: Config,
    rules: RULES,
    authorize: authorize,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, _: &Context, request: &Request) -> Answer {
    match &request.target {
        Target::Resource(at) if at.group.is_empty() => core(config, request, at),
        Target::Resource(_) | Target::NonResource(_) => Answer::none(),
    }
}

fn core(config: &Config, request: &Request, at: &ResourceAttributes) -> Answer {
    match (at.resource.as_str(), at.subresource.as_str()) {
        ("nodes", "proxy") if !config.nodes_proxy.contains(&request.user) => {
            Answer::deny("nodes-proxy", format!("`{}` is not on the allow-list for nodes/proxy", request.user))
        }
        _ => Answer::none(),
    }
}

const RULES: [Rule; 1] = [Rule {
    id: "nodes-proxy",
    summary: "nodes/proxy is for those on its allow-list, whatever the verb",
    advice: "grant nodes/metrics, nodes/stats, nodes/pods, nodes/healthz or nodes/configz instead, or add the user to `nodesProxy`",
    source: "authz",
}];
