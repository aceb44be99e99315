//! Health and metrics, for probes and scrapers. It changes nothing and decides nothing.

use crate::health::Health;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use prometheus_client::{encoding::text, registry::Registry};
use std::{fmt::Write, sync::Arc};

/// One line of `/readyz?verbose`.
pub struct Check {
    pub name: &'static str,
    pub run: Box<dyn Fn() -> Health + Send + Sync>,
}

impl Check {
    /// A check by this name; it answers with [`Health`], or with a result whose error is the sentence shown.
    pub fn new<H: Into<Health>>(name: &'static str, run: impl Fn() -> H + Send + Sync + 'static) -> Check {
        Check { name, run: Box::new(move || run().into()) }
    }
}

/// The admin door: one for all connections.
pub struct Admin {
    checks: Vec<Check>,
    registry: Arc<Registry>,
}

impl Admin {
    /// Answers with these checks and these metrics.
    pub fn new(checks: Vec<Check>, registry: Arc<Registry>) -> Admin {
        Admin { checks, registry }
    }

    /// Answers one request.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/livez" | "/healthz" | "/readyz" | "/metrics") {
            return respond(StatusCode::NOT_FOUND, TEXT, "not found: try /livez, /readyz?verbose or /metrics\n".into());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n".into());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let query = request.uri().query().unwrap_or_default();
        match path {
            "/metrics" => self.metrics(),
            "/readyz" => health("readyz", &self.checks, query),
            _ => health(path.trim_start_matches('/'), &[], query),
        }
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut page = String::new();
        match text::encode(&mut page, &self.registry) {
            Ok(()) => respond(StatusCode::OK, OPENMETRICS, page),
            Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
        }
    }
}

/// As kube-apiserver prints it, with reasons: this door is on loopback.
fn health(name: &str, checks: &[Check], query: &str) -> Response<Full<Bytes>> {
    let given = |key: &str| query.split('&').any(|pair| pair.split('=').next() == Some(key));
    let excluded = |check: &Check| query.split('&').any(|pair| pair.strip_prefix("exclude=") == Some(check.name));
    let mut page = String::from("[+]ping ok\n");
    let mut failed = false;
    for check in checks {
        let line = if excluded(check) {
            format!("[+]{} excluded: ok", check.name)
        } else {
            match (check.run)() {
                Health::Ok => format!("[+]{} ok", check.name),
                Health::Warn(sentence) => format!("[+]{} ok, warning: {}", check.name, one_line(&sentence)),
                Health::Fail(sentence) => {
                    failed = true;
                    format!("[-]{} failed: {}", check.name, one_line(&sentence))
                }
            }
        };
        page.push_str(&line);
        page.push('\n');
    }
    let (status, end) = if failed { (StatusCode::INTERNAL_SERVER_ERROR, "failed") } else { (StatusCode::OK, "passed") };
    if !failed && !given("verbose") {
        return respond(status, TEXT, "ok".into());
    }
    #[expect(clippy::let_underscore_must_use, reason = "a `String` takes every write")]
    let _ = writeln!(page, "{name} check {end}");
    respond(status, TEXT, page)
}

fn one_line(sentence: &str) -> String {
    sentence.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

fn respond(status: StatusCode, content_type: &'static str, page: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(page.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests;
