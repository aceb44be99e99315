//! `verify-peer`: the types of `wit/policy.wit` by hand, and the call. What goes in is lent, as for `authorize`.

use super::{
    Bounds, Cache, Failed, LoadError, Plugin, Plugins, Sandbox,
    bindings::{Attribute, Lent, WitContext, WitFinding, lent},
    component::{Code, Instance, typed},
    digest, plugin,
};
use crate::{
    json::canonical,
    peer::{Name, Outcome, Peer, Role, Verdict},
};
use data_encoding::HEXLOWER;
use serde_json::Value;
use std::net::IpAddr;
use wasmtime::component::{ComponentType, Lift, Lower};
use wire::Failure;

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitRole {
    #[component(name = "server")]
    Server,
    #[component(name = "client")]
    Client,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(variant)]
#[expect(dead_code, reason = "part of the contract; nothing is dialled by a URI or an address of mail")]
pub(super) enum WitName<'a> {
    #[component(name = "none")]
    None,
    #[component(name = "dns")]
    Dns(&'a str),
    #[component(name = "ip")]
    Ip(&'a [u8]),
    #[component(name = "uri")]
    Uri(&'a str),
    #[component(name = "email")]
    Email(&'a str),
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct WitPeer<'a> {
    chain: &'a [&'a [u8]],
    role: WitRole,
    name: WitName<'a>,
    node: Option<&'a str>,
    attributes: &'a [Lent<'a>],
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by the guest")]
pub(super) enum WitVerdict {
    #[component(name = "accept")]
    Accept,
    #[component(name = "reject")]
    Reject,
    #[component(name = "no-opinion")]
    NoOpinion,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitOutcome {
    verdict: WitVerdict,
    rule: String,
    reason: String,
    path: Vec<u32>,
    anchor: Vec<u8>,
    findings: Vec<WitFinding>,
    #[expect(dead_code, reason = "part of the contract; no attribute is defined yet")]
    attributes: Vec<Attribute>,
}

/// The types of the call.
pub(super) type Arguments<'a> = (WitContext<'a>, WitPeer<'a>);
pub(super) type Answer = (WitOutcome,);

impl Instance<'_> {
    /// Asks about a peer. `bounds` are those that the instance runs in.
    fn verify(&mut self, bounds: &Bounds, now: u64, peer: &Peer) -> Result<Outcome, Failed> {
        let Some(index) = &self.exports.verify_peer else {
            return Err(Failed::new(Failure::NotReady, "it does not export `verify-peer`"));
        };
        let size: usize = peer.chain.iter().map(Vec::len).sum();
        if peer.chain.len() > MOST_CERTIFICATES || size > MOST_BYTES {
            return Err(Failed::new(
                Failure::Memory,
                "the peer sent more than 64 certificates, or than 64 KiB of them",
            ));
        }
        // What the guest lends to `crypto` counts as what it hands out: a revocation list is more than any answer.
        self.store.set_hostcall_fuel(LENT);
        let chain: Vec<_> = peer.chain.iter().map(Vec::as_slice).collect();
        let facts = lent(&peer.facts);
        let bytes = match peer.name {
            Name::Ip(IpAddr::V4(address)) => address.octets().to_vec(),
            Name::Ip(IpAddr::V6(address)) => address.octets().to_vec(),
            Name::None | Name::Dns(_) => Vec::new(),
        };
        let shown = WitPeer {
            chain: &chain,
            role: match peer.role {
                Role::Server => WitRole::Server,
                Role::Client => WitRole::Client,
            },
            name: match &peer.name {
                Name::None => WitName::None,
                Name::Dns(name) => WitName::Dns(name),
                Name::Ip(_) => WitName::Ip(&bytes),
            },
            node: peer.node.as_deref(),
            attributes: &facts,
        };
        let Instance { store, raw, .. } = self;
        // SAFETY: these are the types of `check`.
        let call = unsafe { typed::<Arguments<'_>, Answer>(raw, store, index) };
        let answer = call.and_then(|call| call.call(&mut *store, (WitContext::new(now, &[]), shown)));
        let (answer,) = answer.map_err(|error| Failed::of(&error, &mut self.store))?;
        if answer.size() > bounds.output {
            return Err(Failed::new(Failure::Output, ""));
        }
        let fuel = bounds.fuel.saturating_sub(self.fuel_left());
        answer.keep(peer.chain.len(), fuel)
    }
}

impl WitOutcome {
    fn size(&self) -> usize {
        let findings: usize = self.findings.iter().map(|it| FINDING + it.code.len() + it.detail.len()).sum();
        self.rule.len() + self.reason.len() + 4 * self.path.len() + self.anchor.len() + findings
    }

    /// Cut to what is kept; an acceptance must say by which path.
    fn keep(self, sent: usize, fuel: u64) -> Result<Outcome, Failed> {
        let verdict = match self.verdict {
            WitVerdict::Accept => Verdict::Accept,
            WitVerdict::Reject => Verdict::Reject,
            WitVerdict::NoOpinion => Verdict::NoOpinion,
        };
        let is_there = |at: &u32| usize::try_from(*at).is_ok_and(|at| at < sent);
        let is_path = self.path.first() == Some(&0) && self.path.iter().all(is_there) && self.anchor.len() == 32;
        if verdict == Verdict::Accept && !is_path {
            return Err(Failed::new(Failure::Trap, "it accepted without a path"));
        }
        Ok(Outcome {
            verdict,
            rule: plugin::cut(self.rule, 64),
            reason: plugin::cut(self.reason, 512),
            path: self.path,
            anchor: HEXLOWER.encode(&self.anchor),
            findings: self.findings.into_iter().take(MOST_FINDINGS).map(|it| it.keep(1_024)).collect(),
            fuel,
        })
    }
}

impl Plugins {
    /// Asks one plugin about a peer, within its limits. `now` is in milliseconds since 1970.
    pub fn verify(&self, plugin: &Plugin, now: u64, peer: &Peer) -> Result<Outcome, Failed> {
        self.ask_for_stranger(plugin, |code| code.start(&plugin.bounds)?.verify(&plugin.bounds, now / 1_000, peer))
    }

    /// Compiles a component that will be asked with many configs, each once.
    pub fn verifier(&self, component: &[u8]) -> Result<Verifier, LoadError> {
        Verifier::compile(&self.sandbox, self.cache.as_ref(), component)
    }
}

/// A component before `init`: for a question that brings its own anchors, a snapshot would be made for one call.
pub struct Verifier {
    pub(super) code: Code,
    schema: Value,
}

impl Verifier {
    fn compile(sandbox: &Sandbox, cache: Option<&Cache>, component: &[u8]) -> Result<Verifier, LoadError> {
        let key = Cache::key(sandbox, &digest(component), "before init");
        let code = Code::cached(sandbox, cache, &key, || Code::compile(sandbox, component))?;
        let schema = plugin::describe(&code)?.schema;
        Ok(Verifier { code, schema })
    }

    /// Initialises and asks, in one instance, within the limits of each.
    pub fn verify(&self, config: &Value, now: u64, peer: &Peer) -> Result<Result<Outcome, Failed>, LoadError> {
        plugin::check(&self.schema, config)?;
        let mut instance = self.code.start(&Bounds::INIT).map_err(LoadError::Start)?;
        let config = canonical(config).to_string();
        instance.init(&config).map_err(LoadError::Init)?.map_err(LoadError::config)?;
        instance.refill(&Bounds::DECISION).map_err(LoadError::Init)?;
        Ok(instance.verify(&Bounds::DECISION, now / 1_000, peer))
    }
}

/// As the contract says.
const MOST_CERTIFICATES: usize = 64;
const MOST_BYTES: usize = 64 << 10;
/// A path of seven and an anchor, with every rule against each.
const MOST_FINDINGS: usize = 64;
/// What a finding takes beside its texts.
const FINDING: usize = 32;
/// Twice the largest message that `crypto` takes, for key and signature beside it.
const LENT: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(path: &[u32], anchor: usize) -> Result<Outcome, Failed> {
        let outcome = WitOutcome {
            verdict: WitVerdict::Accept,
            rule: String::new(),
            reason: String::new(),
            path: path.to_vec(),
            anchor: vec![0xab; anchor],
            findings: Vec::new(),
            attributes: Vec::new(),
        };
        outcome.keep(3, 7)
    }

    #[test]
    fn an_acceptance_without_a_path_of_what_was_sent_is_a_failure() {
        let good = accepts(&[0, 2], 32).unwrap();
        assert_eq!((good.path.as_slice(), good.anchor, good.fuel), (&[0, 2][..], "ab".repeat(32), 7));
        for (path, anchor) in [(&[][..], 32), (&[1, 2], 32), (&[0, 3], 32), (&[0], 0), (&[0], 20)] {
            assert_eq!(accepts(path, anchor).unwrap_err().kind, Failure::Trap, "{path:?} {anchor}");
        }
    }
}
