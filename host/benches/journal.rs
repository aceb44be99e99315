//! What the journal costs: CPU a row from `record` to the disk, all threads counted, and how long `record` takes.
//!
//! `cargo bench -p host --bench journal`. Linux only, as it asks /proc for the CPU time.

use host::journal::{Journal, Options, Recorded};
use std::{
    error::Error,
    fs,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time};
use wire::{Decision, Door, Opinion, Path, Request, Resource, Source, Target, Traversal, Verdict};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In quiet times a batch is what 20 ms bring; in a flood it is as large as it gets.
    measure("1,000 a second", 10, Duration::from_millis(10), 500).await?;
    measure("10,000 a second", 100, Duration::from_millis(10), 500).await?;
    measure("flood", 2_000, Duration::ZERO, 150).await
}

/// Records bursts at a pace, and prints what they cost beyond making the decisions.
async fn measure(name: &str, burst: u64, pace: Duration, bursts: u64) -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let url = format!("sqlite://{}/journal.db", directory.path().display());
    let options = Options { url, retention: Duration::from_secs(600), queue: 65_536, strict: false };
    let (journal, writer) = Journal::open(options).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(writer.run());
    let rows = burst.saturating_mul(bursts);
    let before = cpu()?;
    (0..rows).map(decision).for_each(|decision| drop(std::hint::black_box(decision)));
    let making = cpu()? - before;

    let (before, began) = (cpu()?, Instant::now());
    let mut taken = Vec::new();
    let mut tick = time::interval(pace.max(Duration::from_nanos(1)));
    let mut lost = 0_u64;
    for number in 0..rows {
        if number.is_multiple_of(burst) {
            if pace.is_zero() {
                drain(&journal, number).await;
            } else {
                tick.tick().await;
            }
        }
        let decision = decision(number);
        let began = Instant::now();
        lost += u64::from(journal.record(decision) == Recorded::Lost);
        taken.push(began.elapsed());
    }
    journal.close(Duration::from_secs(60)).await?;
    let (used, wall) = (cpu()? - before - making, began.elapsed());
    taken.sort();
    let at = |share: usize| taken.get(taken.len().saturating_mul(share) / 1_000).copied().unwrap_or_default();
    let count = f64::from(u32::try_from(rows)?);
    println!(
        "{name}: {:.2} µs of CPU a row, {:.0} rows a CPU-second, {rows} rows in {:.1} s, {lost} lost; \
         record p50 {:?}, p99 {:?}, p99.9 {:?}",
        used * 1e6 / count,
        count / used,
        wall.as_secs_f64(),
        at(500),
        at(990),
        at(999),
    );
    Ok(())
}

/// Lets at most 20,000 rows wait, so that a flood is bound by the writer.
async fn drain(journal: &Journal, recorded: u64) {
    while recorded.saturating_sub(journal.last_row()) > 20_000 {
        time::sleep(Duration::from_millis(1)).await;
    }
}

/// User and system time of this process in seconds, to 10 ms.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no process name in /proc/self/stat")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// A decision of ordinary size, 1.4 kB as JSON: a service account, two plugins.
fn decision(number: u64) -> Decision {
    let opinion = |plugin: &str| Opinion {
        plugin: plugin.into(),
        digest: "a".repeat(64),
        config: "b".repeat(64),
        shadow: false,
        verdict: Verdict::NoOpinion,
        rule: String::new(),
        reason: String::new(),
        notes: vec![],
        failure: None,
        fuel: 12_345,
        micros: 11,
    };
    let resource = Resource {
        verb: "get".into(),
        version: "v1".into(),
        resource: "nodes".into(),
        subresource: "metrics".into(),
        name: format!("worker-{}", number % 5_000),
        ..Resource::default()
    };
    let groups = ["system:serviceaccounts", "system:serviceaccounts:monitoring", "system:authenticated"];
    Decision {
        id: format!("01J{number:023}"),
        // The clock of the host decides what retention takes, so these are of its time.
        at: 4_000_000_000_000,
        door: Door::Webhook,
        peer: "kube-apiserver".into(),
        request: Request {
            user: format!("system:serviceaccount:monitoring:prometheus-{}", number % 50),
            uid: "3f2a0d5e-1f0b-4f59-8a0e-7c1a2b3c4d5e".into(),
            groups: groups.map(String::from).to_vec(),
            extra: vec![
                ("authentication.kubernetes.io/pod-name".into(), vec!["prometheus-0".into()]),
                ("authentication.kubernetes.io/node-name".into(), vec!["worker-1".into()]),
            ],
            target: Target::Resource(Box::new(resource)),
        },
        source: Source::Pod,
        traversal: Traversal::Kubelet,
        path: Path::ApiserverToKubelet,
        facts: vec![
            ("pathgate.io/path".into(), "apiserver_to_kubelet".into()),
            ("pathgate.io/source".into(), "pod".into()),
            ("pathgate.io/traversal".into(), "kubelet".into()),
        ],
        verdict: Verdict::NoOpinion,
        rule: String::new(),
        reason: String::new(),
        opinions: vec![opinion("apiserver_to_kubelet"), opinion("pod_to_apiserver")],
        engine: "wasmtime 48.0.0".into(),
        micros: 40,
    }
}
