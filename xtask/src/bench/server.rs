//! A server under measurement: started, waited for, and gone when it goes out of scope.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use crate::program;

/// A running server. Dropping it kills the process.
pub struct Server {
    child: Child,
    /// The last lines that it wrote; ends when the process does.
    lines: Receiver<String>,
}

/// Why the server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("start `{command}`")]
    Start { command: String, source: io::Error },
    #[error("it ended before it was ready; it said:\n{0}")]
    Ended(String),
    #[error("it was not ready within {WAIT:?}; it said:\n{0}")]
    Late(String),
}

impl Server {
    /// Starts it. What it writes to stderr is kept for the error.
    pub fn start(command: &mut Command) -> Result<Self, Error> {
        let line = program::line(command);
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = started.map_err(|source| Error::Start { command: line, source })?;
        let (sender, lines) = sync_channel(KEPT);
        if let Some(stderr) = child.stderr.take() {
            thread::spawn(move || {
                // Read to the end, so that the server never waits for us; what does not fit is dropped.
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    drop(sender.try_send(line));
                }
            });
        }
        Ok(Self { child, lines })
    }

    /// Tries until `ready` says yes; how long that took from now on.
    pub fn wait(&self, ready: impl Fn() -> bool) -> Result<Duration, Error> {
        let (begin, mut said) = (Instant::now(), Vec::new());
        while !ready() {
            match self.lines.recv_timeout(TICK) {
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Ended(said.join("\n"))),
                Err(RecvTimeoutError::Timeout) if begin.elapsed() > WAIT => return Err(Error::Late(said.join("\n"))),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(begin.elapsed())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A field of its status in MiB: `VmRSS` now, `VmHWM` at most.
    pub fn mebibytes(&self, field: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An address on loopback that is free now.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// Whether something listens.
pub fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, TICK * 10).is_ok()
}

/// Whether a plain GET is answered with 200.
pub fn answers_ok(address: SocketAddr, path: &str) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, TICK * 10)?;
        stream.set_read_timeout(Some(TICK * 100))?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// A command held on one processor, where the system can.
pub fn pinned(core: u8, program: impl AsRef<std::ffi::OsStr>) -> Command {
    if program::which("taskset").is_none() {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    // It replaces itself by the program, so the process is the program's.
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

/// Between two tries: fine enough for a figure of a hundred milliseconds.
const TICK: Duration = Duration::from_millis(1);
/// A cold compile of all plugins on a busy machine takes seconds.
const WAIT: Duration = Duration::from_secs(60);
/// Lines kept for the error.
const KEPT: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_ends_says_why() {
        let server = Server::start(Command::new("sh").args(["-c", "echo no such key >&2; exit 64"])).unwrap();
        let error = server.wait(|| false).unwrap_err();
        assert_eq!(error.to_string(), "it ended before it was ready; it said:\nno such key");
    }

    #[test]
    fn a_plain_200_is_ready_and_a_503_is_not() {
        let answer = |status: &'static str| {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                assert_eq!(request.next().as_deref(), Some("GET /readyz HTTP/1.1"));
                while request.next().is_some_and(|line| !line.is_empty()) {}
                // In one write: the asker reads the status and hangs up.
                stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
            });
            let ok = answers_ok(address, "/readyz");
            server.join().unwrap();
            ok
        };
        assert_eq!((answer("200 OK"), answer("503 Service Unavailable")), (true, false));
    }
}
