//! Where the programs of a Kubernetes come from: the folder `KUBEBUILDER_ASSETS` names, else `tests/kube`, built with the
//! Go tool chain. Refuses to download a program, and to go on without saying what is missing.

use crate::{linux, process, world};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The programs, all there.
pub struct Binaries {
    /// As controller-runtime's tests find them; may lack the ones that those do not use.
    assets: Option<PathBuf>,
    built: PathBuf,
}

/// What a test of a real Kubernetes can rely on.
pub enum Found {
    All(Binaries),
    /// A sentence for who wants to run it here.
    Missing(String),
}

impl Binaries {
    /// Finds them, building what is not there. The first build takes minutes, a later one seconds.
    pub fn find() -> Result<Found> {
        let mut tools = vec!["ip", "mount", "nsenter", "unshare"];
        let assets = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let found = Binaries { assets, built: world::target().join("kube/bin") };
        tools.push("go"); // the container runtime is always ours
        let mut missing: Vec<_> = tools.into_iter().filter(|tool| !is_in_path(tool)).collect();
        if !linux::is_root() {
            missing.push("root, for a network namespace");
        }
        if !missing.is_empty() {
            return Ok(Found::Missing(format!("a real Kubernetes needs {}", missing.join(", "))));
        }
        build(&found.built, FAKECRI)?;
        if PROGRAMS.iter().any(|program| found.asset(program).is_none()) {
            build(&found.built, KUBE)?;
        }
        Ok(Found::All(found))
    }

    /// A command for one of the programs.
    pub fn command(&self, program: &str) -> Command {
        if program == FAKECRI {
            return Command::new(self.built.join(FAKECRI));
        }
        if let Some(asset) = self.asset(program) {
            return Command::new(asset);
        }
        let mut command = Command::new(self.built.join(KUBE));
        command.arg0(program);
        command
    }

    fn asset(&self, program: &str) -> Option<PathBuf> {
        self.assets.as_ref().map(|folder| folder.join(program)).filter(|file| file.is_file())
    }
}

/// What reads configuration files as Kubernetes does; none where there is no Go.
pub fn configs() -> Result<Option<PathBuf>> {
    program(CONFIGS)
}

/// What verifies peers as Go does; none where there is no Go.
pub fn chains() -> Result<Option<PathBuf>> {
    program(CHAINS)
}

fn program(name: &str) -> Result<Option<PathBuf>> {
    // Tests of one process ask for it at once, and Go writes the file in place.
    static BUILDING: Mutex<()> = Mutex::new(());
    if !is_in_path("go") {
        return Ok(None);
    }
    let folder = world::target().join("kube/bin");
    let _turn = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    build(&folder, name)?;
    Ok(Some(folder.join(name)))
}

/// Go itself knows whether there is anything to do.
fn build(folder: &Path, what: &str) -> Result<()> {
    let module = world::repository().join("tests/kube");
    let version = kubernetes_version(&module.join("go.mod"))?;
    let mut flags = "-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        flags += &format!(" -X {package}.gitVersion={version}");
    }
    let package = if what == KUBE { ".".to_owned() } else { format!("./{what}") };
    let flags = if what == KUBE { flags.as_str() } else { "-s -w" };
    let target = folder.join(what);
    if !target.exists() {
        eprintln!("building {what} of Kubernetes {version} from Go modules: minutes the first time");
    }
    let mut go = Command::new("go");
    go.current_dir(&module).args(["build", "-buildvcs=false", "-ldflags", flags, "-o"]).arg(&target).arg(package);
    process::run(&mut go, b"", BUILD)?.ok().with_context(|| format!("build {what} with `go`"))?;
    Ok(())
}

/// kube-apiserver refuses clients that do not say which version they are.
fn kubernetes_version(go_mod: &Path) -> Result<String> {
    let text = fs::read_to_string(go_mod).with_context(|| format!("read {go_mod:?}"))?;
    match text.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes ")) {
        Some(version) => Ok(version.trim().to_owned()),
        None => bail!("{go_mod:?} does not require k8s.io/kubernetes"),
    }
}

/// Whether there is such a program.
pub fn is_in_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

const KUBE: &str = "kube";
const FAKECRI: &str = "fakecri";
const CONFIGS: &str = "configs";
const CHAINS: &str = "chains";
const PROGRAMS: [&str; 6] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet"];
/// Four times the quarter of an hour of processor time that a cold build takes.
const BUILD: Duration = Duration::from_secs(60 * 60);
