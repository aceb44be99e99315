//! The word of an approver: a condition on a CertificateSigningRequest.

use super::{Cluster, Kind, watch::told};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    api::PostParams,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{sync::mpsc, time};
use tracing::warn;

/// What is written about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// [`APPROVED`] or [`DENIED`].
    pub kind: &'static str,
    /// In CamelCase.
    pub reason: &'static str,
    /// The sentence for who looks at the request.
    pub message: String,
    /// RFC 3339.
    pub at: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Done,
    /// The request is gone, or it is not as it was when it was judged: another approver may have been first.
    Overtaken,
    /// The API refused it for good, in its words.
    Refused(String),
    /// It cannot be told whether it was written.
    Unknown(String),
}

impl Cluster {
    /// Adds a condition to the request as it was read, and to no other version of it.
    pub async fn write_condition(&self, request: &Value, condition: &Condition) -> Written {
        let mut changed = request.clone();
        let name = request.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Condition { kind, reason, message, at } = condition;
        let new = json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastUpdateTime": at, "lastTransitionTime": at,
        });
        if !push(&mut changed, new) {
            return Written::Refused("its status is not as Kubernetes writes it".to_owned());
        }
        let parameters = PostParams { field_manager: Some("pathgate".to_owned()), ..PostParams::default() };
        let api = self.api(Kind::CertificateSigningRequest);
        let answer = api.replace_subresource("approval", &name, &parameters, &changed).await;
        match answer {
            Ok(_) => Written::Done,
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Written::Overtaken,
            Err(kube::Error::Api(status)) if matches!(status.code, 400..=499) && status.code != 429 => {
                Written::Refused(status.message)
            }
            Err(error) => Written::Unknown(told(&error)),
        }
    }
}

/// Takes what people are to be told about requests; it never waits.
pub struct Teller(mpsc::Sender<(ObjectReference, Event)>);

/// Writes Events, which `kubectl describe csr` shows, one after the other.
pub struct Events {
    recorder: Recorder,
    queue: mpsc::Receiver<(ObjectReference, Event)>,
}

impl Cluster {
    /// `who` is the gate that tells.
    pub fn teller(&self, who: &str) -> (Teller, Events) {
        let reporter = Reporter { controller: "pathgate".to_owned(), instance: Some(who.to_owned()) };
        let (sender, queue) = mpsc::channel(QUEUE);
        (Teller(sender), Events { recorder: Recorder::new(self.client.clone(), reporter), queue })
    }
}

impl Teller {
    /// Tells what was done, and why. False if too much waits to be told.
    pub fn tell(&self, request: &Value, condition: &Condition) -> bool {
        let text = |pointer| request.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let about = ObjectReference {
            api_version: Some("certificates.k8s.io/v1".to_owned()),
            kind: Some(Kind::CertificateSigningRequest.as_str().to_owned()),
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
            ..ObjectReference::default()
        };
        let event = Event {
            type_: if condition.kind == DENIED { EventType::Warning } else { EventType::Normal },
            reason: condition.reason.to_owned(),
            note: Some(condition.message.clone()),
            action: condition.kind.to_owned(),
            secondary: None,
        };
        self.0.try_send((about, event)).is_ok()
    }
}

impl Events {
    /// Writes until the last teller is gone. Nothing depends on it, so what fails is only logged.
    pub async fn run(mut self) {
        while let Some((about, event)) = self.queue.recv().await {
            let fault = match time::timeout(EVENT, self.recorder.publish(&event, &about)).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => told(&error),
                Err(_) => "kube-apiserver does not answer".to_owned(),
            };
            warn!(request = about.name, fault, "a decision is written, but no Event tells of it");
        }
    }
}

fn push(request: &mut Value, condition: Value) -> bool {
    let Some(request) = request.as_object_mut() else { return false };
    let status = request.entry("status").or_insert_with(|| json!({}));
    let Some(status) = status.as_object_mut() else { return false };
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    let Some(conditions) = conditions.as_array_mut() else { return false };
    conditions.push(condition);
    true
}

/// As many nodes as join at once in a large cluster; a message has half a kilobyte.
const QUEUE: usize = 1_024;
const EVENT: Duration = Duration::from_secs(5);
pub const APPROVED: &str = "Approved";
pub const DENIED: &str = "Denied";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_joins_those_that_are_there() {
        let table = [
            (json!({}), Some(json!({"status": {"conditions": ["new"]}}))),
            (json!({"status": {}}), Some(json!({"status": {"conditions": ["new"]}}))),
            (json!({"status": {"conditions": ["old"]}}), Some(json!({"status": {"conditions": ["old", "new"]}}))),
            (json!({"status": 7}), None),
            (json!({"status": {"conditions": 7}}), None),
            (json!([]), None),
        ];
        for (mut request, wanted) in table {
            let done = push(&mut request, json!("new"));
            assert_eq!(done.then_some(request), wanted);
        }
    }
}
