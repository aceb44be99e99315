//! Whether it can be judged at all: signer, encoding, and what must be known of the cluster.

use super::{SIGNERS, deny, leave};
use crate::{
    Config,
    csr::{Asked, Check, shown},
};
use sdk::Rule;

pub const RULES: &[Check] = &[
    leave(
        Rule {
            id: "csr-signer",
            summary: "Only kubelets' client and serving certificates are approved here.",
            advice: "Other signers have approvers of their own; this one leaves their requests alone.",
            source: SIGNERS,
        },
        signer,
    ),
    deny(
        Rule {
            id: "csr-pem",
            summary: "A request is one PEM block `CERTIFICATE REQUEST`, and nothing around it.",
            advice: "Readers differ in which of several blocks they take. No kubelet writes more than one.",
            source: "RFC 7468, sections 2 and 7",
        },
        pem,
    ),
    leave(
        Rule {
            id: "csr-unreadable",
            summary: "A request that is no PKCS#10 in DER is left alone.",
            advice: "kube-apiserver refuses what it cannot read, so this is seen in files only, or in an encoding that Go reads \
                     and this approver does not. Approve it by hand after a look with `openssl req -text`.",
            source: "RFC 2986, section 4; X.690",
        },
        unreadable,
    ),
    leave(
        Rule {
            id: "csr-inventory",
            summary: "Nothing is approved without knowing the cluster's nodes, services and earlier requests.",
            advice: "Give `pathgate csr` the facts: kubectl get nodes,pods,services,endpointslices,csr -A -o json > facts.json.",
            source: "an approver must look at the Node: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#client-and-serving-certificates",
        },
        inventory,
    ),
];

fn signer(_: &Config, asked: &Asked<'_>) -> Option<String> {
    (!asked.is_ours()).then(|| format!("signer `{}` has another approver", shown(&asked.csr.signer_name)))
}

fn pem(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let fault = asked.facts("pathgate.io/pem").next().filter(|_| asked.is_ours())?;
    Some(format!("`spec.request` is not one PEM block `CERTIFICATE REQUEST` and nothing else: {}", shown(fault)))
}

fn unreadable(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let fault = asked.pkcs10.as_ref().err().filter(|_| asked.is_ours())?;
    Some(format!("`spec.request` cannot be judged: {fault}"))
}

fn inventory(_: &Config, asked: &Asked<'_>) -> Option<String> {
    let is_known = asked.context.fact("pathgate.io/inventory") == Some("known");
    (asked.is_ours() && !is_known).then(|| "what the cluster holds is not known".to_owned())
}
