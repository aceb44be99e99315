//! `pathgate drill`: the attack pack against any SubjectAccessReview webhook.

use super::{Ending, Faults, Output, output};
use crate::drill::{self, Access, Got, Outcome, Score, Tally, Vector, Webhook, WebhookFault};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};
use wire::Path;

/// Put hundreds of attacks to a webhook, each beside a legitimate twin, and score it.
///
/// It asks only; nothing is done in any cluster. A webhook that has no opinion on an attack leaves it to whatever RBAC
/// says, which is a miss; one that refuses a twin breaks a cluster. Exits 1 if anything is not as expected, and 2 if the
/// webhook cannot be reached or gives no verdict.
#[derive(Args)]
#[command(after_help = "Example: pathgate drill https://127.0.0.1:9443/authorize --kubeconfig webhook.kubeconfig")]
pub(super) struct Drill {
    /// Where the webhook is; that of the kubeconfig if absent. `http:` only where it asks for no certificate.
    #[arg(required_unless_present = "kubeconfig")]
    url: Option<String>,
    /// By which kube-apiserver reaches the webhook: its authority, and the client's certificate and key.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// Only the attacks on this path, such as apiserver_to_kubelet. May be given again.
    #[arg(long)]
    path: Vec<Path>,
    #[arg(long, default_value = "human")]
    output: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people: the score, then what was missed and why it matters.
    Human,
    /// One object a vector, then the score; it only grows.
    Json,
    /// JUnit XML: a case for each attack and each twin.
    Junit,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    path: Path,
    title: &'a str,
    reference: &'a str,
    expected: &'a str,
    got: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    twin: Twin<'a>,
    passed: bool,
}

#[derive(Serialize)]
struct Twin<'a> {
    expected: &'a str,
    got: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Last {
    score: Counted,
    paths: BTreeMap<&'static str, Counted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    vectors: usize,
    caught: usize,
    twins_passed: usize,
    passed: usize,
}

impl Drill {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let access = match &self.kubeconfig {
            Some(path) => Access::read(path).map_err(|fault| fault.to_string())?,
            None => Access::plain(),
        };
        let webhook = Webhook::new(self.url.as_deref(), access).map_err(|fault| fault.to_string())?;
        let mut vectors = drill::pack().map_err(str::to_owned)?;
        vectors.retain(|it| self.path.is_empty() || self.path.contains(&it.path));
        if vectors.is_empty() {
            return Err("no attack of the pack is on that path; leave --path out to see which there are"
                .to_owned()
                .into());
        }
        let outcomes = match super::runtime()?.block_on(ask(webhook, vectors)) {
            Ok(outcomes) => outcomes,
            Err(fault @ WebhookFault::Silent { .. }) => {
                eprintln!("{fault}");
                return Ok(Ending::Unknown);
            }
            Err(fault) => return Err(fault.to_string().into()),
        };
        let score = Score::of(&outcomes);
        match self.output {
            Form::Human => output::line(Output::Human, &(), || human(&outcomes, &score))?,
            Form::Junit => output::line(Output::Human, &(), || drill::junit(&outcomes).trim_end().to_owned())?,
            Form::Json => {
                for outcome in &outcomes {
                    output::line(Output::Json, &line(outcome), String::new)?;
                }
                output::line(Output::Json, &last(&score), String::new)?;
            }
        }
        Ok(if score.total.passed == score.total.vectors { Ending::Yes } else { Ending::No })
    }
}

async fn ask(webhook: Webhook, vectors: Vec<Vector>) -> Result<Vec<Outcome>, WebhookFault> {
    let (all, shown) = (vectors.len(), io::stderr().is_terminal());
    let progress = |text: &str| {
        if shown {
            // A terminal that has gone away ends no drill.
            let _ = write!(io::stderr(), "\r{text}");
        }
    };
    let outcomes = drill::run(webhook, vectors, |done| progress(&format!("{done} of {all}"))).await;
    progress("\x1b[K");
    outcomes
}

fn line(outcome: &Outcome) -> Line<'_> {
    let Outcome { vector, got, twin } = outcome;
    Line {
        id: &vector.id,
        path: vector.path,
        title: vector.title,
        reference: vector.reference,
        expected: vector.expected.as_str(),
        got: got.word(),
        error: error(got),
        twin: Twin { expected: "not-denied", got: twin.word(), error: error(twin) },
        passed: outcome.passed(),
    }
}

fn error(got: &Got) -> Option<&str> {
    match got {
        Got::Error(error) => Some(error),
        Got::Verdict(_) | Got::Status(_) => None,
    }
}

fn last(score: &Score) -> Last {
    let counted = |tally: &Tally| Counted {
        vectors: tally.vectors,
        caught: tally.caught,
        twins_passed: tally.twins_passed,
        passed: tally.passed,
    };
    let paths = score.paths.iter().map(|(path, tally)| (path.as_str(), counted(tally))).collect();
    Last { score: counted(&score.total), paths }
}

fn human(outcomes: &[Outcome], score: &Score) -> String {
    let row = |name: &str, tally: &Tally| {
        let of = |count: usize| format!("{count} of {}", tally.vectors);
        format!("{name:<24}{:>16}{:>18}", of(tally.caught), of(tally.twins_passed))
    };
    let mut lines = vec![format!("{:<24}{:>16}{:>18}", "path", "attacks refused", "twins let pass")];
    lines.extend(score.paths.iter().map(|(path, tally)| row(path.as_str(), tally)));
    lines.push(row("all", &score.total));
    for entry in outcomes.chunk_by(|one, next| one.vector.entry == next.vector.entry) {
        let missed: Vec<_> = entry.iter().filter(|it| !it.caught()).collect();
        if let Some(Outcome { vector, .. }) = missed.first() {
            lines.push(format!("\nmissed: {} ({})\n  {}", vector.title, vector.reference, vector.why));
        }
        lines.extend(missed.iter().map(|it| format!("  {}: {}: {}", it.vector.id, it.vector.attack.said, it.got)));
        let broken: Vec<_> = entry.iter().filter(|it| !it.twin_passed()).collect();
        if let Some(Outcome { vector, .. }) = broken.first() {
            lines.push(format!(
                "\nrefused wrongly, beside: {}\n  This is legitimate, and a cluster needs it.",
                vector.title
            ));
        }
        lines.extend(broken.iter().map(|it| format!("  {}: {}: {}", it.vector.id, it.vector.twin.said, it.twin)));
    }
    lines.join("\n")
}
