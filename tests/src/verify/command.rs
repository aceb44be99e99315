//! The verb, from outside: files as people have them, exits, and nothing secret repeated.

use super::{corpus::Row, corpus::issue::Scene, *};
use crate::{
    gate::{SOON, command},
    process::{Output, run},
};
use std::{fs, path::PathBuf};

#[test]
fn a_chain_in_a_file_is_accepted_with_its_path_and_refused_with_its_reason() -> Result<()> {
    let files = Files::new("kubelet")?;
    let good = files.verify(&["--node", "n1", "--name", "ip:10.0.0.1"], b"")?;
    let bad = files.verify(&["--node", "n2", "--name", "ip:10.0.0.1"], b"")?;
    let [good, bad] = [(good.code, json(&good)?), (bad.code, json(&bad)?)];
    ensure!(good.0 == Some(0) && good.1["verdict"] == "accept", "{good:?}");
    assert_eq!(good.1["path"], json!([files.leaf, files.anchor]));
    ensure!(bad.0 == Some(1) && bad.1["verdict"] == "reject" && bad.1["path"] == json!([]), "{bad:?}");
    assert_eq!(bad.1["findings"][0]["code"], "node-mismatch");
    Ok(())
}

#[test]
fn without_a_node_the_answer_says_what_was_not_asked() -> Result<()> {
    let files = Files::new("kubelet")?;
    let answer = json(&files.verify(&[], b"")?)?;
    let codes: Vec<_> = answer["findings"].as_array().into_iter().flatten().map(|it| it["code"].clone()).collect();
    assert_eq!((answer["verdict"].as_str(), codes), (Some("accept"), vec![json!("identity-not-checked")]));
    Ok(())
}

#[test]
fn a_chain_comes_from_standard_input_with_anything_around_it() -> Result<()> {
    let files = Files::new("endpoint")?;
    let junk = format!("depth=0 CN = web\n{}---\nDONE\n", fs::read_to_string(&files.chain)?).replace('\n', "\r\n");
    let anchors = files.anchors.display().to_string();
    let arguments = ["verify", "--path", "apiserver_to_endpoint", "--anchors", &anchors, "--at", AT];
    let answer = run(command()?.args(arguments), junk.as_bytes(), SOON)?;
    ensure!(answer.code == Some(0), "{answer:?}");
    Ok(())
}

#[test]
fn what_is_revoked_is_refused_from_every_form_of_list() -> Result<()> {
    let files = Files::new("node")?;
    let line = files.folder.path().join("revoked.txt");
    fs::write(&line, format!("# stolen\ncertificate {} stolen\n", files.leaf))?;
    let user = files.folder.path().join("user.txt");
    fs::write(&user, "user system:node:n1\n")?;
    for list in [&line, &user, &files.chain] {
        let answer = files.verify(&["--role", "client", "--revoked", &list.display().to_string()], b"")?;
        let told = json(&answer)?;
        ensure!(
            answer.code == Some(1) && told["findings"].to_string().contains("revoked-peer-"),
            "{list:?} {answer:?}"
        );
    }
    fs::write(&user, "user system:node:n10\n")?;
    let answer = files.verify(&["--role", "client", "--revoked", &user.display().to_string()], b"")?;
    ensure!(answer.code == Some(0), "{answer:?}");
    Ok(())
}

#[test]
fn faults_are_told_all_at_once_with_their_places_and_no_secret_is_repeated() -> Result<()> {
    let files = Files::new("kubelet")?;
    let secret = rcgen::KeyPair::generate()?.serialize_pem();
    let key = files.folder.path().join("key.pem");
    fs::write(&key, &secret)?;
    let mislabelled = files.folder.path().join("mislabelled.pem");
    fs::write(&mislabelled, secret.replace("PRIVATE KEY", "CERTIFICATE"))?;
    let [key, mislabelled] = [key, mislabelled].map(|it| it.display().to_string());
    let arguments = ["verify", "--path", "tunnel", "--anchors", &key, "--chain", &mislabelled, "--crl", "/nowhere"];
    let answer = run(command()?.args(arguments), b"", SOON)?;
    let lines: Vec<_> = answer.stderr.lines().collect();
    ensure!(answer.code == Some(64) && answer.stdout.is_empty() && lines.len() == 3, "{answer:?}");
    let line = secret.lines().nth(1).context("a key has lines")?;
    let begin = line.get(..16).context("and the lines are long")?;
    ensure!(!answer.stderr.contains(begin), "{answer:?}");
    Ok(())
}

#[test]
fn a_path_whose_plugin_verifies_nothing_is_a_fault() -> Result<()> {
    let files = Files::new("kubelet")?;
    let anchors = files.anchors.display().to_string();
    for path in ["revocation", "user_to_apiserver"] {
        let answer = run(command()?.args(["verify", "--path", path, "--anchors", &anchors]), b"", SOON)?;
        ensure!(answer.code == Some(64) && answer.stderr.contains("apiserver_to_kubelet"), "{answer:?}");
    }
    Ok(())
}

/// A scene of the corpus on disk.
struct Files {
    folder: tempfile::TempDir,
    path: &'static str,
    anchors: PathBuf,
    chain: PathBuf,
    /// SHA-256 of the peer's certificate and of the anchor.
    leaf: String,
    anchor: String,
}

impl Files {
    fn new(scene: &'static str) -> Result<Files> {
        let row = Row { expected: "accept", scene, changes: Vec::new(), promise: "is accepted" };
        let scene = Scene::of(&row)?;
        let (config, peer) = scene.issue(&row)?;
        let folder = tempfile::tempdir()?;
        let (anchors, chain) = (folder.path().join("anchors.pem"), folder.path().join("chain.pem"));
        let side = if peer.role == Role::Server { "servers" } else { "clients" };
        let pem = config[side]["anchors"][0].as_str().context("an anchor")?;
        fs::write(&anchors, pem)?;
        fs::write(&chain, super::pem(&peer.chain, Kind::Certificate).concat())?;
        let read = bundle::read(pem.as_bytes(), Kind::Certificate).map_err(|faults| anyhow!("{faults:?}"))?;
        let [leaf, anchor] = [&peer.chain[0], &read.blocks[0]].map(|der| host::plugins::digest(der));
        Ok(Files { folder, path: scene.path, anchors, chain, leaf, anchor })
    }

    fn verify(&self, more: &[&str], input: &[u8]) -> Result<Output> {
        let mut verify = command()?;
        verify.args(["verify", "--output", "json", "--at", AT, "--path", self.path]);
        verify.arg("--anchors").arg(&self.anchors).arg("--chain").arg(&self.chain).args(more);
        run(&mut verify, input, SOON)
    }
}

fn json(output: &Output) -> Result<Value> {
    serde_json::from_str(&output.stdout).with_context(|| format!("{output:?}"))
}

const AT: &str = "2026-06-15T00:00:00Z";
