//! `pathgate plugin`: for authors.

use super::{Ending, Faults, Output, new, output, read};
use crate::{
    app::{chain, compile_cache, specs},
    config::Config,
    plugins::{Case, Plugin as Loaded, Plugins, Spec},
};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// List, inspect, test and write plugins.
#[derive(Subcommand)]
#[command(after_help = "Example: pathgate plugin test .")]
pub(super) enum Plugin {
    /// The built-in plugins, or those of a configuration.
    #[command(after_help = "Example: pathgate plugin list --output json")]
    List {
        #[arg(long)]
        config: Option<PathBuf>,
        #[arg(long, default_value = "human")]
        output: Output,
    },
    /// Name, version, digest, exports, rules and config schema of a component or core module.
    #[command(after_help = "Example: pathgate plugin inspect house_rules.wasm")]
    Inspect {
        file: PathBuf,
        #[arg(long, default_value = "human")]
        output: Output,
    },
    Test(Test),
    /// Write a plugin crate that builds and passes its cases.
    #[command(after_help = "Example: pathgate plugin new house_rules")]
    New {
        /// In snake_case; also the folder to make.
        name: String,
    },
}

/// Run a plugin's cases: those in the component and those in `cases/`.
#[derive(Args)]
#[command(after_help = "Example: pathgate plugin test .")]
pub(super) struct Test {
    /// A component, a core module, or the folder of a plugin crate that was built.
    path: PathBuf,
    #[arg(long, default_value = "human")]
    output: Output,
}

#[derive(Serialize)]
struct Ran<'a> {
    case: &'a str,
    passed: bool,
    fuel: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
}

impl Plugin {
    pub(super) fn run(self) -> Result<Ending, Faults> {
        match self {
            Plugin::List { config, output } => list(config, output),
            Plugin::Inspect { file, output } => inspect(&file, output),
            Plugin::Test(test) => test.run(),
            Plugin::New { name } => new::write(&name),
        }
    }
}

impl Test {
    fn run(self) -> Result<Ending, Faults> {
        let (file, more) = if self.path.is_dir() { crate_in(&self.path)? } else { (self.path.clone(), Vec::new()) };
        let plugins = engine()?;
        let outcomes = plugins.run_cases(&read(&file)?, more).map_err(|error| fault(&file, &error))?;
        if outcomes.is_empty() {
            eprintln!("`{}` has no cases: nothing is known of it", self.path.display());
            return Ok(Ending::Unknown);
        }
        let failed = outcomes.iter().filter(|it| it.fault.is_some()).count();
        for it in &outcomes {
            let ran = Ran {
                case: &it.case.description,
                passed: it.fault.is_none(),
                fuel: it.fuel,
                fault: it.fault.as_deref(),
            };
            output::line(self.output, &ran, || match ran.fault {
                None => format!("ok      {} ({} units of fuel)", ran.case, ran.fuel),
                Some(fault) => format!("FAILED  {}: {fault}", ran.case),
            })?;
        }
        eprintln!("{} passed, {failed} failed", outcomes.len() - failed);
        Ok(if failed == 0 { Ending::Yes } else { Ending::No })
    }
}

fn list(config: Option<PathBuf>, form: Output) -> Result<Ending, Faults> {
    let config = match &config {
        Some(path) => super::read_config(path)?.0,
        None => Config::default(),
    };
    let set = engine()?.prepare(specs(&config)?.0).map_err(|faults| {
        Faults(faults.iter().map(|(name, error)| format!("plugin `{name}`: {}", chain(error))).collect())
    })?;
    for plugin in &set.plugins {
        show(plugin, form)?;
    }
    Ok(Ending::Yes)
}

fn inspect(file: &Path, form: Output) -> Result<Ending, Faults> {
    let name = file.file_stem().map(OsStr::to_string_lossy).unwrap_or_default().into_owned();
    let spec = Spec::new(&name, &read(file)?, json!({}));
    let plugin = engine()?.load(spec).map_err(|(_, error)| fault(file, &error))?;
    show(&plugin, form)?;
    Ok(Ending::Yes)
}

fn show(plugin: &Loaded, form: Output) -> Result<(), Faults> {
    let info = &plugin.info;
    let rules: Vec<_> = info
        .rules
        .iter()
        .map(|it| {
            json!({
                "id": it.id, "summary": it.summary, "advice": it.advice, "source": it.source, "default": it.default,
                "allow": it.allow, "interface": it.interface,
            })
        })
        .collect();
    let limits = json!({
        "fuel": plugin.bounds.fuel, "deadlineMillis": u64::try_from(plugin.bounds.deadline.as_millis()).unwrap_or(u64::MAX),
        "memoryBytes": plugin.bounds.memory, "outputBytes": plugin.bounds.output,
    });
    let all = json!({
        "name": plugin.name, "version": info.version, "digest": plugin.digest, "exports": info.exports, "imports": plugin.imports(),
        "asks": info.asks, "limits": limits, "rules": rules, "configSchema": info.schema,
    });
    output::line(form, &all, || {
        let mut text = format!("{} {}\n  sha256   {}\n", plugin.name, info.version, plugin.digest);
        let imports = plugin.imports();
        let imports = if imports.is_empty() { "nothing".into() } else { imports.join(", ") };
        text += &format!("  exports  {}\n  imports  {imports}\n", info.exports.join(", "));
        text += &format!(
            "  asked    {}\n",
            if info.asks.is_empty() { "about everything".into() } else { info.asks.join(", ") }
        );
        text += &format!("  limits   {limits}");
        for rule in &info.rules {
            let default = if rule.default.is_empty() { String::new() } else { format!(" ({})", rule.default) };
            text += &format!("\n  rule     {}{default}: {}", rule.id, rule.summary);
        }
        text
    })
}

/// The newest build of a plugin crate, and the cases beside its sources.
fn crate_in(folder: &Path) -> Result<(PathBuf, Vec<Case>), Faults> {
    let built = folder.join("target/wasm32-unknown-unknown/release");
    let modules = files(&built, "wasm");
    let [module] = modules.as_slice() else {
        let hint = "build it with `cargo build --release --target wasm32-unknown-unknown`";
        return Err(format!("`{}` holds {} modules, not one: {hint}", built.display(), modules.len()).into());
    };
    let mut cases = Vec::new();
    for file in files(&folder.join("cases"), "json") {
        let text = read(&file)?;
        let list: Vec<Case> =
            serde_json::from_slice(&text).map_err(|error| format!("`{}`: {error}", file.display()))?;
        cases.extend(list);
    }
    Ok((module.clone(), cases))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = entries.filter(|path| path.extension() == Some(OsStr::new(extension))).collect();
    files.sort();
    files
}

fn engine() -> Result<Arc<Plugins>, Faults> {
    Ok(Arc::new(Plugins::new(compile_cache()).map_err(|error| format!("start the sandbox engine: {error}"))?))
}

fn fault(file: &Path, error: &dyn std::error::Error) -> Faults {
    Faults(vec![format!("`{}`: {}", file.display(), chain(error))])
}
