//! Service accounts calling kube-apiserver, mostly from pods.
//!
//! Owns what the token of a pod is good for, wherever it leaks to: no identity of others, no way around admission, no
//! other node. What operators of common kinds do is in the shadow or on a list: a gate cannot know what is installed.

mod identity;
mod reach;

use escalation::Protects;
use sdk::{Answer, Context, Guard, Mode, Request};

sdk::config! {
    guards: GUARDS;
    /// What nobody may ask tokens for: namespaces, and service accounts as `NAMESPACE/NAME`.
    protected: Vec<String> = escalation::protected(),
}

impl Protects for Config {
    fn protected(&self) -> &[String] {
        &self.protected
    }
}

sdk::plugin! {
    asks: ["source:pod", "source:unbound-service-account", "source:pseudo-service-account"],
    config: Config,
    rules: GUARDS,
    authorize: authorize,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    // A plugin that is asked by mistake must not take a person for a pod.
    let sources = ["pod", "unbound-service-account", "pseudo-service-account"];
    if !sources.contains(&context.source()) {
        return Answer::none();
    }
    sdk::judge(config, &GUARDS, context, request)
}

static GUARDS: [Guard<Config>; 11] = [
    identity::HALF,
    identity::BY_TOKEN,
    identity::TOKEN_WITH_ID,
    escalation::tokens(Mode::On, TOKEN_REQUESTERS),
    escalation::bind_and_escalate(Mode::On, &[]),
    escalation::cluster_roles(Mode::Shadow, &[]),
    escalation::node_status(Mode::On, NODE_WRITERS),
    reach::OTHER_NODES,
    reach::EXTENSIONS,
    reach::ALL_SECRETS,
    escalation::endpoints(Mode::Shadow, &[]),
];

/// Network plugins, which give their binary on the node a token, and cloud controller managers, which give their
/// controllers one each.
const TOKEN_REQUESTERS: &[&str] = &[
    "system:serviceaccount:kube-system:calico-node",
    "system:serviceaccount:kube-system:canal",
    "system:serviceaccount:kube-system:cloud-controller-manager",
];

const NODE_WRITERS: &[&str] = &[
    "system:serviceaccount:kube-system:cilium-operator",
    "system:serviceaccount:kube-system:cloud-controller-manager",
    "system:serviceaccount:kube-system:cloud-node-controller",
    "system:serviceaccount:kube-system:cloud-node-lifecycle-controller",
    "system:serviceaccount:node-feature-discovery:nfd-master",
    "system:serviceaccount:node-feature-discovery:node-feature-discovery",
];

#[cfg(test)]
mod tests {
    use super::Config;
    use sdk::Config as _;

    #[test]
    fn an_unknown_rule_is_a_fault_that_says_where() {
        let mut config = Config::default();
        config.rules.insert("endpoint".into(), sdk::Mode::Off);
        config.allow.insert("a/b~c".into(), Vec::new());
        let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/rules/endpoint", "/allow/a~1b~0c"]);
    }
}
