//! Whether a kubelet's certificate request is approved. An attack is denied; a doubt is left for another approver or a
//! person; what is approved is what a kubelet asks for itself, and nothing else.
//!
//! Every rule is looked at, and what each found is told. The first that denies decides, then the first that leaves.

mod der;
mod pkcs10;
pub mod rules;

use crate::Config;
use pkcs10::{Name, Pkcs10};
use sdk::{
    Context, Finding, Mode, Rule, Severity, Switches,
    approve_csr::{Csr, Node, Outcome, Verdict},
};

/// One rule of an approver with its check.
pub struct Check {
    pub rule: Rule,
    /// How it holds when the config does not say.
    pub mode: Mode,
    pub(crate) then: Then,
    /// Why, if it does: a sentence for whoever looks at the request.
    pub(crate) check: fn(&Config, &Asked<'_>) -> Option<String>,
}

/// What follows when a rule's check says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Deny,
    Leave,
    Approve,
}

/// A request with everything that is known of it.
pub(crate) struct Asked<'a> {
    pub context: &'a Context,
    pub csr: &'a Csr,
    pub node: Option<&'a Node>,
    pub kind: Kind,
    /// What it is not, if it cannot be read.
    pub pkcs10: &'a Result<Pkcs10<'a>, &'static str>,
    /// The alternative names in it.
    pub names: Vec<Name<'a>>,
}

/// What is asked for, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A kubelet's certificate as a server.
    Serving,
    /// A kubelet's certificate as a client, by a kubelet that has one.
    Renewal,
    /// The same, by anybody else: a node that joins.
    Bootstrap,
    /// Another signer's business.
    Foreign,
}

/// Approves, denies or leaves.
pub fn approve(config: &Config, context: &Context, csr: &Csr, node: Option<&Node>) -> Outcome {
    let pkcs10 = Pkcs10::read(&csr.request);
    // A Node of another name than the one that is asked for tells nothing.
    let node = node.filter(|node| pkcs10.as_ref().is_ok_and(|it| it.node() == Some(&node.name)));
    let names = pkcs10.as_ref().map(Pkcs10::names).unwrap_or_default();
    let asked = Asked { context, csr, node, kind: kind(csr), pkcs10: &pkcs10, names };
    let mut findings = Vec::new();
    let mut decided: Option<(Then, &Check, String)> = None;
    for check in rules::all() {
        let mode = config.modes().get(check.rule.id).copied().unwrap_or(check.mode);
        if mode == Mode::Off {
            findings.push(finding(check, Severity::Info, "this rule is switched off".into()));
            continue;
        }
        let Some(reason) = (check.check)(config, &asked).filter(|_| !is_allowed(config, check, &asked)) else {
            continue;
        };
        if mode == Mode::Shadow {
            findings.push(finding(check, Severity::Low, format!("in the shadow: {reason}")));
            continue;
        }
        if check.then != Then::Approve {
            findings.push(finding(check, severity(check.then), reason.clone()));
        }
        if decided.as_ref().is_none_or(|(then, ..)| weight(check.then) < weight(*then)) {
            decided = Some((check.then, check, reason));
        }
    }
    let (verdict, rule, reason) = match decided {
        Some((Then::Deny, check, reason)) => (Verdict::Deny, check.rule.id, reason),
        Some((Then::Leave, check, reason)) => (Verdict::Leave, check.rule.id, reason),
        Some((Then::Approve, check, reason)) => (Verdict::Approve, check.rule.id, reason),
        None => (Verdict::Leave, "", "no rule approves such a request".into()),
    };
    findings.truncate(MOST_FINDINGS);
    Outcome { verdict, rule: rule.into(), reason, findings, attributes: Vec::new() }
}

fn kind(csr: &Csr) -> Kind {
    match csr.signer_name.as_str() {
        SERVING => Kind::Serving,
        CLIENT if csr.user.starts_with("system:node:") => Kind::Renewal,
        CLIENT => Kind::Bootstrap,
        _ => Kind::Foreign,
    }
}

/// The lighter decides.
fn weight(then: Then) -> u8 {
    match then {
        Then::Deny => 0,
        Then::Leave => 1,
        Then::Approve => 2,
    }
}

fn severity(then: Then) -> Severity {
    match then {
        Then::Deny => Severity::High,
        Then::Leave => Severity::Medium,
        Then::Approve => Severity::Info,
    }
}

fn finding(check: &Check, severity: Severity, detail: String) -> Finding {
    Finding { code: check.rule.id.into(), severity, at: None, detail }
}

/// Whether the operator has a rule leave this requester, or this Node, alone.
fn is_allowed(config: &Config, check: &Check, asked: &Asked<'_>) -> bool {
    let node = asked.pkcs10.as_ref().ok().and_then(Pkcs10::node);
    let is_meant = |entry: &String| match entry.split_once(':') {
        Some(("group", group)) => asked.csr.groups.iter().any(|member| member == group),
        Some(("node", name)) => node == Some(name),
        Some(_) | None => asked.csr.user == *entry,
    };
    config.allowed().get(check.rule.id).is_some_and(|list| list.iter().any(is_meant))
}

impl<'a> Asked<'a> {
    /// The request, where it can be read.
    pub fn read(&self) -> Option<&'a Pkcs10<'a>> {
        self.pkcs10.as_ref().ok()
    }

    /// Whether it is asked of one of the two signers that this approver knows.
    pub fn is_ours(&self) -> bool {
        self.kind != Kind::Foreign
    }

    /// The values of a fact about the request.
    pub fn facts(&self, key: &str) -> impl Iterator<Item = &str> {
        self.csr.attributes.iter().filter(move |it| it.key == key).map(|it| it.value.as_str())
    }

    pub fn is_member(&self, group: &str) -> bool {
        self.csr.groups.iter().any(|member| member == group)
    }

    /// The id of the bootstrap token that asks, by Kubernetes' own naming.
    pub fn token(&self) -> Option<&str> {
        let id = self.csr.user.strip_prefix("system:bootstrap:")?;
        let is_id = id.len() == 6 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        (is_id && self.is_member("system:bootstrappers")).then_some(id)
    }
}

/// Foreign text in a sentence: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(64).flat_map(char::escape_debug).collect();
    if text.chars().nth(64).is_some() {
        cut.push('…');
    }
    cut
}

const CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING: &str = "kubernetes.io/kubelet-serving";
/// There are fewer rules than that.
const MOST_FINDINGS: usize = 64;
