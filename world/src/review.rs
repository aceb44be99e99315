//! SubjectAccessReviews as kube-apiserver sends them: who asks, and for what.

use serde::Serialize;
use std::collections::BTreeMap;

/// A SubjectAccessReview v1, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    spec: Spec,
    status: Status,
}

/// Somebody as kube-apiserver authenticated them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    pub user: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed(Target);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Resource(Box<Resource>),
    Path(Path),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Empty {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Status {
    allowed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_attributes: Option<Box<Resource>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_resource_attributes: Option<Path>,
    user: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    verb: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    version: String,
    resource: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    subresource: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_selector: Option<Selector>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Requirement {
    key: String,
    operator: &'static str,
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Path {
    path: String,
    verb: String,
}

impl Review {
    /// The question whether this caller may do this.
    pub fn new(caller: &Caller, deed: &Deed) -> Review {
        let (resource_attributes, non_resource_attributes) = match &deed.0 {
            Target::Resource(resource) => (Some(resource.clone()), None),
            Target::Path(path) => (None, Some(path.clone())),
        };
        let Caller { user, uid, groups, extra } = caller.clone();
        Review {
            kind: "SubjectAccessReview",
            api_version: "authorization.k8s.io/v1",
            metadata: Empty {},
            spec: Spec { resource_attributes, non_resource_attributes, user, groups, extra, uid },
            status: Status { allowed: false },
        }
    }
}

impl Caller {
    /// By a client certificate: its common name, its organizations, the fingerprint of the leaf.
    pub fn by_certificate(common_name: &str, organizations: &[&str], fingerprint: &str) -> Caller {
        let extra = BTreeMap::from([(CREDENTIAL.to_owned(), vec![format!("X509SHA256={fingerprint}")])]);
        Caller { user: common_name.to_owned(), uid: String::new(), groups: authenticated(organizations), extra }
    }

    /// By a service account's token that is bound to no pod.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Caller {
        Caller {
            user: format!("system:serviceaccount:{namespace}:{name}"),
            uid: uid.to_owned(),
            groups: authenticated(&["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}")]),
            extra: BTreeMap::new(),
        }
    }

    /// By a bootstrap token, as kubeadm makes them.
    pub fn bootstrap(token_id: &str) -> Caller {
        Caller {
            user: format!("system:bootstrap:{token_id}"),
            groups: authenticated(&["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token"]),
            ..Caller::default()
        }
    }

    /// By an identity provider.
    pub fn person(user: &str, groups: &[&str]) -> Caller {
        Caller { user: user.to_owned(), groups: authenticated(groups), ..Caller::default() }
    }

    /// By nothing.
    pub fn anonymous() -> Caller {
        Caller { user: "system:anonymous".into(), groups: vec!["system:unauthenticated".into()], ..Caller::default() }
    }

    /// With one more thing that is known of the credential: `pod-name`, `node-uid` and the like.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Caller {
        self.extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
        self
    }
}

impl Deed {
    /// A resource of the core group, version v1.
    pub fn core(verb: &str, resource: &str) -> Deed {
        Deed::resource(verb, "", "v1", resource)
    }

    /// A resource of any group; a subresource comes after a slash.
    pub fn resource(verb: &str, group: &str, version: &str, resource: &str) -> Deed {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Deed(Target::Resource(Box::new(Resource {
            verb: verb.to_owned(),
            group: group.to_owned(),
            version: version.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            ..Resource::default()
        })))
    }

    /// A path that is no resource, by GET.
    pub fn path(path: &str) -> Deed {
        Deed(Target::Path(Path { path: path.to_owned(), verb: "get".to_owned() }))
    }

    /// In a namespace; of a path, nothing changes.
    #[must_use]
    pub fn within(self, namespace: &str) -> Deed {
        self.change(|it| namespace.clone_into(&mut it.namespace))
    }

    /// On one object; of a path, nothing changes.
    #[must_use]
    pub fn named(self, name: &str) -> Deed {
        self.change(|it| name.clone_into(&mut it.name))
    }

    /// Narrowed by a field selector; of a path, nothing changes.
    #[must_use]
    pub fn where_field(self, key: &str, value: &str) -> Deed {
        self.change(|it| {
            let one = Requirement { key: key.to_owned(), operator: "In", values: vec![value.to_owned()] };
            it.field_selector = Some(Selector { requirements: vec![one] });
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Resource)) -> Deed {
        if let Target::Resource(resource) = &mut self.0 {
            change(resource);
        }
        self
    }
}

/// Groups as kube-apiserver completes them for whoever has a name.
fn authenticated(groups: &[&str]) -> Vec<String> {
    groups.iter().copied().chain(["system:authenticated"]).map(str::to_owned).collect()
}

const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";
