//! Konnectivity, as far as a review shows it.
//!
//! Owns who the two ends are to kube-apiserver: a server that only asks whose token an agent has, and agents whose token
//! only their own kubelet asks for. What goes through the tunnel, and whether agents are authenticated at all, no review
//! shows. Nor does one show SSH tunnels, which Kubernetes 1.22 removed.

pub mod peers;

use certificates::Peers;
use sdk::{Answer, Context, Guard, Mode, Question, Request, Rule};

sdk::config! {
    guards: GUARDS, others: certificates::ids(peers::RULES), prepare: peers::prepare;
    /// Whom to take for the server of this path: anchors, revocation lists, pins.
    servers: Peers = Peers::default(),
    /// Whom to take for the client of this path.
    clients: Peers = Peers::default(),
    /// The common names of agents' certificates; an empty list takes any that `clients` take.
    agent_names: Vec<String> = Vec::new(),
    /// The server's user, as it asks kube-apiserver about tokens.
    server: String = "system:konnectivity-server".into(),
    /// The agents' service accounts, as `NAMESPACE/NAME`.
    agents: Vec<String> = vec!["kube-system/konnectivity-agent".into()],
}

sdk::plugin! {
    asks: ["source:control-plane", "traversal:credential-minting"],
    config: Config,
    rules: certificates::told(&GUARDS, peers::RULES),
    authorize: authorize,
    verify_peer: peers::verify,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    sdk::judge(config, &GUARDS, context, request)
}

fn server_only_asks(config: &Config, question: &Question<'_>) -> Option<String> {
    // Discovery and the like give nothing away.
    let at = question.resource().filter(|_| question.user() == config.server)?;
    let is_question =
        at.verb == "create" && matches!(at.group.as_str(), "authentication.k8s.io" | "authorization.k8s.io");
    // With --enable-lease-controller agents count servers by their leases.
    let is_own = match at.name.as_str() {
        "" => matches!(at.verb.as_str(), "create" | "list" | "watch"),
        name => name.starts_with("konnectivity-proxy-server-"),
    };
    let is_lease = at.tuple() == ("coordination.k8s.io", "leases", "") && at.namespace == "kube-system" && is_own;
    (!is_question && !is_lease).then(|| {
        format!(
            "the Konnectivity server asks kube-apiserver whose token an agent has, and needs no `{}`; whoever asks has its \
             credential",
            at.describe()
        )
    })
}

fn agent_token(config: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.tuple() == ("", "serviceaccounts", "token") && !at.is_read())?;
    let is_agent = config.agents.iter().any(|it| {
        it.split_once('/').is_some_and(|(namespace, name)| {
            // Without a name it is a question about all of them.
            namespace == at.namespace && (at.name.is_empty() || name == at.name)
        })
    });
    // A kubelet asks for the tokens of its pods, and the Node authorizer checks that they are.
    (is_agent && !question.is_from(&["node"])).then(|| {
        format!(
            "`{}` may not ask for a token of a Konnectivity agent, which receives what kube-apiserver sends to nodes; the \
             agent's kubelet asks for it",
            question.user()
        )
    })
}

static GUARDS: [Guard<Config>; 2] = [
    Guard {
        rule: Rule {
            id: "server-only-asks",
            summary: "The Konnectivity server asks about tokens, keeps its lease, and does nothing else.",
            advice: "system:auth-delegator is all that it needs. If the name is another on your cluster, set `server`.",
            source: "https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/, KEP-1281",
        },
        mode: Mode::On,
        allow: &[],
        check: server_only_asks,
    },
    Guard {
        rule: Rule {
            id: "agent-token",
            summary: "Only kubelets ask for tokens of Konnectivity agents.",
            advice: "Who has such a token can be an agent, and is sent traffic for nodes. If your agents run outside of pods \
                     and somebody gives them tokens, add the user to `allow.agent-token`; other service accounts belong \
                     into `agents`.",
            source: "https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/, rbac-good-practices: token \
                     request",
        },
        mode: Mode::On,
        allow: &[],
        check: agent_token,
    },
];

#[cfg(test)]
mod tests {
    use super::Config;
    use sdk::Config as _;

    #[test]
    fn an_unknown_rule_is_a_fault_that_says_where() {
        let mut config = Config::default();
        config.rules.insert("agent".into(), sdk::Mode::Off);
        let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/rules/agent"]);
    }
}
