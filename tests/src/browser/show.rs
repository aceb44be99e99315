//! `pathgate demo` as the browser's subject: 60 nodes with evidence, traffic and attacks.

use crate::{
    gate::command,
    process::{Process, eventually},
};
use anyhow::{Context, Result};
use std::{net::SocketAddr, time::Duration};
use tempfile::TempDir;

/// A demo that runs until it is ended.
pub struct Show {
    process: Option<Process>,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Show {
    /// Starts it with these arguments besides.
    pub fn start(more: &[&str]) -> Result<Show> {
        let folder = tempfile::tempdir()?;
        let mut demo = command()?;
        demo.args(["demo", "--listen", "127.0.0.1:0"]).args(more).env("TMPDIR", folder.path());
        let process = Process::start("demo", &mut demo, &folder.path().join("demo.log"))?;
        let address = eventually("the demo tells where its dashboard is", SOON, &[&process], || {
            let log = process.log();
            let address = log.lines().find_map(|line| line.strip_prefix("http://")?.strip_suffix('/'));
            Ok(address.context("not yet")?.parse()?)
        })?;
        Ok(Show { process: Some(process), address, _folder: folder })
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.process = None;
    }
}

/// A debug build that compiles its plugins on a busy machine.
const SOON: Duration = Duration::from_secs(120);
