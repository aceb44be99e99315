//! How the dashboard's door asks and answers: what stands after the `?`, JSON, files, streams, and the headers that say what
//! a page may do.

use super::{
    Answer, assets,
    stream::{Chunks, Content},
};
use crate::journal::ReadError;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
        HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};
use serde::Serialize;
use wire::Query;

/// Why a route has no answer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) sentence: String,
}

impl Fault {
    /// The caller asked for something that makes no sense.
    pub(super) fn of(sentence: String) -> Fault {
        Fault { status: StatusCode::BAD_REQUEST, sentence }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Fault {
        let mut sentence = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            sentence = format!("{sentence}: {cause}");
        }
        Fault { status: StatusCode::SERVICE_UNAVAILABLE, sentence }
    }
}

/// What stands after the `?`.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn read(query: &str) -> Parameters {
        let pairs = form_urlencoded::parse(query.as_bytes()).take(MAX_PARAMETERS);
        Parameters(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Fault> {
        let number = |value: &str| value.parse().map_err(|_| Fault::of(format!("`{name}={value}` is no number")));
        self.get(name).map(number).transpose()
    }

    pub(super) fn query(&self) -> Result<Query, Fault> {
        Query::parse(self.get("q").unwrap_or_default()).map_err(|fault| Fault::of(fault.to_string()))
    }
}

pub(super) fn page(path: &str, headers: &HeaderMap) -> Answer {
    let Some(served) = assets::serve(path, headers) else {
        let why = if assets::is_built() {
            "there is no such file"
        } else {
            "this pathgate was built without its dashboard: run `cargo xtask dashboard`, then build it again; the API is at /api/v1/summary"
        };
        return refuse(StatusCode::NOT_FOUND, why);
    };
    let mut answer = whole(StatusCode::OK, served.content_type, Bytes::from_static(served.bytes));
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = served.encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if served.immutable {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    answer
}

pub(super) fn json<T: Serialize>(value: &T) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => whole(StatusCode::OK, JSON, body.into()),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

pub(super) fn refuse(status: StatusCode, sentence: &str) -> Answer {
    whole(status, JSON, serde_json::json!({"error": sentence}).to_string().into())
}

fn whole(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Content::Whole(Full::new(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

pub(super) fn streamed(content_type: &'static str, chunks: Chunks) -> Answer {
    let mut answer = Response::new(Content::Streamed(chunks));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// A file to keep, by this name.
pub(super) fn attached(answer: &mut Answer, name: &'static str) {
    answer.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
}

/// What every answer says: nothing of it runs, loads or is framed elsewhere.
pub(super) fn harden(headers: &mut HeaderMap) {
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

const JSON: &str = "application/json";
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const MAX_PARAMETERS: usize = 16;
