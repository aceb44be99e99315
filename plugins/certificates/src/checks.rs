//! The rules that hold for certificates on every path, as a table. What no one may switch off is not in it: signatures,
//! validity, names and constraints are for the path builder.

use sdk::{Mode, Modes, Rule, Severity, Tell};

/// One rule on certificates, and how it holds when the config does not say.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    pub rule: Rule,
    pub mode: Mode,
}

impl Tell for Check {
    fn rule(&self) -> &Rule {
        &self.rule
    }

    fn attributes(&self) -> Vec<(&'static str, &'static str)> {
        vec![("pathgate.io/default", self.mode.as_str()), ("pathgate.io/interface", "verify-peer")]
    }
}

/// The rules of a plugin that both authorizes and verifies, for `describe`.
pub fn told<'a>(guards: &'a [impl Tell], tables: &'a [&[Check]]) -> Vec<&'a dyn Tell> {
    let mut told: Vec<&dyn Tell> = Vec::new();
    for guard in guards {
        told.push(guard);
    }
    for check in tables.iter().copied().flatten() {
        told.push(check);
    }
    told
}

/// The ids of rules, which a config may name.
pub fn ids(tables: &[&[Check]]) -> Vec<&'static str> {
    tables.iter().copied().flatten().map(|it| it.rule.id).collect()
}

/// Something a rule has against a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The rule's id.
    pub code: &'static str,
    /// The position in the chain as it was sent; none if it is about the whole, or about an anchor.
    pub at: Option<u32>,
    pub detail: String,
}

/// How the rules of a path hold.
#[derive(Clone, Copy)]
pub struct Book<'a> {
    pub tables: &'a [&'a [Check]],
    pub modes: &'a Modes,
}

impl Book<'_> {
    pub(crate) fn check(&self, code: &str) -> Option<&Check> {
        self.tables.iter().copied().flatten().find(|it| it.rule.id == code)
    }

    /// How a rule holds here. One that the path does not have is off; one that is in no table always holds.
    pub(crate) fn mode(&self, code: &str) -> Mode {
        if FIXED.contains(&code) {
            return Mode::On;
        }
        self.check(code).map_or(Mode::Off, |check| self.modes.get(code).copied().unwrap_or(check.mode))
    }

    pub(crate) fn refuses(&self, objection: &Objection) -> bool {
        self.mode(objection.code) == Mode::On
    }

    /// As a person reads it; none if the rule is off.
    pub(crate) fn severity(&self, code: &str) -> Option<Severity> {
        match self.mode(code) {
            Mode::On => Some(Severity::High),
            Mode::Shadow if SOON.contains(&code) => Some(Severity::Low),
            Mode::Shadow => Some(Severity::Medium),
            Mode::Off => None,
        }
    }
}

const SOON: [&str; 2] = ["expires-soon", "anchor-expires-soon"];

/// What always holds, by the code of its finding.
pub(crate) const FIXED: [&str; 20] = [
    "no-certificate",
    "too-large",
    "malformed",
    "no-anchors",
    "untrusted",
    "bad-signature",
    "unsupported-algorithm",
    "not-yet-valid",
    "expired",
    "name-mismatch",
    "name-constraint",
    "path-length",
    "not-a-ca",
    "ca-as-leaf",
    "purpose",
    "unsupported-extension",
    "revoked",
    "revocation-list",
    "too-complex",
    "pin-mismatch",
];

const fn check(
    mode: Mode,
    id: &'static str,
    summary: &'static str,
    advice: &'static str,
    source: &'static str,
) -> Check {
    Check { rule: Rule { id, summary, advice, source }, mode }
}

/// The rules on shape and life of certificates. Each path has all of them.
pub const SHAPE: [Check; 20] = [
    check(
        Mode::On,
        "purpose-missing",
        "A certificate says what it is for.",
        "Issue it with the extended key usage serverAuth or clientAuth, as kube-controller-manager's signers do.",
        "RFC 5280, section 4.2.1.12; https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
    ),
    check(
        Mode::Shadow,
        "purpose-other",
        "A certificate is for one purpose.",
        "One that is for servers and clients at once lets a stolen server key log in. Issue two, then set this rule to `on`.",
        "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
    ),
    check(
        Mode::On,
        "leaf-key-usage",
        "The key of a peer signs handshakes, and no certificates.",
        "Issue it with the key usage digitalSignature and without keyCertSign.",
        "RFC 5280, section 4.2.1.3",
    ),
    check(
        Mode::On,
        "ca-key-usage",
        "An authority's certificate says that it is one, and may sign certificates.",
        "Issue it with the basic constraint CA:TRUE and the key usage keyCertSign.",
        "RFC 5280, sections 4.2.1.3 and 4.2.1.9",
    ),
    check(
        Mode::On,
        "crl-key-usage",
        "Who signs a revocation list may.",
        "Issue the authority with the key usage cRLSign.",
        "RFC 5280, section 4.2.1.3",
    ),
    check(
        Mode::On,
        "crl-shape",
        "A revocation list says its number, and not as critical.",
        "Make it with a current `openssl ca -gencrl` or the authority's own tool.",
        "RFC 5280, section 5.2.3",
    ),
    check(
        Mode::Shadow,
        "no-crl",
        "Where revocation lists are configured, each authority of a path has one.",
        "Add the authority's list to `crls`, then set this rule to `on`.",
        "RFC 5280, section 6.3",
    ),
    check(
        Mode::On,
        "weak-key",
        "Keys are RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519.",
        "Issue a certificate with such a key.",
        "NIST SP 800-57 part 1, CA/Browser Forum Baseline Requirements 6.1.5",
    ),
    check(
        Mode::On,
        "anchor-expired",
        "A trust anchor is valid.",
        "Issue a new authority, and put it into `anchors` beside the old one before the certificates change.",
        "kubernetes/kubernetes#102556",
    ),
    check(
        Mode::Shadow,
        "anchor-expires-soon",
        "A trust anchor has more than a tenth of its life left.",
        "Begin to rotate the authority: kubeadm's lasts ten years.",
        "https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/",
    ),
    check(
        Mode::Shadow,
        "expires-soon",
        "A certificate has more than a tenth of its life left.",
        "A kubelet renews at 70 to 90 percent of the life: rotation is stuck. Set `rotateCertificates` and \
         `serverTLSBootstrap`, and look for a pending CertificateSigningRequest.",
        "https://kubernetes.io/docs/tasks/tls/certificate-rotation/",
    ),
    check(
        Mode::On,
        "lifetime",
        "A certificate lives no longer than `maxDays`.",
        "Issue it for less, by kube-controller-manager's --cluster-signing-duration, or raise `maxDays`.",
        "https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/",
    ),
    check(
        Mode::On,
        "chain-length",
        "A path has no more authorities than `maxIntermediates`.",
        "Raise `maxIntermediates`, at most to 6.",
        "RFC 5280, section 4.2.1.9",
    ),
    check(
        Mode::On,
        "serial-number",
        "A serial number is positive and has at most 20 bytes.",
        "Issue it anew; an authority makes them at random.",
        "RFC 5280, section 4.1.2.2",
    ),
    check(
        Mode::On,
        "key-identifier",
        "A certificate names its issuer's key as the issuer does.",
        "Issue it with the extensions subjectKeyIdentifier and authorityKeyIdentifier, which every current tool adds.",
        "RFC 5280, sections 4.2.1.1 and 4.2.1.2",
    ),
    check(
        Mode::On,
        "criticality",
        "What must not be critical is not.",
        "Issue it without `critical` on key identifiers, extended key usage and authority information access.",
        "RFC 5280, sections 4.2.1.1, 4.2.1.2 and 4.2.2.1; CA/Browser Forum Baseline Requirements 7.1.2",
    ),
    check(
        Mode::Shadow,
        "criticality-missing",
        "What must be critical is.",
        "Issue the authority with `critical` on basic constraints, key usage and name constraints.",
        "RFC 5280, sections 4.2.1.9 and 4.2.1.10",
    ),
    check(
        Mode::On,
        "constraints-shape",
        "Name constraints stand in authorities only, and constrain something.",
        "Issue it anew without the extension.",
        "RFC 5280, section 4.2.1.10",
    ),
    check(
        Mode::On,
        "name-shape",
        "Names are in the form that everybody reads alike.",
        "Issue it with names in lower-case letters, digits and hyphens, a wildcard alone in the first label, and addresses as \
         addresses.",
        "RFC 5280, sections 4.1.2.4, 4.1.2.6 and 4.2.1.6; RFC 6125, section 6.4.3",
    ),
    check(
        Mode::On,
        "common-name",
        "A common name cannot be taken for a name that the certificate is not for.",
        "Issue it with a common name that is no address in an odd form and no internationalised name, or with that name among \
         its subject alternative names.",
        "CA/Browser Forum Baseline Requirements 7.1.4.3",
    ),
];
