//! Other programs: how they are started, and what is said when they fail.

use std::{
    io,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("start `{command}`")]
    Start { command: String, source: io::Error },
    #[error("`{command}` ended with {status}{}", .stderr.as_ref().map(|text| format!(":\n{text}")).unwrap_or_default())]
    Ended { command: String, status: ExitStatus, stderr: Option<String> },
}

/// Runs it, its output in full view.
pub fn run(command: &mut Command) -> Result<(), Failed> {
    let status = command.status().map_err(|source| Failed::Start { command: line(command), source })?;
    if status.success() { Ok(()) } else { Err(Failed::Ended { command: line(command), status, stderr: None }) }
}

/// Runs it and hands back what it printed; its complaints become part of the error.
pub fn output(command: &mut Command) -> Result<String, Failed> {
    output_of(command, &[0])
}

/// The same where other exit codes than 0 are answers too.
pub fn output_of(command: &mut Command, good: &[i32]) -> Result<String, Failed> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|source| Failed::Start { command: line(command), source })?;
    if output.status.code().is_some_and(|code| good.contains(&code)) {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = Some(String::from_utf8_lossy(&output.stderr).trim_end().to_owned());
    Err(Failed::Ended { command: line(command), status: output.status, stderr })
}

/// The file that a shell would start for this name.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A command line as one would type it.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// Takes away what cargo told this process about the package `xtask`. Build scripts that watch such a variable would
/// otherwise run again whenever a build is started from here in place of a shell.
pub fn forget_this_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("cargo");
        command.args(["--config", "a=[\"b c\"]", "it's", "-p", "host"]);
        assert_eq!(line(&command), r#"cargo --config 'a=["b c"]' 'it'\''s' -p host"#);
    }

    #[test]
    fn a_failure_tells_what_the_program_said() {
        let failed = output(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        assert_eq!(failed.to_string(), "`sh -c 'echo broken >&2; exit 3'` ended with exit status: 3:\nbroken");
    }
}
