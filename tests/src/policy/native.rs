//! The plugins' native builds, and a request as they take it.

use sdk::{
    Answer as Said, Attribute, Context, Extra, NonResourceAttributes, Operator, Requirement, ResourceAttributes,
    Target as Asked,
};
use wire::{Request, Target, Verdict};

/// One plugin: config, facts and request to an answer.
pub struct Native {
    pub name: &'static str,
    pub decide: Decide,
}

/// Config, facts and a request to an answer, or why the config is none.
type Decide = fn(&str, &[(String, String)], &Request) -> Result<Answer, String>;

/// What both builds must agree on.
pub struct Answer {
    pub verdict: Verdict,
    pub rule: String,
    pub notes: Vec<String>,
}

macro_rules! native {
    ($($name:ident),+ $(,)?) => {
        pub const NATIVE: &[Native] = &[$(Native {
            name: stringify!($name),
            decide: |config, facts, request| {
                let config = sdk::internal::parse::<$name::Config>(config).map_err(|faults| format!("{faults:?}"))?;
                Ok(answer($name::authorize(&config, &context(facts), &lend(request))))
            },
        },)+];
    };
}

native![
    apiserver_to_endpoint,
    apiserver_to_kubelet,
    component_to_apiserver,
    node_to_apiserver,
    pod_to_apiserver,
    revocation,
    tls_bootstrap,
    tunnel,
    user_to_apiserver,
];

fn answer(said: Said) -> Answer {
    let verdict = match said.verdict {
        sdk::Verdict::NoOpinion => Verdict::NoOpinion,
        sdk::Verdict::Allow => Verdict::Allow,
        sdk::Verdict::Deny => Verdict::Deny,
    };
    Answer { verdict, rule: said.rule, notes: said.notes }
}

fn context(facts: &[(String, String)]) -> Context {
    let attribute = |(key, value): &(String, String)| Attribute { key: key.clone(), value: value.clone() };
    Context { now: 0, attributes: facts.iter().map(attribute).collect() }
}

fn lend(request: &Request) -> sdk::Request {
    let target = match &request.target {
        Target::Resource(at) => Asked::Resource(ResourceAttributes {
            namespace: at.namespace.clone(),
            verb: at.verb.clone(),
            group: at.group.clone(),
            version: at.version.clone(),
            resource: at.resource.clone(),
            subresource: at.subresource.clone(),
            name: at.name.clone(),
            field_selector: requirements(&at.field_selector),
            label_selector: requirements(&at.label_selector),
        }),
        Target::NonResource { path, verb } => {
            Asked::NonResource(NonResourceAttributes { path: path.clone(), verb: verb.clone() })
        }
        // As the host hands it over, should it ever.
        Target::Malformed { .. } => {
            Asked::NonResource(NonResourceAttributes { path: String::new(), verb: String::new() })
        }
    };
    let extra = |(key, values): &(String, Vec<String>)| Extra { key: key.clone(), values: values.clone() };
    sdk::Request {
        user: request.user.clone(),
        uid: request.uid.clone(),
        groups: request.groups.clone(),
        extra: request.extra.iter().map(extra).collect(),
        target,
        attributes: Vec::new(),
    }
}

fn requirements(selector: &[wire::Requirement]) -> Vec<Requirement> {
    let lend = |it: &wire::Requirement| Requirement {
        key: it.key.clone(),
        operator: match it.operator {
            wire::Operator::In => Operator::IsIn,
            wire::Operator::NotIn => Operator::NotIn,
            wire::Operator::Exists => Operator::Exists,
            wire::Operator::DoesNotExist => Operator::DoesNotExist,
        },
        values: it.values.clone(),
    };
    selector.iter().map(lend).collect()
}
