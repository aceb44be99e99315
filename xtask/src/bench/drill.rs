//! The attack pack against the Open Policy Agent server with the five rules, beside the gate: the row of the README.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use super::{
    Error,
    pki::Pki,
    startup::{Gate, free_beside, scratch},
    webhook::{go, peer},
};
use crate::{dist, program, repo::Repo};

/// What a drill ends with.
#[derive(serde::Deserialize)]
struct Last {
    score: Score,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Score {
    vectors: u64,
    caught: u64,
    twins_passed: u64,
}

/// Prints the score of both.
pub fn drill(repo: &Repo) -> Result<(), Error> {
    let opa = go(repo, "opa")?;
    let pathgate = dist::release(repo)?;
    let folder = scratch(repo)?;
    let pki = Pki::make(folder.path())?;
    let put = |name: &str, address: SocketAddr, path: &str| -> Result<(), Error> {
        let file = folder.path().join("drill.kubeconfig");
        let wrote = fs::write(&file, kubeconfig(&pki, address, path));
        wrote.map_err(|source| Error::File { doing: "write", path: file.clone(), source })?;
        let Score { vectors, caught, twins_passed } = score(&pathgate, &file)?.score;
        println!("{name}: {caught} of {vectors} attacks refused, {twins_passed} of {vectors} twins let pass");
        Ok(())
    };
    let gate = Gate::configure(pathgate.clone(), folder.path(), &pki, serde_json::Value::Null)?;
    let (_server, _) = gate.start()?;
    put("pathgate, all nine plugins", gate.webhook, "/authorize")?;
    let address = free_beside(folder.path())?;
    let _server = peer(repo, &opa, &pki, address)?;
    put("opa, five rules", address, "/")
}

/// The last line of the report. That something was missed, exit 1, is no reason to end.
fn score(pathgate: &Path, kubeconfig: &Path) -> Result<Last, Error> {
    let mut command = Command::new(pathgate);
    command.args(["drill", "--output", "json", "--kubeconfig"]).arg(kubeconfig);
    let line = program::output_of(&mut command, &[0, 1])?.lines().last().unwrap_or_default().to_owned();
    serde_json::from_str(&line).map_err(|source| Error::Figures { line, source })
}

fn kubeconfig(pki: &Pki, address: SocketAddr, path: &str) -> String {
    let Pki { authority, client, .. } = pki;
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: it\ncontexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n\
         clusters: [{{name: it, cluster: {{server: 'https://{address}{path}', certificate-authority: {authority:?}}}}}]\n\
         users: [{{name: it, user: {{client-certificate: {:?}, client-key: {:?}}}}}]\n",
        client.certificate, client.key,
    )
}
