//! Tokens by which nodes join: static token files, as kube-apiserver's `--token-auth-file` reads them, and bootstrap tokens in
//! Secrets. What is wrong with them, by line; a token is never part of a finding.

use crate::authorization::{Finding, Rule, Severity};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{collections::HashMap, time::UNIX_EPOCH};

const STATIC: &str = "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file";
const BOOTSTRAP: &str = "https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/";
const JOINING: &str = "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/";

macro_rules! rules {
    ($($name:ident = $id:literal $severity:ident $summary:literal $source:expr;)+) => {
        $(const $name: Rule = Rule { id: $id, severity: Severity::$severity, summary: $summary, source: $source };)+
        /// Every rule, for reports that list them.
        pub const RULES: &[&Rule] = &[$(&$name,)+];
    };
}

rules! {
    FILE = "token-file" Medium "No token is good for ever." STATIC;
    COLUMNS = "token-columns" High "A line has token, user, uid and perhaps groups." STATIC;
    CAPACITY = "token-capacity" High "A token has room for 128 random bits." JOINING;
    EXAMPLE = "token-example" High "No token is one that documentation shows." JOINING;
    TWICE = "token-twice" Medium "A token is one user's." STATIC;
    GROUPS = "token-groups" High "A token that joins nodes is neither an administrator nor a node." JOINING;
    SHAPE = "bootstrap-token-shape" High "A bootstrap token is in a Secret that Kubernetes takes for one." BOOTSTRAP;
    EXPIRY = "bootstrap-token-expiry" Medium "A bootstrap token expires within days." BOOTSTRAP;
    USAGES = "bootstrap-token-usages" Medium "A bootstrap token is for authentication or signing, and says which." BOOTSTRAP;
}

/// A static token file.
pub fn file(text: &str, origin: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut any = false;
    for (line, row) in (1_u64..).zip(text.lines()) {
        if row.trim().is_empty() {
            continue;
        }
        any = true;
        let mut find = |rule, message: String| findings.push(Finding { rule, file: origin.to_owned(), line, message });
        let Some(columns) = columns(row) else {
            find(&COLUMNS, "its quotes do not close: kube-apiserver does not start".into());
            continue;
        };
        let [token, user, _, rest @ ..] = columns.as_slice() else {
            let message =
                format!("{} columns, and token, user and uid are needed: kube-apiserver does not start", columns.len());
            find(&COLUMNS, message);
            continue;
        };
        if token.is_empty() {
            find(&COLUMNS, "the token is empty, so kube-apiserver passes over the line".into());
            continue;
        }
        if rest.len() > 1 {
            let message =
                "groups are one column, in quotes where there are several: kube-apiserver overlooks what follows";
            find(&COLUMNS, message.into());
        }
        if EXAMPLES.contains(&token.as_str()) {
            find(
                &EXAMPLE,
                format!("the token of `{}` is one that documentation shows: everybody has it; replace it", shown(user)),
            );
        } else if capacity(token) < ENOUGH {
            let message = format!(
                "the token of `{}` has room for {} bits, and 128 are needed: head -c 16 /dev/urandom | od -An -t x | tr -d ' '",
                shown(user),
                capacity(token)
            );
            find(&CAPACITY, message);
        }
        if let Some(first) = seen.insert(token.clone(), line) {
            find(&TWICE, format!("the token of line {first} again: kube-apiserver takes the last"));
        }
        let groups: Vec<&str> = rest.first().map(|it| it.split(',').map(str::trim).collect()).unwrap_or_default();
        if let Some(what) = power(user, &groups) {
            find(&GROUPS, format!("`{}` {what}, by a token that never expires; remove the line", shown(user)));
        }
    }
    if any {
        let message = "a token in a file never expires, and each change needs a restart of kube-apiserver: join nodes by bootstrap \
                       tokens (--enable-bootstrap-token-auth), and leave --token-auth-file out";
        findings.push(Finding { rule: &FILE, file: origin.to_owned(), line: 0, message: message.into() });
    }
    findings
}

/// The bootstrap tokens in a manifest: the Secret itself, or those in a list.
pub fn secrets(document: &Value) -> Vec<&Value> {
    let items = document.get("items").and_then(Value::as_array).map(Vec::as_slice);
    let all = items.unwrap_or(std::slice::from_ref(document)).iter();
    all.filter(|it| text(it, "/kind") == "Secret" && is_meant(it)).collect()
}

fn is_meant(secret: &Value) -> bool {
    text(secret, "/type") == KIND || text(secret, "/metadata/name").starts_with("bootstrap-token-")
}

/// A bootstrap token. `source` is the file's text, in which the line is looked up; `now` in seconds since 1970.
pub fn secret(secret: &Value, source: &str, origin: &str, now: u64) -> Vec<Finding> {
    let name = text(secret, "/metadata/name");
    let line =
        (1_u64..).zip(source.lines()).find(|(_, row)| !name.is_empty() && row.contains(name)).map_or(0, |it| it.0);
    let mut findings = Vec::new();
    let mut find = |rule, message: String| findings.push(Finding { rule, file: origin.to_owned(), line, message });
    let (id, key) = (value(secret, "token-id"), value(secret, "token-secret"));
    let (id, key) = (id.as_deref().unwrap_or_default(), key.as_deref().unwrap_or_default());
    if text(secret, "/type") != KIND {
        find(&SHAPE, format!("its type is not `{KIND}`, so it is no token"));
    }
    if text(secret, "/metadata/namespace") != "kube-system" {
        find(&SHAPE, "it is not in namespace `kube-system`, so it is no token, and others may read it".into());
    }
    if !is_run(id, 6) || !is_run(key, 16) || name != format!("bootstrap-token-{id}") {
        let message = "a token's id has 6 and its secret 16 small letters and digits, and the Secret is called \
                       `bootstrap-token-ID`";
        find(&SHAPE, message.into());
    }
    if EXAMPLES.contains(&format!("{id}.{key}").as_str()) {
        find(
            &EXAMPLE,
            "the token is one that documentation shows: everybody has it; delete it (kubeadm token delete)".into(),
        );
    } else if is_run(key, 16) && distinct(key) < 6 {
        find(&CAPACITY, "the secret repeats a few characters: make one by kubeadm token generate".into());
    }
    if let Some(message) = expiry(secret, now) {
        find(&EXPIRY, message);
    }
    let usages = ["usage-bootstrap-authentication", "usage-bootstrap-signing"].map(|it| value(secret, it));
    if usages.iter().flatten().any(|it| it != "true" && it != "false") {
        find(&USAGES, "a usage is `true` or it is none; anything else is taken for no".into());
    } else if !usages.iter().flatten().any(|it| it == "true") {
        find(&USAGES, "it has neither usage, so it is good for nothing: delete it".into());
    }
    let groups = value(secret, "auth-extra-groups").unwrap_or_default();
    let is_join = |it: &&str| it.strip_prefix("system:bootstrappers:").is_some_and(|rest| !rest.is_empty());
    if let Some(group) = groups.split(',').map(str::trim).filter(|it| !it.is_empty()).find(|it| !is_join(it)) {
        find(
            &GROUPS,
            format!("group `{}` does not begin with `system:bootstrappers:`, so the token is refused", shown(group)),
        );
    }
    findings
}

fn expiry(secret: &Value, now: u64) -> Option<String> {
    let Some(text) = value(secret, "expiration") else {
        return Some("it never expires: set `expiration` (kubeadm token create --ttl 24h)".into());
    };
    let time = humantime::parse_rfc3339(&text).ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    let Some(time) = time else {
        return Some("`expiration` must be a time as 2026-01-31T12:00:00Z; what it is now ends the token".into());
    };
    let days = time.as_secs().saturating_sub(now) / 86_400;
    (days >= LONGEST)
        .then(|| format!("it expires in {days} days; a node joins within a day (kubeadm token create --ttl 24h)"))
}

/// What a token gives beyond joining a node.
fn power(user: &str, groups: &[&str]) -> Option<&'static str> {
    if groups.contains(&"system:masters") {
        Some("is of system:masters, whom kube-apiserver allows everything")
    } else if groups.contains(&"system:nodes") || user.starts_with("system:node:") {
        Some("is a node to kube-apiserver")
    } else if user.starts_with("system:kube-") {
        Some("is a component of the control plane to kube-apiserver")
    } else {
        None
    }
}

/// The columns of a line of CSV (RFC 4180); none if a quote does not close.
fn columns(row: &str) -> Option<Vec<String>> {
    let (mut all, mut column, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut rest = row.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if is_quoted && rest.peek() == Some(&'"') => column.extend(rest.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => all.push(std::mem::take(&mut column)),
            other => column.push(other),
        }
    }
    all.push(column);
    (!is_quoted).then(|| all.iter().map(|it| it.trim().to_owned()).collect())
}

/// For how many bits there is room at most, by length and alphabet.
fn capacity(token: &str) -> usize {
    let has = |is: fn(&char) -> bool| token.chars().any(|it| is(&it));
    // In tenths of a bit: the logarithm of the alphabet's size.
    let of_each = if token.chars().all(|it| it.is_ascii_digit()) {
        33
    } else if token.chars().all(|it| matches!(it, '0'..='9' | 'a'..='f' | '-')) {
        40
    } else {
        let mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase);
        if mixed { 60 } else { 52 }
    };
    let counted = token.chars().filter(|it| *it != '-').count();
    // A random token of that length has more of them than six.
    let of_each = if distinct(token) < 6 { 10 } else { of_each };
    counted.saturating_mul(of_each) / 10
}

fn distinct(token: &str) -> usize {
    token.chars().collect::<std::collections::BTreeSet<_>>().len()
}

fn is_run(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A value of a Secret, from either of its maps.
fn value(secret: &Value, key: &str) -> Option<String> {
    let of = |map: &str| secret.get(map)?.get(key)?.as_str().map(str::to_owned);
    let plain = of("stringData");
    plain.or_else(|| String::from_utf8(STANDARD.decode(of("data")?).ok()?).ok())
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// Shown in Kubernetes' pages on bootstrapping, bootstrap tokens and kubeadm, in this and older versions.
const EXAMPLES: &[&str] = &[
    "02b50b05283e98dd0fd71db496ef01e8",
    "31ada4fd-adec-460c-809a-9e56ceb75269",
    "07401b.f395accd246ae52d",
    "abcdef.0123456789abcdef",
    "781292.db7bc3a58fc5f07e",
];
const KIND: &str = "bootstrap.kubernetes.io/token";
const ENOUGH: usize = 128;
/// kubeadm's own live for a day; a week is for machines that are installed by hand.
const LONGEST: u64 = 7;

#[cfg(test)]
mod tests;
