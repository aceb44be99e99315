//! A real Kubernetes keeps its promises with the gate in front of its own authorizers: etcd, kube-apiserver, controllers,
//! scheduler and a kubelet, built from source, in a network of their own.
//!
//! One cluster serves all promises, in order, because starting it takes longer than all of them. Each is a function
//! whose name is the promise; a broken one does not keep the next from being tried, unless it says so.

mod binaries;
mod cluster;
mod figures;
mod gate;
mod kubectl;
mod namespace;
mod node;
mod promises;

pub use binaries::{chains, configs, is_in_path};

use crate::world;
use anyhow::{Result, bail};
use binaries::{Binaries, Found};
use cluster::Cluster;
use gate::Gate;
use std::{env, fs, time::Instant};

/// The cluster and the gate beside it.
pub struct Setting {
    pub cluster: Cluster,
    pub gate: Gate,
}

#[test]
fn a_real_kubernetes_keeps_its_promises() -> Result<()> {
    before_a_cluster(keep)
}

/// For `cargo xtask bench csr`, which names the file for the figures.
#[test]
fn certificate_requests_are_measured() -> Result<()> {
    let Some(file) = env::var_os("PATHGATE_FIGURES") else { return Ok(()) };
    before_a_cluster(|setting| {
        let mut joined = promises::ALL.iter().take_while(|it| it.vital);
        joined.try_for_each(|promise| (promise.keep)(setting))?;
        Ok(fs::write(file, figures::take(setting)?)?)
    })
}

fn before_a_cluster(act: impl FnOnce(&mut Setting) -> Result<()> + Send) -> Result<()> {
    let binaries = match Binaries::find()? {
        Found::All(binaries) => binaries,
        Found::Missing(why) => return world::skip(&why),
    };
    world::pathgate()?; // from here on nothing outside can be reached
    namespace::inside(|| {
        let cluster = Cluster::prepare(binaries)?;
        let gate = Gate::prepare(&cluster)?;
        act(&mut Setting { cluster, gate })
    })
}

fn keep(setting: &mut Setting) -> Result<()> {
    let begin = Instant::now();
    let mut broken = Vec::new();
    let mut tried = 0;
    for promise in promises::ALL {
        let start = Instant::now();
        tried += 1;
        let kept = (promise.keep)(setting);
        let seconds = start.elapsed().as_secs_f64();
        match kept {
            Ok(()) => eprintln!("kept   {seconds:5.1} s  {}", promise.name),
            Err(error) => {
                eprintln!("BROKEN {seconds:5.1} s  {}: {error:#}", promise.name);
                broken.push(promise.name);
                if promise.vital {
                    break;
                }
            }
        }
    }
    eprintln!("{tried} of {} promises tried in {:.1} s", promises::ALL.len(), begin.elapsed().as_secs_f64());
    if !broken.is_empty() {
        bail!("broken: {}", broken.join(", "));
    }
    Ok(())
}
