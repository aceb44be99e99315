//! The feed of the dashboard under many readers: a gate on one processor that answers 1,000 reviews a second, and 100
//! readers that are each told of all of them. One more sleeps meanwhile, as the machine of a page may.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Error, load,
    pki::Pki,
    startup::{Gate, free_beside, scratch},
    webhook::{Figures, Load, go},
};
use crate::{dist, repo::Repo};

/// Prints what the feed costs, and what each reader got.
pub fn feed(repo: &Repo) -> Result<(), Error> {
    let program = go(repo, "sarload")?;
    let release = dist::release(repo)?;
    let folder = scratch(repo)?;
    let pki = Pki::make(folder.path())?;
    let address = free_beside(folder.path())?;
    let gate = Gate::configure(release, folder.path(), &pki, json!({"dashboard": {"listen": address.to_string()}}))?;
    let (server, _) = gate.start()?;
    let asked = Load { program: &program, pki: &pki, server: &server, address: gate.webhook, path: "/authorize" };
    let ask = || asked.run(&["-warm", "0", "-rps", RATE, "-n", &DECISIONS.to_string()]);

    let of = |source| Error::Feed { address, source };
    let sleeper = subscribe(address).map_err(of)?;
    let streams: Vec<_> = (0..READERS).map(|_| subscribe(address)).collect::<Result<_, _>>().map_err(of)?;
    let idle = server.mebibytes("VmRSS");
    let readers: Vec<_> = streams.into_iter().map(|stream| thread::spawn(|| read(stream))).collect();
    let watched = ask()?;
    let sleeper = read(sleeper);
    let got: Vec<Got> = readers.into_iter().map(|it| it.join().unwrap_or_default()).collect();
    let peak = server.mebibytes("VmHWM");
    let alone = ask()?;

    println!("{}", told(&got));
    println!(
        "one that slept meanwhile: {} decisions, {}",
        sleeper.decisions,
        if sleeper.dropped { "let go" } else { "not let go" }
    );
    println!("processor: {:.2} cores with them, {:.2} without", cores(&watched), cores(&alone));
    println!("answers to reviews: p99 {:.0} us with them, {:.0} us without", watched.p99_micros, alone.p99_micros);
    if let Some((idle, peak)) = idle.zip(peak) {
        println!("memory: {idle} MiB before the first event, {peak} MiB at most");
    }
    println!("{}", load());
    Ok(())
}

/// What a reader got.
#[derive(Debug, Default, PartialEq)]
struct Got {
    decisions: u64,
    bytes: u64,
    /// From the first decision to the last.
    took: Duration,
    dropped: bool,
}

/// A stream of all events from now on, past the head of the answer.
fn subscribe(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(&stream, "GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    let mut reader = BufReader::with_capacity(BUFFER, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other(format!("the answer is `{}`", line.trim_end())));
    }
    while !line.trim_end().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    Ok(reader)
}

/// Reads until every decision came, or nothing comes any more.
fn read(mut stream: impl BufRead) -> Got {
    let (mut got, mut line, mut begin) = (Got::default(), Vec::new(), None);
    while got.decisions < DECISIONS {
        line.clear();
        match stream.read_until(b'\n', &mut line) {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        got.bytes += u64::try_from(line.len()).unwrap_or_default();
        match line.strip_prefix(b"event: ") {
            Some(b"decision\n") => {
                got.decisions += 1;
                got.took = begin.get_or_insert_with(Instant::now).elapsed();
            }
            Some(b"dropped\n") => {
                got.dropped = true;
                break;
            }
            _ => {}
        }
    }
    got
}

fn told(got: &[Got]) -> String {
    let least = got.iter().map(|it| it.decisions).min().unwrap_or_default();
    let dropped = got.iter().filter(|it| it.dropped).count();
    let bytes: u64 = got.iter().map(|it| it.bytes).sum();
    let took = got.iter().map(|it| it.took).max().unwrap_or_default();
    let rate = f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) / 1e3 / took.as_secs_f64();
    let readers = got.len();
    format!(
        "{readers} readers: at least {least} of {DECISIONS} decisions each in {took:.1?}, {dropped} let go, {rate:.0} MB/s in all"
    )
}

/// Processors in use on average.
fn cores(figures: &Figures) -> f64 {
    figures.cpu_micros_per_request * figures.requests_per_second / 1e6
}

/// Open dashboards of a large organisation.
const READERS: usize = 100;
const RATE: &str = "1000";
/// Half a minute of them: a reader that stopped is let go after ten seconds with full buffers.
const DECISIONS: u64 = 30_000;
/// The feed beats each second.
const PATIENCE: Duration = Duration::from_secs(10);
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_was_let_go_tells_what_it_got() {
        let stream = "2a\r\nid: 7\nevent: decision\ndata: {}\n\n\r\n1f\r\nid: 7\nevent: beat\ndata: {}\n\n\r\n";
        let end = "event: dropped\ndata: {\"row\":7}\n\n";
        let got = read(format!("{stream}{end}").as_bytes());
        assert_eq!((got.decisions, got.dropped), (1, true));
    }

    #[test]
    fn readers_are_told_in_one_line() {
        let some = Got { decisions: 30_000, bytes: 20_000_000, took: Duration::from_secs(20), dropped: false };
        let fewer = Got { decisions: 12, bytes: 4_000_000, took: Duration::from_secs(2), dropped: true };
        let expected = "2 readers: at least 12 of 30000 decisions each in 20.0s, 1 let go, 1 MB/s in all";
        assert_eq!(told(&[some, fewer]), expected);
    }
}
