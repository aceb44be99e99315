//! `wit/policy.wit` in Rust, by hand: what goes in is lent, not copied, until it reaches the guest's memory. The types
//! are checked against those of each component when it is loaded, so a mistake here is a load error, never a surprise.

use super::plugin::cut;
use wasmtime::component::{ComponentType, Lift, Lower};
use wire::{Finding, Operator, Request, Severity, Target};

pub(super) const PLUGIN: &str = "pathgate:policy/plugin@1.0.0";
pub(super) const AUTHORIZE: &str = "pathgate:policy/authorize@1.0.0";
pub(super) const CRYPTO: &str = "pathgate:policy/crypto@1.0.0";
pub(super) const VERIFY_PEER: &str = "pathgate:policy/verify-peer@1.0.0";
pub(super) const APPROVE_CSR: &str = "pathgate:policy/approve-csr@1.0.0";
/// All that a component may export.
pub(super) const INTERFACES: [&str; 5] = [PLUGIN, AUTHORIZE, VERIFY_PEER, APPROVE_CSR, "pathgate:policy/gate@1.0.0"];

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct Lent<'a> {
    key: &'a str,
    value: &'a str,
}

/// Attributes, as they are lent.
pub(super) fn lent(all: &[(String, String)]) -> Vec<Lent<'_>> {
    all.iter().map(|(key, value)| Lent { key, value }).collect()
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct Attribute {
    pub(super) key: String,
    pub(super) value: String,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitRule {
    pub(super) id: String,
    pub(super) summary: String,
    pub(super) advice: String,
    pub(super) source: String,
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitInfo {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) asks: Vec<String>,
    #[component(name = "config-schema")]
    pub(super) config_schema: String,
    pub(super) rules: Vec<WitRule>,
    #[expect(dead_code, reason = "part of the contract; no attribute is defined yet")]
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitFault {
    pub(super) pointer: String,
    pub(super) message: String,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct WitContext<'a> {
    now: u64,
    attributes: &'a [Lent<'a>],
}

impl<'a> WitContext<'a> {
    pub(super) fn new(now: u64, attributes: &'a [Lent<'a>]) -> WitContext<'a> {
        WitContext { now, attributes }
    }
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct Extra<'a> {
    key: &'a str,
    values: &'a [&'a str],
}

impl<'a> Extra<'a> {
    pub(super) fn new(key: &'a str, values: &'a [&'a str]) -> Extra<'a> {
        Extra { key, values }
    }
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub(super) enum WitOperator {
    #[component(name = "is-in")]
    IsIn,
    #[component(name = "not-in")]
    NotIn,
    #[component(name = "exists")]
    Exists,
    #[component(name = "does-not-exist")]
    DoesNotExist,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct WitRequirement<'a> {
    key: &'a str,
    operator: WitOperator,
    values: &'a [&'a str],
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct ResourceAttributes<'a> {
    namespace: &'a str,
    verb: &'a str,
    group: &'a str,
    version: &'a str,
    resource: &'a str,
    subresource: &'a str,
    name: &'a str,
    #[component(name = "field-selector")]
    field_selector: &'a [WitRequirement<'a>],
    #[component(name = "label-selector")]
    label_selector: &'a [WitRequirement<'a>],
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct NonResourceAttributes<'a> {
    path: &'a str,
    verb: &'a str,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(variant)]
pub(super) enum WitTarget<'a> {
    #[component(name = "resource")]
    Resource(ResourceAttributes<'a>),
    #[component(name = "non-resource")]
    NonResource(NonResourceAttributes<'a>),
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(super) struct WitRequest<'a> {
    user: &'a str,
    uid: &'a str,
    groups: &'a [&'a str],
    extra: &'a [Extra<'a>],
    target: WitTarget<'a>,
    attributes: &'a [Lent<'a>],
}

#[derive(Clone, Copy, PartialEq, Eq, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by the guest")]
pub(super) enum WitVerdict {
    #[component(name = "no-opinion")]
    NoOpinion,
    #[component(name = "allow")]
    Allow,
    #[component(name = "deny")]
    Deny,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitAnswer {
    pub(super) verdict: WitVerdict,
    pub(super) rule: String,
    pub(super) reason: String,
    pub(super) notes: Vec<String>,
    #[expect(dead_code, reason = "part of the contract; no attribute is defined yet")]
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made by the guest")]
pub(super) enum WitSeverity {
    #[component(name = "info")]
    Info,
    #[component(name = "low")]
    Low,
    #[component(name = "medium")]
    Medium,
    #[component(name = "high")]
    High,
}

#[derive(Clone, ComponentType, Lift)]
#[component(record)]
pub(super) struct WitFinding {
    pub(super) code: String,
    severity: WitSeverity,
    at: Option<u32>,
    pub(super) detail: String,
}

impl WitFinding {
    /// Cut to what is kept; of the detail, this many bytes.
    pub(super) fn keep(self, detail: usize) -> Finding {
        Finding {
            code: cut(self.code, 64),
            severity: match self.severity {
                WitSeverity::Info => Severity::Info,
                WitSeverity::Low => Severity::Low,
                WitSeverity::Medium => Severity::Medium,
                WitSeverity::High => Severity::High,
            },
            at: self.at,
            detail: cut(self.detail, detail),
        }
    }
}

/// Lends a request for as long as `call` takes.
pub(super) fn lend<T>(
    now: u64,
    facts: &[(String, String)],
    request: &Request,
    call: impl FnOnce(WitContext<'_>, WitRequest<'_>) -> T,
) -> T {
    let attributes = lent(facts);
    let groups = strs(&request.groups);
    let values: Vec<_> = request.extra.iter().map(|(_, values)| strs(values)).collect();
    let extra: Vec<_> = request.extra.iter().zip(&values).map(|((key, _), values)| Extra { key, values }).collect();

    let (fields, labels) = match &request.target {
        Target::Resource(at) => (&*at.field_selector, &*at.label_selector),
        Target::NonResource { .. } | Target::Malformed { .. } => (&[][..], &[][..]),
    };
    let (field_values, label_values) = (values_of(fields), values_of(labels));
    let (fields, labels) = (requirements(fields, &field_values), requirements(labels, &label_values));
    let target = match &request.target {
        Target::Resource(at) => WitTarget::Resource(ResourceAttributes {
            namespace: &at.namespace,
            verb: &at.verb,
            group: &at.group,
            version: &at.version,
            resource: &at.resource,
            subresource: &at.subresource,
            name: &at.name,
            field_selector: &fields,
            label_selector: &labels,
        }),
        Target::NonResource { path, verb } => WitTarget::NonResource(NonResourceAttributes { path, verb }),
        // The judge refuses these itself; a plugin that is asked all the same sees an empty path.
        Target::Malformed { .. } => WitTarget::NonResource(NonResourceAttributes { path: "", verb: "" }),
    };
    let request =
        WitRequest { user: &request.user, uid: &request.uid, groups: &groups, extra: &extra, target, attributes: &[] };
    call(WitContext { now, attributes: &attributes }, request)
}

pub(super) fn strs(strings: &[String]) -> Vec<&str> {
    strings.iter().map(String::as_str).collect()
}

fn values_of(selector: &[wire::Requirement]) -> Vec<Vec<&str>> {
    selector.iter().map(|it| strs(&it.values)).collect()
}

fn requirements<'a>(selector: &'a [wire::Requirement], values: &'a [Vec<&'a str>]) -> Vec<WitRequirement<'a>> {
    let lend = |(it, values): (&'a wire::Requirement, &'a Vec<&'a str>)| WitRequirement {
        key: &it.key,
        operator: match it.operator {
            Operator::In => WitOperator::IsIn,
            Operator::NotIn => WitOperator::NotIn,
            Operator::Exists => WitOperator::Exists,
            Operator::DoesNotExist => WitOperator::DoesNotExist,
        },
        values,
    };
    selector.iter().zip(values).map(lend).collect()
}
