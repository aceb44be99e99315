//! kube-apiserver's client side: it asks its authorization webhook, and it calls kubelets. It caches no answer.

use crate::{
    authority::{Authorities, Identity},
    cast::Node,
    review::Review,
    tasks::Tasks,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use serde_json::Value;
use std::{
    error::Error,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time;

/// The client side of one kube-apiserver. Its connections are kept and shared, by clones too.
#[derive(Clone)]
pub struct Apiserver {
    webhook: SocketAddr,
    reviews: Https,
    kubelets: Https,
}

type Https = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// What HTTP the webhook is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    One,
    /// What kube-apiserver takes when it can.
    Two,
}

/// What the webhook said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub verdict: Verdict,
    pub reason: String,
    /// From the first byte sent to the last received.
    pub took: Duration,
}

/// How kube-apiserver reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Allow,
    Deny,
    /// The next authorizer is asked.
    NoOpinion,
}

/// Why there is no answer. kube-apiserver would follow its failure policy.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("ask the webhook: {0}")]
    Send(String),
    #[error("ask the webhook: no answer within {} s", TIMEOUT.as_secs())]
    Late,
    #[error("the webhook answered {status}: {body}")]
    Status { status: StatusCode, body: String },
    #[error("the webhook's answer is no SubjectAccessReview: {0}")]
    Answer(String),
}

/// Why a kubelet could not be called: unreachable, or not who it should be.
#[derive(Debug, thiserror::Error)]
#[error("call the kubelet of `{node}`: {why}")]
pub struct CallError {
    pub node: String,
    pub why: String,
}

/// The certificates of the client side.
pub(crate) struct Credentials<'a> {
    pub authorities: &'a Authorities,
    pub webhook: &'a Identity,
    pub kubelet: &'a Identity,
}

impl Apiserver {
    pub(crate) fn new(
        tasks: &Tasks,
        credentials: &Credentials,
        webhook: SocketAddr,
        http: Http,
        verifies_kubelets: bool,
    ) -> Result<Apiserver, rustls::Error> {
        let Credentials { authorities, webhook: client, kubelet } = credentials;
        let reviews = tls(Trust::In(authorities.webhook.certificate()), client)?;
        let trust = if verifies_kubelets { Trust::In(authorities.kubelets.certificate()) } else { Trust::Everybody };
        let kubelets = tls(trust, kubelet)?;
        Ok(Apiserver { webhook, reviews: https(tasks, reviews, http), kubelets: https(tasks, kubelets, Http::One) })
    }

    /// Asks the webhook, as for every request that kube-apiserver serves.
    ///
    /// # Errors
    /// When no answer comes that kube-apiserver could use.
    pub async fn ask(&self, review: &Review) -> Result<Heard, AskError> {
        let body = serde_json::to_vec(review).map_err(|error| AskError::Send(error.to_string()))?;
        let request = Request::post(format!("https://{}/authorize?timeout={}s", self.webhook, TIMEOUT.as_secs()))
            .header(header::ACCEPT, "application/json, */*")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, format!("kube-apiserver/{} (linux/amd64) kubernetes", crate::KUBERNETES))
            .body(Full::from(body))
            .map_err(|error| AskError::Send(error.to_string()))?;
        let begin = Instant::now();
        let (status, body) = match time::timeout(TIMEOUT, exchange(&self.reviews, request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(AskError::Send(error)),
            Err(_) => return Err(AskError::Late),
        };
        let took = begin.elapsed();
        if !status.is_success() {
            return Err(AskError::Status { status, body: String::from_utf8_lossy(&body).into_owned() });
        }
        let (verdict, reason) = read(&body).map_err(AskError::Answer)?;
        Ok(Heard { verdict, reason, took })
    }

    /// Calls a kubelet with the certificate of kube-apiserver's kubelet client; whether the kubelet is verified is a matter
    /// of the world's flag. Hands back the status and the body.
    ///
    /// # Errors
    /// When the connection fails, above all for a kubelet that is not who it should be.
    pub async fn call(&self, node: &Node, path: &str) -> Result<(StatusCode, String), CallError> {
        let fault = |why: String| CallError { node: node.name.clone(), why };
        let request = Request::get(format!("https://{}:{}{path}", node.address, node.port)).body(Full::default());
        let request = request.map_err(|error| fault(error.to_string()))?;
        let answer = time::timeout(TIMEOUT, exchange(&self.kubelets, request)).await;
        let (status, body) = answer.map_err(|_| fault("no answer in time".into()))?.map_err(fault)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

async fn exchange(client: &Https, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
    let response = client.request(request).await.map_err(|error| chain(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER).collect().await.map_err(|error| chain(error.as_ref()))?;
    Ok((status, body.to_bytes()))
}

/// As kube-apiserver reads it: a version and kind it knows, and `denied` only beside no `allowed`.
fn read(body: &[u8]) -> Result<(Verdict, String), String> {
    let answer: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let word = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if (word("/kind"), word("/apiVersion")) != ("SubjectAccessReview", "authorization.k8s.io/v1") {
        return Err(format!("it is a `{}` of `{}`", word("/kind"), word("/apiVersion")));
    }
    let is = |pointer: &str| answer.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    let verdict = match (is("/status/allowed"), is("/status/denied")) {
        (true, true) => return Err("both `allowed` and `denied` are set".into()),
        (true, false) => Verdict::Allow,
        (false, true) => Verdict::Deny,
        (false, false) => Verdict::NoOpinion,
    };
    Ok((verdict, word("/status/reason").to_owned()))
}

fn https(tasks: &Tasks, tls: ClientConfig, http: Http) -> Https {
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_only();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // As Go's client does; with Nagle's algorithm every question waits for an acknowledgement.
    tcp.set_nodelay(true);
    let connector = match http {
        Http::One => builder.enable_http1().wrap_connector(tcp),
        Http::Two => builder.enable_all_versions().wrap_connector(tcp),
    };
    Client::builder(tasks.clone()).build(connector)
}

enum Trust {
    In(CertificateDer<'static>),
    Everybody,
}

fn tls(trust: Trust, client: &Identity) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match trust {
        Trust::In(root) => {
            let mut roots = RootCertStore::empty();
            roots.add(root)?;
            builder.with_root_certificates(roots)
        }
        Trust::Everybody => builder.dangerous().with_custom_certificate_verifier(anybody()),
    };
    let mut config = builder.with_client_auth_cert(client.chain.clone(), client.key_der())?;
    // Go's client has no cache of sessions unless it is given one.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn chain(error: &dyn Error) -> String {
    let mut story = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        story = format!("{story}: {error}");
        source = error.source();
    }
    story
}

/// A verifier that takes whatever answers.
pub(crate) fn anybody() -> Arc<dyn ServerCertVerifier> {
    Arc::new(Unasked(Arc::new(aws_lc_rs::default_provider())))
}

/// kube-apiserver without `--kubelet-certificate-authority`: it takes whatever answers.
#[derive(Debug)]
struct Unasked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unasked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// As kube-apiserver waits for its webhook.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A list of pods of one node is some kilobytes; an answer to a review, some hundred bytes.
const ANSWER: usize = 4 << 20;
