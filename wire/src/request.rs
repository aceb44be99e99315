//! What was asked, in the words of SubjectAccessReviewSpec v1.

use serde::{Deserialize, Serialize};

/// One question to the authorizer: who, and what. Values are those of the review, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub user: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// In the order of the review; keys are unique.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<(String, Vec<String>)>,
    pub target: Target,
}

impl Request {
    /// The values of an extra key; empty if it is not there.
    pub fn extra(&self, key: &str) -> &[String] {
        self.extra.iter().find(|(name, _)| name == key).map_or(&[], |(_, values)| values)
    }

    /// Whether the caller is in this group, byte for byte.
    pub fn is_member(&self, group: &str) -> bool {
        self.groups.iter().any(|member| member == group)
    }

    /// The verb, or nothing for a malformed request.
    pub fn verb(&self) -> &str {
        match &self.target {
            Target::Resource(resource) => &resource.verb,
            Target::NonResource { verb, .. } => verb,
            Target::Malformed { .. } => "",
        }
    }

    /// The target in a line, as `kubectl` would say it: `get nodes/proxy worker-1`.
    pub fn describe(&self) -> String {
        match &self.target {
            Target::Resource(at) => {
                let mut line = format!("{} {}", at.verb, at.resource);
                if !at.subresource.is_empty() {
                    line = format!("{line}/{}", at.subresource);
                }
                if !at.group.is_empty() {
                    line = format!("{line}.{}", at.group);
                }
                if !at.name.is_empty() {
                    line = format!("{line} {}", at.name);
                }
                if !at.namespace.is_empty() {
                    line = format!("{line} -n {}", at.namespace);
                }
                line
            }
            Target::NonResource { path, verb } => format!("{verb} {path}"),
            Target::Malformed { fault } => format!("malformed: {fault}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Resource(Box<Resource>),
    NonResource {
        path: String,
        verb: String,
    },
    /// What kube-apiserver would not send: both or neither kind of attributes.
    Malformed {
        fault: String,
    },
}

impl Default for Target {
    fn default() -> Target {
        Target::Malformed { fault: "no attributes".into() }
    }
}

/// Attributes of a request for a resource. Empty means not given; an empty namespace means none, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub verb: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_selector: Vec<Requirement>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_selector: Vec<Requirement>,
}

/// One requirement of a selector; all of them must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Kubernetes' own spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}
