//! The other end of a review: what kube-apiserver sends, and how it reads what comes back.

use super::Version;
use serde_json::{Map, Value, json};
use wire::{Request, Resource, Target, Verdict};

/// A SubjectAccessReviewSpec v1 that asks this; a malformed request has no attributes.
pub fn to_spec(request: &Request) -> Value {
    let mut spec = Map::new();
    spec.insert("user".into(), request.user.as_str().into());
    if !request.uid.is_empty() {
        spec.insert("uid".into(), request.uid.as_str().into());
    }
    if !request.groups.is_empty() {
        spec.insert("groups".into(), json!(request.groups));
    }
    if !request.extra.is_empty() {
        let extra: Map<_, _> = request.extra.iter().map(|(key, values)| (key.clone(), json!(values))).collect();
        spec.insert("extra".into(), extra.into());
    }
    match &request.target {
        Target::Resource(at) => drop(spec.insert("resourceAttributes".into(), resource(at))),
        Target::NonResource { path, verb } => {
            spec.insert("nonResourceAttributes".into(), json!({"path": path, "verb": verb}));
        }
        Target::Malformed { .. } => {}
    }
    spec.into()
}

/// A SubjectAccessReview v1 with this spec, as kube-apiserver sends it.
pub fn question(spec: &Value) -> Vec<u8> {
    let version = Version::V1.as_str();
    let review = json!({
        "kind": "SubjectAccessReview",
        "apiVersion": version,
        "metadata": {"creationTimestamp": null},
        "spec": spec,
        "status": {"allowed": false},
    });
    review.to_string().into_bytes()
}

/// Reads an answer to a v1 review as kube-apiserver does.
///
/// # Errors
/// When kube-apiserver would take it for a failure of the webhook.
pub fn read_answer(body: &[u8]) -> Result<Verdict, String> {
    let answer: Value = serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))?;
    let word = |key: &str| super::shortened(answer.get(key).and_then(Value::as_str).unwrap_or_default());
    let (kind, version) = (word("kind"), word("apiVersion"));
    if kind != "SubjectAccessReview" || version != Version::V1.as_str() {
        return Err(format!("the answer is a `{kind}` of `{version}`, not a review of `{}`", Version::V1.as_str()));
    }
    let flag = |key: &str| match answer.get("status").and_then(|status| status.get(key)) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("the answer's `status.{key}` is neither true nor false")),
    };
    match (flag("allowed")?, flag("denied")?) {
        (true, true) => Err("the answer says both `allowed` and `denied`".into()),
        (true, false) => Ok(Verdict::Allow),
        (false, true) => Ok(Verdict::Deny),
        (false, false) => Ok(Verdict::NoOpinion),
    }
}

fn resource(at: &Resource) -> Value {
    // Selectors are lists of requirements on the wire, and `requirements` of an object in a review.
    let mut plain = at.clone();
    let (fields, labels) = (std::mem::take(&mut plain.field_selector), std::mem::take(&mut plain.label_selector));
    let mut value = json!(plain);
    for (key, requirements) in [("fieldSelector", fields), ("labelSelector", labels)] {
        if let (Some(object), false) = (value.as_object_mut(), requirements.is_empty()) {
            object.insert(key.into(), json!({"requirements": requirements}));
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::{answer, parse};
    use wire::{Operator, Requirement};

    #[test]
    fn what_is_asked_is_what_is_understood() {
        let resource = Resource {
            namespace: "shop".into(),
            verb: "list".into(),
            group: "apps".into(),
            version: "v1".into(),
            resource: "deployments".into(),
            subresource: "status".into(),
            name: "web".into(),
            field_selector: vec![Requirement {
                key: "metadata.name".into(),
                operator: Operator::In,
                values: vec!["web".into()],
            }],
            label_selector: vec![Requirement { key: "app".into(), operator: Operator::Exists, values: vec![] }],
        };
        let whole = |target| Request {
            user: "alice".into(),
            uid: "1".into(),
            groups: vec!["dev".into()],
            extra: vec![("scopes".into(), vec!["a".into(), "b".into()])],
            target,
        };
        let non_resource = Target::NonResource { path: "/metrics".into(), verb: "get".into() };
        for request in [whole(Target::Resource(Box::new(resource))), whole(non_resource)] {
            let review = parse(&question(&to_spec(&request))).unwrap();
            assert_eq!((review.version, review.request), (Version::V1, request));
        }
    }

    #[test]
    fn an_answer_is_read_as_it_was_meant() {
        for verdict in [Verdict::Allow, Verdict::Deny, Verdict::NoOpinion] {
            assert_eq!(read_answer(&answer(Version::V1, verdict, "because")), Ok(verdict));
        }
    }

    #[test]
    fn what_kube_apiserver_could_not_use_is_no_answer() {
        let review = |status: &str| {
            format!(r#"{{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{status}}}"#)
        };
        let cases = [
            ("<html>".to_owned(), "the answer is not JSON: expected value at line 1 column 1"),
            ("{}".to_owned(), "the answer is a `` of ``, not a review of `authorization.k8s.io/v1`"),
            (review(r#"{"allowed":true,"denied":true}"#), "the answer says both `allowed` and `denied`"),
            (review(r#"{"allowed":"yes"}"#), "the answer's `status.allowed` is neither true nor false"),
        ];
        for (body, fault) in cases {
            assert_eq!(read_answer(body.as_bytes()), Err(fault.to_owned()), "{body}");
        }
    }
}
