//! Asking a cluster the way people do. Every call has a deadline.

use super::cluster::{Cluster, SERVER};
use crate::process::{Output, run};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A kubeconfig: who asks, and whom.
#[derive(Clone, Debug)]
pub struct Identity(PathBuf);

impl Identity {
    /// By a kubeconfig that is there.
    pub fn new(kubeconfig: PathBuf) -> Identity {
        Identity(kubeconfig)
    }

    /// Writes `NAME.kubeconfig`; `user` is the inside of a YAML mapping. The authority is the cluster's, `ca.crt`.
    pub fn write(folder: &Path, name: &str, server: &str, user: &str) -> Result<Identity> {
        let path = folder.join(format!("{name}.kubeconfig"));
        let authority = folder.join("ca.crt");
        let text = format!(
            "apiVersion: v1\nkind: Config\n\
             clusters: [{{name: it, cluster: {{server: {server:?}, certificate-authority: {authority:?}}}}}]\n\
             users: [{{name: it, user: {{{user}}}}}]\n\
             contexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n\
             current-context: it\n"
        );
        fs::write(&path, text).with_context(|| format!("write {path:?}"))?;
        Ok(Identity(path))
    }
}

impl Cluster {
    /// A kubectl command as somebody; a failure of the command is an answer.
    pub fn kubectl(&self, who: &Identity, args: &[&str]) -> Result<Output> {
        self.kubectl_with(who, args, b"")
    }

    /// The same with something on standard input.
    pub fn kubectl_with(&self, who: &Identity, args: &[&str], stdin: &[u8]) -> Result<Output> {
        let mut command = self.command(who, &["--request-timeout=20s"]);
        run(command.args(args), stdin, DEADLINE)
    }

    /// A kubectl command that goes on until it is ended.
    pub fn command(&self, who: &Identity, args: &[&str]) -> Command {
        let mut command = self.binaries.command("kubectl");
        command.env("HOME", self.folder()).arg("--kubeconfig").arg(&who.0).args(args);
        command
    }

    /// A GET of any path, also one that is no resource.
    pub fn raw(&self, who: &Identity, path: &str) -> Result<Output> {
        self.kubectl(who, &["get", "--raw", path])
    }

    /// Makes it so, as the tests themselves.
    pub fn apply(&self, manifest: &str) -> Result<()> {
        let args = ["apply", "--validate=ignore", "--filename", "-"];
        self.kubectl_with(&self.root(), &args, manifest.as_bytes())?.ok()?;
        Ok(())
    }

    /// A machine that has nothing but a bootstrap token.
    pub fn token(&self, token: &str) -> Result<Identity> {
        let id = token.split('.').next().unwrap_or_default();
        Identity::write(self.folder(), &format!("token-{id}"), SERVER, &format!("token: {token:?}"))
    }

    /// A service account of the namespace `default` by a fresh token, for kube-apiserver.
    pub fn service_account(&self, name: &str) -> Result<Identity> {
        self.service_account_at(name, SERVER)
    }

    /// The same for another server that knows these tokens, such as a kubelet.
    pub fn service_account_at(&self, name: &str, server: &str) -> Result<Identity> {
        let token = self.kubectl(&self.root(), &["create", "token", name])?.ok()?;
        let name = format!("{name}-at-{}", server.rsplit(':').next().unwrap_or_default());
        Identity::write(self.folder(), &name, server, &format!("token: {:?}", token.trim()))
    }

    /// The sum of a metric of kube-apiserver over the series that have all these labels; zero if there is none.
    pub fn metric(&self, name: &str, labels: &[&str]) -> Result<u64> {
        let text = self.raw(&self.root(), "/metrics")?.ok()?;
        let series = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        series.map(|line| line.rsplit(' ').next().unwrap_or_default()).map(|value| Ok(value.parse::<u64>()?)).sum()
    }

    /// kube-apiserver's own record of what it was asked, JSON lines.
    pub fn audit_log(&self) -> Result<Vec<serde_json::Value>> {
        let text = fs::read_to_string(self.file("audit.log")).context("read the audit log")?;
        // The last line may be half written.
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        complete.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// A request, its retries and a slow machine.
const DEADLINE: Duration = Duration::from_secs(30);
