//! What the page says of a lane: what it is for, what to check, what to do. Words only; every fact comes from evidence.

use super::{
    evidence::{Evidence, Known, Value},
    state::{Needs, Vector},
};
use wire::{Check, LaneId, Outcome, Part, State, Step};

/// What Kubernetes' documentation says a lane is for, warns of, and advises.
pub const fn documentation(lane: LaneId) -> (&'static str, &'static str, &'static str) {
    match lane {
        LaneId::People => (
            "People and their tools call the apiserver's HTTPS port. It knows them by certificate, token or an identity provider.",
            "A client that skips verification hands its credential to whoever answers.",
            "Give every client the cluster's CA. Turn on authentication and an authorization mode other than AlwaysAllow.",
        ),
        LaneId::Anonymous => (
            "Callers without credentials reach health checks, the version, and what a joining node must know.",
            "Where anonymous requests are allowed and nothing authorizes them, everybody may do everything.",
            "Limit anonymous access to the paths that need it, and keep authorization on.",
        ),
        LaneId::Components => (
            "Scheduler, controllers and other components call the apiserver over its secure port.",
            "Before Kubernetes 1.20 there was a port without encryption or authentication beside it.",
            "Give each component a kubeconfig with the cluster's CA and a certificate of its own.",
        ),
        LaneId::Nodes => (
            "Each kubelet reports its node and fetches the pods to run. All of it ends at the apiserver.",
            "A kubelet that does not hold the cluster's CA cannot tell the apiserver from somebody in between.",
            "Provision nodes with the cluster's CA and a client certificate; let TLS bootstrap issue and rotate it.",
        ),
        LaneId::Pods => (
            "A pod calls the apiserver with its service account. Kubernetes puts the CA and a token into the pod.",
            "The token is as good as the pod: whoever reads it is the service account until it runs out.",
            "Use tokens that are bound to their pod, and verify the apiserver with the CA beside them.",
        ),
        LaneId::Bootstrap => (
            "A node that joins asks for its client certificate with a bootstrap token, later for new ones by itself.",
            "A token that is guessed or kept lets anybody become a node.",
            "Use random tokens that expire, bind their group to certificate requests alone, and approve with care.",
        ),
        LaneId::Agents => (
            "Agents in the nodes' network hold connections to the tunnel's server, so that it can reach nodes.",
            "A server that does not ask agents for a credential passes the control plane's traffic to any of them.",
            "Let agents show a certificate or a token. A tunnel does not encrypt what runs inside it.",
        ),
        LaneId::Kubelet => (
            "The apiserver fetches logs, attaches to running pods and forwards ports. The way ends at the kubelet's HTTPS port.",
            "By default the apiserver does not check the kubelet's certificate, so somebody in between can pose as the node.",
            "Name the CA with --kubelet-certificate-authority, and turn on authentication and authorization at the kubelet.",
        ),
        LaneId::NodeProxy => (
            "The apiserver passes a caller's request on to a node.",
            "Without a prefix it is plain HTTP; with https: it is encrypted, and no certificate is checked.",
            "Do not use it over a network that is not trusted. Give nobody nodes/proxy: it runs commands in any pod of the node.",
        ),
        LaneId::PodProxy => (
            "The apiserver passes a caller's request on to a pod.",
            "Without a prefix it is plain HTTP; with https: it is encrypted, and no certificate is checked.",
            "Do not use it over a network that is not trusted; forward a port instead.",
        ),
        LaneId::ServiceProxy => (
            "The apiserver passes a caller's request on to a service.",
            "Without a prefix it is plain HTTP; with https: it is encrypted, and no certificate is checked.",
            "Do not use it over a network that is not trusted; publish the service, with TLS that its clients verify.",
        ),
        LaneId::Direct => (
            "Metrics collectors call kubelets without the apiserver. So can everybody who reaches the port.",
            "Neither audit nor admission sees such a call. A kubelet that lets anybody in runs their commands.",
            "Turn off anonymous access and the read-only port, let the kubelet authorize by webhook, and close the port to others.",
        ),
    }
}

/// What goes over a lane, in a few words.
pub(super) const fn caption(lane: LaneId) -> &'static str {
    match lane {
        LaneId::People => "people and their tools",
        LaneId::Anonymous => "no credentials",
        LaneId::Components => "scheduler, controllers",
        LaneId::Nodes => "kubelets",
        LaneId::Pods => "service accounts",
        LaneId::Bootstrap => "nodes that join",
        LaneId::Agents => "no agent is known",
        LaneId::Kubelet => "logs, exec, port-forward",
        LaneId::NodeProxy | LaneId::PodProxy | LaneId::ServiceProxy => "by kube-apiserver's proxy",
        LaneId::Direct => "goes around the gate",
    }
}

/// The worst that was found, or what is missing, in a few words.
pub(super) fn says(lane: LaneId, vector: &Vector, now: u64) -> String {
    let checks = checks(lane, "", vector, now);
    let first = |outcome| checks.iter().find(|it| it.outcome == outcome && it.id != PER_REQUEST);
    // A second door is worse than what is wrong with the first.
    let door = checks.iter().find(|it| it.outcome == Outcome::Fails && it.part == Part::WaysRound);
    if let Some(it) = door.or_else(|| first(Outcome::Fails)) {
        return it.found.clone();
    }
    if let Some(it) = first(Outcome::Conflict) {
        return format!("sources disagree: {}", it.found);
    }
    first(Outcome::Unknown).map_or_else(String::new, |it| format!("not known: {}", lower(&it.states)))
}

/// What kind of trouble it is: the id of the check that decides.
pub(super) fn kind(checks: &[Check]) -> &'static str {
    let door = checks.iter().find(|it| it.outcome == Outcome::Fails && it.part == Part::WaysRound);
    let worst = door
        .or_else(|| checks.iter().find(|it| it.outcome == Outcome::Fails))
        .or_else(|| checks.iter().find(|it| it.outcome == Outcome::Conflict));
    let id = worst.map_or("", |it| it.id.as_str());
    KINDS.iter().find(|it| **it == id).copied().unwrap_or("")
}

/// What to do about it.
pub(super) const fn advice(lane: LaneId, kind: &str) -> &'static str {
    match (lane, kind.as_bytes()) {
        (_, b"silent") => {
            "No evidence for more than five minutes. See whether the node is up, and reaches the apiserver."
        }
        (LaneId::NodeProxy | LaneId::PodProxy | LaneId::ServiceProxy, _) => {
            "Pathgate can refuse it. Forward a port or publish the service instead."
        }
        (LaneId::Direct, b"read-only-port") => "Pathgate is not on this path: set readOnlyPort: 0 on the node.",
        (LaneId::Direct, b"client-known") => {
            "Pathgate is not on this path: set authentication.anonymous.enabled: false on the node."
        }
        (_, b"authorizes") => {
            "Set authorization.mode: Webhook on the node, or another mode than AlwaysAllow on the apiserver."
        }
        (_, b"certificate") => "Turn on serverTLSBootstrap on the node, and approve its request.",
        (LaneId::Kubelet, b"server-checked") => {
            "Once every kubelet shows a certificate of the cluster, set --kubelet-certificate-authority."
        }
        (LaneId::Kubelet, b"client-known") => {
            "Set --kubelet-client-certificate and --kubelet-client-key on the apiserver."
        }
        (_, b"server-checked") => {
            "Give the caller the cluster’s CA, and remove insecure-skip-tls-verify from its kubeconfig."
        }
        (_, b"tls") => "Turn plain HTTP off.",
        _ => "",
    }
}

pub(super) const fn trouble(state: State) -> &'static str {
    match state {
        State::Exposed => "are exposed",
        State::Unverified => "are not verified",
        State::Conflict => "are in conflict",
        State::Unknown => "are unknown",
        State::Asserted => "are asserted safe",
        State::Safe => "are proved safe",
    }
}

pub(super) const fn trouble_of_one(state: State) -> &'static str {
    match state {
        State::Exposed => "is exposed",
        State::Unverified => "is not verified",
        State::Conflict => "is in conflict",
        State::Unknown => "is unknown",
        State::Asserted => "is asserted safe",
        State::Safe => "is proved safe",
    }
}

/// All that must be true of a path, and what is known of it.
pub(super) fn checks(lane: LaneId, node: &str, vector: &Vector, now: u64) -> Vec<Check> {
    let needs = Needs::of(lane);
    let text = texts(lane);
    let mut all = vec![check("tls", Part::WhoAnswers, text.tls, vector.transport.resolve(now), "")];
    if needs.shown {
        let setting = if node.is_empty() { String::new() } else { format!("On {node}: serverTLSBootstrap: true") };
        let states = "It shows a certificate of the cluster, for this node and the address dialled";
        all.push(check("certificate", Part::WhoAnswers, states, vector.shown.resolve(now), &setting));
    }
    if needs.server {
        all.push(check("server-checked", Part::WhoAnswers, text.server, vector.server.resolve(now), text.server_set));
    }
    if needs.client {
        all.push(check("client-known", Part::WhoAsks, text.client, vector.client.resolve(now), text.client_set));
    }
    all.push(check("authorizes", Part::WhatMayPass, text.authz, vector.authz.resolve(now), text.authz_set));
    if needs.bypass {
        let states = "There is no second door";
        all.push(check("read-only-port", Part::WaysRound, states, vector.bypass.resolve(now), "readOnlyPort: 0"));
    }
    if matches!(lane, LaneId::Kubelet | LaneId::NodeProxy) {
        all.push(Check {
            id: PER_REQUEST.into(),
            part: Part::WaysRound,
            states: "Nobody switches checking off for a request".into(),
            outcome: Outcome::Unknown,
            found: "insecureSkipTLSVerifyBackend is visible in audit events only".into(),
            strength: None,
            witness: None,
            from: String::new(),
            at: 0,
            ttl: 0,
            setting: String::new(),
        });
    }
    if let Known::Is(tunnel) = vector.tunnel.resolve(now) {
        let states = "A tunnel carries it, which raises nothing above";
        all.push(from_evidence(
            "tunnel",
            Part::WaysRound,
            states,
            tunnel,
            Outcome::Passes,
            "--egress-selector-config-file",
        ));
    }
    all
}

/// The way to safety; the order matters, for a flag that comes first breaks logs and exec.
pub(super) fn steps(lane: LaneId, node: &str, vector: &Vector, now: u64, issued_elsewhere: Issued) -> Vec<Step> {
    let good = |outcome: Outcome| outcome == Outcome::Passes;
    let shown = good(outcome(vector.shown.resolve(now)));
    let step = |done, text: &str, code: String| Step { done, text: text.into(), code };
    let mut all = Vec::new();
    let needs = Needs::of(lane);
    if needs.shown {
        let on = format!("# the kubelet's configuration on {node}\n");
        let approved = shown || issued_elsewhere == Issued::Some;
        all.push(step(approved, "Have an approver for requests of the signer kubernetes.io/kubelet-serving. Kubernetes approves none by itself.", String::new()));
        all.push(step(
            shown,
            "Tell the kubelet to ask for a serving certificate.",
            format!("{on}serverTLSBootstrap: true"),
        ));
        all.push(step(
            shown,
            "Restart the kubelet, and wait until a probe sees the new certificate, here and on every other node.",
            String::new(),
        ));
    }
    if needs.shown && needs.server {
        let checked = good(outcome(vector.server.resolve(now)));
        let code = "# kube-apiserver\n--kubelet-certificate-authority=FILE".into();
        all.push(step(
            checked,
            "Only then let the apiserver check it. Earlier, logs and exec would fail on every node without one.",
            code,
        ));
        let client = good(outcome(vector.client.resolve(now)));
        let code = "# kube-apiserver\n--kubelet-client-certificate=FILE\n--kubelet-client-key=FILE".into();
        all.push(step(client, "Let the apiserver show a certificate of its own to kubelets.", code));
    }
    if lane == LaneId::Direct {
        let closed = good(outcome(vector.bypass.resolve(now)));
        let client = good(outcome(vector.client.resolve(now)));
        let authz = good(outcome(vector.authz.resolve(now)));
        all.push(step(closed, "Close the read-only port.", "readOnlyPort: 0".into()));
        all.push(step(
            client,
            "Turn callers without credentials away.",
            "authentication:\n  anonymous:\n    enabled: false".into(),
        ));
        all.push(step(authz, "Let the kubelet ask whether a caller may.", "authorization:\n  mode: Webhook".into()));
    }
    if matches!(lane, LaneId::PodProxy | LaneId::ServiceProxy)
        || (lane == LaneId::NodeProxy && !needs.bypass && node.is_empty())
    {
        let text = "Refuse it, and forward a port or publish the service instead. The prefix https: encrypts, and checks nobody.";
        all.push(step(false, text, String::new()));
    }
    if super::claims::is_inward(lane) {
        let checked = good(outcome(vector.server.resolve(now)));
        let text = "Give the caller the cluster's CA, and do not let it skip verification. Name its kubeconfig in posture.files, so that it can be seen here.";
        all.push(step(checked, text, "certificate-authority: FILE".into()));
    }
    all
}

/// Whether a kubelet anywhere shows a certificate of the cluster, so that somebody approves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issued {
    Some,
    None,
}

struct Texts {
    tls: &'static str,
    server: &'static str,
    server_set: &'static str,
    client: &'static str,
    client_set: &'static str,
    authz: &'static str,
    authz_set: &'static str,
}

const fn texts(lane: LaneId) -> Texts {
    let inward = Texts {
        tls: "It calls over TLS",
        server: "It checks that the apiserver answers",
        server_set: "certificate-authority in its kubeconfig",
        client: "It has a name",
        client_set: "--client-ca-file and tokens of kube-apiserver",
        authz: "The apiserver asks before it serves",
        authz_set: "--authorization-config",
    };
    let proxy = Texts {
        tls: "The apiserver calls it over TLS",
        server: "The apiserver checks who answers",
        server_set: "",
        client: "The apiserver shows who it is",
        client_set: "",
        authz: "What is called asks before it serves",
        authz_set: "",
    };
    match lane {
        LaneId::People
        | LaneId::Anonymous
        | LaneId::Components
        | LaneId::Nodes
        | LaneId::Pods
        | LaneId::Bootstrap
        | LaneId::Agents => inward,
        LaneId::PodProxy | LaneId::ServiceProxy => proxy,
        LaneId::Kubelet | LaneId::NodeProxy => Texts {
            tls: "The kubelet listens with TLS",
            server: "The apiserver checks the certificate",
            server_set: "--kubelet-certificate-authority",
            client: "The apiserver shows a certificate",
            client_set: "--kubelet-client-certificate",
            authz: "The kubelet asks before it serves",
            authz_set: "authorization.mode: Webhook",
        },
        LaneId::Direct => Texts {
            tls: "The kubelet listens with TLS",
            client: "The kubelet turns strangers away",
            client_set: "authentication.anonymous.enabled: false",
            authz: "The kubelet asks before it serves",
            authz_set: "authorization.mode: Webhook",
            ..inward
        },
    }
}

fn outcome<V: Value>(known: Known<'_, V>) -> Outcome {
    match known {
        Known::Unknown(_) => Outcome::Unknown,
        Known::Conflict(..) => Outcome::Conflict,
        Known::Is(it) if it.value.is_good() => Outcome::Passes,
        Known::Is(_) => Outcome::Fails,
    }
}

fn check<V: Value>(id: &str, part: Part, states: &str, known: Known<'_, V>, setting: &str) -> Check {
    let outcome = outcome(known);
    match known {
        Known::Is(it) => from_evidence(id, part, states, it, outcome, setting),
        Known::Conflict(one, other) => Check {
            found: format!("{}: {}; {}: {}", one.witness, found(one), other.witness, found(other)),
            ..from_evidence(id, part, states, one, outcome, setting)
        },
        Known::Unknown(Some(last)) => Check {
            found: format!("last known: {}; that ran out", found(last)),
            strength: None,
            ..from_evidence(id, part, states, last, outcome, setting)
        },
        Known::Unknown(None) => Check {
            id: id.into(),
            part,
            states: states.into(),
            outcome,
            found: "no evidence".into(),
            strength: None,
            witness: None,
            from: String::new(),
            at: 0,
            ttl: 0,
            setting: setting.into(),
        },
    }
}

fn from_evidence<V: Value>(
    id: &str,
    part: Part,
    states: &str,
    it: &Evidence<V>,
    outcome: Outcome,
    setting: &str,
) -> Check {
    Check {
        id: id.into(),
        part,
        states: states.into(),
        outcome,
        found: found(it),
        strength: Some(it.strength),
        witness: Some(it.witness),
        from: it.from.as_ref().into(),
        at: it.at,
        ttl: it.ttl,
        setting: setting.into(),
    }
}

fn found<V: Value>(it: &Evidence<V>) -> String {
    if it.note.is_empty() { it.value.says().to_owned() } else { it.note.as_ref().to_owned() }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

const KINDS: &[&str] = &["tls", "certificate", "server-checked", "client-known", "authorizes", "read-only-port"];

/// It cannot be known without audit events, so it is shown and not counted.
const PER_REQUEST: &str = "per-request-switch";
