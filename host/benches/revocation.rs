//! What a decision costs with an empty list of revoked credentials, and with one of 100,000 certificates.
//!
//! `cargo bench -p host --bench revocation`. Unix only, for the clock of a thread. The two take turns, so that what slows the
//! machine slows both; the figure is their ratio, which must stay at 1.3 or below. Each is one call as the judge makes it.

use cpu_time::ThreadTime;
use host::plugins::{Bounds, Plugin, Plugins, Spec, builtin};
use serde_json::{Value, json};
use std::{error::Error, hint::black_box, time::Instant};
use wire::{Request, Resource, Target};

fn main() -> Result<(), Box<dyn Error>> {
    let plugins = Plugins::new(None)?;
    let empty = load(&plugins, json!({}))?;
    let begin = Instant::now();
    let full = load(&plugins, json!({"certificates": (0..ENTRIES).map(fingerprint).collect::<Vec<_>>()}))?;
    println!("{ENTRIES} certificates are loaded in {:.1} s", begin.elapsed().as_secs_f64());

    // A wrong answer is not worth timing.
    let verdict = |plugin, number| Ok::<_, Box<dyn Error>>(ask(&plugins, plugin, &request(number))?.0);
    assert_eq!(verdict(&full, ENTRIES / 2)?, "revoked-certificate");
    assert_eq!((verdict(&full, ENTRIES)?, verdict(&empty, 0)?), (String::new(), String::new()));

    let mut samples = [Vec::new(), Vec::new()];
    let mut fuel = [0, 0];
    for turn in 0..TURNS {
        for (at, plugin) in [&empty, &full].into_iter().enumerate() {
            for number in 0..CHUNK {
                // Nobody on the list, each time somebody else: the search goes all the way, and elsewhere.
                let request = request(ENTRIES + turn * CHUNK + number);
                let begin = ThreadTime::now();
                let (_, burnt) = black_box(ask(&plugins, plugin, &request)?);
                let nanos = u64::try_from(begin.elapsed().as_nanos())?;
                if let (Some(samples), Some(fuel)) = (samples.get_mut(at), fuel.get_mut(at)) {
                    samples.push(nanos);
                    *fuel = burnt.max(*fuel);
                }
            }
        }
    }
    let [empty, full] = samples.map(median);
    println!("a decision: {empty} ns with none, {full} ns with {ENTRIES}; {} and {} units of fuel", fuel[0], fuel[1]);
    println!("ratio: {:.2}", ratio(full, empty));
    Ok(())
}

fn ask(plugins: &Plugins, plugin: &Plugin, request: &Request) -> Result<(String, u64), Box<dyn Error>> {
    let answer = plugins.ask(plugin, 0, &[], request, None)?;
    Ok((answer.rule, answer.fuel))
}

fn load(plugins: &Plugins, config: Value) -> Result<Plugin, Box<dyn Error>> {
    let component = builtin().remove("revocation").ok_or("no plugin `revocation`")?;
    let bounds = Bounds { memory: 16 << 20, ..Bounds::DECISION };
    plugins.load(Spec { bounds, ..Spec::new("revocation", component, config) }).map_err(|(_, error)| error.into())
}

fn request(number: u64) -> Request {
    let id = format!("X509SHA256={}", fingerprint(number));
    let at = Resource { verb: "get".into(), resource: "pods".into(), namespace: "web".into(), ..Resource::default() };
    Request {
        user: "alice".into(),
        groups: vec!["system:authenticated".into()],
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

const ENTRIES: u64 = 100_000;
const TURNS: u64 = 100;
const CHUNK: u64 = 100;
