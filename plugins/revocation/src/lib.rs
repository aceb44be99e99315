//! Credentials that must no longer work, on every path.
//!
//! Owns eight lists: certificates, keys, serial numbers, tokens, users, uids, pods, nodes. Kubernetes itself can take back no client certificate
//! before it expires. The lists are in order in the snapshot that every decision starts from, so a hundred thousand
//! entries cost a decision as much as ten. Whoever impersonates shows the impersonated identity only.

mod list;
pub mod peers;

use list::{Fingerprint, List, Serial};
use sdk::{Answer, Context, Credential, Guard, Mode, Question, Request, Rule};

sdk::config! {
    guards: GUARDS, others: certificates::ids(peers::RULES), prepare: peers::prepare;
    /// Client certificates by their SHA-256, as `openssl x509 -fingerprint -sha256` prints it, or without the colons.
    certificates: List<Fingerprint> = List::default(),
    /// Certificates by the SHA-256 of their public key (SubjectPublicKeyInfo), for peers: every certificate with that key.
    keys: List<Fingerprint> = List::default(),
    /// Certificates by serial number and issuer, for peers: `0A:1B CN=kubernetes`, as `openssl x509 -serial -issuer` prints them.
    serials: List<Serial> = List::default(),
    /// Tokens by their JWT ids (`jti`).
    tokens: List<Box<str>> = List::default(),
    /// Users by their names.
    users: List<Box<str>> = List::default(),
    /// Users and service accounts by their uids.
    uids: List<Box<str>> = List::default(),
    /// Pods by their uids: every token that is bound to one.
    pods: List<Box<str>> = List::default(),
    /// Nodes by their uids: every token that is bound to a pod on one.
    nodes: List<Box<str>> = List::default(),
}

sdk::plugin! {
    asks: [],
    config: Config,
    rules: certificates::told(&GUARDS, peers::RULES),
    authorize: authorize,
    verify_peer: peers::verify,
}

/// The first rule that refuses, if any.
pub fn authorize(config: &Config, context: &Context, request: &Request) -> Answer {
    sdk::judge(config, &GUARDS, context, request)
}

fn certificate(config: &Config, question: &Question<'_>) -> Option<String> {
    let Some(Credential::Certificate(fingerprint)) = question.request.credential() else { return None };
    let why = config.certificates.find(&Fingerprint::read(fingerprint).ok()?)?;
    Some(format!("the client certificate of `{}` is revoked{why}; ask an administrator for a new one", question.user()))
}

fn token(config: &Config, question: &Question<'_>) -> Option<String> {
    let Some(Credential::Token(id)) = question.request.credential() else { return None };
    let why = config.tokens.find(id)?;
    Some(format!("this token of `{}` is revoked{why}; ask for a new one", question.user()))
}

fn user(config: &Config, question: &Question<'_>) -> Option<String> {
    let why = config.users.find(question.user())?;
    Some(format!("`{}` is revoked{why}; ask an administrator", question.user()))
}

fn uid(config: &Config, question: &Question<'_>) -> Option<String> {
    let why = config.uids.find(question.request.uid.as_str())?;
    Some(format!("`{}` with the uid {} is revoked{why}; ask an administrator", question.user(), question.request.uid))
}

fn pod(config: &Config, question: &Question<'_>) -> Option<String> {
    let [uid] = question.request.extra("authentication.kubernetes.io/pod-uid") else { return None };
    let why = config.pods.find(uid.as_str())?;
    Some(format!("the pod with the uid {uid} is revoked{why}; delete it, and a new one gets new tokens"))
}

fn node(config: &Config, question: &Question<'_>) -> Option<String> {
    let [uid] = question.request.extra("authentication.kubernetes.io/node-uid") else { return None };
    let why = config.nodes.find(uid.as_str())?;
    Some(format!("the node with the uid {uid} is revoked{why}, with all pods on it; ask an administrator"))
}

static GUARDS: [Guard<Config>; 6] = [
    guard(
        "revoked-certificate",
        "A revoked client certificate is good for nothing.",
        CERTIFICATE,
        "kubernetes/kubernetes#18982, KEP-4193",
        certificate,
    ),
    guard("revoked-token", "A revoked token is good for nothing.", TOKEN, "KEP-4193", token),
    guard("revoked-user", "A revoked user may do nothing.", USER, "kubernetes/kubernetes#18982", user),
    guard("revoked-uid", "Who has a revoked uid may do nothing.", UID, "KEP-4193", uid),
    guard("revoked-pod", "The tokens of a revoked pod are good for nothing.", POD, "KEP-4193", pod),
    guard("revoked-node", "The tokens of pods on a revoked node are good for nothing.", NODE, "KEP-4193", node),
];

const fn guard(
    id: &'static str,
    summary: &'static str,
    advice: &'static str,
    source: &'static str,
    check: fn(&Config, &Question<'_>) -> Option<String>,
) -> Guard<Config> {
    Guard { rule: Rule { id, summary, advice, source }, mode: Mode::On, allow: &[], check }
}

const CERTIFICATE: &str = "Put the fingerprint into `certificates`. kube-apiserver tells it since 1.32, and not where the \
    caller is in system:masters or impersonates; and what it has answered from its cache lasts as long as its \
    `unauthorizedTTL`.";
const TOKEN: &str = "Put the token's `jti` into `tokens`. Since 1.32 every token that kube-apiserver issues has one; for older ones \
    delete the pod or the secret.";
const USER: &str = "Put the name into `users`: every credential of that name, also a new one. A kubelet's is \
    system:node:NAME.";
const UID: &str = "Put the uid into `uids`: a service account that is deleted and made again has another.";
const POD: &str =
    "Put the pod's uid into `pods`. Deleting the pod ends its tokens as well, if kube-apiserver looks them up.";
const NODE: &str = "Put the Node's uid into `nodes`, and the kubelet's user into `users`.";

#[cfg(test)]
mod tests;
