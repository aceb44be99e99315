//! People, anonymous callers, and whoever impersonates, calling kube-apiserver.
//!
//! Owns what nobody may be without a credential, what nobody may pretend to be, and what people leave to controllers.
//! What a person may do with workloads is for RBAC.

mod anonymous;
mod confusable;
mod impersonation;
mod person;

use escalation::Protects;
use sdk::{Answer, Context, Guard, Mode, Request};

sdk::config! {
    guards: GUARDS;
    /// Paths that an anonymous caller may get; one that ends in `*` is all that begin so. Add
    /// `/.well-known/openid-configuration` and `/openid/v1/jwks` where others verify the cluster's tokens.
    anonymous_paths: Vec<String> =
        ["/healthz", "/livez", "/readyz", "/version", "/version/"].map(String::from).into(),
    /// Whether an anonymous caller may get the config map `cluster-info` in `kube-public`, by which `kubeadm join` finds
    /// the cluster's certificate.
    anonymous_discovery: bool = true,
    /// What nobody may ask tokens for, or impersonate: namespaces, and service accounts as `NAMESPACE/NAME`.
    protected: Vec<String> = escalation::protected(),
}

impl Protects for Config {
    fn protected(&self) -> &[String] {
        &self.protected
    }
}

sdk::plugin! {
    asks: ["source:anonymous", "source:user", "source:reserved", "source:superuser", "traversal:impersonation"],
    config: Config,
    rules: GUARDS,
    authorize: authorize,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    sdk::judge(config, &GUARDS, context, request)
}

/// Users by their kind: the other sources have plugins of their own, and come here to impersonate only.
const PEOPLE: &[&str] = &["user", "reserved"];

static GUARDS: [Guard<Config>; 14] = [
    anonymous::READS_HEALTH,
    person::MASTERS,
    confusable::CONFUSABLE,
    impersonation::SYSTEM,
    impersonation::PROTECTED,
    person::RESERVED,
    escalation::tokens(Mode::On, ADMINISTRATORS),
    escalation::bind_and_escalate(Mode::On, ADMINISTRATORS),
    escalation::cluster_roles(Mode::Shadow, ADMINISTRATORS),
    escalation::node_status(Mode::On, &[]),
    escalation::endpoints(Mode::On, ADMINISTRATORS),
    person::SERVICE_STATUS,
    person::HOST_VOLUMES,
    person::DEBUG_CONTAINERS,
];

/// Whom kubeadm makes an administrator.
const ADMINISTRATORS: &[&str] = &["group:kubeadm:cluster-admins"];

#[cfg(test)]
mod tests;
