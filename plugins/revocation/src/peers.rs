//! Certificates that must no longer work, whoever shows them: the revocation that Kubernetes does not have. It never accepts; that is
//! for the plugin of the path.

use crate::{
    Config,
    list::{Fingerprint, Key, List, Serial},
};
use certificates::{Check, Shown, ready_serials};
use sdk::{
    Context, Fault, Finding, Mode, Rule, Severity,
    verify_peer::{Outcome, Peer, Verdict},
};

pub static RULES: &[&[Check]] = &[&[CERTIFICATE, KEY, SERIAL, NAME]];

const SOURCE: &str = "kubernetes/kubernetes#18982";
const CERTIFICATE: Check = check(
    "revoked-peer-certificate",
    "A revoked certificate is good for nothing.",
    "It is in `certificates`, by its SHA-256.",
);
const KEY: Check = check(
    "revoked-peer-key",
    "A revoked key is good for nothing.",
    "It is in `keys`, by the SHA-256 of its SubjectPublicKeyInfo.",
);
const SERIAL: Check = check(
    "revoked-peer-serial",
    "A revoked serial number is good for nothing.",
    "It is in `serials`, with its issuer.",
);
const NAME: Check = check("revoked-peer-name", "A revoked user is no peer.", "The common name is in `users`.");

const fn check(id: &'static str, summary: &'static str, advice: &'static str) -> Check {
    Check { rule: Rule { id, summary, advice, source: SOURCE }, mode: Mode::On }
}

/// The lists are in order when they are read; what is looked up for a name is not there yet.
pub(crate) fn prepare(config: &Config, _: &mut Vec<Fault>) {
    if !config.serials.is_empty() {
        ready_serials();
    }
}

/// Refuses a peer that shows anything revoked. An authority on the list takes all with it that come through it.
pub fn verify(config: &Config, _: &Context, peer: &Peer) -> Outcome {
    let certificates = peer.chain.iter().take(64).map(|der| Shown::read(der)).enumerate();
    let found = certificates.filter_map(|(at, it)| Some((at, it?))).find_map(|(at, it)| revoked(config, at, &it));
    let Some((mode, finding)) = found else { return outcome(Verdict::NoOpinion, Vec::new()) };
    match mode {
        Mode::On => outcome(Verdict::Reject, vec![finding]),
        Mode::Shadow => outcome(Verdict::NoOpinion, vec![Finding { severity: Severity::Medium, ..finding }]),
        Mode::Off => outcome(Verdict::NoOpinion, Vec::new()),
    }
}

fn revoked(config: &Config, at: usize, it: &Shown<'_>) -> Option<(Mode, Finding)> {
    let Config { certificates, keys, serials, users, .. } = config;
    // A digest takes longer than to see that there is nothing to compare it with.
    let digest = |list: &List<Fingerprint>, digest: &dyn Fn() -> Vec<u8>| {
        if list.is_empty() { None } else { list.find(&Fingerprint::of(&digest())?) }
    };
    let serial = || if serials.is_empty() { None } else { serials.find(&Serial::read(&it.serial()?).ok()?) };
    let hits = [
        (CERTIFICATE, digest(certificates, &|| it.certificate())),
        (KEY, digest(keys, &|| it.key())),
        (SERIAL, serial()),
        // Only the peer itself is called by its name.
        (NAME, if at == 0 { it.common_names().find_map(|name| users.find(name)) } else { None }),
    ];
    let of = |check: &Check| config.rules.get(check.rule.id).copied().unwrap_or(check.mode);
    let (check, why) =
        hits.into_iter().filter(|(check, _)| of(check) != Mode::Off).find_map(|(check, why)| Some((check, why?)))?;
    let finding = Finding {
        code: check.rule.id.into(),
        severity: Severity::High,
        at: u32::try_from(at).ok(),
        detail: format!("the certificate at {at} is revoked{why}. {} (rules.{})", check.rule.advice, check.rule.id),
    };
    Some((of(&check), finding))
}

fn outcome(verdict: Verdict, findings: Vec<Finding>) -> Outcome {
    let first = findings.first().filter(|_| verdict == Verdict::Reject);
    Outcome {
        verdict,
        rule: first.map(|it| it.code.clone()).unwrap_or_default(),
        reason: first.map(|it| it.detail.clone()).unwrap_or_default(),
        path: Vec::new(),
        anchor: Vec::new(),
        findings,
        attributes: Vec::new(),
    }
}
