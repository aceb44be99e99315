//! What the reviews show that kube-apiserver and kubelets send.
//!
//! A review shows who asks and for what; never whether the caller checked who answered, so that stays unknown here. Names
//! in a request are the caller's choice: no node comes into being because somebody asked for it.

use super::{
    Posture,
    claims::{Says, Told},
    state::{Authz, Client, Server, Transport},
    table::Record,
};
use crate::paths::proxy_name;
use std::{collections::VecDeque, sync::Arc};
use wire::{Decision, Door, LaneId, Resource, Source, Strength, Target, Traversal, Verdict, Witness};

/// Who asked kube-apiserver to judge somebody else's access, just now.
#[derive(Debug, Default)]
pub(super) struct Asking(VecDeque<Asked>);

#[derive(Debug)]
struct Asked {
    who: Arc<str>,
    /// Whether it is a node, by its name.
    node: bool,
    at: u64,
}

impl Posture {
    /// Takes what a decision shows. Decisions come in the order in which they were made.
    pub fn apply_decision(&mut self, decision: &Decision) {
        if decision.door != Door::Webhook || decision.source == Source::Malformed {
            return;
        }
        self.reviews.hear(decision.at);
        self.asks_for_another(decision);
        let Some(lane) = decision.lane() else { return };
        match lane {
            LaneId::People
            | LaneId::Anonymous
            | LaneId::Components
            | LaneId::Nodes
            | LaneId::Pods
            | LaneId::Bootstrap => self.inward(lane, decision),
            LaneId::Kubelet | LaneId::NodeProxy => self.outward(lane, decision),
            LaneId::PodProxy | LaneId::ServiceProxy => self.proxied(lane, decision),
            LaneId::Agents | LaneId::Direct => {}
        }
    }

    /// A kubelet that creates a SubjectAccessReview asks before it serves.
    fn asks_for_another(&mut self, decision: &Decision) {
        let Target::Resource(at) = &decision.request.target else { return };
        if decision.traversal != Traversal::DelegatedCheck || !at.resource.ends_with("subjectaccessreviews") {
            return;
        }
        let node = decision.request.user.strip_prefix("system:node:").filter(|_| decision.source == Source::Node);
        let who = node.unwrap_or(&decision.request.user);
        self.asking.push(who, node.is_some(), decision.at);
        if let Some(node) = node {
            let told = told(decision, Strength::Observed, KUBELET_TTL);
            self.table.learn(node, &self.claims, decision.at);
            let note: Arc<str> = format!("{node} asked for a review").into();
            self.tell_node(node, &[LaneId::Kubelet, LaneId::Direct, LaneId::NodeProxy], decision.at, |_, record| {
                told.put(Says::Authz(Authz::Delegated), &note, &mut record.vector);
            });
        }
    }

    /// A caller of kube-apiserver.
    fn inward(&mut self, lane: LaneId, decision: &Decision) {
        let at = decision.at;
        let lane = of_source(decision.source).filter(|_| lane == LaneId::Bootstrap).unwrap_or(lane);
        // Whoever may create reviews may put any name into one.
        let strength = if self.asking.is_doubtful(at) { Strength::Inferred } else { Strength::Observed };
        let told = told(decision, strength, REVIEW_TTL);
        let (client, note) = client(decision);
        let node = caller_node(decision);
        let tell = |record: &mut Record| {
            told.put(Says::Transport(Transport::Tls), &ASKS_OVER_TLS.into(), &mut record.vector);
            told.put(Says::Client(client), &note, &mut record.vector);
            told.put(Says::Authz(Authz::Delegated), &ASKS_BEFORE.into(), &mut record.vector);
            record.see(decision);
        };
        if lane == LaneId::Pods {
            self.callers.note(&decision.request.user);
        }
        if let Some(node) = node {
            self.table.learn(node, &self.claims, at);
            let tell_one = |_: LaneId, record: &mut Record| tell(record);
            if self.tell_node_of(node, lane, at, tell_one) {
                return;
            }
        }
        let user = decision.request.user.as_str();
        if let Some(record) = self.table.subject(lane, user, None, &self.claims, at) {
            tell(record);
            record.settle(lane, super::table::Place::Subject(user), at, &mut self.log);
        }
    }

    /// A question about a kubelet: by that kubelet, or by kube-apiserver before it calls one.
    fn outward(&mut self, lane: LaneId, decision: &Decision) {
        let Some(node) = decision.target_node() else { return };
        let at = decision.at;
        if matches!(decision.traversal, Traversal::Stream | Traversal::Log) {
            self.tell_node(node, &[LaneId::Kubelet], at, |_, record| record.see(decision));
            return;
        }
        let own = self.options.kubelet_clients.contains(&decision.request.user);
        let origin = match self.asking.take(node, at) {
            Some(strength) => Some(strength),
            // Nobody but kube-apiserver has that name, and it shows it to kubelets only.
            None if own => Some(Strength::Inferred),
            None => None,
        };
        match origin {
            Some(strength) => self.kubelet_asked(node, strength, own, decision),
            None if lane == LaneId::NodeProxy => self.proxied(lane, decision),
            None => {}
        }
    }

    /// A kubelet asked whether this caller may.
    fn kubelet_asked(&mut self, node: &str, strength: Strength, own: bool, decision: &Decision) {
        let told = told(decision, strength, KUBELET_TTL);
        let (client, note) = client(decision);
        let asked: Arc<str> = format!("a review from {node}, about {}", decision.request.user).into();
        self.tell_node(node, &[LaneId::Kubelet, LaneId::Direct, LaneId::NodeProxy], decision.at, |lane, record| {
            told.put(Says::Authz(Authz::Delegated), &asked, &mut record.vector);
            let to_apiserver = own && lane != LaneId::Direct;
            let to_strangers = client == Client::Anonymous && lane == LaneId::Direct;
            if to_apiserver || to_strangers {
                told.put(Says::Client(client), &note, &mut record.vector);
            }
            // A certificate is shown over TLS and not otherwise.
            if client == Client::Certificate {
                told.put(Says::Transport(Transport::Tls), &"a certificate was shown to it".into(), &mut record.vector);
            }
            if own == (lane == LaneId::Kubelet) && lane != LaneId::NodeProxy {
                record.see(decision);
            }
        });
    }

    /// kube-apiserver is about to call a node, pod or service that the caller named.
    fn proxied(&mut self, lane: LaneId, decision: &Decision) {
        let Target::Resource(to) = &decision.request.target else { return };
        let Some(name) = proxy_name(&to.name) else { return };
        let at = decision.at;
        let told = told(decision, Strength::Observed, REVIEW_TTL);
        if lane == LaneId::NodeProxy && (name.port.is_empty() || name.port == self.names.kubelet_port) {
            let known = self.table.find(name.name).is_some_and(|it| it.record(lane).is_some());
            if decision.verdict == Verdict::Deny && !known {
                return;
            }
            self.tell_node_of(name.name, lane, at, |_, record| {
                record.see(decision);
                if decision.verdict != Verdict::Deny {
                    told.put(Says::Transport(Transport::Tls), &KUBELET_TRANSPORT.into(), &mut record.vector);
                }
            });
            return;
        }
        let subject = subject(to);
        let node = decision.target_node().filter(|_| lane != LaneId::ServiceProxy);
        // What was refused was not dialled, and shows nothing of the way there.
        let kept = self.table.subjects(lane).is_some_and(|it| it.kept.contains_key(subject.as_str()));
        if decision.verdict == Verdict::Deny && !kept {
            return;
        }
        let Some(record) = self.table.subject(lane, &subject, node, &self.claims, at) else { return };
        record.see(decision);
        if decision.verdict != Verdict::Deny {
            let vector = &mut record.vector;
            let scheme = if name.scheme == "https" { Transport::Tls } else { Transport::Plaintext };
            told.put(Says::Transport(scheme), &format!("called as {}", to.name).into(), vector);
            told.put(Says::Server(Server::NotChecked), &PROXY_UNCHECKED.into(), vector);
            told.put(Says::Client(Client::Anonymous), &PROXY_NAMELESS.into(), vector);
        }
        record.settle(lane, super::table::Place::Subject(&subject), at, &mut self.log);
    }
}

impl Record {
    fn see(&mut self, decision: &Decision) {
        self.seen = self.seen.max(decision.at);
        if decision.verdict == Verdict::Deny {
            self.refusals.count(decision.at);
        }
    }
}

impl Asking {
    fn push(&mut self, who: &str, node: bool, at: u64) {
        self.prune(at);
        if self.0.len() >= MOST_ASKING {
            self.0.pop_front();
        }
        self.0.push_back(Asked { who: who.into(), node, at });
    }

    /// Whether this node asked just now, and how sure it is that what follows is its question.
    fn take(&mut self, node: &str, at: u64) -> Option<Strength> {
        self.prune(at);
        let place = self.0.iter().position(|it| it.node && &*it.who == node)?;
        self.0.remove(place);
        Some(if self.0.iter().any(|it| !it.node) { Strength::Inferred } else { Strength::Observed })
    }

    /// Whether what comes now may be about somebody who is not there.
    fn is_doubtful(&mut self, at: u64) -> bool {
        self.prune(at);
        self.0.iter().any(|it| !it.node)
    }

    fn prune(&mut self, at: u64) {
        while self.0.front().is_some_and(|it| it.at.saturating_add(PAIR) < at) {
            self.0.pop_front();
        }
    }
}

/// The lane of a caller, whatever it asks for.
fn of_source(source: Source) -> Option<LaneId> {
    match source {
        Source::Bootstrap | Source::Node | Source::PseudoNode => None,
        Source::Controller | Source::ControlPlane => Some(LaneId::Components),
        Source::Pod | Source::UnboundServiceAccount | Source::PseudoServiceAccount => Some(LaneId::Pods),
        Source::Anonymous => Some(LaneId::Anonymous),
        Source::Malformed | Source::Superuser | Source::Reserved | Source::User => Some(LaneId::People),
    }
}

/// The node that calls, or that the calling pod runs on, as kube-apiserver authenticated it.
fn caller_node(decision: &Decision) -> Option<&str> {
    match decision.source {
        Source::Node => decision.request.user.strip_prefix("system:node:"),
        Source::Pod => decision.request.extra(NODE_NAME).first().map(String::as_str).filter(|it| !it.is_empty()),
        Source::Malformed
        | Source::Superuser
        | Source::Anonymous
        | Source::PseudoNode
        | Source::Controller
        | Source::UnboundServiceAccount
        | Source::PseudoServiceAccount
        | Source::Bootstrap
        | Source::ControlPlane
        | Source::Reserved
        | Source::User => None,
    }
}

/// How the caller was authenticated, and by which credential.
fn client(decision: &Decision) -> (Client, Arc<str>) {
    let user = &decision.request.user;
    let credential = decision.request.extra(CREDENTIAL_ID).first().map_or("", String::as_str);
    if decision.source == Source::Anonymous {
        (Client::Anonymous, "callers without a name are let in".into())
    } else if credential.starts_with("X509SHA256=") {
        (Client::Certificate, format!("{user}, by certificate").into())
    } else if credential.starts_with("JTI=") || decision.source == Source::Pod {
        (Client::Token, format!("{user}, by token").into())
    } else {
        (Client::Named, format!("{user}; the review does not say by which credential").into())
    }
}

fn subject(to: &Resource) -> String {
    let name = proxy_name(&to.name).unwrap_or_default();
    let scheme = if name.scheme.is_empty() { "" } else { ":" };
    let port = if name.port.is_empty() { "" } else { ":" };
    let slash = if to.namespace.is_empty() { "" } else { "/" };
    format!("{}{scheme}{}{slash}{}{port}{}", name.scheme, to.namespace, name.name, name.port)
}

fn told(decision: &Decision, strength: Strength, ttl: u64) -> Told {
    let from = format!("decision {}", decision.id).into();
    Told { strength, witness: Witness::Reviews, from, at: decision.at, ttl }
}

/// Kubernetes 1.32 and newer tell it.
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const ASKS_OVER_TLS: &str = "kube-apiserver asks about callers of its TLS port only";
const ASKS_BEFORE: &str = "kube-apiserver asked before it served";
const KUBELET_TRANSPORT: &str = "kube-apiserver calls kubelets by HTTPS only";
const PROXY_UNCHECKED: &str = "kube-apiserver takes any certificate from what it proxies to";
const PROXY_NAMELESS: &str = "kube-apiserver shows no certificate to what it proxies to";

/// A caller may be another one after that time.
pub(super) const REVIEW_TTL: u64 = 5 * 60 * 1_000;
/// A kubelet keeps an answer for five minutes, and asks again after that only.
const KUBELET_TTL: u64 = 10 * 60 * 1_000;
/// kube-apiserver judges the creation of a review, then the review: two questions to us, some milliseconds apart.
const PAIR: u64 = 200;
/// Ten thousand nodes that all ask within that time do not ask again within it.
const MOST_ASKING: usize = 4_096;
