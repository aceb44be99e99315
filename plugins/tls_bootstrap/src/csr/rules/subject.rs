//! The subject: one common name, one organization, each for itself.

use super::{SIGNERS, deny};
use crate::{
    Config,
    csr::{
        Asked, Check,
        der::{PRINTABLE_STRING, UTF8_STRING},
        shown,
    },
};
use sdk::Rule;
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME};

pub const RULES: &[Check] = &[
    deny(
        Rule {
            id: "csr-common-name",
            summary: "The subject has exactly one common name.",
            advice: "With two, readers differ in which one is the user.",
            source: SIGNERS,
        },
        common_name,
    ),
    deny(
        Rule {
            id: "csr-organization",
            summary: "The subject has exactly one organization, `system:nodes`.",
            advice: "Organizations become groups: any other is a right that no kubelet has.",
            source: SIGNERS,
        },
        organization,
    ),
    deny(
        Rule {
            id: "csr-subject-attributes",
            summary: "The subject has no attributes but common name and organization.",
            advice: "No kubelet asks for others, and some verifiers take them for groups or uids.",
            source: "KEP-4193; https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates",
        },
        attributes,
    ),
    deny(
        Rule {
            id: "csr-subject-shape",
            summary: "Each attribute of the subject stands alone and is PrintableString or UTF8String.",
            advice: "Several attributes in one set, and other kinds of strings, are read differently by different readers.",
            source: "RFC 5280, section 4.1.2.4",
        },
        shape,
    ),
];

fn common_name(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let count = asked.read().filter(|_| asked.is_ours())?.common_names().len();
    (count != 1).then(|| format!("the subject has {count} common names"))
}

fn organization(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let organizations = asked.read().filter(|_| asked.is_ours())?.organizations();
    match organizations.as_slice() {
        ["system:nodes"] => None,
        [] => Some("the subject has no organization, and must have `system:nodes`".into()),
        all => {
            let all: Vec<_> = all.iter().take(4).map(|it| format!("`{}`", shown(it))).collect();
            Some(format!("the organizations are {}, and must be `system:nodes` alone", all.join(", ")))
        }
    }
}

fn attributes(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let other = asked
        .read()
        .filter(|_| asked.is_ours())?
        .subject()
        .find(|it| *it.attr_type() != OID_X509_COMMON_NAME && *it.attr_type() != OID_X509_ORGANIZATION_NAME)?;
    Some(format!("the subject has the attribute {}", shown(&other.attr_type().to_id_string())))
}

fn shape(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let request = &asked.read().filter(|_| asked.is_ours())?.request;
    let subject = &request.certification_request_info.subject;
    if subject.iter_rdn().any(|set| set.iter().count() != 1) {
        return Some("several attributes of the subject are in one set".into());
    }
    let is_text = |tag: u32| tag == u32::from(UTF8_STRING) || tag == u32::from(PRINTABLE_STRING);
    let odd = subject.iter_attributes().find(|it| !is_text(it.attr_value().tag().0) || it.as_str().is_err())?;
    Some(format!("the attribute {} is not PrintableString or UTF8String", shown(&odd.attr_type().to_id_string())))
}
