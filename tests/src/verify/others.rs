//! What OpenSSL and Go say of our corpus: `docs/verify.md` has the differences, and they are what is found. Go is held to them
//! whatever its version, OpenSSL where it is of the documented one.
//!
//! `UPDATE_EXPECT=1 cargo test -p tests others` writes them.

use super::{
    corpus::{
        self, Row,
        issue::{NOW, Scene},
    },
    *,
};
use crate::{kube, process, world};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{collections::BTreeMap, env, fmt::Write, fs, process::Command, time::Duration};

#[test]
fn openssl_and_go_differ_from_us_as_the_document_says() -> Result<()> {
    let Some(chains) = kube::chains()? else { return world::skip("verifying as Go does needs go") };
    if !kube::is_in_path("openssl") {
        return world::skip("verifying as OpenSSL does needs openssl");
    }
    let text = corpus::text()?;
    let rows = corpus::rows(&text)?;
    let asked = rows.iter().map(Asked::of).collect::<Result<Vec<_>>>()?;
    let openssl = asked.iter().map(Asked::openssl).collect::<Result<Vec<_>>>()?;
    let go = go(&chains, &asked)?;
    let mut table = Table::default();
    for ((row, openssl), go) in rows.iter().zip(openssl).zip(go) {
        table.count(row, openssl, go);
    }
    held(&table, &version("openssl", "version")?, &version("go", "version")?)
}

/// Compares the document with what was found, or writes it.
fn held(table: &Table, openssl: &str, go: &str) -> Result<()> {
    let path = world::repository().join("docs/verify.md");
    let written = fs::read_to_string(&path)?;
    let (before, rest) = written.split_once(BEGIN).context("docs/verify.md has no mark where the differences begin")?;
    let (old, after) = rest.split_once(END).context("docs/verify.md has no mark where the differences end")?;
    let told = format!("\n\n{VERSIONS}OpenSSL {openssl} and Go {go}.\n\n{}", table.text()?);
    if env::var_os("UPDATE_EXPECT").is_some_and(|it| it == "1") {
        fs::write(&path, format!("{before}{BEGIN}{told}{END}{after}"))?;
        return Ok(());
    }
    let minor = openssl.rsplit_once('.').map_or(openssl, |(minor, _)| minor);
    let is_documented = old.contains(&format!("{VERSIONS}OpenSSL {minor}."));
    if !is_documented {
        eprintln!("SKIPPED: docs/verify.md is about another OpenSSL than {openssl}; only Go is compared");
    }
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with(VERSIONS));
        lines.map(|line| if is_documented { line.to_owned() } else { without_openssl(line) }).collect()
    };
    ensure!(
        lines(old) == lines(&told),
        "docs/verify.md is not what is found; run UPDATE_EXPECT=1 cargo test -p tests others:\n{told}"
    );
    Ok(())
}

/// A row of a table without its third cell.
fn without_openssl(line: &str) -> String {
    let cells: Vec<_> = line.split(" | ").collect();
    cells.iter().enumerate().filter(|(at, _)| *at != 2).map(|(_, cell)| *cell).collect::<Vec<_>>().join(" | ")
}

/// A question of the corpus, in the words of others: they know nothing of nodes, of pins and of rules.
struct Asked {
    anchors: String,
    crls: String,
    peer: Peer,
}

impl Asked {
    fn of(row: &Row<'_>) -> Result<Asked> {
        let (config, peer) = Scene::of(row)?.issue(row).with_context(|| format!("{row:?}"))?;
        let side = &config[if peer.role == Role::Server { "servers" } else { "clients" }];
        let texts = |key: &str| -> String {
            side[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(|it| format!("{it}\n")).collect()
        };
        Ok(Asked { anchors: texts("anchors"), crls: texts("crls"), peer })
    }

    fn line(&self) -> Result<String> {
        let anchors = match self.anchors.as_str() {
            "" => Vec::new(),
            text => bundle::read(text.as_bytes(), Kind::Certificate).map_err(|faults| anyhow!("{faults:?}"))?.blocks,
        };
        let texts = |ders: &[Vec<u8>]| ders.iter().map(|der| STANDARD.encode(der)).collect::<Vec<_>>();
        let name = match &self.peer.name {
            Name::None => String::new(),
            Name::Dns(name) => name.clone(),
            Name::Ip(address) => address.to_string(),
        };
        let line = json!({
            "anchors": texts(&anchors), "chain": texts(&self.peer.chain), "client": self.peer.role == Role::Client,
            "name": name, "at": NOW,
        });
        Ok(format!("{line}\n"))
    }

    /// Whether OpenSSL refuses the peer.
    fn openssl(&self) -> Result<bool> {
        let Some((leaf, rest)) = self.peer.chain.split_first() else { return Ok(true) };
        let folder = tempfile::tempdir()?;
        let file = |name: &str, text: String| -> Result<_> {
            let path = folder.path().join(name);
            fs::write(&path, text)?;
            Ok(path)
        };
        let mut openssl = Command::new("openssl");
        openssl.args(["verify", "-no-CApath", "-no-CAstore", "-attime", &NOW.to_string(), "-purpose"]);
        openssl.arg(if self.peer.role == Role::Server { "sslserver" } else { "sslclient" });
        match &self.peer.name {
            Name::None => &mut openssl,
            Name::Dns(name) => openssl.args(["-verify_hostname", name]),
            Name::Ip(address) => openssl.args(["-verify_ip", &address.to_string()]),
        };
        if self.anchors.is_empty() {
            openssl.arg("-no-CAfile");
        } else {
            openssl.arg("-CAfile").arg(file("anchors", self.anchors.clone())?);
        }
        if !rest.is_empty() {
            openssl.arg("-untrusted").arg(file("chain", pem(rest, Kind::Certificate).concat())?);
        }
        if !self.crls.is_empty() {
            openssl.arg("-crl_check_all").arg("-CRLfile").arg(file("crls", self.crls.clone())?);
        }
        openssl.arg(file("leaf", bundle::to_pem(leaf, Kind::Certificate))?);
        Ok(process::run(&mut openssl, b"", SOON)?.code != Some(0))
    }
}

/// Whether Go refuses each of the peers.
fn go(program: &std::path::Path, asked: &[Asked]) -> Result<Vec<bool>> {
    let lines = asked.iter().map(Asked::line).collect::<Result<String>>()?;
    let output = process::run(&mut Command::new(program), lines.as_bytes(), SOON)?.ok()?;
    let refused: Vec<_> = output.lines().map(|reason| !reason.is_empty()).collect();
    ensure!(refused.len() == asked.len(), "{} answers to {} questions", refused.len(), asked.len());
    Ok(refused)
}

/// The first version that a program tells.
fn version(program: &str, argument: &str) -> Result<String> {
    let told = process::run(Command::new(program).arg(argument), b"", SOON)?.ok()?;
    let words = told.split_whitespace().map(|word| word.trim_start_matches("go"));
    let mut versions = words.filter(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    Ok(versions.next().with_context(|| format!("`{told}` has no version"))?.to_owned())
}

/// How many cases there are, and how many of them OpenSSL and Go refuse.
type Counts = [usize; 3];

#[derive(Default)]
struct Table {
    /// By the rule that refuses, and by the promise of the row.
    refused: BTreeMap<String, BTreeMap<String, Counts>>,
    /// By the promise.
    accepted: BTreeMap<String, Counts>,
}

impl Table {
    fn count(&mut self, row: &Row<'_>, openssl: bool, go: bool) {
        let is_accepted = row.expected == "accept" || row.expected.starts_with("note ");
        let promises = match is_accepted {
            true => &mut self.accepted,
            false => self.refused.entry(row.expected.to_owned()).or_default(),
        };
        let [cases, by_openssl, by_go] = promises.entry(row.promise.to_owned()).or_default();
        *cases += 1;
        *by_openssl += usize::from(openssl);
        *by_go += usize::from(go);
    }

    fn text(&self) -> Result<String> {
        let mut text = String::new();
        let cells = "| --- | ---: | ---: | ---: |";
        writeln!(text, "| we refuse by | cases | refused by OpenSSL | refused by Go |\n{cells}")?;
        for (rule, promises) in &self.refused {
            let all = promises.values().fold([0; 3], |sum, it| [sum[0] + it[0], sum[1] + it[1], sum[2] + it[2]]);
            if all[1..].iter().all(|refused| [0, all[0]].contains(refused)) {
                writeln!(text, "| `{rule}` | {} | {} | {} |", all[0], all[1], all[2])?;
                continue;
            }
            for (promise, [cases, openssl, go]) in promises {
                writeln!(text, "| `{rule}`: {promise} | {cases} | {openssl} | {go} |")?;
            }
        }
        writeln!(text, "\n| we accept, and another refuses | cases | refused by OpenSSL | refused by Go |\n{cells}")?;
        let mut alike = 0;
        for (promise, [cases, openssl, go]) in &self.accepted {
            if openssl + go > 0 {
                writeln!(text, "| {promise} | {cases} | {openssl} | {go} |")?;
            } else {
                alike += cases;
            }
        }
        writeln!(text, "| all others | {alike} | 0 | 0 |")?;
        Ok(format!("{text}\n"))
    }
}

const BEGIN: &str = "<!-- Written by the tests: UPDATE_EXPECT=1 cargo test -p tests others -->";
const END: &str = "<!-- The end of what the tests write. -->";
const VERSIONS: &str = "Found with ";
/// Hundreds of questions, none of which takes a hundredth of a second.
const SOON: Duration = Duration::from_secs(60);
