//! `pathgate replay`: what a log shows, put to other plugins: which answers flip.

use super::{Ending, Faults, Output, output, read, read_config, runtime};
use crate::{
    app::{compile_cache, specs},
    config::Config,
    inventory::Inventory,
    journal::{Journal, Reader},
    judge::Judge,
    plugins::Plugins,
    replay::{CUT_OFF, Facts, Flip, Lines, Place, Replay as Comparison, Report, Totals},
};
use clap::Args;
use flate2::bufread::MultiGzDecoder;
use progress::{Counted, Progress};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    sync::Arc,
};

mod progress;

/// Put what an audit log or a journal shows to another configuration: which answers flip.
///
/// Reads audit.k8s.io/v1 events or rows of a journal's export, as JSON lines, in any order, gzipped or not. Exits 0 if no
/// answer flips, 1 if any does, 2 if none does and not all could be compared.
#[derive(Args)]
#[command(after_help = "Example: pathgate replay --against new.yaml /var/log/kubernetes/audit*.log.gz")]
pub(super) struct Replay {
    /// Audit logs, exports of a journal, or journals as `sqlite:///PATH`. `-` is standard input.
    #[arg(required = true)]
    files: Vec<String>,
    /// A gate's configuration; its plugins are asked in place of the built-in ones with their defaults.
    #[arg(long, value_name = "CONFIG")]
    against: Option<std::path::PathBuf>,
    /// What the cluster holds, as `kubectl get nodes,pods -A -o json` prints it. Rows of a journal are otherwise judged by
    /// the facts that the gate had then.
    #[arg(long)]
    facts: Option<std::path::PathBuf>,
    /// The time of every decision, RFC 3339; that of the first of equal requests if absent.
    #[arg(long, value_parser = super::ask::at)]
    at: Option<u64>,
    #[arg(long, default_value = "human")]
    output: Output,
}

#[derive(Serialize)]
struct Last<'a> {
    totals: &'a Totals,
}

/// Something to read, opened.
enum Input {
    Lines(String, Box<dyn BufRead>),
    Journal(String),
}

impl Replay {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        let progress = Progress::default();
        let mut faults = Vec::new();
        let mut inputs = Vec::new();
        for file in &self.files {
            match open(file, &progress) {
                Ok(input) => inputs.push(input),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let (inventory, facts) = match &self.facts {
            Some(path) => {
                let inventory = Inventory::from_list(&read(path)?)
                    .map_err(|error| format!("`{}`: {}", path.display(), crate::app::chain(&error)))?;
                (inventory, Facts::Own)
            }
            None => (Inventory::default(), Facts::Recorded),
        };
        let config = match &self.against {
            Some(path) => read_config(path)?.0,
            None => Config::default(),
        };
        let plugins = Plugins::new(compile_cache()).map_err(|error| format!("start the sandbox engine: {error}"))?;
        let plugins = Arc::new(plugins.restless());
        let judge = Judge::new(plugins.clone(), None, inventory).keeping(config.lock_out_guard.clone());
        let set = crate::app::activate(&plugins, &judge, specs(&config)?.0)?;
        let mut comparison = Comparison::new(&judge, &set, facts, self.at);
        for input in inputs {
            match input {
                Input::Lines(name, from) => read_lines(&mut comparison, &name, from, &progress),
                Input::Journal(url) => runtime()?.block_on(read_journal(&mut comparison, &url))?,
            }
        }
        progress.end();
        self.tell(&comparison.finish())
    }

    fn tell(&self, report: &Report) -> Result<Ending, Faults> {
        let totals = &report.totals;
        if totals.lines > 0 && totals.lines == totals.bad {
            let first = totals.bad_lines.first().map(|it| format!(": {}:{}: {}", it.file, it.line, it.why));
            let sentence = "no line is an audit.k8s.io/v1 Event or a row of a journal's export";
            return Err(format!("{sentence}{}", first.unwrap_or_default()).into());
        }
        for flip in &report.flips {
            output::line(self.output, flip, || human(flip))?;
        }
        output::line(self.output, &Last { totals }, || summary(totals))?;
        Ok(match (totals.judged, totals.flipped) {
            (0, _) => Ending::Unknown,
            (_, 0) if totals.left.contains_key(CUT_OFF) || !totals.broken.is_empty() => Ending::Unknown,
            (_, 0) => Ending::Yes,
            (_, _) => Ending::No,
        })
    }
}

fn open(file: &str, progress: &Progress) -> Result<Input, String> {
    if file.starts_with("sqlite:") {
        return Ok(Input::Journal(file.to_owned()));
    }
    let fault = |error: io::Error| format!("read `{file}`: {error}");
    let (name, from): (_, Box<dyn Read>) = if file == "-" {
        ("standard input", Box::new(io::stdin()))
    } else {
        let opened = File::open(file).map_err(fault)?;
        let about = opened.metadata().map_err(fault)?;
        if about.is_dir() {
            return Err(format!("read `{file}`: it is a folder, name the files in it"));
        }
        progress.expect(about.len());
        (file, Box::new(opened))
    };
    let mut from = BufReader::with_capacity(BUFFER, Counted::new(from, progress.clone()));
    // A pipe may give a single byte first; the other byte of the mark then comes with the next.
    let is_gzip = from.fill_buf().map_err(fault)?.first() == Some(&GZIP);
    let from: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(from))),
        false => Box::new(from),
    };
    Ok(Input::Lines(name.to_owned(), from))
}

fn read_lines(comparison: &mut Comparison<'_>, name: &str, from: Box<dyn BufRead>, progress: &Progress) {
    let mut lines = Lines::new(from);
    let mut number = 0;
    loop {
        match lines.next_line() {
            Ok(Some(line)) => {
                number += 1;
                comparison.line(line, Place { file: name, line: number });
            }
            Ok(None) => return,
            Err(error) => return comparison.broken(Place { file: name, line: number }, &error.to_string()),
        }
        progress.show(comparison.lines());
    }
}

async fn read_journal(comparison: &mut Comparison<'_>, url: &str) -> Result<(), Faults> {
    let fault = |error: &dyn std::error::Error| format!("`{url}`: {}", crate::app::chain(error));
    let reader = Journal::read_only(url).await.map_err(|error| fault(&error))?;
    let mut last = 0;
    loop {
        let page = reader.since(last, Reader::PAGE).await.map_err(|error| fault(&error))?;
        let Some(row) = page.last() else { break };
        last = row.row;
        for row in page {
            let place = Place { file: url, line: row.row };
            comparison.row(row, place);
        }
    }
    reader.close().await;
    Ok(())
}

fn human(flip: &Flip) -> String {
    let Flip { was, now, path, user, request, rule, reason, count, first } = flip;
    let mut text = format!("{was} → {now}  {count}×  {user} wants to {request}\n");
    text += &format!("    path {path}, rule {rule}");
    if !reason.is_empty() {
        text += &format!(": {reason}");
    }
    text + &format!("\n    first {}:{} ({})", first.file, first.line, first.id)
}

fn summary(totals: &Totals) -> String {
    let mut lines = vec![format!(
        "{} lines, {} judged ({} different requests), {} flipped",
        totals.lines, totals.judged, totals.distinct, totals.flipped
    )];
    if totals.unlisted > 0 {
        lines.push(format!("    {} of these are not listed above", totals.unlisted));
    }
    let mut table = |title: &str, of: &BTreeMap<String, u64>| {
        let mut of: Vec<_> = of.iter().collect();
        of.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        if !of.is_empty() {
            lines.push(format!("{title}:"));
            lines.extend(of.into_iter().map(|(key, count)| format!("  {count:>8}  {key}")));
        }
    };
    table("flipped, by path", &totals.by_path);
    table("flipped, by identity", &totals.by_identity);
    table("flipped, by rule", &totals.by_rule);
    table("not judged", &totals.left);
    table("asked of the gate too, and in no audit log", &totals.unseen);
    if totals.bad > 0 {
        lines.push(format!("not understood: {} lines, the first of them:", totals.bad));
        lines.extend(totals.bad_lines.iter().map(|it| format!("    {}:{}: {}", it.file, it.line, it.why)));
    }
    for it in &totals.broken {
        lines.push(format!("not read to its end: {} after line {}: {}", it.file, it.after_line, it.why));
    }
    lines.join("\n")
}

/// The first byte of a gzipped file; no JSON begins with it.
const GZIP: u8 = 0x1f;
/// Large enough that reading costs nothing.
const BUFFER: usize = 256 * 1024;
