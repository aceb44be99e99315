//! Certificate requests of before: what a bootstrap token was used for, and whose a key is.

use crate::csr::{Glance, Request, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    by_name: HashMap<String, Earlier>,
    by_user: HashMap<String, BTreeSet<String>>,
    by_key: HashMap<[u8; 32], BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Earlier {
    created: Option<u64>,
    signer: String,
    user: String,
    common_name: String,
    key: Option<[u8; 32]>,
    /// SHA-256 over the request.
    digest: [u8; 32],
    state: State,
    /// It is no object any more.
    is_gone: bool,
}

impl Requests {
    /// Takes in a request, over an older one of its name.
    pub fn apply(&mut self, request: &Request) {
        let glance = Glance::at(&request.der);
        let name = &request.name;
        let mut earlier = Earlier {
            created: request.created,
            signer: request.signer.clone(),
            user: request.user.clone(),
            common_name: glance.common_name.unwrap_or_default(),
            key: glance.key,
            digest: digest(&request.der),
            state: request.state,
            is_gone: false,
        };
        // Another object of that name: the older one is gone.
        let is_other = |it: &Earlier| it.created != earlier.created || it.user != earlier.user;
        if self.by_name.get(name).is_some_and(is_other) {
            self.remove(name);
        } else if let Some(old) = self.by_name.remove(name) {
            self.forget(name, &old);
            // Nobody takes an approval back: what says otherwise is older news.
            if old.state == State::Approved && earlier.state == State::Pending {
                earlier.state = State::Approved;
            }
        }
        self.put(name.clone(), earlier);
    }

    /// Lets go of requests that are gone.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let is_gone = |(name, it): &(&String, &Earlier)| !it.is_gone && !keep(name);
        let gone: Vec<_> = self.by_name.iter().filter(is_gone).map(|(name, _)| name.clone()).collect();
        gone.iter().for_each(|name| self.remove(name));
    }

    /// Lets go of a request that is gone. One that spent a token is kept under a name that no object has: Kubernetes takes
    /// it away an hour later, and the token stays spent.
    pub fn remove(&mut self, name: &str) {
        let Some(mut old) = self.by_name.remove(name) else { return };
        self.forget(name, &old);
        if old.spent_a_token() {
            old.is_gone = true;
            self.put(format!("{name} of {}", old.created.unwrap_or_default()), old);
            self.limit();
        }
    }

    /// Who spent a token, the newest.
    pub fn spent(&self) -> BTreeMap<String, Spent> {
        let mut all: Vec<_> = self.by_name.values().filter(|it| it.spent_a_token()).collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.created));
        all.truncate(MOST_TOLD);
        let spent = |it: &Earlier| Spent { by: it.common_name.clone(), at: it.created.unwrap_or_default() };
        all.into_iter().rev().map(|it| (it.user.clone(), spent(it))).collect()
    }

    /// Takes in what another gate knows; requests that are no objects any more.
    pub fn learn(&mut self, spent: BTreeMap<String, Spent>) {
        for (user, Spent { by, at }) in spent.into_iter().filter(|(user, _)| !user.starts_with(NODE)) {
            let is_known = |name: &String| self.by_name.get(name).is_some_and(Earlier::spent_a_token);
            if self.by_user.get(&user).is_some_and(|names| names.iter().any(is_known)) {
                continue;
            }
            let earlier = Earlier {
                created: Some(at),
                signer: String::new(),
                common_name: by,
                key: None,
                digest: [0; 32],
                state: State::Approved,
                is_gone: true,
                user: user.clone(),
            };
            self.put(format!("{user} of {at}"), earlier);
            self.limit();
        }
    }

    fn put(&mut self, name: String, earlier: Earlier) {
        if let Some(key) = earlier.key {
            self.by_key.entry(key).or_default().insert(name.clone());
        }
        // Nodes ask again and again; whether they may is nothing that their history tells.
        if !earlier.user.starts_with(NODE) {
            self.by_user.entry(earlier.user.clone()).or_default().insert(name.clone());
        }
        self.by_name.insert(name, earlier);
    }

    fn forget(&mut self, name: &str, old: &Earlier) {
        if let Some(names) = self.by_user.get_mut(&old.user) {
            names.remove(name);
            if names.is_empty() {
                self.by_user.remove(&old.user);
            }
        }
        if let Some((key, names)) = old.key.and_then(|key| Some((key, self.by_key.get_mut(&key)?))) {
            names.remove(name);
            if names.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    fn limit(&mut self) {
        let gone = || self.by_name.iter().filter(|(_, it)| it.is_gone);
        if gone().count() > MOST_GONE
            && let Some(oldest) = gone().min_by_key(|(_, it)| it.created).map(|(name, _)| name.clone())
            && let Some(old) = self.by_name.remove(&oldest)
        {
            self.forget(&oldest, &old);
        }
    }

    /// What earlier requests tell of this one, as facts for plugins.
    pub fn facts(&self, request: &Request, glance: &Glance) -> Vec<(String, String)> {
        let common_name = glance.common_name.as_deref().unwrap_or_default();
        let mut facts = Vec::new();
        let mut fact = |key: &str, value: &str| facts.push((key.to_owned(), value.to_owned()));
        for (_, it) in self.named(self.by_user.get(&request.user), request) {
            let whose =
                if it.common_name.is_empty() { "a request that cannot be read" } else { it.common_name.as_str() };
            match it.state {
                State::Approved => fact(TOKEN_SPENT, whose),
                State::Pending => fact(TOKEN_PENDING, whose),
                // It was used for nothing.
                State::Refused => {}
            }
        }
        for (name, it) in self.named(glance.key.and_then(|key| self.by_key.get(&key)), request) {
            if it.common_name != common_name {
                fact(KEY_OF, &it.common_name);
            } else if it.signer == request.signer && it.state == State::Approved {
                fact(KEY_AGAIN, name);
            }
        }
        facts
    }

    /// Those among these that count as before this one; at most [`MOST`].
    fn named<'a>(
        &'a self,
        names: Option<&'a BTreeSet<String>>,
        request: &Request,
    ) -> impl Iterator<Item = (&'a str, &'a Earlier)> {
        let all = names.into_iter().flatten().filter_map(|name| Some((name.as_str(), self.by_name.get(name)?)));
        all.filter(|(name, it)| !is_same(name, it, request) && is_before(name, it, request)).take(MOST)
    }
}

impl Earlier {
    fn spent_a_token(&self) -> bool {
        self.state == State::Approved && !self.user.starts_with(NODE)
    }
}

/// What a token was spent for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The common name of the certificate.
    pub by: String,
    /// When it was asked for, in seconds since 1970-01-01 UTC.
    pub at: u64,
}

fn is_same(name: &str, it: &Earlier, request: &Request) -> bool {
    name == request.name && it.digest == digest(&request.der) && it.user == request.user
}

/// A request that was approved was so before one that is not. Otherwise time tells; what is not known counts as before.
fn is_before(name: &str, it: &Earlier, request: &Request) -> bool {
    if it.state == State::Approved && request.state != State::Approved {
        return true;
    }
    match (it.created, request.created) {
        (Some(theirs), Some(ours)) => (theirs, name) < (ours, request.name.as_str()),
        (None, _) | (_, None) => true,
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

const NODE: &str = "system:node:";
const TOKEN_SPENT: &str = "pathgate.io/token-spent";
const TOKEN_PENDING: &str = "pathgate.io/token-pending";
const KEY_OF: &str = "pathgate.io/key-of";
const KEY_AGAIN: &str = "pathgate.io/key-again";
/// A bootstrap token lives for a day, and a cluster that grows by more nodes in that time has several.
const MOST_GONE: usize = 10_000;
/// In an annotation of 256 KiB, with names of 60 bytes.
const MOST_TOLD: usize = 1_000;
/// Plugins look at the first.
const MOST: usize = 8;
