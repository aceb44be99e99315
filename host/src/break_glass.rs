//! A way past one path's plugin for one identity and a short time, signed by whoever may give it.
//!
//! For the night when a policy is wrong and its author asleep. The plugin is asked and recorded as ever; its refusal does not
//! count. Nothing else is passed by: not the other plugins, not RBAC, and no malformed request.

use crate::signed::{API_VERSION, Document};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Who passes which path, until when, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    pub api_version: String,
    pub kind: String,
    /// The exact user name, as kube-apiserver knows it.
    pub user: String,
    /// The path, which is the name of its plugin.
    pub path: wire::Path,
    /// Why; everybody reads it.
    pub reason: String,
    /// RFC 3339.
    pub issued: String,
    /// RFC 3339, a day after `issued` at most.
    pub expires: String,
}

impl Grant {
    pub fn new(user: String, path: wire::Path, reason: String, now: SystemTime, long: Duration) -> Grant {
        let time = |time| humantime::format_rfc3339_seconds(time).to_string();
        Grant {
            api_version: API_VERSION.into(),
            kind: Grant::KIND.into(),
            user,
            path,
            reason,
            issued: time(now),
            // Past the calendar is past the day that is allowed.
            expires: time(now.checked_add(long.min(2 * DAY)).unwrap_or(now)),
        }
    }

    /// Whether it counts for this user at this time, in milliseconds since 1970.
    pub fn is_for(&self, user: &str, at: u64) -> bool {
        self.user == user && self.is_in_force(at)
    }

    /// Whether it counts at this time, in milliseconds since 1970.
    pub fn is_in_force(&self, at: u64) -> bool {
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(at));
        // Clocks differ a little; a grant from the future is none.
        at.zip(self.bounds()).is_some_and(|(at, (from, end))| at + SKEW >= from && at < end)
    }

    /// Whether its time has not begun, by more than clocks differ.
    pub fn is_early(&self, at: u64) -> bool {
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(at)).and_then(|at| at.checked_add(SKEW));
        at.zip(self.bounds()).is_some_and(|(at, (from, _))| at < from)
    }

    fn bounds(&self) -> Option<(SystemTime, SystemTime)> {
        humantime::parse_rfc3339(&self.issued).ok().zip(humantime::parse_rfc3339(&self.expires).ok())
    }

    /// As people are told: in a log, in the journal, on the page.
    pub fn sentence(&self) -> String {
        format!("`{}` passes {} until {}: {}", self.user, self.path, self.expires, self.reason)
    }
}

impl Document for Grant {
    const KIND: &str = "BreakGlass";

    fn names(&self) -> (&str, &str) {
        (&self.api_version, &self.kind)
    }

    fn check(&self) -> Result<(), String> {
        if self.user.is_empty() || self.user.chars().any(char::is_control) {
            return Err("names no user".into());
        }
        if self.path == wire::Path::Revocation {
            return Err(
                "cannot bring a revoked credential back; take it off the list with `pathgate revoke remove`".into()
            );
        }
        if self.reason.trim().is_empty() || self.reason.len() > 200 || self.reason.chars().any(char::is_control) {
            return Err("must say why, in one line of at most 200 letters".into());
        }
        match self.bounds().and_then(|(from, end)| end.duration_since(from).ok()) {
            Some(long) if long <= DAY => Ok(()),
            Some(_) => Err("is for longer than a day; sign a new one when it ends".into()),
            None => Err("must have times in order, as 2027-01-31T00:00:00Z".into()),
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3_600);
const SKEW: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(long: Duration) -> Grant {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Grant::new("eve".into(), wire::Path::ApiserverToKubelet, "the policy is wrong".into(), now, long)
    }

    #[test]
    fn it_counts_for_one_user_and_until_it_ends() {
        let (grant, second) = (grant(Duration::from_secs(3_600)), 1_000);
        let at = 1_800_000_000_000;
        assert!(grant.is_for("eve", at) && grant.is_for("eve", at + 3_599 * second));
        assert!(!grant.is_for("eve", at + 3_600 * second));
        assert!(!grant.is_for("Eve", at) && !grant.is_for("eve ", at));
        assert!(!grant.is_for("eve", at - 61 * second) && grant.is_early(at - 61 * second));
        assert!(grant.is_for("eve", at - 59 * second) && !grant.is_early(at - 59 * second));
        assert!(!grant.is_for("eve", u64::MAX));
    }

    #[test]
    fn it_is_short_and_says_why() {
        assert_eq!(grant(DAY).check(), Ok(()));
        let long = grant(DAY + Duration::from_secs(1)).check().unwrap_err();
        assert!(long.starts_with("is for longer than a day"), "{long}");
        assert!(Grant { reason: " ".into(), ..grant(DAY) }.check().unwrap_err().starts_with("must say why"));
        assert!(Grant { path: wire::Path::Revocation, ..grant(DAY) }.check().unwrap_err().contains("revoke remove"));
        assert!(Grant { user: String::new(), ..grant(DAY) }.check().is_err());
        assert!(Grant { expires: "2000-01-01T00:00:00Z".into(), ..grant(DAY) }.check().is_err());
    }
}
