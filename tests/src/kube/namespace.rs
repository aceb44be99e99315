//! A place of its own for a cluster: addresses that no other test has, mounts that nobody else sees, and nothing outside
//! that could be reached.

use crate::{linux, process};
use anyhow::{Context, Result, anyhow};
use std::{process::Command, thread, time::Duration};

/// Where the node is. kube-apiserver does not proxy to loopback addresses, and a kubelet refuses one for itself.
pub const NODE_IP: &str = "10.66.0.11";

/// Runs the work on a thread in namespaces of its own. Programs that it starts from that thread live there too, and die
/// with it.
pub fn inside<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("kube".into()).spawn_scoped(scope, || {
            linux::enter_own_namespaces().context("make a network and a mount namespace")?;
            for command in ADDRESSES {
                let mut ip = Command::new("ip");
                process::run(ip.args(command.split(' ')), b"", AT_ONCE)?
                    .ok()
                    .with_context(|| format!("ip {command}"))?;
            }
            work()
        })?;
        thread.join().map_err(|panic| anyhow!("{}", message(panic.as_ref())))?
    })
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied()).unwrap_or("panicked")
}

/// A pair of virtual cables; one end alone would have no carrier.
const ADDRESSES: [&str; 6] = [
    "link set lo up",
    "link add v0 type veth peer name v1",
    "addr add 10.66.0.1/24 dev v0",
    "addr add 10.66.0.11/24 dev v0",
    "link set v0 up",
    "link set v1 up",
];
const AT_ONCE: Duration = Duration::from_secs(10);
