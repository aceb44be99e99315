//! What a decision costs that four plugins must agree on, against one plugin's; and with 100,000 revoked certificates,
//! against none.
//!
//! `cargo bench -p host --bench judge`. Unix only, for the clock of a thread. All take turns, so that what slows the machine
//! slows each; the figures are ratios of medians. Four plugins must take 4 times one's time at most, the list 1.3 times none's.

use cpu_time::ThreadTime;
use host::{
    inventory::Inventory,
    judge::Judge,
    plugins::{MAX_MEMORY, Plugins, Set, Spec, builtin},
};
use serde_json::{Value, json};
use std::{error::Error, hint::black_box, sync::Arc};
use wire::{Decision, Door, Request, Resource, Target};

fn main() -> Result<(), Box<dyn Error>> {
    let plugins = Arc::new(Plugins::new(None)?);
    let judge = Judge::new(plugins.clone(), None, Inventory::default());
    let load = |names: &[&str], revoked: &Value| set(&plugins, names, revoked);
    let none = json!({});
    let revoked = json!({"certificates": (0..ENTRIES).map(fingerprint).collect::<Vec<_>>()});
    let mut sets = vec![load(&FOUR, &none)?, load(&FOUR, &revoked)?];
    for name in FOUR {
        sets.push(load(&[name], &none)?);
    }
    let decide = |set: &Set, number: u64| judge.consider(set, Door::Webhook, 0, request(number), None);

    // A wrong answer is not worth timing.
    let told = |decision: Decision| (decision.opinions.len(), decision.rule);
    assert_eq!(sets.iter().map(|it| told(decide(it, ENTRIES)).0).collect::<Vec<_>>(), [4, 4, 1, 1, 1, 1]);
    assert_eq!(told(decide(&load(&FOUR, &none)?, 0)).1, "apiserver_to_kubelet/nodes-proxy");
    assert_eq!(told(decide(&load(&["revocation"], &revoked)?, 0)).1, "revocation/revoked-certificate");

    let mut samples = vec![Vec::new(); sets.len()];
    for turn in 0..TURNS {
        for (set, samples) in sets.iter().zip(&mut samples) {
            for number in 0..CHUNK {
                // Nobody on the list, each time somebody else: the search goes all the way, and elsewhere.
                let number = ENTRIES + turn * CHUNK + number;
                let begin = ThreadTime::now();
                black_box(decide(set, number));
                samples.push(u64::try_from(begin.elapsed().as_nanos())?);
            }
        }
    }
    let medians: Vec<_> = samples.into_iter().map(median).collect();
    let [four, listed, alone @ ..] = medians.as_slice() else { return Err("no samples".into()) };
    for (name, nanos) in FOUR.iter().zip(alone) {
        println!("{nanos:>6} ns  {name} alone");
    }
    println!("{four:>6} ns  all four; with {ENTRIES} revoked certificates {listed} ns");
    let one = alone.iter().sum::<u64>() / 4;
    println!("four to one: {:.2}; {ENTRIES} to none: {:.2}", ratio(*four, one), ratio(*listed, *four));
    Ok(())
}

fn set(plugins: &Plugins, names: &[&str], revoked: &Value) -> Result<Set, Box<dyn Error>> {
    let components = builtin();
    let spec = |name: &&str| {
        let component = components.get(name).ok_or("no such plugin")?;
        let config = if *name == "revocation" { revoked.clone() } else { json!({}) };
        let mut spec = Spec::new(name, component, config);
        // As the gate does for a list.
        spec.bounds.memory = MAX_MEMORY;
        Ok::<_, Box<dyn Error>>(spec)
    };
    let specs = names.iter().map(spec).collect::<Result<_, _>>()?;
    plugins.prepare(specs).map_err(|faults| format!("{faults:?}").into())
}

/// A pod that wants to go through kube-apiserver to a kubelet.
fn request(number: u64) -> Request {
    let id = format!("X509SHA256={}", fingerprint(number));
    let at = Resource {
        verb: "get".into(),
        resource: "nodes".into(),
        subresource: "proxy".into(),
        name: "worker-1".into(),
        ..Resource::default()
    };
    Request {
        user: "system:serviceaccount:monitoring:prometheus".into(),
        groups: vec!["system:serviceaccounts".into(), "system:authenticated".into()],
        extra: vec![("authentication.kubernetes.io/credential-id".into(), vec![id])],
        target: Target::Resource(at.into()),
        ..Request::default()
    }
}

/// Spread like a digest, and each another.
fn fingerprint(number: u64) -> String {
    host::plugins::digest(&number.to_le_bytes())
}

fn median(mut samples: Vec<u64>) -> u64 {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "nanoseconds of one call are far below 2^52")]
fn ratio(full: u64, empty: u64) -> f64 {
    full as f64 / empty as f64
}

const FOUR: [&str; 4] = ["apiserver_to_endpoint", "apiserver_to_kubelet", "pod_to_apiserver", "revocation"];
const ENTRIES: u64 = 100_000;
const TURNS: u64 = 100;
const CHUNK: u64 = 100;
