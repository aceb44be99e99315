//! A webhook, asked as kube-apiserver asks: POST of a SubjectAccessReview v1, HTTP/2 where it can. Nothing is cached, and
//! nothing asked twice.

use super::{kubeconfig::Access, pack::pack, score::Got};
use crate::{app::chain, review};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT},
    rt::Executor,
};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::time;
use tokio_util::task::TaskTracker;

/// A webhook that can be asked.
pub struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    token: Option<HeaderValue>,
}

/// Why a webhook cannot be asked, or told nothing.
#[derive(Debug, thiserror::Error)]
pub enum WebhookFault {
    #[error("`{url}` is no address of a webhook: {what}")]
    Address { url: String, what: String },
    #[error("set TLS up: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the pack of this program: {0}")]
    Pack(&'static str),
    #[error("the webhook at {url} gives no verdict on a plain review: {got}")]
    Silent { url: String, got: String },
}

impl Webhook {
    /// The webhook at this address, or at that of its kubeconfig.
    ///
    /// # Errors
    /// When there is no address, or nothing to verify it by.
    pub fn new(url: Option<&str>, access: Access) -> Result<Webhook, WebhookFault> {
        let Access { server, tls, name, token } = access;
        let url = url.map(str::to_owned).or(server).unwrap_or_default();
        let fault = |what: &str| WebhookFault::Address { url: url.clone(), what: what.into() };
        let address: Uri = url.parse().map_err(|error: hyper::http::uri::InvalidUri| fault(&error.to_string()))?;
        match (address.scheme_str(), address.host(), &tls) {
            (Some("https"), Some(_), Some(_)) | (Some("http"), Some(_), _) => {}
            (Some("https"), Some(_), None) => {
                return Err(fault("https needs a kubeconfig with a certificate-authority: give --kubeconfig"));
            }
            (_, _, _) => return Err(fault("write https://HOST:PORT/PATH")),
        }
        let token = token.map(|it| HeaderValue::try_from(format!("Bearer {it}")));
        let token = token.transpose().map_err(|_| fault("the kubeconfig's token holds what no header can"))?;
        let builder = HttpsConnectorBuilder::new().with_tls_config(match tls {
            Some(tls) => tls,
            None => nobody()?,
        });
        let builder = builder.https_or_http();
        let builder = match name {
            Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
            None => builder,
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // As Go's client does; with Nagle's algorithm every question waits for an acknowledgement.
        tcp.set_nodelay(true);
        let connector = builder.enable_all_versions().wrap_connector(tcp);
        let url = with_timeout(&address).map_err(|error| fault(&error.to_string()))?;
        Ok(Webhook { client: Client::builder(Connections::default()).build(connector), url, token })
    }

    /// Asks a plain question, to see that there is somebody who answers.
    pub(super) async fn greet(&self) -> Result<(), WebhookFault> {
        let vectors = pack().map_err(WebhookFault::Pack)?;
        let plain = vectors.first().ok_or(WebhookFault::Pack("it is empty"))?;
        match self.ask(&plain.twin.spec).await {
            Got::Verdict(_) => Ok(()),
            got @ (Got::Status(_) | Got::Error(_)) => {
                Err(WebhookFault::Silent { url: self.url.to_string(), got: got.to_string() })
            }
        }
    }

    /// Puts one question.
    pub(super) async fn ask(&self, spec: &Value) -> Got {
        match time::timeout(TIMEOUT, self.exchange(spec)).await {
            Ok(Ok(got)) => got,
            Ok(Err(error)) => Got::Error(error),
            Err(_) => Got::Error(format!("nothing within {} s", TIMEOUT.as_secs())),
        }
    }

    async fn exchange(&self, spec: &Value) -> Result<Got, String> {
        let mut request = Request::post(&self.url)
            .header(ACCEPT, "application/json, */*")
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("pathgate-drill/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(review::question(spec)))
            .map_err(|error| error.to_string())?;
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let response = self.client.request(request).await.map_err(|error| chain(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Ok(Got::Status(status.as_u16()));
        }
        let body = Limited::new(response.into_body(), ANSWER).collect().await.map_err(|error| chain(error.as_ref()))?;
        review::read_answer(&body.to_bytes()).map(Got::Verdict)
    }
}

/// The tasks that keep connections; they end with their client.
#[derive(Clone, Default)]
struct Connections(TaskTracker);

impl<F: Future<Output: Send + 'static> + Send + 'static> Executor<F> for Connections {
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// For plain HTTP: TLS that trusts nobody.
fn nobody() -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Go's client tells how long it waits.
fn with_timeout(address: &Uri) -> Result<Uri, hyper::http::Error> {
    let path = match address.path() {
        "" => "/",
        path => path,
    };
    let query = address.query().map(|it| format!("{it}&")).unwrap_or_default();
    let mut parts = address.clone().into_parts();
    parts.path_and_query = Some(format!("{path}?{query}timeout={}s", TIMEOUT.as_secs()).try_into()?);
    Ok(Uri::from_parts(parts)?)
}

/// Three times what kube-apiserver's configuration usually gives a webhook.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer is some hundred bytes; one that repeats the largest question is below this.
const ANSWER: usize = 2 << 20;
