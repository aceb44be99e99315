use super::*;
use http_body_util::BodyExt;
use hyper::body::Frame;
use prometheus_client::{encoding::text, registry::Registry};
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};
use wire::{Target, Verdict};

const REVIEW: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"user":"alice",
"resourceAttributes":{"verb":"get","resource":"pods"}}}"#;
const DENIED: &str = r#"{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":false,"denied":true,"reason":"no"}}"#;

/// A webhook whose judge denies everything and remembers what it was asked.
struct World {
    webhook: Arc<Webhook>,
    asked: Arc<Mutex<Vec<Ask>>>,
    registry: Registry,
}

impl World {
    fn new(limits: Limits) -> World {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let judge = move |ask| {
            seen.lock().expect("no panic").push(ask);
            Reply { verdict: Verdict::Deny, reason: "no".into() }
        };
        World::judged_by(Arc::new(judge), limits, asked)
    }

    fn judged_by(judge: Arc<Judge>, limits: Limits, asked: Arc<Mutex<Vec<Ask>>>) -> World {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        World { webhook: Arc::new(Webhook::new(judge, limits, metrics)), asked, registry }
    }

    async fn send<B: Body<Data = Bytes> + Unpin>(&self, method: Method, uri: &str, body: B) -> (u16, String) {
        let request = Request::builder().method(method).uri(uri).body(body).expect("a request");
        let response = self.webhook.clone().answer(request, Arc::from("kube-apiserver")).await;
        assert!(!response.headers().contains_key("retry-after"));
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.into()).expect("text"))
    }

    async fn post(&self, body: impl Into<Bytes>) -> (u16, String) {
        self.send(Method::POST, "/authorize?timeout=3s", Full::new(body.into())).await
    }

    fn asked(&self) -> Vec<Ask> {
        std::mem::take(&mut self.asked.lock().expect("no panic"))
    }

    /// The lines of the metrics page that say this.
    fn counted(&self, part: &str) -> Vec<String> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("metrics");
        page.lines()
            .filter(|it| !it.starts_with('#') && it.contains(part) && !it.ends_with(" 0"))
            .map(str::to_owned)
            .collect()
    }
}

/// A body that comes in pieces, and then ends or waits for ever.
struct Pieces {
    left: VecDeque<Result<&'static [u8], io::Error>>,
    ends: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(piece.map(|it| Frame::data(Bytes::from_static(it))))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

fn status(code: u16, reason: &str, message: &str) -> (u16, String) {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    (code, status.to_string())
}

#[tokio::test]
async fn a_review_is_judged_and_answered() {
    let world = World::new(Limits::default());
    assert_eq!(world.post(REVIEW).await, (200, DENIED.into()));
    let [ask] = <[Ask; 1]>::try_from(world.asked()).expect("one question");
    assert_eq!((&*ask.request.user, &*ask.peer), ("alice", "kube-apiserver"));
    let deadline = ask.deadline.expect("a deadline");
    assert!(deadline <= Duration::from_secs(3) && deadline > Duration::from_secs(2), "{deadline:?}");
    assert_eq!(world.counted("requests_total"), [r#"webhook_requests_total{result="success"} 1"#]);
}

#[tokio::test]
async fn the_root_path_and_any_query_will_do() {
    let world = World::new(Limits::default());
    for uri in ["/", "/?timeout=nonsense&x=%00", "/authorize", "/authorize?"] {
        assert_eq!(world.send(Method::POST, uri, Full::new(REVIEW.into())).await.0, 200, "{uri}");
    }
    assert!(world.asked().iter().all(|it| it.deadline.is_none()));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_without_a_verdict() {
    let world = World::new(Limits::default());
    let get = world.send(Method::GET, "/authorize", Full::new(Bytes::new())).await;
    assert_eq!(get, status(405, "MethodNotAllowed", "pathgate: a review is posted"));
    let other = world.send(Method::POST, "/authorize/x", Full::new(REVIEW.into())).await;
    assert_eq!(other, status(404, "NotFound", "pathgate: reviews are posted to `/authorize`"));
    assert_eq!(world.asked(), []);
    let mut counted = world.counted("refused_total");
    counted.sort();
    assert_eq!(counted, ["method", "path"].map(|it| format!("webhook_refused_total{{reason=\"{it}\"}} 1")));
}

#[tokio::test]
async fn what_is_no_review_is_a_bad_request() {
    let world = World::new(Limits::default());
    let message = "pathgate: not a SubjectAccessReview: line 1, column 1: EOF while parsing an object";
    assert_eq!(world.post("{").await, status(400, "BadRequest", message));
    assert_eq!(world.post("").await.0, 400);
    assert_eq!(world.post(&b"{\"kind\":\"\xff\"}"[..]).await.0, 400);
    assert_eq!(world.asked(), []);
    assert_eq!(world.counted("refused_total"), [r#"webhook_refused_total{reason="malformed"} 3"#]);
}

#[tokio::test]
async fn an_oversized_review_is_denied_rather_than_left_to_the_failure_policy() {
    let world = World::new(Limits::default());
    let large = REVIEW.replace("pods", &"a".repeat(10 * 1024 * 1024));
    assert_eq!(world.post(large).await, (200, DENIED.into()));
    let target = Target::Malformed { fault: "the review is larger than 256 KiB".into() };
    assert_eq!(world.asked().into_iter().map(|it| it.request.target).collect::<Vec<_>>(), [target]);
}

#[tokio::test]
async fn ten_megabytes_of_something_else_are_too_large() {
    let world = World::new(Limits::default());
    let (code, _) = world.post(vec![b' '; 10 * 1024 * 1024]).await;
    assert_eq!((code, world.asked()), (413, vec![]));
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let world = World::new(Limits { discard: 1024, ..Limits::default() });
    let piece: &[u8] = &[b' '; 128 * 1024];
    let body = Pieces { left: [piece, piece, piece].map(Ok).into(), ends: false };
    assert_eq!(world.send(Method::POST, "/", body).await.0, 413);
    assert_eq!(world.counted("refused_total"), [r#"webhook_refused_total{reason="large"} 1"#]);
}

#[tokio::test]
async fn a_review_in_pieces_is_put_together() {
    let world = World::new(Limits::default());
    let (head, tail) = REVIEW.as_bytes().split_at(100);
    let body = Pieces { left: [head, b"", tail].map(Ok).into(), ends: true };
    assert_eq!(world.send(Method::POST, "/", body).await, (200, DENIED.into()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_not_waited_for_longer_than_the_asker_waits() {
    let world = World::new(Limits::default());
    let since = time::Instant::now();
    for (uri, seconds) in [("/", 10), ("/?timeout=3s", 13), ("/?timeout=30s", 23)] {
        let body = Pieces { left: [Ok(&b"{"[..])].into(), ends: false };
        let late = status(408, "Timeout", "pathgate: the body did not arrive in time");
        assert_eq!(world.send(Method::POST, uri, body).await, late);
        assert_eq!(since.elapsed().as_secs(), seconds, "{uri}");
    }
    assert_eq!(world.counted("requests_total"), [r#"webhook_requests_total{result="timeout"} 3"#]);
}

#[tokio::test]
async fn a_body_that_breaks_off_counts_as_canceled() {
    let world = World::new(Limits::default());
    let body = Pieces { left: [Ok(&b"{"[..]), Err(io::ErrorKind::ConnectionReset.into())].into(), ends: true };
    assert_eq!(world.send(Method::POST, "/", body).await.0, 400);
    assert_eq!(world.counted("requests_total"), [r#"webhook_requests_total{result="canceled"} 1"#]);
}

#[tokio::test]
async fn overload_is_told_at_once_and_ends_with_the_load() {
    let world = World::new(Limits { at_once: 1, ..Limits::default() });
    let mut slow = Box::pin(world.send(Method::POST, "/", Pieces { left: VecDeque::new(), ends: false }));
    assert!(poll(&mut slow).is_pending());
    assert_eq!(world.counted("in_flight "), ["webhook_in_flight 1"]);
    let overload = status(503, "ServiceUnavailable", "pathgate: too many requests at once");
    assert_eq!(world.post(REVIEW).await, overload);
    // The asker goes away.
    drop(slow);
    assert_eq!(world.post(REVIEW).await.0, 200);
    let mut counted = world.counted("requests_total");
    counted.sort();
    let expected = ["canceled", "error", "success"].map(|it| format!("webhook_requests_total{{result=\"{it}\"}} 1"));
    assert_eq!(counted, expected);
    assert_eq!(world.counted("in_flight "), Vec::<String>::new());
}

#[tokio::test]
async fn a_judge_that_panics_counts_as_an_error() {
    let world = World::judged_by(Arc::new(|_| panic!("as arranged")), Limits::default(), Arc::default());
    let mut request = Box::pin(world.post(REVIEW));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut request).is_ready()));
    assert!(outcome.is_err());
    drop(request);
    assert_eq!(world.counted("requests_total"), [r#"webhook_requests_total{result="error"} 1"#]);
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(std::task::Waker::noop()))
}
