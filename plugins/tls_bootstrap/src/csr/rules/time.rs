//! For how long.

use super::{SIGNERS, deny, leave};
use crate::{
    Config,
    csr::{Asked, Check},
};
use sdk::{Mode, Rule};

pub const RULES: &[Check] = &[
    deny(
        Rule {
            id: "csr-expiration",
            summary: "A certificate is asked for ten minutes at least, and not for longer than the operator allows.",
            advice: "`maxExpirationSeconds` is the limit, a year by default. The signer shortens to --cluster-signing-duration.",
            source: "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/, spec.expirationSeconds",
        },
        expiration,
    ),
    Check {
        mode: Mode::Shadow,
        ..leave(
            Rule {
                id: "csr-expiration-missing",
                summary: "A request says for how long.",
                advice: "In the shadow by default, because no kubelet says it: the signer then grants --cluster-signing-duration, a \
                         year unless set. Shorten that, and switch this rule on where requests come from elsewhere.",
                source: SIGNERS,
            },
            expiration_missing,
        )
    },
];

fn expiration(config: &Config, asked: &Asked<'_>) -> Option<String> {
    let seconds = asked.csr.expiration_seconds.filter(|_| asked.is_ours())?;
    let is_granted = u32::try_from(seconds).is_ok_and(|it| (600..=config.max_expiration_seconds).contains(&it));
    (!is_granted)
        .then(|| format!("{seconds} s are asked for, and 600 to {} are granted", config.max_expiration_seconds))
}

fn expiration_missing(_: &Config, asked: &Asked<'_>) -> Option<String> {
    (asked.is_ours() && asked.csr.expiration_seconds.is_none())
        .then(|| "no duration is asked for, so the signer grants its longest".to_owned())
}
