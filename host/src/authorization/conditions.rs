//! From what plugins are asked about to a matchCondition that skips nothing that they are asked about.
//!
//! Each word becomes an expression that is true for every request of its class, and maybe for more. INVARIANT: an
//! expression may be too wide, never too narrow; a class that has none that is narrower than everything is everything.

use crate::paths::Names;
use wire::{Source, Traversal};

/// What has to reach the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// Because of this plugin.
    Everything(String),
    /// What this CEL expression is true of.
    Only(String),
}

/// The condition for a set of plugins, each with its name and its `asks`.
pub fn conditions(plugins: &[(String, Vec<String>)]) -> Conditions {
    let mut all: Vec<String> = Vec::new();
    for (name, asks) in plugins {
        if asks.is_empty() {
            return Conditions::Everything(name.clone());
        }
        for ask in asks {
            match expression(ask) {
                Some(it) if all.contains(&it) => {}
                Some(it) => all.push(it),
                None => return Conditions::Everything(name.clone()),
            }
        }
    }
    match all.as_slice() {
        // A gate without plugins refuses what is malformed, and that may be anything.
        [] => Conditions::Everything("gate".into()),
        [_, ..] => Conditions::Only(all.join(" ||\n")),
    }
}

fn expression(ask: &str) -> Option<String> {
    match ask.split_once(':')? {
        ("source", word) => source(word.parse().ok()?),
        ("traversal", word) => traversal(word.parse().ok()?),
        (_, _) => None,
    }
}

fn source(source: Source) -> Option<String> {
    let text = match source {
        Source::Superuser => in_group("system:masters"),
        Source::Anonymous => format!("request.user == 'system:anonymous' || {}", in_group("system:unauthenticated")),
        Source::Node | Source::PseudoNode => {
            format!("request.user.startsWith('system:node:') || {}", in_group("system:nodes"))
        }
        Source::Pod | Source::UnboundServiceAccount | Source::PseudoServiceAccount | Source::Controller => {
            format!("request.user.startsWith('system:serviceaccount:') || {}", in_groups_of("system:serviceaccounts"))
        }
        Source::Bootstrap => in_groups_of("system:bootstrappers"),
        Source::ControlPlane => {
            let names = Names::default();
            let groups = sorted(&names.groups).map(|it| format!(" || {}", in_group(it))).collect::<String>();
            format!("request.user in [{}]{groups}", components(&names))
        }
        // None of the names that have a class of their own.
        Source::Reserved => format!(
            "request.user.startsWith('system:') && !request.user.startsWith('system:node:') && \
             !request.user.startsWith('system:serviceaccount:') && !(request.user in [{}])",
            components(&Names::default())
        ),
        Source::User => "!request.user.startsWith('system:')".into(),
        // Strings of any kind, anywhere.
        Source::Malformed => return None,
    };
    Some(text)
}

fn traversal(traversal: Traversal) -> Option<String> {
    let resource = |rest: &str| Some(format!("has(request.resourceAttributes) && {rest}"));
    match traversal {
        Traversal::Kubelet => {
            resource("request.resourceAttributes.resource == 'nodes' && request.resourceAttributes.subresource != ''")
        }
        Traversal::NodeProxy => resource(&proxy("['nodes']")),
        Traversal::EndpointProxy => resource(&proxy("['pods', 'services']")),
        Traversal::Stream => resource(
            "request.resourceAttributes.resource == 'pods' && request.resourceAttributes.subresource in ['exec', 'attach', 'portforward']",
        ),
        Traversal::Log => {
            resource("request.resourceAttributes.resource == 'pods' && request.resourceAttributes.subresource == 'log'")
        }
        Traversal::DelegatedCheck => resource(
            "request.resourceAttributes.resource in ['subjectaccessreviews', 'localsubjectaccessreviews', 'tokenreviews']",
        ),
        Traversal::CredentialMinting => resource(
            "request.resourceAttributes.resource in ['serviceaccounts', 'certificatesigningrequests', 'signers', 'secrets']",
        ),
        Traversal::Impersonation => resource("request.resourceAttributes.verb.startsWith('impersonate')"),
        Traversal::Discovery => Some("has(request.nonResourceAttributes)".into()),
        Traversal::Plain => None,
    }
}

fn proxy(resources: &str) -> String {
    format!(
        "request.resourceAttributes.resource in {resources} && (request.resourceAttributes.subresource == 'proxy' || request.resourceAttributes.verb == 'proxy')"
    )
}

fn in_group(group: &str) -> String {
    format!("'{group}' in request.groups")
}

fn in_groups_of(prefix: &str) -> String {
    format!("request.groups.exists(it, it.startsWith('{prefix}'))")
}

fn components(names: &Names) -> String {
    sorted(&names.components).map(|it| format!("'{it}'")).collect::<Vec<_>>().join(", ")
}

fn sorted(words: &std::collections::HashSet<String>) -> impl Iterator<Item = &str> {
    let mut all: Vec<_> = words.iter().map(String::as_str).collect();
    all.sort_unstable();
    all.into_iter()
}
