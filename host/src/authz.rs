//! The authorization webhook: SubjectAccessReviews in, verdicts out.
//!
//! It owns the HTTP of it: what is read, for how long, how much at once, and which status says what. It refuses nothing
//! that a user of kube-apiserver can bring about; that is judged and answered with status 200, because anything else
//! makes kube-apiserver follow its failure policy. The other statuses:
//!
//! | status | when | kube-apiserver |
//! | --- | --- | --- |
//! | 400 | not a SubjectAccessReview | does not retry |
//! | 404, 405 | another path, another method than POST | does not retry |
//! | 408 | the body did not arrive in time | has given up already |
//! | 413 | longer than any review that kube-apiserver can build | does not retry |
//! | 503 | too many requests at once | does not retry, as there is no `Retry-After` |
//!
//! Their bodies are a Kubernetes `Status`, so that kube-apiserver's log shows the sentence. The content type is not
//! looked at: what parses is a review, and callers are known by certificate, so no browser can be made to send one.

mod body;
mod metrics;
mod timeout;

use crate::{
    decision::{Ask, Reply},
    review::{self, Review, ReviewFault},
};
use body::Content;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Body,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};
use metrics::{Outcome, Refusal};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, time};

pub use metrics::Metrics;

/// Judges a question. It is called on the connection's own thread, so it answers in microseconds, or in the plugins'
/// deadline at worst.
pub type Judge = dyn Fn(Ask) -> Reply + Send + Sync;

/// How much the webhook takes on. Each has a default with its reason.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests that are read or judged at once; more are answered 503.
    pub at_once: usize,
    /// The longest wait for a body.
    pub body: Duration,
    /// Bytes read past [`review::BODY`] before giving up on a body, so that a denial can still be told.
    pub discard: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // kube-apiserver serves 600 requests at once unless told otherwise; with kubelets' own questions there is
            // room, and bodies stay below 256 MiB even if each is as large as may be.
            at_once: 1_024,
            // kube-apiserver writes a review in one go and waits 3 s, at most 30.
            body: Duration::from_secs(10),
            // A request line of 1 MiB, all of it a selector of one-letter keys, makes a review of 16 MiB.
            discard: 32 * 1024 * 1024,
        }
    }
}

/// The webhook: one for all connections.
pub struct Webhook {
    judge: Arc<Judge>,
    limits: Limits,
    places: Semaphore,
    metrics: Metrics,
}

impl Webhook {
    /// A webhook that asks this judge.
    pub fn new(judge: Arc<Judge>, limits: Limits, metrics: Metrics) -> Webhook {
        Webhook { judge, places: Semaphore::new(limits.at_once), limits, metrics }
    }

    /// Answers one request of this peer. Its head is looked at before anything is waited for, and let go: what waits is
    /// kept once for each request that runs.
    pub fn answer<B>(
        self: Arc<Self>,
        request: Request<B>,
        peer: Arc<str>,
    ) -> impl Future<Output = Response<Full<Bytes>>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let patience = head(&request);
        let mut body = request.into_body();
        async move {
            let mut running = self.metrics.start();
            let judged = match patience {
                Ok(patience) => self.judged(&mut body, patience, &peer, &mut running.outcome).await,
                Err(refused) => Err(refused),
            };
            match judged {
                Ok(body) => {
                    running.outcome = Outcome::Success;
                    respond(StatusCode::OK, body.into())
                }
                Err(refused) => {
                    running.outcome = match refused.refusal {
                        Refusal::Late => Outcome::Timeout,
                        Refusal::Broken => Outcome::Canceled,
                        _ => Outcome::Error,
                    };
                    self.metrics.refuse(refused.refusal);
                    tracing::debug!(%peer, reason = refused.refusal.as_str(), sentence = refused.sentence, "refused");
                    refused.response()
                }
            }
        }
    }

    async fn judged<B>(
        &self,
        body: &mut B,
        patience: Option<Duration>,
        peer: &Arc<str>,
        outcome: &mut Outcome,
    ) -> Result<Vec<u8>, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let since = Instant::now();
        let Ok(_place) = self.places.try_acquire() else {
            return Err(Refused::new(Refusal::Overload, "too many requests at once"));
        };
        let wait = patience.map_or(self.limits.body, |it| it.min(self.limits.body));
        let content = time::timeout(wait, body::read(body, self.limits.discard))
            .await
            .map_err(|_| Refused::new(Refusal::Late, "the body did not arrive in time"))?;
        let Review { version, request } = match content {
            Content::Whole(bytes) => review::parse(&bytes)?,
            Content::Beginning(bytes) => review::oversized(&bytes)?,
            Content::Endless => return Err(Refused::new(Refusal::Large, "longer than any review")),
            Content::Broken => return Err(Refused::new(Refusal::Broken, "the body broke off")),
        };
        // Should the judge panic, this is what was made of the request.
        *outcome = Outcome::Error;
        let deadline = patience.map(|it| it.saturating_sub(since.elapsed()));
        let reply = (self.judge)(Ask { request, peer: Arc::clone(peer), deadline });
        Ok(review::answer(version, reply.verdict, &reply.reason))
    }
}

/// How long the asker waits, if it says; a refusal, if this is nothing to judge.
fn head<B>(request: &Request<B>) -> Result<Option<Duration>, Refused> {
    if !matches!(request.uri().path(), "/authorize" | "/") {
        return Err(Refused::new(Refusal::Path, "reviews are posted to `/authorize`"));
    }
    if request.method() != Method::POST {
        return Err(Refused::new(Refusal::Method, "a review is posted"));
    }
    Ok(timeout::of(request.uri().query()))
}

/// Why there is no verdict, for the answer.
struct Refused {
    refusal: Refusal,
    sentence: String,
}

impl Refused {
    fn new(refusal: Refusal, sentence: &str) -> Refused {
        Refused { refusal, sentence: sentence.into() }
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let (status, reason) = match self.refusal {
            Refusal::Malformed | Refusal::Broken => (StatusCode::BAD_REQUEST, "BadRequest"),
            Refusal::Path => (StatusCode::NOT_FOUND, "NotFound"),
            Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
            Refusal::Late => (StatusCode::REQUEST_TIMEOUT, "Timeout"),
            Refusal::Large => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
            Refusal::Overload => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        };
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": format!("pathgate: {}", self.sentence), "reason": reason, "code": status.as_u16(),
        });
        let mut response = respond(status, body.to_string().into());
        if self.refusal == Refusal::Method {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

impl From<ReviewFault> for Refused {
    fn from(fault: ReviewFault) -> Refused {
        let refusal = if fault == ReviewFault::Large { Refusal::Large } else { Refusal::Malformed };
        Refused { refusal, sentence: format!("not a SubjectAccessReview: {fault}") }
    }
}

fn respond(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
