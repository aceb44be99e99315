use super::*;

#[tokio::test]
async fn a_listed_client_is_served_over_both_versions_of_http() {
    let mut world = World::new(Options::default()).await;
    let mut answers = Vec::new();
    for alpn in ["h2", "http/1.1"] {
        let mut client = world.connect(world.apiserver(alpn)).await;
        answers.push(client.ask("/").await.expect("an answer"));
        answers.push(client.ask("/again").await.expect("an answer"));
    }
    let name = || "kube-apiserver".to_owned();
    let (one, two) = ((Version::HTTP_11, name()), (Version::HTTP_2, name()));
    assert_eq!(answers, [two.clone(), two, one.clone(), one]);
    assert_eq!(world.counted("connections_accepted_total"), [r#"connections_accepted_total{door="webhook"} 2"#]);
}

#[tokio::test]
async fn a_client_may_be_listed_by_common_name_dns_name_or_uri() {
    let mut world = World::new(Options::default()).await;
    let listed =
        Files { client_names: ["a", "b.example", "spiffe://c"].map(Into::into).into(), ..files(world.folder.path()) };
    world.reloader.point_at(listed).expect("taken");
    let client_auth = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let sans = [
        SanType::DnsName("b.example".try_into().expect("a name")),
        SanType::URI("spiffe://c".try_into().expect("a name")),
    ];
    let mut names = Vec::new();
    for san in sans {
        let pair = world.clients.issue(|it| {
            it.distinguished_name.push(DnType::CommonName, "unlisted");
            it.extended_key_usages.clone_from(&client_auth);
            it.subject_alt_names = vec![san];
        });
        let mut client = world.connect(world.client(Some(pair), "h2")).await;
        names.push(client.ask("/").await.expect("an answer").1);
    }
    let mut client = world.connect(world.client(Some(world.clients.client("a")), "h2")).await;
    names.push(client.ask("/").await.expect("an answer").1);
    assert_eq!(names, ["b.example", "spiffe://c", "a"]);
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_served() {
    let mut world = World::new(Options::default()).await;
    let pair = world.clients.client("kube-apiserver");
    let config = world.client_of(&[&rustls::version::TLS12], Some(pair), "h2");
    let stream = world.tls(config).await.expect("a handshake");
    let version = stream.get_ref().1.protocol_version();
    let mut client = Client::over(stream, &mut world.lives).await;
    let answer = client.ask("/").await.expect("an answer").1;
    assert_eq!((version, &*answer), (Some(ProtocolVersion::TLSv1_2), "kube-apiserver"));
}

#[tokio::test]
async fn who_is_not_listed_speaks_no_http() {
    let world = World::new(Options::default()).await;
    let told = [
        world.refusal(world.client(None, "h2")).await,
        world.refusal(world.client(Some(Authority::new("others").client("kube-apiserver")), "h2")).await,
        world.refusal(world.client(Some(world.clients.client("kube-apiserver.")), "h2")).await,
        world.refusal(world.client(Some(world.clients.client("Kube-Apiserver")), "h2")).await,
    ];
    let alert = |name: &str| format!("received fatal alert: {name}");
    assert_eq!(told, [alert("CertificateRequired"), alert("UnknownCA"), alert("AccessDenied"), alert("AccessDenied")]);
    assert_eq!(world.refused(), ["name", "no-certificate", "untrusted"]);
}

#[tokio::test]
async fn an_expired_or_misused_certificate_is_refused() {
    let world = World::new(Options::default()).await;
    let expired = world.clients.issue(|it| {
        it.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        it.not_after = date_time_ymd(2001, 1, 1);
    });
    let serving = world.clients.issue(|it| {
        it.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let told = [
        world.refusal(world.client(Some(expired), "h2")).await,
        world.refusal(world.client(Some(serving), "h2")).await,
    ];
    assert_eq!(told[0], "received fatal alert: CertificateExpired");
    assert_eq!(world.refused(), ["expired", "untrusted"]);
}

#[tokio::test]
async fn no_session_is_resumed_so_each_connection_proves_itself() {
    let mut world = World::new(Options::default()).await;
    // One configuration is one memory of sessions.
    let config = world.apiserver("http/1.1");
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let stream = world.tls(config.clone()).await.expect("a handshake");
        kinds.push(stream.get_ref().1.handshake_kind());
        let mut client = Client::over(stream, &mut world.lives).await;
        client.ask("/").await.expect("an answer");
    }
    assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Full)]);
}

#[tokio::test]
async fn plain_http_is_for_loopback_only() {
    let metrics = Metrics::register(&mut Registry::default()).door("admin");
    let address = "0.0.0.0:0".parse().expect("an address");
    let fault = bind(address, Guard::Loopback, Options::default(), metrics).await.err().expect("a fault");
    assert_eq!(fault.to_string(), "`0.0.0.0:0` is reachable from outside and has no TLS: use a loopback address");
}

#[tokio::test]
async fn plain_http_is_served_on_loopback() {
    let metrics = Metrics::register(&mut Registry::default()).door("admin");
    let address = "127.0.0.1:0".parse().expect("an address");
    let bound = bind(address, Guard::Loopback, Options::default(), metrics).await.expect("a port");
    let (address, stop) = (bound.address(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    let handler = |_, peer: Arc<str>| async move { Response::new(Full::new(format!("<{peer}>").into())) };
    tasks.spawn(bound.run(handler, stop.clone()));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let answer = rest(stream).await;
    stop.cancel();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n<>"), "{answer}");
    assert_eq!(tasks.join_next().await.expect("a task").expect("no panic"), Ok(()));
}

#[tokio::test]
async fn a_body_larger_than_every_window_arrives() {
    let mut world = World::new(Options::default()).await;
    for alpn in ["http/1.1", "h2"] {
        let mut client = world.connect(world.apiserver(alpn)).await;
        let body = vec![b' '; 10_000_000];
        assert_eq!(soon(client.post("/length", body.into())).await.expect("an answer").1, "10000000", "{alpn}");
    }
}
