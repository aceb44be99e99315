//! The verbs. Data goes to stdout, messages to stderr. Exit codes: 0 yes, 1 no, 2 could not tell, 64 usage or input.

mod ask;
mod break_glass;
mod check;
mod csr;
mod demo;
mod drill;
mod explain;
mod generate;
mod new;
mod output;
mod plugin;
mod replay;
mod revoke;
mod serve;
mod verify;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// A gate on every path between a Kubernetes control plane and its nodes.
#[derive(Parser)]
#[command(name = "pathgate", version, after_help = "Example: pathgate serve --config /etc/pathgate/gate.yaml")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Ask(ask::Ask),
    Csr(csr::Csr),
    Verify(Box<verify::Verify>),
    Explain(explain::Explain),
    Check(check::Check),
    #[command(subcommand)]
    Generate(generate::Generate),
    Drill(drill::Drill),
    Replay(replay::Replay),
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    #[command(subcommand)]
    Revoke(revoke::Revoke),
    BreakGlass(break_glass::BreakGlass),
    /// Print completions for a shell.
    #[command(after_help = "Example: pathgate completion bash > /etc/bash_completion.d/pathgate")]
    Completion {
        shell: clap_complete::Shell,
    },
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Human,
    /// One object a line; it only grows.
    Json,
}

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Yes,
    No,
    Unknown,
}

/// Usage, configuration or input at fault: a sentence each.
struct Faults(Vec<String>);

impl From<String> for Faults {
    fn from(fault: String) -> Faults {
        Faults(vec![fault])
    }
}

impl From<Vec<crate::app::Fault>> for Faults {
    fn from(faults: Vec<crate::app::Fault>) -> Faults {
        Faults(faults.iter().map(ToString::to_string).collect())
    }
}

/// Runs the command line.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A broken pipe while printing help changes nothing.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let ending = match arguments.verb {
        Verb::Serve(serve) => serve.run(),
        Verb::Demo(demo) => demo.run(),
        Verb::Ask(ask) => ask.run(),
        Verb::Csr(csr) => csr.run(),
        Verb::Verify(verify) => verify.run(),
        Verb::Explain(explain) => explain.run(),
        Verb::Check(check) => check.run(),
        Verb::Generate(generate) => generate.run(),
        Verb::Drill(drill) => drill.run(),
        Verb::Replay(replay) => replay.run(),
        Verb::Plugin(plugin) => plugin.run(),
        Verb::Revoke(revoke) => revoke.run(),
        Verb::BreakGlass(grant) => grant.run(),
        Verb::Completion { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "pathgate", &mut std::io::stdout());
            Ok(Ending::Yes)
        }
    };
    match ending {
        Ok(Ending::Yes) => ExitCode::SUCCESS,
        Ok(Ending::No) => ExitCode::from(1),
        Ok(Ending::Unknown) => ExitCode::from(2),
        Err(Faults(faults)) => {
            for fault in faults {
                eprintln!("error: {fault}");
            }
            ExitCode::from(USAGE)
        }
    }
}

/// Reads a file, or standard input for `-`.
fn read(path: &std::path::Path) -> Result<Vec<u8>, Faults> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str().as_encoded_bytes() {
        b"-" => std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(drop),
        _ => std::fs::read(path).map(|content| bytes = content),
    };
    read.map(|()| bytes).map_err(|error| Faults(vec![format!("read `{}`: {error}", path.display())]))
}

/// Reads and checks a configuration; its text is given back for what watches it.
fn read_config(path: &std::path::Path) -> Result<(crate::config::Config, String), Faults> {
    let text = String::from_utf8(read(path)?).map_err(|error| format!("`{}`: {error}", path.display()))?;
    let config = crate::config::Config::parse(&text, &path.display().to_string())
        .map_err(|faults| Faults(faults.iter().map(ToString::to_string).collect()))?;
    Ok((config, text))
}

/// A runtime for verbs that are over in a moment.
fn runtime() -> Result<tokio::runtime::Runtime, Faults> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Faults(vec![format!("start the runtime: {error}")]))
}

/// `EX_USAGE` of sysexits.
const USAGE: u8 = 64;
