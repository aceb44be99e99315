//! The webhook against the Open Policy Agent server: same reviews, same five rules, mTLS with keep-alive, the server on
//! one processor and the load on another. The peer runs without a journal, Pathgate with one.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{
    Error,
    pki::Pki,
    server::{Server, listens, pinned},
    startup::{Gate, free_beside, scratch},
};
use crate::{dist, program, repo::Repo};

/// Prints rate, latency and processor time of both, over HTTP/1.1 and HTTP/2, and the latency of both at a fixed rate.
pub fn webhook(repo: &Repo) -> Result<(), Error> {
    let opa = go(repo, "opa")?;
    let load = go(repo, "sarload")?;
    let gate = dist::release(repo)?;
    let folder = scratch(repo)?;
    let pki = Pki::make(folder.path())?;
    let measure = |name: &str, plugins: Value| -> Result<_, Error> {
        let gate = Gate::configure(gate.clone(), folder.path(), &pki, plugins)?;
        let (server, _) = gate.start()?;
        let asked = Load { program: &load, pki: &pki, server: &server, address: gate.webhook, path: "/authorize" };
        let figures = [asked.closed(false)?, asked.closed(true)?];
        figures.iter().for_each(|figures| println!("{name} {figures}"));
        println!("{name} at {RATE}/s: {}", asked.open()?);
        Ok(figures)
    };
    measure("pathgate, all nine plugins:", Value::Null)?;
    let ours =
        measure("pathgate, the peer's rules:", json!({"plugins": SAME_RULES.map(|name| json!({"name": name}))}))?;

    let address = free_beside(folder.path())?;
    let server = peer(repo, &opa, &pki, address)?;
    let asked = Load { program: &load, pki: &pki, server: &server, address, path: "/" };
    let theirs = [asked.closed(false)?, asked.closed(true)?];
    theirs.iter().for_each(|figures| println!("opa: {figures}"));
    println!("opa: at {RATE}/s: {}", asked.open()?);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let ratio = ours.requests_per_cpu_second / theirs.requests_per_cpu_second;
        println!("requests per CPU-second over {}: {ratio:.2} x the peer's", ours.protocol);
    }
    Ok(())
}

/// Builds a program of `tests/` with Go.
pub fn go(repo: &Repo, name: &'static str) -> Result<PathBuf, Error> {
    if program::which("go").is_none() {
        return Err(Error::NoGo);
    }
    let program = repo.target("bench").join(name);
    let mut go = Command::new("go");
    go.current_dir(repo.at("tests").join(name)).args(["build", "-buildvcs=false", "-o"]);
    program::run(go.arg(&program).arg("."))?;
    Ok(program)
}

/// Starts the peer, and waits until it answers.
pub fn peer(repo: &Repo, opa: &Path, pki: &Pki, address: SocketAddr) -> Result<Server, Error> {
    let named = |source| Error::Server { name: "opa", source };
    let mut command = pinned(0, opa);
    command.args(["run", "--server", "--log-level=error", "--disable-telemetry", "--authentication=tls"]);
    command.arg(format!("--addr=https://{address}"));
    command.arg("--tls-cert-file").arg(&pki.server.certificate).arg("--tls-private-key-file").arg(&pki.server.key);
    command.arg("--tls-ca-cert-file").arg(&pki.authority).arg(repo.at("tests/opa/policy"));
    let server = Server::start(&mut command).map_err(named)?;
    server.wait(|| listens(address)).map_err(named)?;
    Ok(server)
}

/// Reviews sent to one server.
pub struct Load<'a> {
    pub program: &'a Path,
    pub pki: &'a Pki,
    pub server: &'a Server,
    pub address: SocketAddr,
    pub path: &'static str,
}

impl Load<'_> {
    /// As fast as the answers come.
    fn closed(&self, h2: bool) -> Result<Figures, Error> {
        self.run(&[&format!("-h2={h2}")])
    }

    /// At a fixed rate, each latency counted from when the request was due.
    fn open(&self) -> Result<Figures, Error> {
        self.run(&["-rps", RATE])
    }

    /// With these arguments of `sarload`.
    pub fn run(&self, more: &[&str]) -> Result<Figures, Error> {
        let mut load = pinned(1, self.program);
        load.arg("-url").arg(format!("https://{}{}", self.address, self.path)).arg("-ca").arg(&self.pki.authority);
        load.arg("-cert").arg(&self.pki.client.certificate).arg("-key").arg(&self.pki.client.key);
        load.args(["-pid", &self.server.pid().to_string()]).args(more);
        let line = program::output(&mut load)?;
        serde_json::from_str(&line).map_err(|source| Error::Figures { line, source })
    }
}

/// What the load measured.
#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    protocol: String,
    requests: u64,
    errors: u64,
    denied: u64,
    pub requests_per_second: f64,
    p50_micros: f64,
    pub p99_micros: f64,
    max_micros: f64,
    pub cpu_micros_per_request: f64,
    requests_per_cpu_second: f64,
    #[serde(rename = "serverPeakKiB")]
    server_peak_kib: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, requests, errors, denied, requests_per_second: rate, .. } = self;
        write!(
            f,
            "{protocol}: {rate:.0}/s, p50 {:.0} us, p99 {:.0} us, most {:.0} us, ",
            self.p50_micros, self.p99_micros, self.max_micros
        )?;
        write!(f, "{errors} errors and {denied} denied of {requests}, ")?;
        write!(
            f,
            "{:.1} us CPU each ({:.0} a CPU-second), ",
            self.cpu_micros_per_request, self.requests_per_cpu_second
        )?;
        write!(f, "{} MiB at most", self.server_peak_kib / 1024)
    }
}

/// What a large cluster asks for in a second, and the figure to reach.
const RATE: &str = "5000";
/// The plugins that hold what `tests/opa/policy` holds, and more; the ratio is theirs.
const SAME_RULES: [&str; 3] = ["apiserver_to_kubelet", "node_to_apiserver", "user_to_apiserver"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loads_report_is_read_and_said_in_one_line() {
        let report = r#"{"protocol":"h2","requests":50000,"errors":0,"denied":25000,"seconds":5,"requestsPerSecond":10000,"p50Micros":80,"p90Micros":1,"p99Micros":900,"p999Micros":1,"maxMicros":2000,"cpuMicrosPerRequest":50,"requestsPerCpuSecond":20000,"serverPeakKiB":71680}"#;
        let figures: Figures = serde_json::from_str(report).unwrap();
        let expected = "h2: 10000/s, p50 80 us, p99 900 us, most 2000 us, 0 errors and 25000 denied of 50000, 50.0 us CPU each (20000 a CPU-second), 70 MiB at most";
        assert_eq!(figures.to_string(), expected);
    }
}
