//! How a part of the host is, as readiness shows it.

/// Only [`Health::Fail`] makes the host not ready: what still works, with a fault that somebody has to see to, warns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Ok,
    /// It works, and this sentence says what is wrong all the same.
    Warn(String),
    /// It does not work, for the reason in this sentence.
    Fail(String),
}

impl From<Result<(), String>> for Health {
    fn from(result: Result<(), String>) -> Health {
        result.map_or_else(Health::Fail, |()| Health::Ok)
    }
}
