//! Everything that is done to this repository: `cargo xtask VERB`.
//!
//! Refuses to guess: an unknown verb or argument is a usage fault (64), a step that fails is named with the command
//! that repeats it (1). Messages go to stderr, data to stdout.

mod apt;
mod bench;
mod dashboard;
mod demo;
mod dist;
mod guests;
mod metadata;
mod plugins;
mod program;
mod repo;
mod screenshots;
mod setup;
mod test;
mod tidy;

use std::{error::Error, process::ExitCode};

use repo::Repo;

/// Why a verb did not do what was asked.
#[derive(Debug)]
enum Fault {
    /// The command line makes no sense.
    Usage(String),
    /// The work failed.
    Work(Box<dyn Error>),
}

impl<E: Error + 'static> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Work(Box::new(error))
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match act(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault::Usage(fault)) => {
            eprintln!("error: {fault}\n\n{VERBS}");
            ExitCode::from(64)
        }
        Err(Fault::Work(error)) => {
            eprintln!("error: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn act(words: &[&str]) -> Result<(), Fault> {
    let repo = Repo::here()?;
    match words {
        [] | ["help" | "--help" | "-h"] => println!("{VERBS}"),
        ["setup"] => {
            let toolchain = setup::setup(&repo)?;
            eprintln!("wasm32-unknown-unknown is built with {toolchain}");
        }
        ["plugins"] => {
            for component in plugins::build(&repo, &setup::setup(&repo)?)? {
                println!("{}", component.display());
            }
        }
        ["dashboard"] => {
            let folder = dashboard::build(&repo, &setup::setup(&repo)?)?;
            eprintln!("the dashboard is {} kB over the wire", dashboard::weight(&folder)?.div_ceil(1_000));
            println!("{}", folder.display());
        }
        ["test"] => test::everything(&repo)?,
        ["screenshots"] => println!("{}", screenshots::screenshots(&repo)?.display()),
        ["tidy"] => tidy::check(&repo)?,
        ["dist"] => println!("{}", dist::dist(&repo)?.display()),
        ["demo", "--", arguments @ ..] | ["demo", arguments @ ..] => match demo::demo(&repo, arguments)? {},
        ["bench"] => println!("{}", bench::LIST),
        ["bench", "decide"] => bench::decide(&repo)?,
        ["bench", "verify"] => bench::verify(&repo)?,
        ["bench", "dashboard"] => bench::dashboard(&repo)?,
        ["bench", "csr"] => bench::csr(&repo)?,
        ["bench", "feed"] => bench::feed(&repo)?,
        ["bench", "webhook"] => bench::webhook(&repo)?,
        ["bench", "drill"] => bench::drill(&repo)?,
        ["bench", "startup"] => bench::startup(&repo)?,
        ["bench", name, ..] => return Err(Fault::Usage(format!("no bench is called `{name}`\n\n{}", bench::LIST))),
        ["setup" | "plugins" | "dashboard" | "screenshots" | "test" | "tidy" | "dist", extra, ..] => {
            return Err(Fault::Usage(format!("`{extra}` is one word too many")));
        }
        [verb, ..] => return Err(Fault::Usage(format!("no verb is called `{verb}`"))),
    }
    Ok(())
}

/// The whole story of an error in one line.
fn chain(error: &dyn Error) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        story.push_str(": ");
        story.push_str(&error.to_string());
        cause = error.source();
    }
    story
}

const VERBS: &str = "\
cargo xtask VERB

  demo [-- ARG]  sets up what is missing, builds the release, and runs `pathgate demo` with these arguments
  setup          finds or makes a toolchain that builds for wasm32-unknown-unknown; says what it installs and why
  plugins        builds every plugin into target/plugins/NAME.wasm, and leaves alone what did not change
  dashboard      builds the dashboard into target/dashboard, compressed and ready to be embedded; only if it changed
  test           everything: setup, plugins, dashboard, format, tidy, lints, all tests, with a real Kubernetes where it can be built
  screenshots    takes the pictures of the dashboard that the documentation shows, from a demo of the release
  tidy           checks what the compiler cannot: floors, links, cases, forbidden words
  dist           puts the release at target/dist/pathgate, with SHA256SUMS and an SBOM beside it
  bench [NAME]   measures one of: decide, verify, webhook, drill, startup, dashboard, csr, feed; without a name, lists what each measures";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_verb_is_a_usage_fault() {
        assert!(matches!(act(&["fly"]), Err(Fault::Usage(fault)) if fault == "no verb is called `fly`"));
    }

    #[test]
    fn a_word_too_many_is_a_usage_fault() {
        assert!(matches!(act(&["tidy", "now"]), Err(Fault::Usage(fault)) if fault == "`now` is one word too many"));
    }

    #[test]
    fn an_unknown_bench_is_a_usage_fault() {
        assert!(matches!(act(&["bench", "luck"]), Err(Fault::Usage(_))));
    }
}
