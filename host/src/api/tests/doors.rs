//! Who is answered, with what, and what is asked of the journal.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_was_rebound_to_loopback_is_refused() {
    let world = World::new().await;
    let got =
        send(world.address, "GET /api/v1/summary HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    assert_eq!((got.status, got.body.contains("Host header")), (403, true), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_forbids_what_it_does_not_need() {
    let world = World::new().await;
    for target in ["/", "/decisions/x", "/api/v1/summary", "/api/v1/nothing", "/no.js"] {
        let got = world.get(target).await;
        let policy = got.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"), "{target}: {policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{target}: {policy}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(got.header("access-control-allow-origin"), None, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_changed_by_it() {
    let world = World::new().await;
    let address = world.address;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = format!(
            "{method} /api/v1/plugins HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\nconnection: close\r\n\r\n"
        );
        let got = send(address, &request).await;
        assert_eq!((got.status, got.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_said_as_json() {
    let world = World::new().await;
    for (target, status) in [
        ("/api/v1/nothing", 404),
        ("/api/v2/summary", 404),
        ("/api/v1/decisions/01J00000000000000000000000", 404),
        ("/api/v1/paths/nowhere", 404),
        ("/api/v1/decisions?q=path:nowhere", 400),
        ("/api/v1/decisions?limit=many", 400),
        ("/api/v1/events?after=soon", 400),
        ("/api/v1/events?q=usr:prom", 400),
    ] {
        let got = world.get(target).await;
        let error: Value = serde_json::from_str(&got.body).expect("JSON");
        assert_eq!((got.status, error["error"].is_string()), (status, true), "{target}: {}", got.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_query_hold_every_match_once() {
    let world = World::new().await;
    for n in 0..25 {
        world.ask(&format!("user-{n}"), if n % 2 == 0 { "proxy" } else { "metrics" });
    }
    world.committed(25).await;
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let page = world.json(&format!("/api/v1/decisions?q=verdict:deny&limit=4{before}")).await;
        for row in page["rows"].as_array().expect("rows") {
            found.push(row["entry"]["decision"]["request"]["user"].as_str().expect("a user").to_owned());
        }
        match page["next"].as_u64() {
            Some(row) => before = format!("&before={row}"),
            None => break,
        }
    }
    let expected: Vec<_> = (0..25).rev().filter(|n| n % 2 == 0).map(|n| format!("user-{n}")).collect();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_every_match_in_order() {
    let world = World::new().await;
    for n in 0..1_500 {
        world.ask(&format!("user-{n}"), if n % 3 == 0 { "proxy" } else { "metrics" });
    }
    world.committed(1_500).await;
    let got = world.get("/api/v1/decisions/export?q=verdict:deny").await;
    assert!(got.header("content-disposition").is_some_and(|it| it.contains("pathgate-decisions.jsonl")));
    let rows: Vec<Value> = got
        .body
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let numbers: Vec<_> = rows.iter().filter_map(|row| row["row"].as_u64()).collect();
    assert_eq!(numbers, (1..=1_500).step_by(3).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_comes_with_its_rule_and_with_who_else_it_hit() {
    let world = World::new().await;
    let id = world.ask("prom", "proxy");
    world.ask("prom", "proxy");
    world.ask("eve", "proxy");
    world.committed(3).await;
    let detail = world.json(&format!("/api/v1/decisions/{id}")).await;
    assert_eq!(detail["row"]["row"], 1);
    assert_eq!(detail["rules"][0][0], "apiserver_to_kubelet/nodes-proxy");
    assert!(detail["rules"][0][1]["advice"].as_str().is_some_and(|text| text.contains("nodes/metrics")));
    assert_eq!(detail["hits"], serde_json::json!([{"user": "prom", "count": 2}, {"user": "eve", "count": 1}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_made_again_is_the_same() {
    let world = World::new().await;
    let id = world.ask("prom", "proxy");
    world.committed(1).await;
    let explained = world.json(&format!("/api/v1/decisions/{id}/explain")).await;
    assert_eq!((&explained["same"], &explained["differences"]), (&Value::Bool(true), &serde_json::json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_told_with_what_they_did() {
    let world = World::new().await;
    let mut feed = world.follow("q=verdict:deny", None).await;
    world.ask("prom", "proxy");
    world.ask("prom", "metrics");
    // Both are counted before either is told.
    feed.rows(1).await;
    world.committed(2).await;
    let plugins = world.json("/api/v1/plugins").await;
    let (plugin, acts) = (&plugins[0], &plugins[0]["acts"]);
    assert_eq!((&plugin["name"], &plugin["role"]), (&"apiserver_to_kubelet".into(), &"restrict".into()));
    assert_eq!(
        (&plugin["imports"], &acts["refused"]),
        (&serde_json::json!(["pathgate:policy/crypto@1.0.0"]), &1.into())
    );
    let rule = plugin["rules"].as_array().expect("rules").iter().find(|rule| rule["id"] == "nodes-proxy");
    assert_eq!(rule.map(|rule| &rule["refused"]), Some(&1.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_demo_is_controlled_and_only_by_its_page() {
    let (state, shown) = watch::channel(Demo::default());
    let (control, mut asked) = mpsc::channel(1);
    let world = World::with_stage(Stage { state: shown, control }).await;
    let address = world.address;
    let ask = |origin: &str, body: &str| {
        let head =
            format!("POST /demo/v1/control HTTP/1.1\r\nhost: {address}\r\n{origin}content-type: application/json\r\n");
        format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let own = format!("origin: http://{address}\r\n");
    let cases = [
        (ask("", "{\"pause\":true}"), 403),
        (ask("origin: http://evil.example\r\n", "{\"pause\":true}"), 403),
        (ask(&own, "{\"explode\":true}"), 400),
        (ask(&own, &" ".repeat(2_000)), 400),
        (ask(&own, "{\"pause\":true}"), 200),
    ];
    for (request, status) in cases {
        assert_eq!(send(address, &request).await.status, status, "{request}");
    }
    assert_eq!(asked.try_recv(), Ok(Control::Pause(true)));
    drop(state);

    let gate = World::new().await;
    let request = format!(
        "POST /demo/v1/control HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\nconnection: close\r\n\r\n",
        gate.address
    );
    assert_eq!(send(gate.address, &request).await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_is_the_page_and_a_missing_file_is_not() {
    let world = World::new().await;
    let missing = world.get("/app-0000.js").await;
    assert_eq!(missing.status, 404);
    let view = world.get("/decisions/01J").await;
    let expected = if Api::is_built() { 200 } else { 404 };
    assert_eq!(view.status, expected, "{}", view.body);
}

#[tokio::test]
async fn decisions_about_certificate_requests_come_page_by_page() {
    let world = World::new().await;
    for name in ["csr-1", "csr-2", "csr-3"] {
        let request = crate::csr::Request { name: name.into(), ..crate::csr::Request::default() };
        let (decision, _) = world.judge.decide_request(&request);
        assert!(world.judge.record_request(decision));
    }
    world.committed(3).await;
    let names = |page: &Value| {
        let rows = page["rows"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["entry"]["csr"]["question"]["name"].clone()).collect::<Vec<_>>()
    };
    let first = world.json("/api/v1/requests?limit=2").await;
    assert_eq!((names(&first), &first["next"]), (vec!["csr-3".into(), "csr-2".into()], &serde_json::json!(2)));
    let second = world.json("/api/v1/requests?limit=2&before=2").await;
    assert_eq!((names(&second), &second["next"]), (vec!["csr-1".into()], &Value::Null));
    // Who looks for decisions finds none of them.
    assert_eq!(world.json("/api/v1/decisions?q=verdict:deny").await["rows"], serde_json::json!([]));
    world.end().await;
}
