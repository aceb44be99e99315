//! A signed grant lets one user pass one path's plugin for a while, and everybody sees it.

use crate::{
    gate::{AGENT, Gate, REFUSED, SOON, command, is_denied, told},
    process::{Output, eventually, run},
};
use anyhow::{Result, ensure};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::json;
use std::{fs, path::Path};

#[test]
fn a_signed_grant_lets_one_user_pass_one_path_until_it_is_taken_away() -> Result<()> {
    let mut gate = Gate::start()?;
    gate.halt()?;
    let folder = gate.folder.path().to_owned();
    let (grant, public) = (folder.join("grant.json"), folder.join("glass.pub"));
    let key = key(&folder.join("glass.key"))?;
    fs::write(&public, key.public_key_pem())?;
    let section = json!({"grant": grant, "publicKey": public});
    gate.settings["breakGlass"] = section;
    gate.resume()?;
    gate.shows("[+]break-glass ok\n")?;
    ensure!(is_denied(&gate.review(REFUSED)?));

    // Another's path, another's name, another's key: all of them pass nobody.
    let other = folder.join("other.key");
    self::key(&other)?;
    let glass = folder.join("glass.key");
    let said = [
        (sign(&glass, AGENT, "user_to_apiserver")?, format!("`{AGENT}` passes user_to_apiserver")),
        (sign(&glass, "mallory", "apiserver_to_kubelet")?, "`mallory` passes apiserver_to_kubelet".to_owned()),
        (sign(&other, AGENT, "apiserver_to_kubelet")?, "is not signed by that key".to_owned()),
    ];
    for (text, said) in said {
        fs::write(&grant, text)?;
        gate.shows(&said)?;
        ensure!(is_denied(&gate.review(REFUSED)?), "{said}");
    }

    fs::write(&grant, sign(&glass, AGENT, "apiserver_to_kubelet")?)?;
    let answer = eventually("the grant counts", SOON, &[&gate.process], || {
        let answer = gate.review(REFUSED)?;
        ensure!(!is_denied(&answer), "{answer}");
        Ok(answer)
    })?;
    let (reason, id) = told(&answer)?;
    ensure!(reason.contains("gate/break-glass") && reason.contains("INC-7"), "{reason}");
    let decision = gate.decision(&id)?;
    let counted: Vec<_> = decision.opinions.iter().filter(|it| it.rule == "nodes-proxy").map(|it| it.shadow).collect();
    ensure!(counted == [true], "{decision:?}");
    ensure!(gate.event("break-glass")?.message.contains("INC-7"));
    let explained = gate.explain(&id)?;
    ensure!(explained.code == Some(0), "{explained:?}");

    fs::remove_file(&grant)?;
    eventually("it is over", SOON, &[&gate.process], || {
        ensure!(is_denied(&gate.review(REFUSED)?));
        Ok(())
    })?;
    gate.event("break-glass-over")?;
    Ok(())
}

#[test]
fn no_grant_is_signed_for_long_or_without_a_reason() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("glass.key");
    key(&file)?;
    for (path, long, reason, said) in [
        ("apiserver_to_kubelet", "25h", "why", "is for longer than a day"),
        ("apiserver_to_kubelet", "1h", " ", "must say why"),
        ("everything", "1h", "why", "--path `everything`: is none of node_to_apiserver"),
    ] {
        let output = grant(&file, "eve", path, long, reason)?;
        ensure!(output.code == Some(64) && output.stdout.is_empty() && output.stderr.contains(said), "{output:?}");
    }
    Ok(())
}

fn key(file: &Path) -> Result<KeyPair> {
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    fs::write(file, key.serialize_pem())?;
    Ok(key)
}

fn sign(key: &Path, user: &str, path: &str) -> Result<String> {
    grant(key, user, path, "1h", "logs are refused, INC-7")?.ok()
}

fn grant(key: &Path, user: &str, path: &str, long: &str, reason: &str) -> Result<Output> {
    let mut command = command()?;
    command.arg("break-glass").arg("--key").arg(key);
    command.args(["--user", user, "--path", path, "--for", long, "--reason", reason]);
    run(&mut command, b"", SOON)
}
