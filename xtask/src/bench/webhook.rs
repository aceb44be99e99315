//! The webhook against the Open Policy Agent server: same reviews, same five rules, mTLS with keep-alive, the server on
//! one processor and the load on another. The peer runs without a journal, Pathgate with one.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Error,
    pki::Pki,
    server::{Server, free_address, listens, pinned},
    startup::{Gate, scratch},
};
use crate::{
    dist,
    program::{self, Failed},
    repo::Repo,
};

/// Prints rate, latency and processor time of both, over HTTP/1.1 and HTTP/2, and Pathgate's latency at a fixed rate.
pub fn webhook(repo: &Repo) -> Result<(), Error> {
    let opa = go(repo, "opa")?;
    let load = go(repo, "sarload")?;
    let gate = dist::release(repo)?;
    let folder = scratch(repo)?;
    let pki = Pki::make(folder.path())?;
    let gate = Gate::configure(gate, folder.path(), &pki)?;

    let (server, _) = gate.start()?;
    let asked = Load { program: &load, pki: &pki, server: &server, address: gate.webhook, path: "/authorize" };
    let ours = [asked.closed(false)?, asked.closed(true)?];
    println!("pathgate http/1.1: {}\npathgate h2:       {}", ours[0], ours[1]);
    println!("pathgate at {RATE}/s: {}", asked.open()?);
    if let Some(memory) = server.mebibytes("VmHWM") {
        println!("pathgate memory: {memory} MiB at most");
    }
    drop(server);

    let address = free_address().map_err(|source| Error::File {
        doing: "find a free port beside",
        path: folder.path().into(),
        source,
    })?;
    let server = peer(repo, &opa, &pki, address)?;
    let asked = Load { program: &load, pki: &pki, server: &server, address, path: "/" };
    let theirs = [asked.closed(false)?, asked.closed(true)?];
    println!("opa      http/1.1: {}\nopa      h2:       {}", theirs[0], theirs[1]);
    for ((name, ours), theirs) in ["http/1.1", "h2"].iter().zip(&ours).zip(&theirs) {
        let ratio = per_cpu_second(ours)? / per_cpu_second(theirs)?;
        println!("requests per CPU-second over {name}: {ratio:.2} x the peer's");
    }
    Ok(())
}

/// Builds a program of `tests/` with Go.
fn go(repo: &Repo, name: &'static str) -> Result<PathBuf, Error> {
    if program::which("go").is_none() {
        return Err(Error::NoGo);
    }
    let program = repo.target("bench").join(name);
    let mut go = Command::new("go");
    go.current_dir(repo.at("tests").join(name)).args(["build", "-buildvcs=false", "-o"]);
    program::run(go.arg(&program).arg("."))?;
    Ok(program)
}

fn peer(repo: &Repo, opa: &Path, pki: &Pki, address: SocketAddr) -> Result<Server, Error> {
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
struct Load<'a> {
    program: &'a Path,
    pki: &'a Pki,
    server: &'a Server,
    address: SocketAddr,
    path: &'static str,
}

impl Load<'_> {
    /// As fast as the answers come.
    fn closed(&self, h2: bool) -> Result<String, Error> {
        self.run(&[&format!("-h2={h2}")])
    }

    /// At a fixed rate, each latency counted from when the request was due.
    fn open(&self) -> Result<String, Error> {
        self.run(&["-rps", RATE])
    }

    fn run(&self, more: &[&str]) -> Result<String, Error> {
        let mut load = pinned(1, self.program);
        load.arg("-url").arg(format!("https://{}{}", self.address, self.path)).arg("-ca").arg(&self.pki.authority);
        load.arg("-cert").arg(&self.pki.client.certificate).arg("-key").arg(&self.pki.client.key);
        load.args(["-pid", &self.server.pid().to_string()]).args(more);
        let line: Result<String, Failed> = program::output(&mut load);
        Ok(line?.trim().to_owned())
    }
}

/// The number before `req per CPU-second`.
fn per_cpu_second(line: &str) -> Result<f64, Error> {
    let what = "req per CPU-second";
    let missing = || Error::Line { what, line: line.to_owned() };
    let number = line.split(", ").find_map(|part| part.strip_suffix(what)).ok_or_else(missing)?;
    number.trim().parse().map_err(|_| missing())
}

/// What a large cluster asks for in a second, and the figure to reach.
const RATE: &str = "5000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_found_in_the_loads_line() {
        let line = "9000 req/s, p50 80 us, errors 0, server 50.0 us CPU a request, 20000 req per CPU-second";
        assert_eq!(per_cpu_second(line).unwrap(), 20000.0);
    }

    #[test]
    fn a_line_without_the_figure_is_shown() {
        assert_eq!(
            per_cpu_second("boom").unwrap_err().to_string(),
            "the load's line holds no `req per CPU-second`: boom"
        );
    }
}
