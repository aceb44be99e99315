//! What it takes to decide a thousand certificate requests on a real kube-apiserver. It tells figures and judges none.

use super::{Setting, node::NODE};
use crate::csr::draft::serving;
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// From the first request that is made to the last that is approved; each has a key of its own.
pub fn take(setting: &mut Setting) -> Result<String> {
    let Setting { cluster, gate } = setting;
    let kubelet = cluster.kubelet_identity()?;
    let before = gate.approvals()?;
    let lists: Vec<_> = (0..AT_ONCE).map(list).collect::<Result<_>>()?;
    let begin = Instant::now();
    let created = thread::scope(|scope| -> Result<Duration> {
        let create = |list: &String| {
            let args = ["create", "--validate=ignore", "--filename", "-"];
            cluster.kubectl_with(&kubelet, &args, list.as_bytes())?.ok()
        };
        let all: Vec<_> = lists.iter().map(|list| scope.spawn(move || create(list))).collect();
        for one in all {
            one.join().map_err(|_| anyhow!("kubectl broke off"))??;
        }
        Ok(begin.elapsed())
    })?;
    cluster.eventually("all are approved", Duration::from_secs(300), || {
        let done = gate.approvals()? - before;
        ensure!(done >= AT_ONCE * EACH, "{done} are");
        Ok(())
    })?;
    let all = begin.elapsed();
    Ok(format!(
        "{} certificate requests on kube-apiserver: made within {:.1} s, all judged and approved after {:.1} s\n",
        AT_ONCE * EACH,
        created.as_secs_f64(),
        all.as_secs_f64()
    ))
}

fn list(of: usize) -> Result<String> {
    let one = |at: usize| -> Result<Value> {
        let mut object = serving(NODE).ip("10.66.0.11").object()?;
        let name = object.pointer_mut("/metadata/name").context("a name")?;
        *name = json!(format!("measured-{of}-{at}"));
        Ok(object)
    };
    let items: Vec<_> = (0..EACH).map(one).collect::<Result<_>>()?;
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

/// kubectl makes 300 requests before it slows itself down.
const EACH: usize = 250;
const AT_ONCE: usize = 4;
