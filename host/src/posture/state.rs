//! The state of one path: a vector of fields, never one colour. The colour is derived last, here.

use super::evidence::{Field, Known, Value};
use wire::{LaneId, Rung, State, Strength, Witness};

macro_rules! values {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident: $good:literal = $says:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant,)+];
        }

        impl Value for $name {
            fn is_good(self) -> bool {
                match self { $($name::$variant => $good,)+ }
            }

            fn says(self) -> &'static str {
                match self { $($name::$variant => $says,)+ }
            }
        }
    };
}

values! {
    Transport {
        Plaintext: false = "plain HTTP",
        Tls: true = "TLS",
    }
}

values! {
    /// What certificate the one who answers shows.
    Shown {
        Genuine: true = "a certificate of the cluster, for this node and address",
        Pinned: true = "a certificate that is pinned",
        SelfSigned: false = "a certificate that it signed itself",
        Untrusted: false = "a certificate of an unknown issuer",
        OtherNode: false = "a certificate of another node",
        OtherAddress: false = "a certificate without the address dialled",
        Outdated: false = "a certificate out of its time",
        Refused: false = "a certificate that the rules refuse",
    }
}

values! {
    /// Whether the one who asks checks who answers.
    Server {
        NotChecked: false = "nobody checks the certificate",
        Checked: true = "chain and name are checked",
    }
}

values! {
    /// How the one who asks is known to the one who answers.
    Client {
        Anonymous: false = "callers without a name get in",
        Named: true = "callers have a name",
        Token: true = "a token",
        Certificate: true = "a client certificate",
    }
}

values! {
    /// Whether the one who answers asks if the caller may.
    Authz {
        AlwaysAllow: false = "everything is allowed",
        Delegated: true = "it asks before it serves",
    }
}

values! {
    /// A badge. It counts nowhere: the inner connection stays what it is.
    Tunnel {
        None: true = "no tunnel",
        Ssh: true = "an SSH tunnel whose host key nobody checks",
        Konnectivity: true = "a Konnectivity tunnel",
    }
}

values! {
    /// A second door, past everything else.
    Bypass {
        Open: false = "a second door is open",
        Closed: true = "no second door",
    }
}

/// All that is known of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector {
    pub transport: Field<Transport>,
    pub shown: Field<Shown>,
    pub server: Field<Server>,
    pub client: Field<Client>,
    pub authz: Field<Authz>,
    pub tunnel: Field<Tunnel>,
    pub bypass: Field<Bypass>,
}

/// What a vector comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub state: State,
    pub rung: Option<Rung>,
}

/// The fields that a lane needs for being safe, besides transport and authorization, which all do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub shown: bool,
    pub server: bool,
    pub client: bool,
    pub bypass: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Good(Strength),
    Bad,
    Conflict,
    Unknown,
}

impl Needs {
    pub const fn of(lane: LaneId) -> Needs {
        let apiserver = Needs { shown: false, server: true, client: true, bypass: false };
        match lane {
            // Nobody has a name there; that is what the lane is.
            LaneId::Anonymous => Needs { client: false, ..apiserver },
            LaneId::People
            | LaneId::Components
            | LaneId::Nodes
            | LaneId::Pods
            | LaneId::Bootstrap
            | LaneId::Agents
            | LaneId::PodProxy
            | LaneId::ServiceProxy => apiserver,
            LaneId::Kubelet | LaneId::NodeProxy => Needs { shown: true, ..apiserver },
            // Whether anybody checks is up to anybody; that it can be checked is up to the kubelet.
            LaneId::Direct => Needs { shown: true, server: false, client: true, bypass: true },
        }
    }
}

impl Vector {
    /// The state at this time.
    pub fn label(&self, needs: Needs, now: u64) -> Label {
        let transport = standing(self.transport.resolve(now));
        let shown = needed(needs.shown, self.shown.resolve(now));
        let server = needed(needs.server, self.server.resolve(now));
        let client = needed(needs.client, self.client.resolve(now));
        let authz = standing(self.authz.resolve(now));
        let bypass = needed(needs.bypass, self.bypass.resolve(now));
        let all = [transport, shown, server, client, authz, bypass];
        let anyone = standing(self.client.resolve(now)) == Standing::Bad && authz == Standing::Bad;
        let state = if transport == Standing::Bad || bypass == Standing::Bad || anyone {
            State::Exposed
        } else if all.contains(&Standing::Bad) {
            State::Unverified
        } else if all.contains(&Standing::Conflict) {
            State::Conflict
        } else if all.contains(&Standing::Unknown) {
            State::Unknown
        } else if all.iter().all(|it| matches!(it, Standing::Good(Strength::Proved | Strength::Observed))) {
            State::Safe
        } else {
            State::Asserted
        };
        let steps = [
            (Rung::Encrypted, is_good(transport)),
            (Rung::ServerVerified, is_good(shown) && is_good(server)),
            (Rung::Mutual, is_good(standing(self.client.resolve(now)))),
            (Rung::Authorized, is_good(authz)),
        ];
        let reached = steps.iter().take_while(|(_, good)| *good).last().map(|(rung, _)| *rung);
        let rung = match state {
            State::Exposed => Some(Rung::Exposed),
            State::Unknown => None,
            State::Unverified | State::Conflict | State::Asserted | State::Safe => reached,
        };
        Label { state, rung }
    }

    /// When the label may change by itself.
    pub fn until(&self, now: u64) -> u64 {
        let all = [
            self.transport.until(now),
            self.shown.until(now),
            self.server.until(now),
            self.client.until(now),
            self.authz.until(now),
            self.tunnel.until(now),
            self.bypass.until(now),
        ];
        all.into_iter().min().unwrap_or(u64::MAX)
    }

    pub fn forget(&mut self, witness: Witness) {
        self.transport.forget(witness);
        self.shown.forget(witness);
        self.server.forget(witness);
        self.client.forget(witness);
        self.authz.forget(witness);
        self.tunnel.forget(witness);
        self.bypass.forget(witness);
    }
}

fn standing<V: Value>(known: Known<'_, V>) -> Standing {
    match known {
        Known::Unknown(_) => Standing::Unknown,
        Known::Conflict(..) => Standing::Conflict,
        Known::Is(it) if it.value.is_good() => Standing::Good(it.strength),
        Known::Is(_) => Standing::Bad,
    }
}

/// A field that a lane does not need is as good as proved.
fn needed<V: Value>(needed: bool, known: Known<'_, V>) -> Standing {
    if needed { standing(known) } else { Standing::Good(Strength::Proved) }
}

fn is_good(standing: Standing) -> bool {
    matches!(standing, Standing::Good(_))
}
