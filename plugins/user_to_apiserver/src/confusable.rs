//! Names that a person takes for one of Kubernetes' own, and Kubernetes does not: other letters, other case, blanks.
//!
//! They are never equal to the real name, here or elsewhere. But whoever reads a role binding or a log is misled, so they
//! are refused by a rule of their own.

use crate::{Config, PEOPLE};
use sdk::{Guard, Mode, Question, Rule};
use unicode_security::confusable_detection::skeleton;

fn confusable(_: &Config, question: &Question<'_>) -> Option<String> {
    if !question.is_from(PEOPLE) {
        return None;
    }
    let names = std::iter::once(question.user()).chain(question.request.groups.iter().map(String::as_str));
    let (name, real) = names.filter_map(|name| Some((name, resembled(name)?))).next()?;
    Some(format!("{name:?} looks like `{real}`, which is Kubernetes' own, and is another name; use one of your own"))
}

/// The reserved name, or the reserved beginning of a name, that this one looks like without being it.
pub fn resembled(name: &str) -> Option<&'static str> {
    // Almost every name ends here.
    if NAMES.contains(&name) || is_elsewhere(name) {
        return None;
    }
    let seen = seen(name);
    let real = NAMES.into_iter().find(|real| seen == seen_real(real));
    let begin = || PREFIXES.into_iter().find(|begin| !name.starts_with(begin) && seen.starts_with(&seen_real(begin)));
    real.or_else(begin)
}

/// Plain letters that do not begin like a reserved name; no other plain letter passes for one of these three.
fn is_elsewhere(name: &str) -> bool {
    let first = name.trim_start().chars().next();
    name.is_ascii() && !first.is_some_and(|first| matches!(first.to_ascii_lowercase(), 's' | 'k' | 'f'))
}

/// What a person sees: without case, blanks and what has no width, each letter replaced by the one it looks like.
pub fn seen(name: &str) -> String {
    let visible: String =
        name.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).flat_map(char::to_lowercase).collect();
    skeleton(&visible).flat_map(char::to_lowercase).collect()
}

/// [`seen`] of a reserved name, without the tables: a test holds that it is the same.
pub fn seen_real(name: &str) -> String {
    name.replace('m', "rn")
}

/// Soft hyphen, joiners, marks of direction, byte order mark, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

/// Of groups and users.
pub const NAMES: [&str; 18] = [
    "front-proxy-client",
    "kube-apiserver-kubelet-client",
    "kubeadm:cluster-admins",
    "system:aggregator",
    "system:anonymous",
    "system:apiserver",
    "system:authenticated",
    "system:bootstrappers",
    "system:cloud-controller-manager",
    "system:konnectivity-server",
    "system:kube-controller-manager",
    "system:kube-proxy",
    "system:kube-scheduler",
    "system:masters",
    "system:monitoring",
    "system:nodes",
    "system:serviceaccounts",
    "system:unauthenticated",
];

/// The longest first.
pub const PREFIXES: [&str; 4] = ["system:serviceaccount:", "system:bootstrap:", "system:node:", "system:"];

pub const CONFUSABLE: Guard<Config> = Guard {
    rule: Rule {
        id: "confusable-names",
        summary: "Nobody has a name or a group that looks like one of Kubernetes' own and is not.",
        advice: "`System:Masters`, `system:masters` with a blank behind it or with a Cyrillic letter in it are ordinary names \
                 to Kubernetes, and to whoever reads a role binding they are not. Give the users and groups of your \
                 authenticator a prefix.",
        source: "Unicode Technical Standard 39, section 4; https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects",
    },
    mode: Mode::On,
    allow: &[],
    check: confusable,
};
