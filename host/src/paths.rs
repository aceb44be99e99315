//! Which communication path a request belongs to: who asks (source) and what it opens (traversal).
//!
//! Owns the classification: total, pure, byte for byte, first match wins. It trims nothing, folds no case and knows no
//! wildcards: `System:Masters` and the verb `*` are ordinary strings to Kubernetes, so they are here. It refuses to guess:
//! a request that contradicts itself is malformed, and names that are half an identity get a source of their own.

mod names;

pub use names::Names;

use std::fmt;
use wire::{Path, Request, Resource, Source, Target, Traversal};

/// Where a request belongs. Every request has exactly one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    pub source: Source,
    pub traversal: Traversal,
    pub path: Path,
}

/// Why a request is malformed. kube-apiserver would not send it, so it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// Both or neither kind of attributes, in the words of whoever parsed the review.
    Target(&'a str),
    /// This field must not be empty.
    Empty(&'static str),
    /// This field holds a NUL or another control character.
    Control(&'static str),
    /// All strings together are longer than the limit.
    Long,
    /// An anonymous caller that is also a member of this group.
    Contradiction(&'a str),
}

/// A name as kube-apiserver's proxy reads it: `[scheme:]name[:port]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyName<'a> {
    /// `http`, `https` or nothing.
    pub scheme: &'a str,
    /// Never empty.
    pub name: &'a str,
    /// A number, a port's name, or nothing.
    pub port: &'a str,
}

impl Class {
    /// The class as plugins are told it.
    pub fn facts(&self) -> Vec<(String, String)> {
        self.words().map(|(key, word)| (key.to_owned(), word.to_owned())).into()
    }

    /// The names and values of these facts.
    pub fn words(&self) -> [(&'static str, &'static str); 3] {
        [
            ("pathgate.io/source", self.source.as_str()),
            ("pathgate.io/traversal", self.traversal.as_str()),
            ("pathgate.io/path", self.path.as_str()),
        ]
    }
}

/// Puts a request into its class. It allocates nothing.
pub fn classify(request: &Request, names: &Names) -> Class {
    let source = match fault(request) {
        Some(_) => Source::Malformed,
        None => source(request, names),
    };
    let traversal = traversal(&request.target);
    Class { source, traversal, path: path(source, traversal, &request.target, names) }
}

/// What is wrong with a request; something, if and only if its source is malformed.
pub fn fault(request: &Request) -> Option<Fault<'_>> {
    let empty = match &request.target {
        Target::Malformed { fault } => return Some(Fault::Target(fault)),
        _ if request.user.is_empty() => Some("user"),
        Target::Resource(at) if at.verb.is_empty() => Some("verb"),
        Target::Resource(at) if at.resource.is_empty() => Some("resource"),
        Target::NonResource { verb, .. } if verb.is_empty() => Some("verb"),
        Target::NonResource { path, .. } if path.is_empty() => Some("path"),
        Target::Resource(_) | Target::NonResource { .. } => None,
    };
    if let Some(field) = empty {
        return Some(Fault::Empty(field));
    }
    let (mut bytes, mut control) = (0_usize, None);
    each_string(request, &mut |field, text| {
        bytes = bytes.saturating_add(text.len());
        if bytes <= MAX_BYTES && control.is_none() && has_control(text) {
            control = Some(Fault::Control(field));
        }
    });
    if bytes > MAX_BYTES {
        return Some(Fault::Long);
    }
    control.or_else(|| contradiction(request))
}

/// Reads `[scheme:]name[:port]` as kube-apiserver does; nothing, where it would answer 400.
pub fn proxy_name(text: &str) -> Option<ProxyName<'_>> {
    let mut parts = text.splitn(4, ':');
    let name = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(name), None, None, None) => ProxyName { scheme: "", name, port: "" },
        (Some(name), Some(port), None, None) => ProxyName { scheme: "", name, port },
        (Some(scheme), Some(name), Some(port), None) => ProxyName { scheme, name, port },
        _ => return None,
    };
    (!name.name.is_empty() && matches!(name.scheme, "" | "http" | "https")).then_some(name)
}

fn source(request: &Request, names: &Names) -> Source {
    if request.is_member(MASTERS) {
        return Source::Superuser;
    }
    if is_anonymous(request) {
        return Source::Anonymous;
    }
    let user = request.user.as_str();
    match (user.strip_prefix(NODE), request.is_member(NODES)) {
        (Some(node), true) if is_subdomain(node) => return Source::Node,
        (None, false) => {}
        _ => return Source::PseudoNode,
    }
    if user.starts_with(SERVICE_ACCOUNT) || request.groups.iter().any(|group| service_accounts_of(group).is_some()) {
        return service_account(request, names);
    }
    if request.groups.iter().any(|group| is_bootstrap_group(group)) {
        return Source::Bootstrap;
    }
    if names.components.contains(user) || request.groups.iter().any(|group| names.groups.contains(group)) {
        return Source::ControlPlane;
    }
    if user.starts_with("system:") { Source::Reserved } else { Source::User }
}

/// Which kind of service account, for a request with the name or a group of one.
fn service_account(request: &Request, names: &Names) -> Source {
    let Some((namespace, name)) = request.user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'))
    else {
        return Source::PseudoServiceAccount;
    };
    // Exactly the two groups that its token gives it: no more of that kind, no less.
    let mut general = false;
    let mut own = false;
    for kind in request.groups.iter().filter_map(|group| service_accounts_of(group)) {
        match kind {
            "" => general = true,
            of if of == namespace => own = true,
            _ => return Source::PseudoServiceAccount,
        }
    }
    if !(general && own && is_label(namespace) && is_subdomain(name)) {
        return Source::PseudoServiceAccount;
    }
    match (request.extra(POD_NAME).is_empty(), request.extra(POD_UID).is_empty()) {
        (false, false) => Source::Pod,
        (true, true) if namespace == "kube-system" && names.controllers.contains(name) => Source::Controller,
        (true, true) => Source::UnboundServiceAccount,
        // No token of Kubernetes has one without the other.
        (true, false) | (false, true) => Source::PseudoServiceAccount,
    }
}

fn traversal(target: &Target) -> Traversal {
    let at = match target {
        Target::Resource(at) => at,
        Target::NonResource { path, verb } if verb == "get" && is_discovery(path) => return Traversal::Discovery,
        Target::NonResource { .. } | Target::Malformed { .. } => return Traversal::Plain,
    };
    match (at.group.as_str(), at.resource.as_str(), at.subresource.as_str()) {
        ("", "nodes", sub) if KUBELET_SUBRESOURCES.contains(&sub) => Traversal::Kubelet,
        ("", "nodes", "proxy") => Traversal::NodeProxy,
        ("", "pods" | "services", "proxy") => Traversal::EndpointProxy,
        // The verb of `/api/v1/proxy/…`, which apiservers of long ago served.
        ("", "nodes", "") if at.verb == "proxy" => Traversal::NodeProxy,
        ("", "pods" | "services", "") if at.verb == "proxy" => Traversal::EndpointProxy,
        // Whatever the verb: a WebSocket opens a shell by `get`.
        ("", "pods", "exec" | "attach" | "portforward") => Traversal::Stream,
        ("", "pods", "log") => Traversal::Log,
        ("authorization.k8s.io", "subjectaccessreviews" | "localsubjectaccessreviews", "") if at.verb == "create" => {
            Traversal::DelegatedCheck
        }
        ("authentication.k8s.io", "tokenreviews", "") if at.verb == "create" => Traversal::DelegatedCheck,
        ("", "serviceaccounts", "token") => Traversal::CredentialMinting,
        ("certificates.k8s.io", _, _) if is_certificate(at) => Traversal::CredentialMinting,
        ("", "secrets", "") if is_bootstrap_token(at) => Traversal::CredentialMinting,
        // Nothing but impersonation has these verbs, so the resource makes no difference.
        _ if is_impersonation(&at.verb) => Traversal::Impersonation,
        _ => Traversal::Plain,
    }
}

fn path(source: Source, traversal: Traversal, target: &Target, names: &Names) -> Path {
    match (traversal, target) {
        (Traversal::Kubelet | Traversal::Stream | Traversal::Log, _) => return Path::ApiserverToKubelet,
        (Traversal::NodeProxy, Target::Resource(at)) if is_kubelet_transport(&at.name, names) => {
            return Path::ApiserverToKubelet;
        }
        (Traversal::NodeProxy | Traversal::EndpointProxy, _) => return Path::ApiserverToEndpoint,
        (Traversal::CredentialMinting, Target::Resource(at)) if at.resource != "serviceaccounts" => {
            return Path::TlsBootstrap;
        }
        _ => {}
    }
    match source {
        Source::Bootstrap => Path::TlsBootstrap,
        Source::Node | Source::PseudoNode => Path::NodeToApiserver,
        Source::Pod | Source::UnboundServiceAccount | Source::PseudoServiceAccount => Path::PodToApiserver,
        Source::Controller | Source::ControlPlane => Path::ComponentToApiserver,
        Source::User | Source::Anonymous | Source::Superuser | Source::Reserved | Source::Malformed => {
            Path::UserToApiserver
        }
    }
}

/// kube-apiserver dials the kubelet, with its client certificate, if no port or the kubelet's is asked for; a scheme alone
/// changes nothing. Without a name it is a question about all nodes.
fn is_kubelet_transport(name: &str, names: &Names) -> bool {
    name.is_empty() || proxy_name(name).is_some_and(|it| it.port.is_empty() || it.port == names.kubelet_port)
}

fn is_certificate(at: &Resource) -> bool {
    match at.resource.as_str() {
        "certificatesigningrequests" => matches!(
            at.subresource.as_str(),
            "" | "approval" | "status" | "nodeclient" | "selfnodeclient" | "selfnodeserver"
        ),
        "signers" => at.subresource.is_empty() && matches!(at.verb.as_str(), "approve" | "sign" | "attest"),
        _ => false,
    }
}

fn is_bootstrap_token(at: &Resource) -> bool {
    at.namespace == "kube-system" && at.name.starts_with("bootstrap-token-")
}

fn is_impersonation(verb: &str) -> bool {
    let Some(rest) = verb.strip_prefix("impersonate") else { return false };
    if let Some(rest) = rest.strip_prefix("-on:") {
        return rest
            .split_once(':')
            .is_some_and(|(mode, verb)| IMPERSONATION_MODES.contains(&mode) && !verb.is_empty());
    }
    rest.is_empty() || rest.strip_prefix(':').is_some_and(|mode| IMPERSONATION_MODES.contains(&mode))
}

/// A path of discovery or health, whole segments only: `/healthzfoo` and `/api/../metrics` are none.
fn is_discovery(path: &str) -> bool {
    if matches!(path, "/.well-known/openid-configuration" | "/openid/v1/jwks") {
        return true;
    }
    let Some(rest) = path.strip_prefix('/') else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let mut segments = rest.split('/');
    segments.next().is_some_and(|first| DISCOVERY.contains(&first))
        && segments.all(|segment| !matches!(segment, "" | "." | ".."))
}

fn is_anonymous(request: &Request) -> bool {
    request.user == ANONYMOUS || request.is_member(UNAUTHENTICATED)
}

/// Nobody is both unknown and a member of something; only a forged or badly mapped identity is.
fn contradiction(request: &Request) -> Option<Fault<'_>> {
    if !is_anonymous(request) || request.is_member(MASTERS) {
        return None;
    }
    request.groups.iter().find(|group| *group != UNAUTHENTICATED).map(|group| Fault::Contradiction(group))
}

/// For a group of service accounts, the namespace, or nothing for the group of all.
fn service_accounts_of(group: &str) -> Option<&str> {
    let rest = group.strip_prefix("system:serviceaccounts")?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix(':') }
}

fn is_bootstrap_group(group: &str) -> bool {
    group.strip_prefix("system:bootstrappers").is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// DNS-1123 subdomain, as Kubernetes validates names of nodes and service accounts.
fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_dns_word)
}

/// DNS-1123 label, as Kubernetes validates namespaces.
fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_dns_word(name)
}

fn is_dns_word(word: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = word.as_bytes();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
}

/// Without branches, so that it runs over many bytes at once.
fn has_control(text: &str) -> bool {
    let (control, foreign) = text.bytes().fold((false, false), |(control, foreign), byte| {
        (control | (byte < b' ') | (byte == 0x7f), foreign | !byte.is_ascii())
    });
    control || (foreign && text.chars().any(char::is_control))
}

fn each_string<'a>(request: &'a Request, see: &mut impl FnMut(&'static str, &'a str)) {
    see("user", &request.user);
    see("uid", &request.uid);
    for group in &request.groups {
        see("groups", group);
    }
    for (key, values) in &request.extra {
        see("extra", key);
        for value in values {
            see("extra", value);
        }
    }
    match &request.target {
        Target::Resource(at) => {
            see("namespace", &at.namespace);
            see("verb", &at.verb);
            see("group", &at.group);
            see("version", &at.version);
            see("resource", &at.resource);
            see("subresource", &at.subresource);
            see("name", &at.name);
            for (field, selector) in [("fieldSelector", &at.field_selector), ("labelSelector", &at.label_selector)] {
                for requirement in selector {
                    see(field, &requirement.key);
                    for value in &requirement.values {
                        see(field, value);
                    }
                }
            }
        }
        Target::NonResource { path, verb } => {
            see("path", path);
            see("verb", verb);
        }
        Target::Malformed { .. } => {}
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Target(fault) => f.write_str(fault),
            Fault::Empty(field) => write!(f, "`{field}` is empty"),
            Fault::Control(field) => write!(f, "`{field}` holds a control character"),
            Fault::Long => write!(f, "its strings together are longer than {MAX_BYTES} bytes"),
            Fault::Contradiction(group) => write!(f, "anonymous, yet a member of `{group}`"),
        }
    }
}

/// A real review has some hundred bytes, one with many groups some thousand. kube-apiserver does not cache reviews above
/// 10,000 characters, so longer ones cost everybody.
const MAX_BYTES: usize = 64 * 1024;

const MASTERS: &str = "system:masters";
const ANONYMOUS: &str = "system:anonymous";
const UNAUTHENTICATED: &str = "system:unauthenticated";
const NODE: &str = "system:node:";
const NODES: &str = "system:nodes";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// What only a kubelet asks about; kube-apiserver itself serves none of them.
const KUBELET_SUBRESOURCES: &[&str] =
    &["stats", "metrics", "log", "spec", "checkpoint", "pods", "healthz", "configz", "statusz"];

/// KEP-5284.
const IMPERSONATION_MODES: &[&str] = &["user-info", "serviceaccount", "arbitrary-node", "associated-node"];

const DISCOVERY: &[&str] = &["api", "apis", "openapi", "version", "healthz", "livez", "readyz"];

#[cfg(test)]
pub(crate) mod tests;
