//! The kubeconfig by which kube-apiserver reaches the gate.

use super::{
    FailurePolicy, Finding, Lead, Rule,
    rules::{DEADLOCK, KUBECONFIG, NO_CERTIFICATE, PLAIN_HTTP, UNCHECKED},
};
use crate::config::raw::{self, Faults};
use serde_json::Value;
use std::net::IpAddr;

/// What is wrong with where a webhook leads. `text` is its kubeconfig's, `origin` the file that named it.
pub fn reached(text: &str, lead: &Lead, origin: &str) -> Vec<Finding> {
    let found =
        |rule: &'static Rule, message: String| Finding { rule, file: lead.kubeconfig.clone(), line: 0, message };
    let config = match object(text, &lead.kubeconfig) {
        Ok(it) => it,
        Err(message) => return vec![found(&KUBECONFIG, message)],
    };
    let current = word(&config, "current-context");
    let Some(context) = entry(&config, "contexts", current).and_then(|it| it.get("context")) else {
        return vec![found(&KUBECONFIG, format!("has no context `{current}`, which `current-context` names"))];
    };
    let part = |list: &str, kind: &str| {
        entry(&config, list, word(context, kind)).and_then(|it| it.get(kind)).cloned().unwrap_or_default()
    };
    let (cluster, user) = (part("clusters", "cluster"), part("users", "user"));
    let server = word(&cluster, "server");
    let mut all = Vec::new();
    if server.is_empty() {
        all.push(found(&KUBECONFIG, "its cluster has no `server`".into()));
    } else if !server.starts_with("https://") {
        let message = "its `server` is not https://: who asks and for what can be read, and the answer be forged";
        all.push(found(&PLAIN_HTTP, message.into()));
    } else if server.contains(['?', '#']) {
        all.push(found(&KUBECONFIG, "its `server` has parameters, which kube-apiserver refuses".into()));
    }
    if cluster.get("insecure-skip-tls-verify").and_then(Value::as_bool) == Some(true) {
        let message = "`insecure-skip-tls-verify`: whoever answers decides; write `certificate-authority`";
        all.push(found(&UNCHECKED, message.into()));
    }
    let has = |key: &str| !word(&user, key).is_empty() || !word(&user, &format!("{key}-data")).is_empty();
    if !has("client-certificate") || !has("client-key") {
        let message = "its user has no `client-certificate` with `client-key`, and the gate lets nobody else in";
        all.push(found(&NO_CERTIFICATE, message.into()));
    }
    if lead.failure == FailurePolicy::Deny && !server.is_empty() && !is_loopback(server) {
        let message = format!(
            "`failurePolicy: Deny` and a gate at `{server}`: if it runs in this cluster, neither starts without the \
             other; run it on 127.0.0.1 beside each kube-apiserver, or write `NoOpinion`"
        );
        all.push(Finding { rule: &DEADLOCK, file: origin.to_owned(), line: lead.line, message });
    }
    all
}

fn object(text: &str, origin: &str) -> Result<Value, String> {
    let node = raw::read(text, origin).map_err(|fault| fault.message)?;
    let mut faults = Faults::new(origin);
    let object = node.root().object(&mut faults);
    let fault = faults.into_sorted().into_iter().next().map(|it| it.message);
    match (object, fault) {
        (Some(object), None) => Ok(object),
        (_, fault) => Err(fault.unwrap_or_default()),
    }
}

/// Whether a URL's host is this machine, and no name that could be looked up to be another.
fn is_loopback(server: &str) -> bool {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

fn entry<'a>(config: &'a Value, list: &str, name: &str) -> Option<&'a Value> {
    config.get(list)?.as_array()?.iter().find(|it| word(it, "name") == name)
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
