//! `pathgate`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    host::cli::run()
}
