//! Printing: people get aligned text, programs one JSON object a line.

use super::{Faults, Output};
use serde::Serialize;
use std::io::{self, Write};

/// Prints a line in the form that was asked for. A reader that has gone away ends the command quietly.
pub(super) fn line<T: Serialize>(output: Output, value: &T, human: impl FnOnce() -> String) -> Result<(), Faults> {
    let text = match output {
        Output::Json => serde_json::to_string(value).map_err(|error| format!("write JSON: {error}"))?,
        Output::Human => human(),
    };
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("write to stdout: {error}").into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
