//! The vectors of others: x509-limbo's, half of those that a verifier of TLS peers can run, and NIST's PKITS without its sections
//! on policies. What is accepted and refused, and the exceptions, each with its reason. An exception that is none any more fails
//! the test as well.

use super::*;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

#[derive(Deserialize)]
struct Vector {
    id: String,
    expect: String,
    role: String,
    name: Option<String>,
    /// Milliseconds since 1970. Any time will do where none is named: those certificates last for a thousand years.
    #[serde(default = "any_time")]
    at: u64,
    anchors: Vec<String>,
    chain: Vec<String>,
    #[serde(default)]
    crls: Vec<String>,
}

#[test]
fn every_verifying_path_has_the_same_exceptions_to_x509_limbo_and_no_other() -> Result<()> {
    let wrong = put("x509-limbo-a.jsonl", "x509-limbo-exceptions.json", &json!({}))?;
    ensure!(wrong.accepted <= 8 && wrong.refused <= 4, "{wrong:?}");
    Ok(())
}

/// With its rules on what PKITS has not and wants: certificates without a purpose, and a list for each authority.
#[test]
fn every_verifying_path_has_the_same_exceptions_to_pkits_and_no_other() -> Result<()> {
    let rules = json!({"purpose-missing": "off", "no-crl": "on"});
    let wrong = put("pkits.jsonl", "pkits-exceptions.json", &rules)?;
    ensure!(wrong.accepted == 0, "{wrong:?}");
    Ok(())
}

/// How many are answered otherwise than expected.
#[derive(Debug)]
struct Wrong {
    accepted: usize,
    refused: usize,
}

/// Puts vectors to the plugin of every path that verifies.
fn put(vectors: &str, exceptions: &str, rules: &Value) -> Result<Wrong> {
    let text = String::from_utf8(fixture(vectors)?)?;
    let read = |line| serde_json::from_str(line).context("read a vector");
    let vectors: Vec<Vector> = text.lines().map(read).collect::<Result<_>>()?;
    let exceptions: BTreeMap<String, String> = serde_json::from_slice(&fixture(exceptions)?)?;
    let expected: BTreeSet<_> = exceptions.keys().map(String::as_str).collect();
    let plugins = sandboxes()?;
    for path in ["apiserver_to_endpoint", "apiserver_to_kubelet", "node_to_apiserver", "tunnel"] {
        let verifier = verifier(&plugins, path)?;
        let (mut wrong, mut found) = (BTreeSet::new(), String::new());
        for vector in &vectors {
            let judged = vector.ask(&verifier, rules)?;
            if judged.is_accepted != (vector.expect == "accept") {
                wrong.insert(vector.id.as_str());
                let codes: Vec<_> = judged.findings.iter().map(|it| it.code.as_str()).collect();
                writeln!(found, "{}: {}, found {codes:?}", vector.id, vector.expect)?;
            }
        }
        ensure!(wrong == expected, "{path} has other exceptions than {exceptions:#?}:\n{found}");
    }
    let is_refused = |it: &&Vector| it.expect == "accept" && exceptions.contains_key(&it.id);
    let refused = vectors.iter().filter(is_refused).count();
    Ok(Wrong { accepted: exceptions.len() - refused, refused })
}

impl Vector {
    fn ask(&self, verifier: &Verifier, rules: &Value) -> Result<Judged> {
        let (role, side) = if self.role == "client" { (Role::Client, "clients") } else { (Role::Server, "servers") };
        let name = self.name.as_deref().map(str::parse).transpose().map_err(|error| anyhow!("{}: {error}", self.id))?;
        let peer =
            Peer { chain: ders(&self.chain)?, role, name: name.unwrap_or(Name::None), node: None, facts: Vec::new() };
        let mut config = json!({"rules": rules});
        config[side] = json!({
            "anchors": pem(&ders(&self.anchors)?, Kind::Certificate),
            "crls": pem(&ders(&self.crls)?, Kind::RevocationList),
        });
        verify(verifier, &config, self.at, &peer).with_context(|| self.id.clone())
    }
}

fn any_time() -> u64 {
    1_750_000_000_000
}

fn fixture(name: &str) -> Result<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/certificates").join(name);
    fs::read(&path).with_context(|| format!("read {path:?}"))
}

fn ders(texts: &[String]) -> Result<Vec<Vec<u8>>> {
    let one = |text: &String| bundle::read(text.as_bytes(), Kind::Certificate).map(|it| it.blocks);
    let read: Result<Vec<_>, _> = texts.iter().map(one).collect();
    Ok(read.map_err(|faults| anyhow!("{faults:?}"))?.concat())
}
