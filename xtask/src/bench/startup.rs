//! From exec to ready with a warm compile cache, and the memory it takes: the release, as an operator starts it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Error,
    pki::Pki,
    server::{Server, answers_ok, free_address, pinned},
};
use crate::{dist, repo::Repo};

/// A configured gate, ready to be started on one processor.
pub struct Gate {
    program: PathBuf,
    config: PathBuf,
    pub webhook: SocketAddr,
    pub admin: SocketAddr,
}

/// Prints the time to ready of several starts, and the memory of the last.
pub fn startup(repo: &Repo) -> Result<(), Error> {
    let program = dist::release(repo)?;
    let folder = scratch(repo)?;
    let gate = Gate::configure(program, folder.path(), &Pki::make(folder.path())?, Value::Null)?;
    let (_, cold) = gate.start()?;
    let mut times = Vec::new();
    let mut memory = None;
    for _ in 0..STARTS {
        let (server, time) = gate.start()?;
        times.push(time);
        memory = server.mebibytes("VmRSS").zip(server.mebibytes("VmHWM"));
    }
    times.sort();
    let median = times.get(STARTS / 2).copied().unwrap_or_default();
    let most = times.last().copied().unwrap_or_default();
    println!("start to ready, warm: median {median:.0?}, most {most:.0?} of {STARTS}; before that {cold:.0?}");
    if let Some((now, peak)) = memory {
        println!("memory: {now} MiB resident, {peak} MiB at most");
    }
    Ok(())
}

impl Gate {
    /// Writes a config with the webhook, the admin port, the journal and these sections besides.
    pub fn configure(program: PathBuf, folder: &Path, pki: &Pki, more: Value) -> Result<Self, Error> {
        let (webhook, admin) = (free_beside(folder)?, free_beside(folder)?);
        let tls = json!({
            "certificate": pki.server.certificate,
            "key": pki.server.key,
            "clientCA": pki.authority,
            "clientNames": ["kube-apiserver"],
        });
        // JSON is YAML, and quotes any path.
        let mut settings = json!({
            "apiVersion": "pathgate.io/v1alpha1",
            "kind": "Gate",
            "webhook": {"listen": webhook.to_string(), "tls": tls},
            "admin": {"listen": admin.to_string()},
            "journal": {"url": format!("sqlite://{}", folder.join("journal.db").display())},
        });
        if let (Value::Object(more), Some(settings)) = (more, settings.as_object_mut()) {
            settings.extend(more);
        }
        let config = folder.join("gate.yaml");
        fs::write(&config, settings.to_string()).map_err(|source| Error::File {
            doing: "write",
            path: config.clone(),
            source,
        })?;
        Ok(Self { program, config, webhook, admin })
    }

    /// Starts it; the time from exec to a good `/readyz`.
    pub fn start(&self) -> Result<(Server, Duration), Error> {
        let named = |source| Error::Server { name: "pathgate", source };
        let begin = Instant::now();
        let server =
            Server::start(pinned(0, &self.program).arg("serve").arg("--config").arg(&self.config)).map_err(named)?;
        server.wait(|| answers_ok(self.admin, "/readyz")).map_err(named)?;
        Ok((server, begin.elapsed()))
    }
}

/// A free address; the folder is where it will be used.
pub fn free_beside(folder: &Path) -> Result<SocketAddr, Error> {
    free_address().map_err(|source| Error::File { doing: "find a free port beside", path: folder.into(), source })
}

/// A folder under `target`, on the disk that a journal would be on; a temporary folder may be memory.
pub fn scratch(repo: &Repo) -> Result<tempfile::TempDir, Error> {
    let target = repo.target("");
    tempfile::Builder::new().prefix("bench").tempdir_in(&target).map_err(|source| Error::File {
        doing: "make a folder in",
        path: target,
        source,
    })
}

/// Odd, so that one of them is the median.
const STARTS: usize = 9;
