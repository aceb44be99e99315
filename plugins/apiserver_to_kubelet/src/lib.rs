//! The way to a kubelet: exec, attach, port-forward, and `nodes/*`.
//!
//! Owns two doors that look smaller than they are: `nodes/proxy`, which reaches every container of a node whatever the
//! verb, and streams opened by `get`. It refuses nothing that has a narrower name: `nodes/metrics`, `nodes/pods` and the
//! like are for RBAC.

use schemars::JsonSchema;
use sdk::{Answer, Context, Fault, Request, ResourceAttributes, Rule, Target};

/// Who may reach what of a kubelet.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    /// Users who may use `nodes/proxy`. It reaches every pod of the node, and bypasses admission and audit. Without
    /// kube-apiserver's own client to kubelets, nobody can read logs or exec.
    nodes_proxy: Vec<String>,
    /// Refuse `pods/exec`, `pods/attach` and `pods/portforward` by `get`. Switch it on where kube-apiserver is older
    /// than 1.35: there, a WebSocket client gets a shell with `get` alone. From 1.35 on kube-apiserver asks for `create`
    /// as well, and kubectl begins with `get`: switched on there, it breaks `kubectl exec` for everybody.
    refuse_streams_by_get: bool,
    /// Users who may open streams by `get` although `refuseStreamsByGet` is on.
    streams_by_get: Vec<String>,
    /// Rules that are switched off, by their ids.
    off: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            nodes_proxy: vec!["kube-apiserver-kubelet-client".into()],
            refuse_streams_by_get: false,
            streams_by_get: Vec::new(),
            off: Vec::new(),
        }
    }
}

impl sdk::Config for Config {
    fn check(&self) -> Vec<Fault> {
        let unknown = self.off.iter().enumerate().filter(|(_, id)| RULES.iter().all(|rule| rule.id != id.as_str()));
        unknown
            .map(|(at, id)| Fault {
                pointer: format!("/off/{at}"),
                message: format!("`{id}` is no rule of this plugin"),
            })
            .collect()
    }
}

sdk::plugin! {
    asks: ["traversal:kubelet", "traversal:node-proxy", "traversal:stream"],
    config: Config,
    rules: RULES,
    authorize: authorize,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, _: &Context, request: &Request) -> Answer {
    let Target::Resource(at) = &request.target else { return Answer::none() };
    let checks: [(&Rule, Check); 2] = [(&NODES_PROXY, nodes_proxy), (&STREAMS_BY_GET, streams_by_get)];
    let on = checks.into_iter().filter(|(rule, _)| !config.off.iter().any(|id| id == rule.id));
    { on }
        .find_map(|(rule, check)| check(config, &request.user, at).map(|reason| Answer::deny(rule.id, reason)))
        .unwrap_or_else(Answer::none)
}

/// Why the request is refused, if it is.
type Check = fn(&Config, &str, &ResourceAttributes) -> Option<String>;

fn nodes_proxy(config: &Config, user: &str, at: &ResourceAttributes) -> Option<String> {
    let tuple = (at.group.as_str(), at.resource.as_str(), at.subresource.as_str());
    let is_proxy = tuple == ("", "nodes", "proxy") || (tuple == ("", "nodes", "") && at.verb == "proxy");
    (is_proxy && !config.nodes_proxy.iter().any(|allowed| allowed == user)).then(|| {
        format!(
            "`{user}` is not on the allow-list for nodes/proxy, which reaches every container of the node whatever the \
             verb; ask for nodes/metrics, nodes/stats, nodes/log, nodes/pods, nodes/healthz or nodes/configz instead"
        )
    })
}

fn streams_by_get(config: &Config, user: &str, at: &ResourceAttributes) -> Option<String> {
    let is_stream = at.group.is_empty()
        && at.resource == "pods"
        && matches!(at.subresource.as_str(), "exec" | "attach" | "portforward")
        && at.verb == "get";
    let is_refused =
        is_stream && config.refuse_streams_by_get && !config.streams_by_get.iter().any(|allowed| allowed == user);
    is_refused.then(|| {
        format!(
            "`{user}` may not open pods/{} by `get`, which on this cluster is a shell without the permission to \
             `create` one; open it by `create`, as a client without WebSockets does (kubectl with \
             KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false and KUBECTL_PORT_FORWARD_WEBSOCKETS=false)",
            at.subresource
        )
    })
}

const RULES: [Rule; 2] = [NODES_PROXY, STREAMS_BY_GET];

const NODES_PROXY: Rule = Rule {
    id: "nodes-proxy",
    summary: "nodes/proxy is for those on its allow-list, whatever the verb: even `get` runs commands in every pod of the node.",
    advice: "Grant nodes/metrics, nodes/stats, nodes/log, nodes/pods, nodes/healthz or nodes/configz instead; if the agent \
             cannot do without, add its user to `nodesProxy`.",
    source: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/#access-to-proxy-subresource-of-nodes, \
             KEP-2862, CVE-2022-3294",
};

const STREAMS_BY_GET: Rule = Rule {
    id: "streams-by-get",
    summary: "A shell, an attachment or a forwarded port is opened by `create`, not by `get`.",
    advice: "Before 1.35 kube-apiserver lets `get` on pods/exec open a shell over a WebSocket, so this rule is for such \
             clusters; from 1.35 on it asks for `create` too, and `refuseStreamsByGet` must be false or kubectl exec \
             breaks. For one client, add its user to `streamsByGet`.",
    source: "kubernetes/kubernetes#78741, kubernetes/kubernetes#133515, feature gate \
             AuthorizePodWebsocketUpgradeCreatePermission",
};

#[cfg(test)]
mod tests {
    use super::Config;
    use sdk::Config as _;

    #[test]
    fn an_unknown_rule_is_a_fault_that_says_where() {
        let config = Config { off: vec!["nodes-proxy".into(), "node-proxy".into()], ..Config::default() };
        let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/off/1"]);
    }
}
