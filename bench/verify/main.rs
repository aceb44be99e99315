//! Thread CPU time of one verification of a peer: the plugin `apiserver_to_kubelet` in a fresh sandbox with its limits on,
//! and rustls-webpki with aws-lc-rs on the same chains.
//!
//! `cargo xtask bench verify`. What the figures are, and what they are not:
//!
//! - The peer reads the certificate, builds a path to an anchor that was parsed before, and compares the name. The plugin
//!   does that with the same crate, asks its host for each signature, and then goes through its rules: whose certificate
//!   it is, keys, lifetimes, extensions. So it does more.
//! - Anchors are parsed before, in the plugin's snapshot and here.
//! - A chain that is made to be slow is refused by both; what counts is how long the longest refusal takes.

mod chains;

use chains::Chain;
use cpu_time::ThreadTime;
use host::{
    peer::{Name, Outcome, Verdict},
    plugins::{Bounds, Failed, Plugin, Plugins, Spec, builtin},
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use serde_json::{Value, json};
use std::{error::Error, hint::black_box, time::Duration};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

fn main() -> Result<(), Box<dyn Error>> {
    let plugins = Plugins::new(None)?;
    println!("| µs of CPU a verification | rustls-webpki min | p50 | plugin min | p50 | p50 / p50 | fuel |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for chain in chains::ordinary()? {
        let both = Both::new(&plugins, &chain, PLUGIN, chain.config())?;
        let outcome = both.plugin()?;
        assert!(both.native().is_ok() && outcome.verdict == Verdict::Accept, "{}: {outcome:?}", chain.name);
        let times = both.times(TURNS);
        let ratio = times.plugin.at(50) / times.native.at(50);
        println!(
            "| {} | {} | {} | {ratio:.2} | {} |",
            chain.name,
            times.native.best(),
            times.plugin.best(),
            outcome.fuel
        );
    }
    println!("\nPromised: 1.50 in the column before the last.\n");
    println!("| `revocation`, asked beside it | µs min | p50 | fuel |");
    println!("| --- | ---: | ---: | ---: |");
    let chain = chains::ordinary()?.into_iter().next().ok_or("no chain")?;
    for (what, config) in
        [("nothing is revoked", json!({})), ("a serial number is", json!({"serials": ["01 CN=other"]}))]
    {
        let both = Both::new(&plugins, &chain, "revocation", config)?;
        let (outcome, times) = (both.plugin()?, both.times(TURNS));
        assert_eq!(outcome.verdict, Verdict::NoOpinion, "{what}: {outcome:?}");
        println!("| {what} | {} | {} |", times.plugin.best(), outcome.fuel);
    }
    println!();
    println!("| ms of CPU a refusal | rustls-webpki p50 | most | plugin p50 | most | the plugin says |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    for chain in chains::pathological()? {
        let both = Both::new(&plugins, &chain, PLUGIN, chain.config())?;
        let told = match both.plugin() {
            Ok(outcome) => format!("`{}` for {} of fuel", outcome.rule, outcome.fuel),
            Err(failed) => format!("nothing: {failed}"),
        };
        let times = both.times(FEW_TURNS);
        println!("| {} | {} | {} | {told} |", chain.name, times.native.worst(), times.plugin.worst());
    }
    let Bounds { fuel, deadline, .. } = Bounds::DECISION;
    println!(
        "\nPromised: no refusal of the plugin takes {} ms, its deadline; its fuel is {fuel}.",
        deadline.as_millis()
    );
    Ok(())
}

/// A chain, ready for both.
struct Both<'a> {
    chain: &'a Chain,
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<CertificateDer<'a>>,
    name: ServerName<'static>,
    plugins: &'a Plugins,
    plugin: Plugin,
}

impl<'a> Both<'a> {
    fn new(plugins: &'a Plugins, chain: &'a Chain, name: &str, config: Value) -> Result<Both<'a>, Box<dyn Error>> {
        let component = builtin().remove(name).ok_or("no such plugin")?;
        let spec = Spec::new(name, component, config);
        let plugin = plugins.load(spec).map_err(|(name, error)| format!("{name}: {error}"))?;
        let anchor = CertificateDer::from(chain.anchor.as_slice());
        Ok(Both {
            chain,
            anchors: vec![webpki::anchor_from_trusted_cert(&anchor)?.to_owned()],
            certificates: chain.peer.chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect(),
            name: match &chain.peer.name {
                Name::Dns(name) => ServerName::try_from(name.clone())?,
                Name::Ip(address) => ServerName::from(*address),
                Name::None => return Err("a chain is for a name".into()),
            },
            plugins,
            plugin,
        })
    }

    fn native(&self) -> Result<(), webpki::Error> {
        let (first, rest) = black_box(&self.certificates).split_first().ok_or(webpki::Error::UnknownIssuer)?;
        let end = EndEntityCert::try_from(first)?;
        let time = UnixTime::since_unix_epoch(Duration::from_millis(self.chain.at));
        let usage = KeyUsage::server_auth();
        end.verify_for_usage(ALL_VERIFICATION_ALGS, &self.anchors, rest, time, usage, None, None)?;
        end.verify_is_valid_for_subject_name(&self.name)
    }

    fn plugin(&self) -> Result<Outcome, Failed> {
        self.plugins.verify(&self.plugin, self.chain.at, black_box(&self.chain.peer))
    }

    /// In turns, so that a noisy neighbour hits both alike.
    fn times(&self, turns: usize) -> Times {
        let mut times = Times::default();
        for _ in 0..turns {
            times.native.take(|| drop(black_box(self.native())));
            times.plugin.take(|| drop(black_box(self.plugin())));
        }
        times.native.0.sort_by(f64::total_cmp);
        times.plugin.0.sort_by(f64::total_cmp);
        times
    }
}

#[derive(Default)]
struct Times {
    native: Samples,
    plugin: Samples,
}

/// Microseconds.
#[derive(Default)]
struct Samples(Vec<f64>);

impl Samples {
    fn take(&mut self, act: impl FnOnce()) {
        let begin = ThreadTime::now();
        act();
        self.0.push(begin.elapsed().as_secs_f64() * 1e6);
    }

    /// Of sorted ones.
    fn at(&self, percent: usize) -> f64 {
        self.0.get(self.0.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    }

    fn best(&self) -> String {
        format!("{:.0} | {:.0}", self.at(0), self.at(50))
    }

    fn worst(&self) -> String {
        format!("{:.2} | {:.2}", self.at(50) / 1e3, self.at(100) / 1e3)
    }
}

const PLUGIN: &str = "apiserver_to_kubelet";
const TURNS: usize = 3_000;
const FEW_TURNS: usize = 300;
