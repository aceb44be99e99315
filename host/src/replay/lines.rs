//! Lines of a file of any size, in bounded memory.

use std::io::{self, BufRead, Read};

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Whole(&'a [u8]),
    /// The last one, with no end: it may have been cut off.
    Cut(&'a [u8]),
    /// Longer than [`LONGEST`]; skipped.
    Long,
}

/// Reads lines.
pub struct Lines<R> {
    from: R,
    kept: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub fn new(from: R) -> Lines<R> {
        Lines { from, kept: Vec::new() }
    }

    /// The next line; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read further. A compressed file that is cut off ends so.
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.kept.clear();
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
        let read = self.from.by_ref().take(most).read_until(b'\n', &mut self.kept)?;
        if read == 0 {
            return Ok(None);
        }
        if self.kept.last() == Some(&b'\n') {
            self.kept.pop();
            return Ok(Some(Line::Whole(&self.kept)));
        }
        if self.kept.len() <= LONGEST {
            return Ok(Some(Line::Cut(&self.kept)));
        }
        self.from.skip_until(b'\n')?;
        Ok(Some(Line::Long))
    }
}

/// kube-apiserver cuts an event to 100 KiB where it is told to truncate; untruncated, bodies of objects are up to 1.5 MiB,
/// and an event that holds one tells nothing more about the decision.
pub(super) const LONGEST: usize = 1 << 20;
