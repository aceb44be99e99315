//! What the gate may dial. A [`Permit`] is the proof that it was asked; whoever dials demands one.

use crate::config::Network;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// This one address may be dialled. Only [`Reach`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit(SocketAddr);

/// What may be dialled: everything but places where a request of the gate does harm or goes astray, unless they are named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    allow: Vec<Network>,
}

/// Why an address may not be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub address: SocketAddr,
    pub because: &'static str,
}

impl Reach {
    /// These networks may be dialled, whatever they are.
    pub fn new(allow: Vec<Network>) -> Reach {
        Reach { allow }
    }

    /// Grants one connection's worth of dialling.
    ///
    /// # Errors
    /// Loopback, link-local, multicast, unspecified and metadata addresses that nobody allowed.
    pub fn permit(&self, address: SocketAddr) -> Result<Permit, Refused> {
        let ip = address.ip().to_canonical();
        match harm(ip) {
            Some(because) if !self.allow.iter().any(|it| it.contains(ip)) => Err(Refused { address, because }),
            Some(_) | None => Ok(Permit(address)),
        }
    }
}

impl Permit {
    pub fn address(&self) -> SocketAddr {
        self.0
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}; name its network in posture.probes.allow to dial it", self.address.ip(), self.because)
    }
}

impl std::error::Error for Refused {}

fn harm(ip: IpAddr) -> Option<&'static str> {
    let metadata = METADATA.contains(&ip);
    let (link_local, broadcast) = match ip {
        IpAddr::V4(ip) => (ip.is_link_local(), ip.is_broadcast()),
        IpAddr::V6(ip) => (ip.is_unicast_link_local(), false),
    };
    if ip.is_unspecified() || ip.is_multicast() || broadcast {
        Some("no single host’s address")
    } else if metadata {
        Some("where a cloud keeps its secrets")
    } else if ip.is_loopback() {
        Some("this host’s own loopback address")
    } else if link_local {
        Some("a link-local address")
    } else {
        None
    }
}

/// Where clouds answer with credentials: most of them, AWS and Google by IPv6, Alibaba, Azure's host.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

#[cfg(test)]
mod tests {
    use super::*;

    const HARMFUL: [&str; 12] = [
        "127.0.0.1:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
        "169.254.169.254:80",
        "[fd00:ec2::254]:80",
        "[fd20:ce::254]:80",
        "100.100.100.200:80",
        "0.0.0.0:1",
        "[::]:1",
        "224.0.0.1:1",
        "255.255.255.255:1",
        "[fe80::1]:1",
    ];

    #[test]
    fn what_does_harm_is_refused_unless_it_is_named() {
        let open = Reach::new(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
        for address in HARMFUL {
            let address = address.parse().unwrap();
            assert!(Reach::default().permit(address).is_err(), "{address}");
            assert_eq!(open.permit(address).map(|it| it.address()), Ok(address));
        }
    }

    #[test]
    fn a_node_may_be_dialled() {
        for address in ["10.0.0.1:10250", "192.168.7.9:10250", "[fd12::1]:10250", "8.8.8.8:1"] {
            assert!(Reach::default().permit(address.parse().unwrap()).is_ok(), "{address}");
        }
    }

    #[test]
    fn an_allowed_network_opens_no_other() {
        let reach = Reach::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let permitted = |it: &str| reach.permit(it.parse().unwrap()).is_ok();
        assert_eq!(["127.1.2.3:1", "169.254.169.254:80", "[::1]:1"].map(permitted), [true, false, false]);
    }
}
