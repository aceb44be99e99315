//! Who turns a request into a credential.

use crate::{CERTIFICATES, Config};
use sdk::{Guard, Mode, Question, Rule};

fn client_signers(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| at.tuple() == (CERTIFICATES, "signers", ""))?;
    let is_act = matches!(at.verb.as_str(), "approve" | "sign" | "attest" | "*");
    // Without a name, or with a wildcard, it is a question about all of them.
    let is_client = matches!(at.name.as_str(), "" | "*" | "kubernetes.io/*" | "kubernetes.io/legacy-unknown")
        || at.name.starts_with("kubernetes.io/kube-apiserver-client");
    (is_act && is_client && is_outside(question)).then(|| {
        format!(
            "`{}` may not {} for signer `{}`, which makes identities of any name; ask an administrator",
            question.user(),
            at.verb,
            at.name
        )
    })
}

fn approval(_: &Config, question: &Question<'_>) -> Option<String> {
    let at = question.resource().filter(|at| !at.is_read())?;
    let is_approval = matches!(at.tuple(), (CERTIFICATES, "certificatesigningrequests", "approval" | "status"));
    (is_approval && is_outside(question)).then(|| {
        format!(
            "`{}` may not {}; a request is approved and issued by those on the list for it",
            question.user(),
            at.describe()
        )
    })
}

/// Controllers approve and sign; nodes have rules of their own.
fn is_outside(question: &Question<'_>) -> bool {
    !question.is_from(&["controller", "node", "pseudo-node"]) && question.user() != "system:kube-controller-manager"
}

/// The host's default `lockOutGuard.gate`, by which it approves.
const GATE: &str = "pathgate";

pub const CLIENT_SIGNERS: Guard<Config> = Guard {
    rule: Rule {
        id: "client-signers",
        summary: "Certificates that kube-apiserver takes for an identity are approved and signed by administrators.",
        advice: "Such a certificate can say anything but system:masters, and cannot be taken back. kubeadm's administrators, \
                 the controllers and the gate's own approver are on the list. Another approver of kubelets' client \
                 certificates belongs into `allow.client-signers`; one of their serving certificates needs nothing here.",
        source: "rbac-good-practices: CSRs and certificate issuing, \
                 https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers",
    },
    mode: Mode::On,
    allow: &["group:kubeadm:cluster-admins", GATE],
    check: client_signers,
};

pub const APPROVAL: Guard<Config> = Guard {
    rule: Rule {
        id: "csr-approval",
        summary: "Certificate requests are approved and issued by those on the list.",
        advice: "The signer of the request is not in this question, so approvers of kubelets' serving certificates and \
                 cert-manager are asked about here, too; they are on the list by the names that their charts give them. \
                 In the shadow by default, because approvers have many names: add yours to `allow.csr-approval`, then set \
                 `rules.csr-approval` to `on`.",
        source: "rbac-good-practices: CSRs and certificate issuing",
    },
    mode: Mode::Shadow,
    allow: &[
        "group:kubeadm:cluster-admins",
        GATE,
        "system:serviceaccount:cert-manager:cert-manager",
        "system:serviceaccount:kube-system:cloud-controller-manager",
        "system:serviceaccount:kube-system:kubelet-csr-approver",
        "system:serviceaccount:kubelet-serving-cert-approver:kubelet-serving-cert-approver",
    ],
    check: approval,
};
