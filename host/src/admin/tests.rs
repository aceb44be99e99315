use super::*;
use http_body_util::BodyExt;
use prometheus_client::metrics::counter::Counter;

fn admin() -> Admin {
    let mut registry = Registry::with_prefix("pathgate");
    registry.register("things", "Things that happened", Counter::<u64>::default());
    let checks = vec![
        Check::new("journal", || Ok::<(), String>(())),
        Check::new("tls", || Health::Warn("the certificate expires in 3 h".into())),
        Check::new("plugins", || Err::<(), _>("`tunnel` is\nnot ready".to_owned())),
    ];
    Admin::new(checks, Arc::new(registry))
}

async fn ask(method: Method, uri: &str) -> (u16, String, String) {
    let request = Request::builder().method(method).uri(uri).body(()).expect("a request");
    let response = admin().answer(&request);
    let content_type = response.headers()[CONTENT_TYPE].to_str().expect("text").to_owned();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, content_type, String::from_utf8(body.into()).expect("text"))
}

fn text(status: u16, page: &str) -> (u16, String, String) {
    (status, "text/plain; charset=utf-8".into(), page.into())
}

#[tokio::test]
async fn readiness_shows_each_check_with_its_reason() {
    let page = "[+]ping ok\n[+]journal ok\n[+]tls ok, warning: the certificate expires in 3 h\n\
        [-]plugins failed: `tunnel` is not ready\nreadyz check failed\n";
    assert_eq!(ask(Method::GET, "/readyz").await, text(500, page));
}

#[tokio::test]
async fn a_warning_does_not_make_it_unready() {
    assert_eq!(ask(Method::GET, "/readyz?exclude=plugins").await, text(200, "ok"));
    let page = "[+]ping ok\n[+]journal ok\n[+]tls ok, warning: the certificate expires in 3 h\n\
        [+]plugins excluded: ok\nreadyz check passed\n";
    assert_eq!(ask(Method::GET, "/readyz?verbose&exclude=plugins").await, text(200, page));
}

#[tokio::test]
async fn liveness_depends_on_nothing() {
    assert_eq!(ask(Method::GET, "/livez").await, text(200, "ok"));
    assert_eq!(ask(Method::HEAD, "/healthz?verbose=true").await, text(200, "[+]ping ok\nhealthz check passed\n"));
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let page = "# HELP pathgate_things Things that happened.\n# TYPE pathgate_things counter\n\
        pathgate_things_total 0\n# EOF\n";
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8".into();
    assert_eq!(ask(Method::GET, "/metrics").await, (200, content_type, page.into()));
}

#[tokio::test]
async fn nothing_else_is_answered() {
    assert_eq!(ask(Method::GET, "/").await.0, 404);
    assert_eq!(ask(Method::GET, "/readyz/").await.0, 404);
    assert_eq!(ask(Method::POST, "/livez").await.0, 405);
}
