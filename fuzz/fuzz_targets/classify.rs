//! Any strings as a request: one class, always the same, and malformed exactly when the documented rule says so. The rule
//! is written here a second time, as plainly as it can be.
//!
//! `cargo +nightly fuzz run classify -- -max_total_time=60`
#![no_main]

use arbitrary::Arbitrary;
use host::paths::{Names, classify, fault, proxy_name};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use wire::{Operator, Request, Requirement, Resource, Source, Target};

/// Strings that mean something, so that the fuzzer need not find them letter by letter, or any other.
#[derive(Arbitrary, Debug)]
enum Word {
    Known(u8),
    Joined(u8, u8),
    Any(String),
}

#[derive(Arbitrary, Debug)]
struct Ask {
    user: Word,
    uid: String,
    groups: Vec<Word>,
    extra: Vec<(Word, Vec<Word>)>,
    target: Attributes,
}

#[derive(Arbitrary, Debug)]
enum Attributes {
    Resource { words: [Word; 7], selector: Vec<(Word, Vec<Word>)> },
    NonResource(Word, Word),
    Malformed(String),
}

static NAMES: LazyLock<Names> = LazyLock::new(Names::default);

fuzz_target!(|ask: Ask| {
    let request = request(&ask);
    let class = classify(&request, &NAMES);
    assert_eq!(class, classify(&request, &NAMES), "the same request has the same class");
    assert_eq!(class.source == Source::Malformed, malformed(&request), "{request:?}");
    assert_eq!(class.source == Source::Malformed, fault(&request).is_some(), "{request:?}");
    if let Target::Resource(at) = &request.target
        && let Some(it) = proxy_name(&at.name)
    {
        let spellings =
            [it.name.to_owned(), format!("{}:{}", it.name, it.port), format!("{}:{}:{}", it.scheme, it.name, it.port)];
        assert!(spellings.contains(&at.name), "{it:?} of `{}`", at.name);
    }
});

fn malformed(request: &Request) -> bool {
    let mut strings = vec![&request.user, &request.uid];
    strings.extend(&request.groups);
    for (key, values) in &request.extra {
        strings.push(key);
        strings.extend(values);
    }
    let empty = match &request.target {
        Target::Malformed { .. } => return true,
        Target::NonResource { path, verb } => {
            strings.extend([path, verb]);
            path.is_empty() || verb.is_empty()
        }
        Target::Resource(at) => {
            strings.extend([&at.namespace, &at.verb, &at.group, &at.version, &at.resource, &at.subresource, &at.name]);
            for requirement in at.field_selector.iter().chain(&at.label_selector) {
                strings.push(&requirement.key);
                strings.extend(&requirement.values);
            }
            at.verb.is_empty() || at.resource.is_empty()
        }
    };
    let has = |group: &str| request.groups.iter().any(|it| it == group);
    let anonymous = request.user == "system:anonymous" || has("system:unauthenticated");
    empty
        || request.user.is_empty()
        || strings.iter().any(|it| it.chars().any(char::is_control))
        || strings.iter().map(|it| it.len()).sum::<usize>() > 65_536
        || (anonymous && !has("system:masters") && request.groups.iter().any(|it| it != "system:unauthenticated"))
}

fn request(ask: &Ask) -> Request {
    let pair = |(key, values): &(Word, Vec<Word>)| (key.text(), values.iter().map(Word::text).collect());
    Request {
        user: ask.user.text(),
        uid: ask.uid.clone(),
        groups: ask.groups.iter().map(Word::text).collect(),
        extra: ask.extra.iter().map(pair).collect(),
        target: match &ask.target {
            Attributes::Malformed(fault) => Target::Malformed { fault: fault.clone() },
            Attributes::NonResource(path, verb) => Target::NonResource { path: path.text(), verb: verb.text() },
            Attributes::Resource { words, selector } => {
                let [namespace, verb, group, version, resource, subresource, name] = words.each_ref().map(Word::text);
                let requirement = |it| {
                    let (key, values) = pair(it);
                    Requirement { key, operator: Operator::In, values }
                };
                let field_selector = selector.iter().map(requirement).collect();
                Target::Resource(Box::new(Resource {
                    namespace,
                    verb,
                    group,
                    version,
                    resource,
                    subresource,
                    name,
                    field_selector,
                    label_selector: Vec::new(),
                }))
            }
        },
    }
}

impl Word {
    fn text(&self) -> String {
        let known = |index: &u8| WORDS[usize::from(*index) % WORDS.len()];
        match self {
            Word::Known(index) => known(index).to_owned(),
            Word::Joined(one, other) => format!("{}{}", known(one), known(other)),
            Word::Any(text) => text.clone(),
        }
    }
}

const WORDS: &[&str] = &[
    "",
    ":",
    "/",
    "*",
    "\0",
    "alice",
    "n1",
    "web",
    "kube-system",
    "deployment-controller",
    "system:",
    "system:masters",
    "system:anonymous",
    "system:unauthenticated",
    "system:authenticated",
    "system:node:",
    "system:nodes",
    "system:serviceaccount:",
    "system:serviceaccount:kube-system:",
    "system:serviceaccounts",
    "system:serviceaccounts:",
    "system:bootstrap:07401b",
    "system:bootstrappers",
    "system:kube-scheduler",
    "system:monitoring",
    "authentication.kubernetes.io/pod-name",
    "authentication.kubernetes.io/pod-uid",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "get",
    "create",
    "proxy",
    "sign",
    "impersonate",
    "impersonate-on:associated-node:",
    "nodes",
    "pods",
    "services",
    "secrets",
    "signers",
    "serviceaccounts",
    "subjectaccessreviews",
    "certificatesigningrequests",
    "token",
    "exec",
    "log",
    "metrics",
    "https:",
    ":10250",
    "/api",
    "/healthz",
    "bootstrap-token-07401b",
];
