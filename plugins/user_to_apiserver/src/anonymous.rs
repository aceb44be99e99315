//! What a caller without any credential gets.

use crate::Config;
use sdk::{Guard, Mode, Question, Rule, Target};

fn reads_health(config: &Config, question: &Question<'_>) -> Option<String> {
    if !question.is_from(&["anonymous"]) {
        return None;
    }
    let (is_open, what) = match &question.request.target {
        Target::NonResource(at) => {
            let is_listed = config.anonymous_paths.iter().any(|path| is_match(path, &at.path));
            (at.verb == "get" && is_listed, format!("{} {}", at.verb, at.path))
        }
        Target::Resource(at) => {
            let place = (at.namespace.as_str(), at.verb.as_str(), at.name.as_str());
            let is_discovery = at.tuple() == ("", "configmaps", "") && place == ("kube-public", "get", "cluster-info");
            (config.anonymous_discovery && is_discovery, at.describe())
        }
    };
    (!is_open).then(|| {
        format!(
            "an anonymous caller gets health and version only, and may not {what}; log in, or renew your credential"
        )
    })
}

/// Exactly, or by a `*` at the end, as kube-apiserver's own authorizer for paths has it.
fn is_match(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => path.starts_with(begin),
        None => path == pattern,
    }
}

pub const READS_HEALTH: Guard<Config> = Guard {
    rule: Rule {
        id: "anonymous-reads-health",
        summary: "An anonymous caller gets health and version, and nothing else.",
        advice: "Whatever is bound to system:anonymous or system:unauthenticated is open to everybody who reaches the port. \
                 `anonymousPaths` lists what a load balancer or a verifier of tokens needs; `anonymousDiscovery` is for \
                 `kubeadm join`.",
        source: "KEP-4633, https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles",
    },
    mode: Mode::On,
    allow: &[],
    check: reads_health,
};
