//! One object to a request, with every fault.

use super::{MAX_REQUEST, Request, State};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::time::UNIX_EPOCH;

/// Reads one object. `place` is where it stands, for faults.
pub fn from_object(object: &Value, place: &str) -> Result<Request, Vec<String>> {
    let mut reader = Reader { place, faults: Vec::new() };
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if (kind, version) != ("CertificateSigningRequest", "certificates.k8s.io/v1") {
        let found = if kind.is_empty() { "no `kind`".to_owned() } else { format!("`{kind}` of `{version}`") };
        return Err(vec![format!(
            "{place}: must be a CertificateSigningRequest of `certificates.k8s.io/v1`, and is {found}"
        )]);
    }
    let text = |reader: &mut Reader<'_>, pointer| reader.text(object, pointer).unwrap_or_default().to_owned();
    let (der, pem_fault) = reader.request(object);
    let request = Request {
        name: text(&mut reader, "/metadata/name"),
        uid: text(&mut reader, "/metadata/uid"),
        created: reader.time(object, "/metadata/creationTimestamp"),
        signer: text(&mut reader, "/spec/signerName"),
        user: text(&mut reader, "/spec/username"),
        user_uid: text(&mut reader, "/spec/uid"),
        groups: reader.texts(object.pointer("/spec/groups"), "spec.groups"),
        extra: reader.extra(object),
        usages: reader.texts(object.pointer("/spec/usages"), "spec.usages"),
        expiration: reader.seconds(object),
        size: der.len(),
        // Whoever may ask may ask for more than anybody should keep.
        der: if der.len() > MAX_REQUEST { Vec::new() } else { der },
        pem_fault,
        state: reader.state(object),
    };
    reader.required(&request.name, "metadata.name");
    reader.required(&request.signer, "spec.signerName");
    if reader.faults.is_empty() { Ok(request) } else { Err(reader.faults) }
}

struct Reader<'a> {
    place: &'a str,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn fault(&mut self, key: &str, what: &str) {
        self.faults.push(format!("{}: `{key}` {what}", self.place));
    }

    fn required(&mut self, value: &str, key: &str) {
        if value.is_empty() && !self.faults.iter().any(|it| it.contains(&format!("`{key}`"))) {
            self.fault(key, "is missing");
        }
    }

    /// Text; none if it is absent or null.
    fn text<'v>(&mut self, object: &'v Value, pointer: &str) -> Option<&'v str> {
        match object.pointer(pointer) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => {
                self.fault(&key(pointer), "must be text");
                None
            }
        }
    }

    fn texts(&mut self, value: Option<&Value>, key: &str) -> Vec<String> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => {
                all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(_) => {
                self.fault(key, "must be a list of text");
                Vec::new()
            }
        }
    }

    fn extra(&mut self, object: &Value) -> Vec<(String, Vec<String>)> {
        match object.pointer("/spec/extra") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(all)) => {
                all.iter().map(|(key, it)| (key.clone(), self.texts(Some(it), &format!("spec.extra[{key}]")))).collect()
            }
            Some(_) => {
                self.fault("spec.extra", "must be a map of lists");
                Vec::new()
            }
        }
    }

    fn seconds(&mut self, object: &Value) -> Option<i32> {
        match object.pointer("/spec/expirationSeconds") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let seconds = value.as_i64().and_then(|it| i32::try_from(it).ok());
                if seconds.is_none() {
                    self.fault("spec.expirationSeconds", "must be a whole number of 32 bits");
                }
                seconds
            }
        }
    }

    fn time(&mut self, object: &Value, pointer: &str) -> Option<u64> {
        let text = self.text(object, pointer)?;
        let time = humantime::parse_rfc3339(text).ok().and_then(|it| it.duration_since(UNIX_EPOCH).ok());
        if time.is_none() {
            self.fault(&key(pointer), "must be a time as 2026-01-31T12:00:00Z");
        }
        time.map(|it| it.as_secs())
    }

    fn request(&mut self, object: &Value) -> (Vec<u8>, Option<&'static str>) {
        if object.pointer("/spec/request").is_none_or(Value::is_null) {
            self.fault("spec.request", "is missing");
        }
        let Some(text) = self.text(object, "/spec/request") else { return (Vec::new(), None) };
        // Go's decoder passes over line ends, and over nothing else.
        let text: String = text.chars().filter(|it| !matches!(it, '\r' | '\n')).collect();
        match STANDARD.decode(text) {
            Ok(bytes) => pem(&bytes),
            Err(error) => {
                self.fault("spec.request", &format!("must be PEM in base64: {error}"));
                (Vec::new(), None)
            }
        }
    }

    fn state(&mut self, object: &Value) -> State {
        let conditions = match object.pointer("/status/conditions") {
            None | Some(Value::Null) => &[][..],
            Some(Value::Array(all)) => all,
            Some(_) => {
                self.fault("status.conditions", "must be a list");
                &[]
            }
        };
        let has = |kind: &str| conditions.iter().any(|it| it.pointer("/type").and_then(Value::as_str) == Some(kind));
        let is_issued = object.pointer("/status/certificate").and_then(Value::as_str).is_some_and(|it| !it.is_empty());
        if has("Denied") || (has("Failed") && !is_issued) {
            State::Refused
        } else if has("Approved") || is_issued {
            State::Approved
        } else {
            State::Pending
        }
    }
}

fn key(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// What Go's decoder would take, and what is wrong if that is not everything there is.
pub(super) fn pem(bytes: &[u8]) -> (Vec<u8>, Option<&'static str>) {
    let Ok(text) = std::str::from_utf8(bytes) else { return (Vec::new(), Some("it is no text")) };
    let Some((before, rest)) = text.split_once(BEGIN) else {
        let fault = if text.contains("-----BEGIN ") { "its label is another one" } else { "there is no block" };
        return (Vec::new(), Some(fault));
    };
    let Some((body, after)) = rest.split_once(END) else { return (Vec::new(), Some("the block does not end")) };
    let digits: String = body.chars().filter(|it| !it.is_ascii_whitespace()).collect();
    let Ok(der) = STANDARD.decode(digits) else { return (Vec::new(), Some("inside the block is not only base64")) };
    let is_aligned = body.starts_with(['\r', '\n']) && body.ends_with(['\r', '\n']);
    let fault = if before.contains("-----BEGIN ") || after.contains("-----BEGIN ") {
        Some("there are several blocks")
    } else if !before.trim().is_empty() {
        Some("something stands before the block")
    } else if !after.trim().is_empty() {
        Some("something follows the block")
    } else if !is_aligned {
        Some("the block's first and last line are not lines")
    } else {
        None
    };
    (der, fault)
}

const BEGIN: &str = "-----BEGIN CERTIFICATE REQUEST-----";
const END: &str = "-----END CERTIFICATE REQUEST-----";
