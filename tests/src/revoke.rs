//! A credential is taken back by a signed list: with the command that writes it, in the gate that takes it.

use crate::{
    gate::{AGENT, Gate, SOON, TWIN, command, example, is_denied},
    pki::Authority,
    process::{Output, eventually, run},
    world,
};
use anyhow::{Result, ensure};
use rcgen::{KeyPair, PKCS_ED25519};
use serde_json::{Value, json};
use std::{fs, path::Path};

#[test]
fn a_signed_list_takes_effect_without_a_restart_and_no_older_one_undoes_it() -> Result<()> {
    let gate = Gate::start()?;
    let folder = gate.folder.path();
    let list = folder.join("revoked.json");
    keys(folder)?;
    ok(revoke(folder, "add", &["--user", "mallory"])?)?;
    let first = fs::read(&list)?;
    let section = json!({"list": list, "publicKey": folder.join("revoke.pub"), "state": folder.join("serial")});
    gate.change("", json!({"revocation": section}))?;
    gate.shows("[+]revocation ok\n")?;
    gate.event("revocation-list")?;
    ensure!(!is_denied(&gate.review(TWIN)?));

    ok(revoke(folder, "add", &["--user", AGENT, "--reason", "left the house"])?)?;
    eventually("who is on the list is refused", SOON, &[&gate.process], || {
        let answer = gate.review(TWIN)?;
        ensure!(is_denied(&answer) && answer.to_string().contains("is revoked (left the house)"), "{answer}");
        Ok(())
    })?;
    let second = fs::read(&list)?;
    fs::write(&list, &first)?;
    gate.shows("has the serial 1, and 2 was in force before")?;
    ensure!(is_denied(&gate.review(TWIN)?), "an older list brought the credential back");
    // Nor does it after a restart.
    let asked = run(command()?.args(["ask", "--config", &gate.config(), "-"]), example(TWIN)?.as_bytes(), SOON)?;
    ensure!(asked.code == Some(64) && asked.stderr.contains("has the serial 1, and 2 was in force"), "{asked:?}");
    fs::write(&list, second)?;
    gate.shows("[+]config ok\n")?;
    Ok(())
}

#[test]
fn a_refused_edit_of_the_configuration_does_not_hold_up_a_list() -> Result<()> {
    let gate = Gate::start()?;
    let folder = gate.folder.path();
    keys(folder)?;
    ok(revoke(folder, "add", &["--user", "mallory"])?)?;
    let section = json!({"list": folder.join("revoked.json"), "publicKey": folder.join("revoke.pub")});
    gate.change("", json!({"revocation": section}))?;
    gate.event("revocation-list")?;
    gate.change("", json!({"revocation": section, "surprise": 1}))?;
    gate.shows("surprise")?;
    ok(revoke(folder, "add", &["--user", AGENT])?)?;
    eventually("who is on the list is refused", SOON, &[&gate.process], || {
        let answer = gate.review(TWIN)?;
        ensure!(is_denied(&answer), "{answer}");
        Ok(())
    })?;
    gate.shows("surprise")?;
    // A list by which nobody judges is not called good.
    let plugins = json!([{"name": "revocation", "shadow": true}]);
    gate.change("", json!({"revocation": section, "plugins": plugins}))?;
    gate.shows("in the shadow: nothing on the list is refused")?;
    Ok(())
}

#[test]
fn a_list_that_would_lock_the_cluster_out_is_refused() -> Result<()> {
    let gate = Gate::start()?;
    let folder = gate.folder.path();
    keys(folder)?;
    ok(revoke(folder, "add", &["--user", "system:kube-scheduler"])?)?;
    gate.change(
        "",
        json!({"revocation": {"list": folder.join("revoked.json"), "publicKey": folder.join("revoke.pub")}}),
    )?;
    let (_, page) = gate.shows("lock-out guard: ")?;
    ensure!(page.contains("revocation/revoked-user"), "{page}");
    Ok(())
}

#[test]
fn a_list_is_written_shown_and_shortened_by_its_command() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    keys(folder)?;
    let client = Authority::new("ca")?.client("mallory", None)?.write(folder, "mallory")?;
    fs::write(folder.join("more.txt"), "# who left\nuid 17 left us\npod 18\n")?;
    let certificate = client.certificate.display().to_string();
    let more = folder.join("more.txt").display().to_string();
    ok(revoke(
        folder,
        "add",
        &["--certificate", &certificate, "--from", &more, "--token", "t", "--reason", "stolen"],
    )?)?;
    let shown = show(folder)?;
    let entries: Vec<Value> = shown.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let brief: Vec<_> = entries.iter().map(|it| (&it["kind"], &it["reason"])).collect();
    ensure!(
        brief
            == [
                (&json!("certificates"), &json!("stolen")),
                (&json!("tokens"), &json!("stolen")),
                (&json!("uids"), &json!("left us")),
                (&json!("pods"), &json!("stolen")),
            ],
        "{entries:?}"
    );
    ok(revoke(folder, "remove", &["--token", "t", "--uid", "17", "--pod", "18"])?)?;
    ensure!(show(folder)?.stdout.lines().count() == 1);
    let nothing = revoke(folder, "remove", &["--token", "t"])?;
    ensure!(nothing.code == Some(1), "{nothing:?}");
    let typo = run(
        command()?.args(["revoke", "remove", "--list", "/no/list", "--key"]).arg(folder.join("revoke.key")),
        b"",
        SOON,
    )?;
    ensure!(typo.code == Some(64) && typo.stderr.contains("there is no list"), "{typo:?}");

    let chain = world::repository().join("deploy/authorization-configuration.yaml").display().to_string();
    let told = revoke(folder, "add", &["--user", "eve", "--authorization-config", &chain])?;
    ensure!(told.stderr.ends_with("may answer from its cache for 10s more\n"), "{told:?}");
    Ok(())
}

#[test]
fn a_hundred_thousand_credentials_are_one_list() -> Result<()> {
    let gate = Gate::start()?;
    let folder = gate.folder.path();
    keys(folder)?;
    let lines: String =
        (0..99_999_u32).map(|it| format!("certificate {it:064x} the key of host {it} was in a backup\n")).collect();
    fs::write(folder.join("many.txt"), lines + "user " + AGENT + "\n")?;
    ok(revoke(folder, "add", &["--from", &folder.join("many.txt").display().to_string()])?)?;
    let section = json!({"list": folder.join("revoked.json"), "publicKey": folder.join("revoke.pub")});
    gate.change("", json!({"revocation": section}))?;
    gate.event("revocation-list")?;
    let answer = gate.review(TWIN)?;
    ensure!(is_denied(&answer) && answer.to_string().contains("is revoked"), "{answer}");
    Ok(())
}

#[test]
fn what_is_wrong_with_an_entry_a_key_or_a_list_is_said_and_nothing_is_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    keys(folder)?;
    ok(revoke(folder, "add", &["--user", "mallory"])?)?;
    let before = fs::read(folder.join("revoked.json"))?;
    fs::write(folder.join("bad.txt"), "user a\nperson b\ncertificate 12\n")?;
    let (bad, key) = (folder.join("bad.txt").display().to_string(), folder.join("revoke.key").display().to_string());
    for (arguments, said) in [
        (&["--from", &bad][..], "line 2: must begin with certificate, token, user, uid, pod or node"),
        (&["--from", &bad], "line 3: a SHA-256 has 64 hex digits"),
        (&["--certificate", &key], "holds no client certificate in PEM"),
        (&["--user", "a\nb"], "none of them is a control character"),
        (&["--crl", &bad, "--among", &bad], "holds no certificate revocation list in PEM"),
    ] {
        let output = revoke(folder, "add", arguments)?;
        ensure!(output.code == Some(64) && output.stderr.contains(said), "{output:?}");
        ensure!(!output.stderr.contains("PRIVATE"), "{output:?}");
    }
    fs::write(folder.join("revoke.key"), KeyPair::generate_for(&PKCS_ED25519)?.serialize_pem())?;
    let output = revoke(folder, "add", &["--user", "b"])?;
    ensure!(output.code == Some(64) && output.stderr.contains("is not signed by that key"), "{output:?}");
    ensure!(fs::read(folder.join("revoked.json"))? == before);
    Ok(())
}

fn keys(folder: &Path) -> Result<()> {
    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    fs::write(folder.join("revoke.key"), key.serialize_pem())?;
    Ok(fs::write(folder.join("revoke.pub"), key.public_key_pem())?)
}

fn revoke(folder: &Path, verb: &str, arguments: &[&str]) -> Result<Output> {
    let mut command = command()?;
    command.args(["revoke", verb, "--list"]).arg(folder.join("revoked.json"));
    command.arg("--key").arg(folder.join("revoke.key")).args(arguments);
    run(&mut command, b"", SOON)
}

fn show(folder: &Path) -> Result<Output> {
    let mut command = command()?;
    command.args(["revoke", "list", "--output", "json", "--list"]).arg(folder.join("revoked.json"));
    command.arg("--public-key").arg(folder.join("revoke.pub"));
    run(&mut command, b"", SOON)
}

fn ok(output: Output) -> Result<()> {
    ensure!(output.code == Some(0), "{output:?}");
    Ok(())
}
