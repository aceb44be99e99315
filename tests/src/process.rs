//! Programs that a test starts: each has a log, a process group and an end that nobody has to remember. Refuses to wait
//! without a deadline, and to wait for what cannot come because a process is gone.

use crate::linux;
use anyhow::{Context, Result, anyhow, bail};
use std::{
    fs::{self, File},
    io::{Read, Seek, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// A program that runs until this is dropped. It is killed with its whole process group, and also when the thread that
/// started it ends: start it from a thread that lives as long as the test.
pub struct Process {
    name: String,
    child: Child,
    /// Readable once the program ended.
    end: OwnedFd,
    log: PathBuf,
}

impl Process {
    /// Starts a program that appends both its outputs to the log.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Process> {
        let file = File::options().create(true).append(true).open(log).with_context(|| format!("open {log:?}"))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = spawn(command).with_context(|| format!("start {name}"))?;
        let end = linux::watch(child.id())?;
        Ok(Process { name: name.to_owned(), child, end, log: log.to_owned() })
    }

    /// By which the kernel knows it, for as long as this lives.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote, all of it.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Asks the program to end and waits for it; past the deadline it is killed, and that is a failure.
    pub fn stop(mut self, within: Duration) -> Result<ExitStatus> {
        linux::signal_group(self.id(), libc::SIGTERM)?;
        if !ended_within(&self.end, within)? {
            bail!("{} did not end within {within:?} of SIGTERM; its last words:\n{}", self.name, self.last_words());
        }
        Ok(self.child.wait()?)
    }

    /// Waits until the program has ended by itself or by a signal.
    pub fn ended(&self, within: Duration) -> Result<()> {
        match ended_within(&self.end, within)? {
            true => Ok(()),
            false => bail!("{} did not end within {within:?}; its last words:\n{}", self.name, self.last_words()),
        }
    }

    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(LAST_WORDS)).map(|line| format!("  {line}\n")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Before the wait, so that the id cannot be somebody else's.
        let _ = linux::signal_group(self.child.id(), libc::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Tries until it succeeds. Fails with the last error at the deadline, and at once, with its last words, when one of the
/// processes that it needs ends.
pub fn eventually<T>(
    what: &str,
    within: Duration,
    needs: &[&Process],
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    let ends: Vec<_> = needs.iter().map(|process| process.end.as_fd()).collect();
    loop {
        let error = match attempt() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(error.context(format!("{what}: not within {within:?}")));
        }
        let ended = linux::readable(&ends, left.min(PAUSE))?;
        if let Some((process, _)) = needs.iter().zip(ended).find(|(_, ended)| *ended) {
            bail!("{what}: {} ended; its last words:\n{}", process.name, process.last_words());
        }
    }
}

/// What a command that has ended left behind.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Standard output, or the failure with what the command said of it.
    pub fn ok(self) -> Result<String> {
        match self.code {
            Some(0) => Ok(self.stdout),
            Some(code) => Err(anyhow!("exit code {code}: {}{}", self.stderr.trim(), self.stdout.trim())),
            None => Err(anyhow!("killed: {}", self.stderr.trim())),
        }
    }
}

/// Runs a command to its end, which must come in time.
pub fn run(command: &mut Command, stdin: &[u8], within: Duration) -> Result<Output> {
    // Files and not pipes: whatever the command leaves running cannot keep the test waiting.
    let mut files = [tempfile::tempfile()?, tempfile::tempfile()?, tempfile::tempfile()?];
    let [input, stdout, stderr] = &mut files;
    input.write_all(stdin)?;
    input.rewind()?;
    command.stdin(input.try_clone()?).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let mut child = spawn(command).with_context(|| format!("start {command:?}"))?;
    let in_time = linux::watch(child.id()).map_err(anyhow::Error::from).and_then(|end| ended_within(&end, within));
    linux::signal_group(child.id(), libc::SIGKILL).ok();
    let status = child.wait()?;
    let output = Output { code: status.code(), stdout: contents(stdout)?, stderr: contents(stderr)? };
    match in_time? {
        true => Ok(output),
        false => bail!("{command:?} did not end within {within:?}: {output:?}"),
    }
}

fn spawn(command: &mut Command) -> std::io::Result<Child> {
    command.process_group(0);
    // SAFETY: between fork and exec only prctl is called, which is safe there.
    unsafe { command.pre_exec(linux::die_with_parent) };
    command.spawn()
}

fn ended_within(end: &OwnedFd, within: Duration) -> Result<bool> {
    Ok(linux::readable(&[end.as_fd()], within)?.into_iter().any(|ended| ended))
}

fn contents(file: &mut File) -> Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Between two attempts: short for a person, long for a processor.
const PAUSE: Duration = Duration::from_millis(100);
/// Lines of a log that are worth showing.
const LAST_WORDS: usize = 15;
