//! The peer of a TLS connection, as plugins are asked about it, and what they find.

use serde::Serialize;
use std::{net::IpAddr, str::FromStr};
use wire::Finding;

/// What a peer showed, and whom it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    pub role: Role,
    pub name: Name,
    /// The Node that it must be, if known.
    pub node: Option<String>,
    /// What the host knows besides, as `pathgate.io/node-address`.
    pub facts: Vec<(String, String)>,
}

/// Whether the peer was dialled, or connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// The name that was dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    None,
    Dns(String),
    Ip(IpAddr),
}

impl FromStr for Name {
    type Err = String;

    /// `dns:NAME` or `ip:ADDRESS`.
    fn from_str(text: &str) -> Result<Name, String> {
        match text.split_once(':') {
            Some(("dns", name)) if (1..=253).contains(&name.len()) && !name.contains(char::is_whitespace) => {
                Ok(Name::Dns(name.to_owned()))
            }
            Some(("dns", _)) => Err("a name has 1 to 253 letters, and no space".into()),
            Some(("ip", address)) => {
                let address = address.trim_matches(['[', ']']);
                address.parse().map(Name::Ip).map_err(|_| format!("`{address:.60}` is no IP address"))
            }
            Some(_) | None => Err("write dns:NAME or ip:ADDRESS".into()),
        }
    }
}

/// What comes of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Accept,
    Reject,
    NoOpinion,
}

/// A plugin's answer on a peer, cut to what the host keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub rule: String,
    pub reason: String,
    /// Positions in the chain, leaf first.
    pub path: Vec<u32>,
    /// SHA-256 of the anchor, in hex; empty unless accepted.
    pub anchor: String,
    pub findings: Vec<Finding>,
    /// Units burnt.
    pub fuel: u64,
}
