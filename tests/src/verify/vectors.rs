//! x509-limbo's vectors, half of those that a verifier of TLS peers can run: what is accepted and refused, and the exceptions, each
//! with its reason. An exception that is none any more fails the test as well.

use super::*;
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path};

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
    let vectors = vectors()?;
    let exceptions: BTreeMap<String, String> = serde_json::from_slice(&fixture("x509-limbo-exceptions.json")?)?;
    let expected: Vec<_> = exceptions.keys().map(String::as_str).collect();
    let plugins = sandboxes()?;
    for path in ["apiserver_to_endpoint", "apiserver_to_kubelet", "node_to_apiserver", "tunnel"] {
        let verifier = verifier(&plugins, path)?;
        let mut wrong = Vec::new();
        for vector in &vectors {
            let outcome = vector.ask(&verifier)?;
            if std::env::var_os("SHOW").is_some() {
                let high: Vec<_> = outcome.findings.iter().map(|it| &*it.code).collect();
                eprintln!("{} {} {} {:?}", vector.id, outcome.is_accepted, vector.expect, high);
            }
            if outcome.is_accepted != (vector.expect == "accept") {
                wrong.push(vector.id.as_str());
            }
        }
        wrong.sort_unstable();
        assert_eq!(wrong, expected, "{path}");
    }
    let accepts = |it: &&Vector| it.expect == "accept" && exceptions.contains_key(&it.id);
    let false_rejects = vectors.iter().filter(accepts).count();
    let false_accepts = exceptions.len() - false_rejects;
    ensure!(false_accepts <= 8 && false_rejects <= 4, "{false_accepts} false accepts, {false_rejects} false rejects");
    Ok(())
}

impl Vector {
    fn ask(&self, verifier: &Verifier) -> Result<Judged> {
        let role = if self.role == "client" { Role::Client } else { Role::Server };
        let side = if self.role == "client" { "clients" } else { "servers" };
        let peers = json!({
            "anchors": pem(&ders(&self.anchors)?, Kind::Certificate),
            "crls": pem(&ders(&self.crls)?, Kind::RevocationList),
        });
        let name = self.name.as_deref().map(str::parse).transpose().map_err(|error| anyhow!("{}: {error}", self.id))?;
        let peer =
            Peer { chain: ders(&self.chain)?, role, name: name.unwrap_or(Name::None), node: None, facts: Vec::new() };
        let mut config = json!({});
        config[side] = peers;
        verify(verifier, &config, self.at, &peer).with_context(|| self.id.clone())
    }
}

fn any_time() -> u64 {
    1_750_000_000_000
}

fn vectors() -> Result<Vec<Vector>> {
    let text = String::from_utf8(fixture("x509-limbo-a.jsonl")?)?;
    text.lines().map(|line| serde_json::from_str(line).context("read a vector")).collect()
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
