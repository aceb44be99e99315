//! The way to a kubelet: exec, attach, port-forward, and `nodes/*`.
//!
//! Owns the doors that look smaller than they are: `nodes/proxy`, which reaches every container of a node whatever the
//! verb, streams opened by `get`, and checkpoints. It refuses nothing that has a narrower name: `nodes/metrics`, `nodes/pods` and the
//! like are for RBAC.

pub mod peers;

use certificates::Peers;
use sdk::{Answer, Context, Guard, Mode, Question, Request, Rule};

sdk::config! {
    guards: GUARDS, others: certificates::ids(peers::RULES), prepare: peers::prepare;
    /// Whom to take for the server of this path: anchors, revocation lists, pins.
    servers: Peers = Peers::default(),
    /// Whom to take for the client of this path.
    clients: Peers = Peers::default(),
}

sdk::plugin! {
    asks: ["traversal:kubelet", "traversal:node-proxy", "traversal:stream"],
    config: Config,
    rules: certificates::told(&GUARDS, peers::RULES),
    authorize: authorize,
    verify_peer: peers::verify,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    sdk::judge(config, &GUARDS, context, request)
}

fn nodes_proxy(_: &Config, question: &Question<'_>) -> Option<String> {
    question.resource().filter(|at| at.resource == "nodes" && at.is_door())?;
    Some(format!(
        "`{}` is not on the allow-list for nodes/proxy, which reaches every container of the node whatever the verb; ask \
         for nodes/metrics, nodes/stats, nodes/log, nodes/pods, nodes/healthz or nodes/configz instead",
        question.user()
    ))
}

fn streams_by_get(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.verb == "get" && at.is_door() && at.resource == "pods")?;
    (at.subresource != "proxy").then(|| {
        format!(
            "`{}` may not open pods/{} by `get`, which on this cluster is a shell without the permission to `create` one; \
             open it by `create`, as a client without WebSockets does (kubectl with \
             KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false and KUBECTL_PORT_FORWARD_WEBSOCKETS=false)",
            question.user(),
            at.subresource
        )
    })
}

fn checkpoint(_: &Config, question: &Question<'_>) -> Option<String> {
    question.resource().filter(|at| at.tuple() == ("", "nodes", "checkpoint"))?;
    Some(format!(
        "`{}` may not checkpoint containers: the file holds their memory, secrets included; ask an administrator",
        question.user()
    ))
}

static GUARDS: [Guard<Config>; 3] = [
    Guard { rule: NODES_PROXY, mode: Mode::On, allow: KUBELET_CLIENT, check: nodes_proxy },
    Guard { rule: STREAMS_BY_GET, mode: Mode::Off, allow: &[], check: streams_by_get },
    Guard { rule: CHECKPOINT, mode: Mode::On, allow: KUBELET_CLIENT, check: checkpoint },
];

/// Without it nobody can read logs or exec.
const KUBELET_CLIENT: &[&str] = &["kube-apiserver-kubelet-client"];

const NODES_PROXY: Rule = Rule {
    id: "nodes-proxy",
    summary: "nodes/proxy is for those on its allow-list, whatever the verb: even `get` runs commands in every pod of the node.",
    advice: "Grant nodes/metrics, nodes/stats, nodes/log, nodes/pods, nodes/healthz or nodes/configz instead; if an agent \
             cannot do without, set `allow.nodes-proxy` to kube-apiserver's client to kubelets and the agent. Without the \
             former nobody can read logs or exec.",
    source: "https://kubernetes.io/docs/concepts/security/rbac-good-practices/#access-to-proxy-subresource-of-nodes, \
             KEP-2862, CVE-2022-3294",
};

const STREAMS_BY_GET: Rule = Rule {
    id: "streams-by-get",
    summary: "A shell, an attachment or a forwarded port is opened by `create`, not by `get`.",
    advice: "Before 1.35 kube-apiserver lets `get` on pods/exec open a shell over a WebSocket, so on such \
             clusters set `rules.streams-by-get` to `on`, with who may in `allow.streams-by-get`. Off by default: from 1.35 \
             on kube-apiserver asks for `create` too, and kubectl begins with `get`, so switched on there it breaks kubectl \
             exec for everybody.",
    source: "kubernetes/kubernetes#78741, kubernetes/kubernetes#133515, feature gate \
             AuthorizePodWebsocketUpgradeCreatePermission",
};

const CHECKPOINT: Rule = Rule {
    id: "checkpoint",
    summary: "A kubelet checkpoints containers for nobody but those on the list.",
    advice: "The checkpoint is a copy of the container's memory on the node's disk, and many fill it. Who migrates containers \
             belongs into `allow.checkpoint`, beside kube-apiserver's client to kubelets.",
    source: "KEP-2008, CVE-2025-0426 (kubernetes/kubernetes#130016)",
};

#[cfg(test)]
mod tests {
    use super::Config;
    use sdk::Config as _;

    #[test]
    fn an_unknown_rule_is_a_fault_that_says_where() {
        let mut config = Config::default();
        config.rules.insert("node-proxy".into(), sdk::Mode::Off);
        let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/rules/node-proxy"]);
    }
}
