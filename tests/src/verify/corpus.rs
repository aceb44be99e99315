//! Our own corpus: a table that a person can read, each row issued afresh and put to the plugin of its path.

pub mod issue;

use super::*;
use issue::{NOW, Scene};
use std::{collections::BTreeSet, fs, path::Path};
use wire::Severity;

/// One row for one scene.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    pub expected: &'a str,
    pub scene: &'a str,
    pub changes: Vec<(&'a str, &'a str)>,
    pub promise: &'a str,
}

impl Row<'_> {
    /// The last value of a change, if there is any.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.changes.iter().rev().find(|(it, _)| *it == key).map(|(_, value)| *value)
    }

    pub fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.changes.iter().filter(move |(it, _)| *it == key).map(|(_, value)| *value)
    }
}

#[test]
fn every_row_of_the_corpus_has_its_answer() -> Result<()> {
    let text = text()?;
    let rows = rows(&text)?;
    ensure!(rows.len() >= 200, "only {} cases", rows.len());
    let plugins = sandboxes()?;
    let mut wrong = Vec::new();
    let mut verifiers = std::collections::BTreeMap::new();
    for row in &rows {
        let scene = Scene::of(row)?;
        if !verifiers.contains_key(scene.path) {
            verifiers.insert(scene.path, verifier(&plugins, scene.path)?);
        }
        let (config, peer) = scene.issue(row).with_context(|| format!("{row:?}"))?;
        let judged = verify(&verifiers[scene.path], &config, NOW * 1_000, &peer)?;
        if !is_as_expected(row, &judged) {
            let found: Vec<_> = judged.findings.iter().map(|it| (&it.code, it.severity)).collect();
            wrong.push(format!(
                "{}: expected {} for {} with {:?}, found {found:?}",
                row.promise, row.expected, row.scene, row.changes
            ));
        }
    }
    ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    Ok(())
}

/// Every rule that a plugin of a path has for peers refuses something in the corpus, or notes it.
#[test]
fn no_rule_on_peers_is_without_a_row() -> Result<()> {
    let text = text()?;
    let rows = rows(&text)?;
    let told: BTreeSet<&str> = rows.iter().map(|row| row.expected.trim_start_matches("note ")).collect();
    let plugins = sandboxes()?;
    let mut without = BTreeSet::new();
    for path in ["apiserver_to_endpoint", "apiserver_to_kubelet", "node_to_apiserver", "tunnel"] {
        let component = builtin().remove(path).context("no such plugin")?;
        let spec = host::plugins::Spec::new(path, component, json!({}));
        let plugin = plugins.load(spec).map_err(|(_, error)| anyhow!("{error}"))?;
        let rules = plugin.info.rules.iter().filter(|rule| rule.interface == "verify-peer");
        without.extend(rules.map(|rule| rule.id.clone()).filter(|id| !told.contains(id.as_str())));
    }
    assert_eq!(without, BTreeSet::new());
    Ok(())
}

/// What a gate asks is a snapshot; what the verb asks was initialised for this one question.
#[test]
fn a_snapshot_answers_as_init_and_call_in_one_do() -> Result<()> {
    let plugins = sandboxes()?;
    let scenes = ["kubelet", "node", "endpoint", "agent"].map(|scene| (scene, ("via", "1")));
    for (scene, change) in scenes.into_iter().chain([("kubelet", ("set.pins", "key"))]) {
        let row = Row { expected: "accept", scene, changes: vec![change], promise: "is accepted" };
        let scene = Scene::of(&row)?;
        let (config, peer) = scene.issue(&row)?;
        let component = builtin().remove(scene.path).context("no such plugin")?;
        let spec = host::plugins::Spec::new(scene.path, component, config.clone());
        let plugin = plugins.load(spec).map_err(|(_, error)| anyhow!("{error}"))?;
        let now = NOW * 1_000;
        let once = verifier(&plugins, scene.path)?.verify(&config, now, &peer).map_err(|error| anyhow!("{error}"))?;
        let answers = [once, plugins.verify(&plugin, now, &peer), plugins.verify(&plugin, now, &peer)];
        let [one, two, three] = answers.map(|it| it.map_err(|failed| failed.to_string()));
        ensure!(one.as_ref().is_ok_and(|it| it.verdict == Verdict::Accept), "{one:?}");
        assert_eq!(two, three, "the same question twice");
        // An instance of a snapshot starts with one instruction less or more.
        let unpaid = |it: Result<Outcome, String>| it.map(|it| Outcome { fuel: 0, ..it });
        assert_eq!(unpaid(one), unpaid(two));
    }
    Ok(())
}

/// Nobody verifies its signature.
#[test]
fn a_pinned_certificate_says_by_what_it_is_signed() -> Result<()> {
    const ECDSA_SHA256: [u8; 10] = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let row = Row { expected: "accept", scene: "kubelet", changes: vec![("set.pins", "key")], promise: "is accepted" };
    let scene = Scene::of(&row)?;
    let (config, mut peer) = scene.issue(&row)?;
    let verifier = verifier(&sandboxes()?, scene.path)?;
    let ask = |peer: &Peer| -> Result<_> {
        let answer = verifier.verify(&config, NOW * 1_000, peer).map_err(|error| anyhow!("{error}"))?;
        let outcome = answer.map_err(|failed| anyhow!("{failed}"))?;
        Ok((outcome.verdict, outcome.rule))
    };
    assert_eq!(ask(&peer)?, (Verdict::Accept, String::new()));
    let der = &mut peer.chain[0];
    let places: Vec<_> = (0..der.len()).filter(|at| der[*at..].starts_with(&ECDSA_SHA256)).collect();
    ensure!(places.len() == 2, "{places:?}");
    // Longer than what is there.
    places.into_iter().for_each(|at| der[at + 1] = 9);
    assert_eq!(ask(&peer)?, (Verdict::Reject, "malformed".to_owned()));
    Ok(())
}

#[test]
fn what_is_on_a_list_is_refused_by_its_key_its_number_its_digest_or_its_name() -> Result<()> {
    let changes = vec![("set.pins", "key"), ("serial", "7f")];
    let row = Row { expected: "accept", scene: "kubelet", changes, promise: "is accepted" };
    let (config, peer) = Scene::of(&row)?.issue(&row)?;
    let key = config["servers"]["pins"][0].as_str().context("a pin")?.trim_start_matches("sha256:").to_owned();
    let none = "00".repeat(32);
    let lists = [
        ("keys", key, &*none, "revoked-peer-key"),
        ("serials", "7F CN = root".into(), "7E CN = root", "revoked-peer-serial"),
        ("certificates", host::plugins::digest(&peer.chain[0]), &*none, "revoked-peer-certificate"),
        ("users", "system:node:n1".into(), "system:node:n10", "revoked-peer-name"),
    ];
    let verifier = verifier(&sandboxes()?, "revocation")?;
    for (list, entry, twin, rule) in lists {
        let ask = |entry: &str| -> Result<_> {
            let answer =
                verifier.verify(&json!({list: [entry]}), NOW * 1_000, &peer).map_err(|error| anyhow!("{error}"))?;
            let outcome = answer.map_err(|failed| anyhow!("{failed}"))?;
            Ok((outcome.verdict, outcome.rule))
        };
        assert_eq!(ask(&entry)?, (Verdict::Reject, rule.to_owned()), "{list}");
        assert_eq!(ask(twin)?, (Verdict::NoOpinion, String::new()), "{list}");
    }
    Ok(())
}

fn is_as_expected(row: &Row<'_>, judged: &Judged) -> bool {
    let refusal = judged.findings.iter().find(|it| it.severity == Severity::High).map(|it| it.code.as_str());
    match row.expected.strip_prefix("note ") {
        Some(code) => judged.is_accepted && judged.findings.iter().any(|it| it.code == code),
        None if row.expected == "accept" => judged.is_accepted && !judged.path.is_empty(),
        None => !judged.is_accepted && judged.path.is_empty() && refusal == Some(row.expected),
    }
}

pub fn text() -> Result<String> {
    Ok(fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/certificates/corpus.txt"))?)
}

/// Each row of the table, for each of those that it is about.
pub fn rows(text: &str) -> Result<Vec<Row<'_>>> {
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let cells: Vec<_> = line.splitn(4, '|').map(str::trim).collect();
        let [expected, whom, changes, promise] = *cells else { return Err(anyhow!("`{line}` has not four cells")) };
        let changes: Vec<_> = changes.split_whitespace().filter_map(|it| it.split_once('=')).collect();
        let scenes: &[&str] = match whom {
            "all" => &["kubelet", "caller", "apiserver", "node", "endpoint", "konnectivity", "agent"],
            "servers" => &["kubelet", "apiserver", "endpoint", "konnectivity"],
            "clients" => &["caller", "node", "agent"],
            one => &[one],
        };
        rows.extend(scenes.iter().map(|scene| Row { expected, scene, changes: changes.clone(), promise }));
    }
    Ok(rows)
}
