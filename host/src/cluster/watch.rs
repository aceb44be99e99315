//! What the cluster holds, kind by kind, as it changes.

use super::Cluster;
use futures_util::{Stream, StreamExt, future, stream};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, TypeMeta},
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use serde_json::Value;

/// A kind of object that the gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Node,
    Pod,
    Service,
    EndpointSlice,
    CertificateSigningRequest,
}

/// What happened to the objects of a kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It is there, or it is otherwise than before.
    Put(Kind, Value),
    Gone {
        kind: Kind,
        namespace: String,
        name: String,
    },
    /// All of them are told anew from here on; what is not told until [`Change::Complete`] is gone.
    Begins(Kind),
    Complete(Kind),
    /// The watch broke off, for this reason; it tries again by itself.
    Lost(Kind, String),
}

impl Kind {
    pub const ALL: [Kind; 5] =
        [Kind::Node, Kind::Pod, Kind::Service, Kind::EndpointSlice, Kind::CertificateSigningRequest];

    /// As objects name it.
    pub fn as_str(self) -> &'static str {
        self.names().1
    }

    /// Group, kind and plural, all of version 1.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Kind::Node => ("", "Node", "nodes"),
            Kind::Pod => ("", "Pod", "pods"),
            Kind::Service => ("", "Service", "services"),
            Kind::EndpointSlice => ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
            Kind::CertificateSigningRequest => {
                ("certificates.k8s.io", "CertificateSigningRequest", "certificatesigningrequests")
            }
        }
    }

    pub(super) fn resource(self) -> ApiResource {
        let (group, kind, plural) = self.names();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural)
    }
}

impl Cluster {
    /// Every change, for ever: first all that there is, kind by kind.
    pub fn watch(&self) -> impl Stream<Item = Change> + Send + Unpin + use<> {
        stream::select_all(Kind::ALL.map(|kind| self.watch_kind(kind).boxed()))
    }

    /// One object as it is at this moment.
    ///
    /// # Errors
    /// Why nobody can tell.
    pub async fn get(&self, kind: Kind, name: &str) -> Result<Option<Value>, String> {
        let found = self.api(kind).get_opt(name).await.map_err(|error| told(&error))?;
        found.map(|object| value(kind, object)).transpose()
    }

    pub(super) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &kind.resource())
    }

    fn watch_kind(&self, kind: Kind) -> impl Stream<Item = Change> + Send + use<> {
        let events =
            watcher(self.api(kind), watcher::Config::default().page_size(PAGE).timeout(TURN)).default_backoff();
        events.filter_map(move |event| future::ready(change(kind, event)))
    }
}

fn change(kind: Kind, event: watcher::Result<watcher::Event<DynamicObject>>) -> Option<Change> {
    Some(match event {
        Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => match value(kind, object) {
            Ok(value) => Change::Put(kind, value),
            // It came as JSON, so it goes as JSON.
            Err(fault) => Change::Lost(kind, fault),
        },
        Ok(watcher::Event::Delete(object)) => Change::Gone {
            kind,
            namespace: object.metadata.namespace.unwrap_or_default(),
            name: object.metadata.name.unwrap_or_default(),
        },
        Ok(watcher::Event::Init) => Change::Begins(kind),
        Ok(watcher::Event::InitDone) => Change::Complete(kind),
        Err(error) => Change::Lost(kind, told(&error)),
    })
}

/// As `kubectl get -o json` prints it: what is in a list does not say its kind.
fn value(kind: Kind, mut object: DynamicObject) -> Result<Value, String> {
    let ApiResource { api_version, kind, .. } = kind.resource();
    object.types = Some(TypeMeta { api_version, kind });
    object.metadata.managed_fields = None;
    serde_json::to_value(object).map_err(|error| error.to_string())
}

/// With its causes, on one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(it) = cause {
        let more = it.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = it.source();
    }
    text.chars().take(MOST_TOLD).collect()
}

/// Objects at a time: a certificate request may have more than a megabyte.
const PAGE: u32 = 50;
/// Seconds for which a watch is open before it is resumed, so that a dead one is soon noticed.
const TURN: u32 = 40;
/// A reason is read by a person.
const MOST_TOLD: usize = 300;
