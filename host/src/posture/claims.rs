//! What the other witnesses say, in words that need no files and no sockets: claims of configuration files, and reports
//! of probes.

use super::{
    evidence::{Evidence, Value as _},
    state::{Authz, Bypass, Client, Server, Shown, Transport, Tunnel, Vector},
    table::Place,
};
use std::{collections::HashMap, sync::Arc};
use wire::{LaneId, Path, Strength, Witness};

/// Everything that the configuration files say, at one time. It replaces what they said before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileClaims {
    pub at: u64,
    /// Files that were read.
    pub files: usize,
    pub claims: Vec<Claim>,
    pub faults: Vec<FileFault>,
}

/// A file that could not be understood, or that says what cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// One thing that one file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub about: About,
    pub says: Says,
    pub from: Arc<str>,
    pub note: Arc<str>,
}

/// Whom a claim is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// The kube-apiserver that sends us reviews.
    Apiserver,
    /// The kubelet of this node.
    Kubelet(String),
    /// Every kubelet that no file of its own speaks of.
    Kubelets,
    /// A caller of kube-apiserver, by its user name.
    Caller(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    Transport(Transport),
    Shown(Shown),
    Server(Server),
    Client(Client),
    Authz(Authz),
    Tunnel(Tunnel),
    Bypass(Bypass),
}

impl Says {
    /// In words.
    pub fn says(self) -> &'static str {
        match self {
            Says::Transport(it) => it.says(),
            Says::Shown(it) => it.says(),
            Says::Server(it) => it.says(),
            Says::Client(it) => it.says(),
            Says::Authz(it) => it.says(),
            Says::Tunnel(it) => it.says(),
            Says::Bypass(it) => it.says(),
        }
    }

    pub fn is_good(self) -> bool {
        match self {
            Says::Transport(it) => it.is_good(),
            Says::Shown(it) => it.is_good(),
            Says::Server(it) => it.is_good(),
            Says::Client(it) => it.is_good(),
            Says::Authz(it) => it.is_good(),
            Says::Tunnel(it) => it.is_good(),
            Says::Bypass(it) => it.is_good(),
        }
    }
}

/// What a probe of one kubelet found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    pub path: Path,
    pub node: String,
    /// What was dialled, as `10.0.0.9:10250`.
    pub address: String,
    pub at: u64,
    pub found: Found,
    /// None if nobody looked.
    pub read_only: Option<ReadOnly>,
}

/// What answered on the kubelet's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing did, and why.
    Silent(String),
    /// HTTP without TLS.
    Plaintext,
    /// Neither TLS nor HTTP.
    Foreign(String),
    Tls(Box<TlsFound>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFound {
    /// As `TLS 1.3`.
    pub version: String,
    /// None if there was nobody to verify it by; what is wrong with the certificate in itself is said all the same.
    pub shown: Option<Shown>,
    /// What is right or wrong with the certificate, in words.
    pub note: String,
    pub certificate: Option<wire::Certificate>,
    pub asks_for_certificate: bool,
    /// The HTTP status of `GET /pods` without credentials; none if there was no answer.
    pub stranger: Option<u16>,
}

/// What was found behind the read-only port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOnly {
    /// It turned the connection away.
    Closed {
        address: String,
    },
    /// Nothing was heard; that is no proof.
    Silent {
        address: String,
        why: String,
    },
    Open {
        address: String,
    },
}

/// Claims, found by whom they are about.
#[derive(Debug, Default)]
pub(super) struct Claims {
    about: HashMap<About, Vec<Claim>>,
    at: u64,
}

impl Claims {
    pub fn new(claims: Vec<Claim>, at: u64) -> Claims {
        let mut about: HashMap<About, Vec<Claim>> = HashMap::new();
        for claim in claims {
            about.entry(claim.about.clone()).or_default().push(claim);
        }
        Claims { about, at }
    }

    /// Puts onto a path what files say of it.
    pub fn onto(&self, lane: LaneId, place: Place<'_>, vector: &mut Vector) {
        let of = |about: &About| self.about.get(about).into_iter().flatten();
        for claim in of(&About::Apiserver) {
            let is_kubelet = matches!(place, Place::Node(_)) && matches!(lane, LaneId::Kubelet | LaneId::NodeProxy);
            let counts = match claim.says {
                Says::Server(_) | Says::Client(_) | Says::Transport(_) | Says::Shown(_) => is_kubelet,
                Says::Authz(_) => is_inward(lane),
                Says::Tunnel(_) => is_kubelet || matches!(lane, LaneId::PodProxy | LaneId::ServiceProxy),
                Says::Bypass(_) => lane == LaneId::Components,
            };
            if counts {
                self.put(claim, vector);
            }
        }
        match place {
            Place::Node(node) if matches!(lane, LaneId::Kubelet | LaneId::Direct | LaneId::NodeProxy) => {
                let own = About::Kubelet(node.to_owned());
                let about = if self.about.contains_key(&own) { own } else { About::Kubelets };
                for claim in of(&about) {
                    let counts = match claim.says {
                        Says::Client(_) | Says::Bypass(_) => lane == LaneId::Direct,
                        Says::Transport(_) | Says::Shown(_) | Says::Server(_) | Says::Authz(_) | Says::Tunnel(_) => {
                            true
                        }
                    };
                    if counts {
                        self.put(claim, vector);
                    }
                }
            }
            Place::Node(node) if lane == LaneId::Nodes => {
                of(&About::Caller(format!("system:node:{node}"))).for_each(|claim| self.put(claim, vector));
            }
            Place::Subject(user) if is_inward(lane) => {
                of(&About::Caller(user.to_owned())).for_each(|claim| self.put(claim, vector));
            }
            Place::Node(_) | Place::Subject(_) => {}
        }
    }

    fn put(&self, claim: &Claim, vector: &mut Vector) {
        let told = Told {
            strength: Strength::Asserted,
            witness: Witness::Files,
            from: claim.from.clone(),
            at: self.at,
            ttl: 0,
        };
        told.put(claim.says, &claim.note, vector);
    }
}

/// One thing that a probe proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub says: Says,
    /// The address that was dialled.
    pub from: Arc<str>,
    pub note: Arc<str>,
}

impl ProbeReport {
    /// What it proves. No news is no evidence: what was known runs out by itself.
    pub fn proofs(&self) -> Vec<Proof> {
        let mut proofs = Vec::new();
        let mut put = |says, from: &str, note: &str| {
            proofs.push(Proof { says, from: from.into(), note: note.into() });
        };
        let at = &self.address;
        match &self.found {
            Found::Silent(_) | Found::Foreign(_) => {}
            Found::Plaintext => put(Says::Transport(Transport::Plaintext), at, &format!("plain HTTP on {at}")),
            Found::Tls(tls) => {
                put(Says::Transport(Transport::Tls), at, &format!("{} on {at}", tls.version));
                if let Some(shown) = tls.shown {
                    put(Says::Shown(shown), at, &tls.note);
                }
                let (client, authz, note) = stranger(self.path, tls.stranger);
                if let Some(client) = client {
                    put(Says::Client(client), at, note);
                }
                if let Some(authz) = authz {
                    put(Says::Authz(authz), at, note);
                }
            }
        }
        match &self.read_only {
            Some(ReadOnly::Open { address }) => {
                put(Says::Bypass(Bypass::Open), address, &format!("{address} answers anyone, in plaintext"));
            }
            Some(ReadOnly::Closed { address }) => {
                put(Says::Bypass(Bypass::Closed), address, &format!("{address} is closed"));
            }
            Some(ReadOnly::Silent { .. }) | None => {}
        }
        proofs
    }

    /// Puts onto a lane of its node what was found there.
    pub(super) fn onto(&self, lane: LaneId, vector: &mut Vector) {
        for Proof { says, from, note } in self.proofs() {
            // How callers are known, and a second door, are matters of who calls directly.
            if lane != LaneId::Direct && matches!(says, Says::Client(_) | Says::Bypass(_)) {
                continue;
            }
            let told = Told { strength: Strength::Proved, witness: Witness::Probes, from, at: self.at, ttl: PROBE_TTL };
            told.put(says, &note, vector);
        }
    }
}

/// What the answer to a call without credentials proves.
fn stranger(path: Path, status: Option<u16>) -> (Option<Client>, Option<Authz>, &'static str) {
    let is_kubelet = path == Path::ApiserverToKubelet;
    match status {
        // kube-apiserver asks about anonymous callers as about all others, and its discovery may be open to everybody.
        Some(403) if !is_kubelet => {
            (None, Some(Authz::Delegated), "403 to a call without credentials: it asked, and refused")
        }
        Some(200..=299) if !is_kubelet => (Some(Client::Anonymous), None, "discovery is open to everybody"),
        Some(401) => (Some(Client::Named), None, "401 to a call without credentials"),
        Some(403) => (
            Some(Client::Anonymous),
            Some(Authz::Delegated),
            "403 to a call without credentials: it took the caller for anonymous, and asked",
        ),
        Some(200..=299) => (Some(Client::Anonymous), Some(Authz::AlwaysAllow), "a call without credentials was served"),
        Some(_) | None => (None, None, ""),
    }
}

/// Who says something, how surely, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub strength: Strength,
    pub witness: Witness,
    pub from: Arc<str>,
    pub at: u64,
    pub ttl: u64,
}

impl Told {
    pub fn put(&self, says: Says, note: &Arc<str>, vector: &mut Vector) {
        match says {
            Says::Transport(value) => vector.transport.add(self.piece(value, note)),
            Says::Shown(value) => vector.shown.add(self.piece(value, note)),
            Says::Server(value) => vector.server.add(self.piece(value, note)),
            Says::Client(value) => vector.client.add(self.piece(value, note)),
            Says::Authz(value) => vector.authz.add(self.piece(value, note)),
            Says::Tunnel(value) => vector.tunnel.add(self.piece(value, note)),
            Says::Bypass(value) => vector.bypass.add(self.piece(value, note)),
        }
    }

    fn piece<V>(&self, value: V, note: &Arc<str>) -> Evidence<V> {
        Evidence {
            value,
            strength: self.strength,
            witness: self.witness,
            from: self.from.clone(),
            note: note.clone(),
            at: self.at,
            ttl: self.ttl,
        }
    }
}

/// The lanes that end at kube-apiserver.
pub(super) const fn is_inward(lane: LaneId) -> bool {
    match lane {
        LaneId::People | LaneId::Anonymous | LaneId::Components | LaneId::Nodes | LaneId::Pods | LaneId::Bootstrap => {
            true
        }
        LaneId::Agents
        | LaneId::Kubelet
        | LaneId::NodeProxy
        | LaneId::PodProxy
        | LaneId::ServiceProxy
        | LaneId::Direct => false,
    }
}

/// A kubelet may change its certificate, or be another one, within that time.
pub const PROBE_TTL: u64 = 10 * 60 * 1_000;
