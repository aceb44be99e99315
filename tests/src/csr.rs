//! Certificate requests of kubelets, as the host and its built-in plugin judge them: attacks and their twins.

pub mod draft;
mod table;
mod verb;

use anyhow::{Context, Result, anyhow, ensure};
use draft::{Draft, bootstrap, serving};
use host::{
    csr::from_object,
    inventory::Inventory,
    judge::Judge,
    plugins::{Cache, Plugins, Set, Spec, builtin},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};
use wire::{CsrDecision, CsrVerdict};

#[test]
fn every_attack_is_refused_by_its_rule_and_every_twin_is_approved() -> Result<()> {
    let rows = table::rows();
    ensure!(rows.len() >= 60, "the table has {} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let (title, attack) = &row.attack;
        let judged = judge(attack).with_context(|| (*title).to_owned())?;
        let rule = format!("tls_bootstrap/{}", row.rule);
        if (judged.verdict.as_str(), judged.rule.as_str()) != (row.verdict, rule.as_str()) {
            wrong.push(format!("{title}: expected {} by {rule}, got {judged:?}", row.verdict));
        }
        let (title, twin) = &row.twin;
        let judged = judge(twin).with_context(|| (*title).to_owned())?;
        if judged.verdict != CsrVerdict::Approve {
            wrong.push(format!("{}: {title}: expected approval, got {judged:?}", row.rule));
        }
    }
    ensure!(wrong.is_empty(), "{} of {} rows are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn every_rule_on_requests_has_a_row() -> Result<()> {
    let rows: BTreeSet<_> = table::rows().iter().map(|row| row.rule.to_owned()).collect();
    let rules = rules()?.into_iter().filter(|id| id.starts_with("csr-") && !id.starts_with("csr-approve-"));
    // It is about reviews.
    let rules: BTreeSet<_> = rules.filter(|id| id != "csr-approval").collect();
    assert_eq!(rules, rows);
    Ok(())
}

/// Whatever else is switched off, nothing that a rule in force refuses is approved; and with every rule off, nothing is.
#[test]
fn what_no_rule_approves_is_left() -> Result<()> {
    let off: BTreeMap<_, _> = rules()?.into_iter().map(|id| (id, "off")).collect();
    let judged = judge(&Draft { config: json!({"rules": off}), ..serving("node-a") })?;
    assert_eq!((judged.verdict, judged.rule.as_str()), (CsrVerdict::Leave, ""));
    Ok(())
}

#[test]
fn a_verdict_names_the_rules_that_were_switched_off() -> Result<()> {
    let config = json!({"rules": {"csr-foreign-name": "off", "csr-usages": "shadow"}});
    let judged = judge(&Draft { config, usages: vec!["server auth"], ..serving("node-a").ip("10.0.0.99") })?;
    let found: Vec<_> = judged.findings.iter().map(|it| (it.code.as_str(), it.detail.as_str())).collect();
    assert_eq!(judged.verdict, CsrVerdict::Approve, "{judged:?}");
    assert!(found.contains(&("csr-foreign-name", "this rule is switched off")), "{found:?}");
    assert!(found.contains(&("csr-usages", "in the shadow: usage `digital signature` is missing")), "{found:?}");
    Ok(())
}

/// A byte that changes, or an end that is missing: never a trap, and never approved with the key of somebody else.
#[test]
fn no_request_that_was_changed_on_its_way_is_approved() -> Result<()> {
    let (judge, set) = gate(&json!({}), &cluster(&[]))?;
    let object = serving("node-a").object()?;
    let request = from_object(&object, "object").map_err(|faults| anyhow!("{faults:?}"))?;
    for at in 0..request.der.len() {
        let (mut flipped, mut cut) = (request.clone(), request.clone());
        if let Some(byte) = flipped.der.get_mut(at) {
            *byte ^= 1 << (at % 8);
        }
        cut.der.truncate(at);
        for changed in [flipped, cut] {
            let judged = judge.consider_request(&set, NOW, &changed);
            ensure!(judged.verdict != CsrVerdict::Approve, "byte {at}: {judged:?}");
            ensure!(!judged.rule.contains("failure"), "byte {at}: {judged:?}");
        }
    }
    Ok(())
}

#[test]
fn a_request_that_the_plugin_cannot_finish_is_left() -> Result<()> {
    let (judge, set) = gate(&json!({}), &cluster(&[]))?;
    let many = (0..4_000).fold(serving("node-a"), |draft, at| draft.dns(&format!("n{at}")));
    let request = from_object(&many.object()?, "object").map_err(|faults| anyhow!("{faults:?}"))?;
    let judged = judge.consider_request(&set, NOW, &request);
    assert_eq!(judged.verdict, CsrVerdict::Leave, "{judged:?}");
    assert!(judged.rule.starts_with("tls_bootstrap/failure-"), "{judged:?}");
    Ok(())
}

/// For `docs/policy.md`: what was asked, and the answer, for each rule.
pub fn examples() -> Result<BTreeMap<String, (String, String)>> {
    let mut examples = BTreeMap::new();
    for row in table::rows() {
        if !examples.contains_key(row.rule) {
            let judged = judge(&row.attack.1)?;
            let reason = format!("{}: {}", judged.verdict.as_str(), judged.reason);
            examples.insert(row.rule.to_owned(), (row.attack.0.to_owned(), reason));
        }
    }
    let approved = [
        ("csr-approve-serving", "a kubelet that serves", serving("node-a").ip("10.0.0.1")),
        ("csr-approve-renewal", "a kubelet that renews", draft::renewal("node-a")),
        ("csr-approve-bootstrap", "a node that joins", bootstrap("node-new")),
    ];
    for (rule, title, draft) in approved {
        let judged = judge(&draft)?;
        ensure!(judged.rule == format!("tls_bootstrap/{rule}"), "{title}: {judged:?}");
        examples.insert(rule.to_owned(), (title.to_owned(), format!("approve: {}", judged.reason)));
    }
    Ok(examples)
}

fn judge(draft: &Draft) -> Result<CsrDecision> {
    let known = cluster(&draft.cluster);
    let (judge, set) = gate(&draft.config, if draft.is_cluster_known { &known } else { &[] })?;
    let request = from_object(&draft.object()?, "object").map_err(|faults| anyhow!("{}", faults.join("; ")))?;
    Ok(judge.consider_request(&set, NOW, &request))
}

/// A judge with the built-in plugin of this config, which is loaded once, and a cluster; none if it is empty.
fn gate(config: &Value, cluster: &[Value]) -> Result<(Judge, Arc<Set>)> {
    static PLUGINS: LazyLock<Option<Arc<Plugins>>> =
        LazyLock::new(|| Plugins::new(Cache::open(crate::gate::CACHE.as_ref()).ok()).map(Arc::new).ok());
    static SETS: LazyLock<std::sync::Mutex<BTreeMap<String, Arc<Set>>>> = LazyLock::new(Default::default);
    let plugins = PLUGINS.clone().context("start the sandbox engine")?;
    let mut sets = SETS.lock().map_err(|_| anyhow!("another test failed"))?;
    let set = match sets.get(&config.to_string()) {
        Some(set) => set.clone(),
        None => {
            let component = builtin().remove("tls_bootstrap").context("no such component")?;
            let set = plugins.prepare(vec![Spec::new("tls_bootstrap", component, config.clone())]);
            let set = Arc::new(set.map_err(|faults| anyhow!("{faults:?}"))?);
            sets.insert(config.to_string(), set.clone());
            set
        }
    };
    let inventory = match cluster {
        [] => Inventory::default(),
        objects => Inventory::from_list(list(objects)?.as_bytes())?,
    };
    Ok((Judge::new(plugins, None, inventory), set))
}

fn rules() -> Result<Vec<String>> {
    let (_, set) = gate(&json!({}), &[])?;
    let plugin = set.plugin("tls_bootstrap").context("no plugin")?;
    Ok(plugin.info.rules.iter().map(|rule| rule.id.clone()).collect())
}

fn cluster(more: &[Value]) -> Vec<Value> {
    let mut all = table::cluster();
    all.extend_from_slice(more);
    all
}

fn list(items: &[Value]) -> Result<String> {
    Ok(json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())
}

/// 2026-02-01, in milliseconds.
const NOW: u64 = 1_769_904_000_000;
