//! How far a long reading has come, on a terminal only.

use std::{
    cell::Cell,
    io::{self, IsTerminal, Read, Write},
    rc::Rc,
    time::{Duration, Instant},
};

/// Shared by all that reads.
#[derive(Clone)]
pub(super) struct Progress(Rc<Shown>);

struct Shown {
    read: Cell<u64>,
    expected: Cell<u64>,
    begin: Instant,
    last: Cell<Duration>,
    is_terminal: bool,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress(Rc::new(Shown {
            read: Cell::new(0),
            expected: Cell::new(0),
            begin: Instant::now(),
            last: Cell::new(Duration::ZERO),
            is_terminal: io::stderr().is_terminal(),
        }))
    }
}

impl Progress {
    /// So many bytes more will be read.
    pub(super) fn expect(&self, bytes: u64) {
        self.0.expected.set(self.0.expected.get().saturating_add(bytes));
    }

    /// Shows it, if it is time to.
    pub(super) fn show(&self, lines: u64) {
        // The clock is asked once in a while, because asking it for every line costs.
        if !self.0.is_terminal || !lines.is_multiple_of(256) {
            return;
        }
        let elapsed = self.0.begin.elapsed();
        if elapsed.saturating_sub(self.0.last.get()) < PAUSE {
            return;
        }
        self.0.last.set(elapsed);
        let rate = u128::from(lines) * 1000 / elapsed.as_millis().max(1);
        let of = match self.0.expected.get() {
            0 => String::new(),
            expected => format!(" of {}", mebibytes(expected)),
        };
        // A terminal that has gone away changes nothing.
        let _ = write!(io::stderr(), "\r\u{1b}[K{}{of} MiB, {rate} events/s", mebibytes(self.0.read.get()));
    }

    /// Clears it.
    pub(super) fn end(&self) {
        if !self.0.last.get().is_zero() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// Counts what is read through it.
pub(super) struct Counted<R> {
    from: R,
    progress: Progress,
}

impl<R> Counted<R> {
    pub(super) fn new(from: R, progress: Progress) -> Counted<R> {
        Counted { from, progress }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        let shown = &self.progress.0;
        shown.read.set(shown.read.get().saturating_add(u64::try_from(read).unwrap_or(u64::MAX)));
        Ok(read)
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

/// Often enough to see that it moves.
const PAUSE: Duration = Duration::from_millis(250);
