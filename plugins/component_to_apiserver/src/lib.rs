//! The control plane's own programs calling kube-apiserver: scheduler, controllers, kube-proxy, aggregator, and the client
//! certificate by which kube-apiserver itself calls kubelets.
//!
//! Owns the least that each of them needs, where that is known and does not change: whoever steals one of their
//! credentials gets no more. What the controllers do in their many ways is for RBAC.

mod least;

use sdk::{Answer, Context, Credential, Guard, Mode, Question, Request, Rule};

sdk::config! {
    guards: GUARDS;
    /// The client certificate by which kube-apiserver calls kubelets.
    kubelet_client: String = "kube-apiserver-kubelet-client".into(),
    /// The scheduler.
    scheduler: String = "system:kube-scheduler".into(),
    /// kube-proxy, where it has a user of its own. kubeadm runs it under a service account.
    kube_proxy: String = "system:kube-proxy".into(),
    /// Clients that kube-apiserver uses towards aggregated APIs.
    aggregators: Vec<String> =
        ["front-proxy-client", "system:aggregator", "system:kube-aggregator"].map(String::from).into(),
}

sdk::plugin! {
    asks: ["source:control-plane", "source:controller"],
    config: Config,
    rules: GUARDS,
    authorize: authorize,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    if !["control-plane", "controller"].contains(&context.source()) {
        return Answer::none();
    }
    sdk::judge(config, &GUARDS, context, request)
}

fn credential(_: &Config, question: &Question<'_>) -> Option<String> {
    match (question.context.source(), question.request.credential()?) {
        ("controller", Credential::Certificate(_)) => {
            Some(format!("`{}` came with a client certificate; a controller comes with a token", question.user()))
        }
        ("control-plane", Credential::Token(_)) if question.user().starts_with("system:") => Some(format!(
            "`{}` came with a token; a component of the control plane comes with a client certificate",
            question.user()
        )),
        _ => None,
    }
}

static GUARDS: [Guard<Config>; 7] = [
    CREDENTIAL,
    least::KUBELET_CLIENT,
    least::AGGREGATOR,
    least::MONITORING,
    least::SCHEDULER,
    least::KUBE_PROXY,
    least::OPENS_NOTHING,
];

const CREDENTIAL: Guard<Config> = Guard {
    rule: Rule {
        id: "component-credential",
        summary: "Components of the control plane come with client certificates, controllers with tokens.",
        advice: "An authenticator maps somebody's token to the name of a component, or somebody signed a certificate with the \
                 name of a controller. If your components use tokens on purpose, add them to `allow.component-credential`.",
        source: "https://kubernetes.io/docs/setup/best-practices/certificates/, KEP-4193",
    },
    mode: Mode::On,
    allow: &[],
    check: credential,
};

#[cfg(test)]
mod tests {
    use super::Config;
    use sdk::Config as _;

    #[test]
    fn an_unknown_rule_is_a_fault_that_says_where() {
        let mut config = Config::default();
        config.rules.insert("schedulers".into(), sdk::Mode::Off);
        let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/rules/schedulers"]);
    }
}
