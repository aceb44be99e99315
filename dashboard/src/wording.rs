//! How things are said: numbers, times, ages, states, people. Pure; the same words on every page.

use wire::{ChangeKind, Decision, Outcome, Part, Path, Rung, Source, State, Strength, Traversal, Verdict, Witness};

/// A number with its thousands apart: `162,935`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 node`, `3 nodes`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A rate as the map says it: `92/s`, `4.1/s`, `4/h`; nothing for nothing.
pub fn rate(per_second: f64) -> String {
    if per_second >= 9.95 || (per_second >= 0.95 && (per_second - per_second.round()).abs() < 0.05) {
        format!("{}/s", nearest(per_second))
    } else if per_second >= 0.05 {
        format!("{}/s", tenths(per_second))
    } else if per_second * 60.0 >= 0.95 {
        format!("{}/min", nearest(per_second * 60.0))
    } else if per_second * 3_600.0 >= 0.95 {
        format!("{}/h", nearest(per_second * 3_600.0))
    } else {
        String::new()
    }
}

/// A rate as the hub says it, without a unit: `92`, `4.1`, `0.0`.
pub fn pace(per_second: f64) -> String {
    if per_second >= 9.95 { nearest(per_second).to_string() } else { tenths(per_second) }
}

fn tenths(number: f64) -> String {
    let tenths = nearest(number * 10.0);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// In whole numbers: to write a fraction the standard library brings 5 kB of machinery.
fn nearest(number: f64) -> u64 {
    // INVARIANT: rates of a gate; what is not a number or has no end reads as 0.
    std::time::Duration::try_from_secs_f64(number.round_ties_even()).map_or(0, |it| it.as_secs())
}

/// How old something is: `0.4 s`, `12 s`, `2 min`, `3 h`, `5 days`.
pub fn age(ms: u64) -> String {
    match ms {
        0..=9_949 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        9_950..=99_999 => format!("{} s", ms / 1_000),
        100_000..=5_999_999 => format!("{} min", ms / 60_000),
        6_000_000..=172_799_999 => format!("{} h", ms / 3_600_000),
        _ => format!("{} days", ms / DAY),
    }
}

/// A lifetime, as the second half of `2 min old, valid 10`.
pub fn span(ms: u64) -> String {
    match ms {
        0..=99_999 => format!("{} s", ms / 1_000),
        100_000..=7_199_999 => format!("{} min", ms / 60_000),
        7_200_000..=172_799_999 => format!("{} h", ms / 3_600_000),
        _ => format!("{} days", ms / DAY),
    }
}

/// Microseconds as a person reads them: `17 µs`, `14.2 ms`.
pub fn micros(us: u64) -> String {
    match us {
        0..=9_999 => format!("{} µs", count(us)),
        10_000..=999_999 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// Bytes in the unit that configurations use.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..=1_023 => format!("{bytes} B"),
        1_024..=1_048_575 => format!("{} KiB", bytes / 1_024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

/// The time of day, `14:51:52`, `east` minutes east of UTC.
pub fn clock(ms: u64, east: i32) -> String {
    let local = ms.saturating_add_signed(i64::from(east) * 60_000) / 1_000;
    format!("{:02}:{:02}:{:02}", local / 3_600 % 24, local / 60 % 60, local % 60)
}

/// The same without seconds: `14:51`.
pub fn minute(ms: u64, east: i32) -> String {
    let mut text = clock(ms, east);
    text.truncate(5);
    text
}

/// A date, `2026-03-04`, in UTC, as certificates mean it.
pub fn date(ms: u64) -> String {
    // Days since 1970-03-01 shifted by eras of 400 years, the usual way from days to a civil date.
    let days = ms / DAY + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = (if shifted < 10 { shifted + 3 } else { shifted - 9 }, of_year - (153 * shifted + 2) / 5 + 1);
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + u64::from(month <= 2))
}

/// The first eight digits of a digest, as people compare them.
pub fn short(digest: &str) -> String {
    digest.chars().take(8).collect()
}

/// A state in a badge.
pub const fn state(state: State) -> &'static str {
    match state {
        State::Exposed => "exposed",
        State::Unverified => "unverified",
        State::Conflict => "in conflict",
        State::Unknown => "unknown",
        State::Asserted => "asserted safe",
        State::Safe => "proved safe",
    }
}

/// A state under its count.
pub const fn tally(of: State) -> &'static str {
    match of {
        State::Asserted => "asserted",
        _ => state(of),
    }
}

/// The same while the gate is not heard: what was safe is not known to be.
pub const fn tally_before(of: State) -> &'static str {
    match of {
        State::Asserted => "were asserted",
        State::Safe => "were proved",
        State::Exposed | State::Unverified | State::Conflict | State::Unknown => tally(of),
    }
}

/// A state in full, for those who hear the page.
pub const fn state_in_full(of: State) -> &'static str {
    match of {
        State::Unverified => "encrypted, unverified",
        State::Conflict => "sources disagree",
        _ => state(of),
    }
}

/// What a check comes to, for those who hear the page.
pub const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passes => "passes",
        Outcome::Fails => "fails",
        Outcome::Unknown => "unknown",
        Outcome::Conflict => "sources disagree",
    }
}

/// The sign of what a check comes to.
pub const fn outcome_sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passes => "safe",
        Outcome::Fails => "fail",
        Outcome::Unknown => "unknown",
        Outcome::Conflict => "conflict",
    }
}

/// The sign of a change.
pub const fn change_sign(change: ChangeKind) -> (&'static str, &'static str) {
    match change {
        ChangeKind::State(of) => (of.as_str(), state_in_full(of)),
        ChangeKind::Refused => ("denied", "refused"),
        ChangeKind::WouldRefuse => ("shadow", "would refuse"),
        ChangeKind::Gate => ("own", "the gate itself"),
    }
}

/// A rung of the ladder.
pub const fn rung(rung: Rung) -> &'static str {
    match rung {
        Rung::Exposed => "Exposed",
        Rung::Encrypted => "Encrypted, unverified",
        Rung::ServerVerified => "Server verified",
        Rung::Mutual => "Mutual",
        Rung::Authorized => "Mutual and authorized",
    }
}

/// The heading over checks of one kind.
pub const fn part(part: Part) -> &'static str {
    match part {
        Part::WhoAnswers => "Who answers",
        Part::WhoAsks => "Who asks",
        Part::WhatMayPass => "What may pass",
        Part::WaysRound => "Ways round",
    }
}

/// How good evidence is.
pub const fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Proved => "Proved",
        Strength::Observed => "Observed",
        Strength::Asserted => "Asserted",
        Strength::Inferred => "Inferred",
    }
}

/// Where evidence is from, after its strength.
pub const fn witness(witness: Witness) -> &'static str {
    match witness {
        Witness::Reviews => "in reviews",
        Witness::Probes => "by probe",
        Witness::Files => "by configuration",
        Witness::Inventory => "by the cluster",
    }
}

/// Who asks, by kind.
pub const fn source(source: Source) -> &'static str {
    match source {
        Source::Malformed => "no valid review",
        Source::Superuser => "superuser",
        Source::Anonymous => "anonymous",
        Source::Node => "node",
        Source::PseudoNode => "not quite a node",
        Source::Controller => "controller",
        Source::Pod => "pod",
        Source::UnboundServiceAccount => "unbound service account",
        Source::PseudoServiceAccount => "not quite a service account",
        Source::Bootstrap => "bootstrap",
        Source::ControlPlane => "control plane",
        Source::Reserved => "system user",
        Source::User => "person",
    }
}

/// More on who asks.
pub const fn source_in_full(source: Source) -> &'static str {
    match source {
        Source::Malformed => "kube-apiserver would not send this",
        Source::Superuser => "member of system:masters",
        Source::Anonymous => "no credential",
        Source::Node => "a kubelet, by name and group",
        Source::PseudoNode => "the name or the group of a node, not both",
        Source::Controller => "of kube-controller-manager",
        Source::Pod => "service account, bound to a pod",
        Source::UnboundServiceAccount => "service account, bound to no pod",
        Source::PseudoServiceAccount => "name or groups of a service account, not all",
        Source::Bootstrap => "a node that joins",
        Source::ControlPlane => "a component of the control plane",
        Source::Reserved => "a system: user of no known kind",
        Source::User => "a user of the cluster",
    }
}

/// Which way on.
pub const fn traversal(traversal: Traversal) -> &'static str {
    match traversal {
        Traversal::Kubelet => "kubelet",
        Traversal::NodeProxy => "node proxy",
        Traversal::EndpointProxy => "pod or service proxy",
        Traversal::Stream => "stream",
        Traversal::Log => "log",
        Traversal::DelegatedCheck => "delegated check",
        Traversal::CredentialMinting => "credential minting",
        Traversal::Impersonation => "impersonation",
        Traversal::Discovery => "discovery",
        Traversal::Plain => "plain API",
    }
}

/// More on which way on.
pub const fn traversal_in_full(traversal: Traversal) -> &'static str {
    match traversal {
        Traversal::Kubelet => "a kubelet asks whether it may serve",
        Traversal::NodeProxy => "subresource proxy of nodes",
        Traversal::EndpointProxy => "subresource proxy of pods and services",
        Traversal::Stream => "exec, attach, port-forward",
        Traversal::Log => "subresource log of pods",
        Traversal::DelegatedCheck => "reviews of access and of tokens",
        Traversal::CredentialMinting => "tokens, certificates, signers",
        Traversal::Impersonation => "acts as somebody else",
        Traversal::Discovery => "health, version, what there is",
        Traversal::Plain => "opens no way on",
    }
}

/// A path by the name that people use.
pub const fn path(path: Path) -> &'static str {
    match path {
        Path::NodeToApiserver => "node → apiserver",
        Path::PodToApiserver => "pod → apiserver",
        Path::ComponentToApiserver => "components → apiserver",
        Path::UserToApiserver => "people, anonymous → apiserver",
        Path::ApiserverToKubelet => "apiserver → kubelet",
        Path::ApiserverToEndpoint => "apiserver → node, pod, service proxy",
        Path::Tunnel => "agent → tunnel server",
        Path::TlsBootstrap => "TLS bootstrap",
        Path::Revocation => "every path",
    }
}

/// What an opinion says.
pub const fn opinion(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Deny => ("denied", "refuse"),
        Verdict::NoOpinion => ("passed", "no objection"),
        Verdict::Allow => ("passed", "allow"),
    }
}

/// Who asked, without what every name of its kind begins with.
pub fn who(user: &str) -> String {
    if let Some(account) = user.strip_prefix("system:serviceaccount:") {
        return account.replacen(':', "/", 1);
    }
    match user {
        "system:anonymous" => "anonymous".into(),
        "" => "nobody".into(),
        _ => user.strip_prefix("system:").filter(|rest| !rest.contains(':')).unwrap_or(user).into(),
    }
}

/// Where the caller runs, or of what kind it is.
pub fn from_where(decision: &Decision) -> String {
    let extra = |key| decision.request.extra(key).first().map(String::as_str);
    match (extra(POD_NAME), extra(NODE_NAME)) {
        (Some(pod), Some(node)) => format!("pod {pod} on {node}"),
        (Some(pod), None) => format!("pod {pod}"),
        (None, _) => source(decision.source).into(),
    }
}

/// The rule without its plugin.
pub fn rule(rule: &str) -> &str {
    rule.rsplit_once('/').map_or(rule, |(_, name)| name)
}

/// A decision in a sentence.
pub fn headline(decision: &Decision) -> String {
    let (who, asks) = (who(&decision.request.user), decision.request.describe());
    match decision.verdict {
        Verdict::Deny => format!("{who} may not {asks}"),
        Verdict::NoOpinion if decision.would_refuse() => format!("In shadow, {who} would be refused to {asks}"),
        Verdict::NoOpinion => format!("No objection to {who}: {asks}"),
        Verdict::Allow => format!("{who} may {asks}"),
    }
}

pub const DAY: u64 = 86_400_000;
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";

#[cfg(test)]
mod tests;
