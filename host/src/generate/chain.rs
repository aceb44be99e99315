//! kube-apiserver's chain of authorizers with the gate at its front, as a file and as the flags of before.

use super::scalar;
use crate::authorization::FailurePolicy;
use std::{fmt::Write, time::Duration};

/// Everything that differs from gate to gate.
#[derive(Clone, Debug)]
pub struct Chain {
    pub api: Api,
    /// Where kube-apiserver finds the webhook's kubeconfig.
    pub kubeconfig: String,
    pub failure: FailurePolicy,
    pub timeout: Duration,
    pub cache: Cache,
    /// A CEL expression, of the only requests that are asked about.
    pub only: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    V1,
    V1beta1,
}

/// What kube-apiserver remembers of the gate's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// For as long as a revocation may take.
    For(Duration),
    Nothing,
}

/// The AuthorizationConfiguration.
pub fn authorization_configuration(chain: &Chain) -> String {
    let (version, since) = match chain.api {
        Api::V1 => ("v1", "Kubernetes 1.32 or later."),
        Api::V1beta1 => ("v1beta1", "Kubernetes 1.30 and 1.31; later ones take v1."),
    };
    format!(
        "# For kube-apiserver: --authorization-config=/etc/kubernetes/pathgate/authorization-configuration.yaml
# It replaces --authorization-mode and every --authorization-webhook-* flag; remove those. {since}
#
# The gate comes first: an authorizer that allows ends the chain, so a gate behind Node and RBAC would not be asked.
# Members of system:masters are never asked about, whatever stands here.
apiVersion: apiserver.config.k8s.io/{version}
kind: AuthorizationConfiguration
authorizers:
- type: Webhook
  name: pathgate
  webhook:
    # The gate answers in microseconds. One that hangs holds up every request for this long; one that fails is called five
    # times, with 5 s of waits between, and all of it must end within the 60 s of a request.
    timeout: {timeout}
    subjectAccessReviewVersion: v1
{failure}{cache}{conditions}    connectionInfo:
      type: KubeConfigFile
      kubeConfigFile: {kubeconfig}
- type: Node
  name: node
- type: RBAC
  name: rbac
",
        timeout = duration(chain.timeout),
        failure = failure(chain.failure),
        cache = cache(chain.cache),
        conditions = conditions(chain.only.as_deref()),
        kubeconfig = scalar(&chain.kubeconfig),
    )
}

/// Flags for a kube-apiserver that has no AuthorizationConfiguration; or why they cannot say what is wanted.
pub fn legacy_flags(chain: &Chain) -> Result<String, String> {
    let Cache::For(ttl) = chain.cache else {
        return Err(
            "the flags cannot keep kube-apiserver from caching: 0s means the default; leave out --no-cache".into()
        );
    };
    if chain.failure == FailurePolicy::Deny {
        return Err("with the flags, kube-apiserver always goes on to Node and RBAC when the gate fails; \
                    `--failure-policy Deny` needs an AuthorizationConfiguration"
            .into());
    }
    if chain.only.is_some() {
        return Err("the flags have no matchConditions; leave out --match-conditions".into());
    }
    let ttl = duration(ttl);
    Ok(format!(
        "# For a kube-apiserver before 1.30. They exclude --authorization-config. Without a choice: a call may take 30 s, and
# a gate that fails has no opinion, so that Node and RBAC decide.
# The gate first: an authorizer that allows ends the chain.
--authorization-mode=Webhook,Node,RBAC
--authorization-webhook-config-file={}
# The default is v1beta1, which is deprecated.
--authorization-webhook-version=v1
# How long a change of policy takes at most: denials and no-opinions are kept alike.
--authorization-webhook-cache-authorized-ttl={ttl}
--authorization-webhook-cache-unauthorized-ttl={ttl}
",
        chain.kubeconfig
    ))
}

fn failure(policy: FailurePolicy) -> &'static str {
    match policy {
        FailurePolicy::NoOpinion => {
            "    # A gate that is down has no opinion: Node and RBAC decide, and kube-apiserver starts without it. `Deny` would be
    # closed, and would lock you out with a gate that cannot start. Watch
    # apiserver_authorization_webhook_evaluations_fail_open_total.
    failurePolicy: NoOpinion
"
        }
        FailurePolicy::Deny => {
            "    # Closed: while the gate is down, every request but those of system:masters fails with a 500. The gate must run
    # beside kube-apiserver and need no cluster to start, as a static pod does.
    failurePolicy: Deny
"
        }
    }
}

fn cache(cache: Cache) -> String {
    match cache {
        Cache::For(ttl) => {
            let ttl = duration(ttl);
            format!(
                "    # The gate only denies or has no opinion, and kube-apiserver caches both as \"unauthorized\". So `unauthorizedTTL` is how
    # long a change of policy or a revocation takes at most. Write a short one: 0 means the default of 30 s. What a plugin
    # with the role `grant` allows is kept for `authorizedTTL`.
    authorizedTTL: {ttl}
    unauthorizedTTL: {ttl}
"
            )
        }
        Cache::Nothing => {
            "    # Every request costs a call, and every request is in the gate's journal. Kubernetes 1.34 and later.
    cacheAuthorizedRequests: false
    cacheUnauthorizedRequests: false
"
            .into()
        }
    }
}

fn conditions(only: Option<&str>) -> String {
    let Some(only) = only else {
        return "    # No matchConditions: what they skip is neither judged nor on record, and a needless call costs microseconds.
"
        .into();
    };
    let mut text = "    # True of every request that a plugin of the configuration is asked about, and of some more. The others are not on
    # record, and are not refused for being malformed. Generate it anew when plugins change.
    matchConditionSubjectAccessReviewVersion: v1
    matchConditions:
    - expression: >-
"
    .to_owned();
    for line in only.lines() {
        let _infallible = writeln!(text, "        {line}");
    }
    text
}

/// As Go reads it: `humantime` writes blanks and days.
fn duration(it: Duration) -> String {
    match it.subsec_nanos() {
        0 => format!("{}s", it.as_secs()),
        nanos if nanos % 1_000_000 == 0 => format!("{}ms", it.as_millis()),
        _ => format!("{}ns", it.as_nanos()),
    }
}
