use super::*;

impl World {
    fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
        stream.get_ref().1.peer_certificates().expect("a certificate")[0].clone().into_owned()
    }
}

fn der(pair: &Pair) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM")
}

#[tokio::test]
async fn a_changed_certificate_serves_the_next_connection_and_drops_none() {
    for alpn in ["http/1.1", "h2"] {
        let mut world = World::new(Options::default()).await;
        let mut open = world.connect(world.apiserver(alpn)).await;
        open.ask("/").await.expect("an answer");
        let new = world.servers.server();
        let old = world.reloader.certificates();
        write(world.folder.path(), &new, &world.clients.pem());
        assert_eq!(world.reloader.reload().expect("taken"), Change::Taken);
        assert_eq!(world.reloader.reload().expect("taken"), Change::None);
        let next = world.tls(world.apiserver(alpn)).await.expect("a handshake");
        assert_eq!(World::shown(&next), der(&new));
        assert_eq!(open.ask("/").await.expect("an answer").1, "kube-apiserver");
        // For people: the new one took the old one's place, and the client CA nobody's.
        let before: Vec<_> =
            world.reloader.certificates().into_iter().map(|it| it.before.map(|it| it.sha256)).collect();
        assert_eq!(before, [Some(old[0].sha256.clone()), None]);
    }
}

#[tokio::test]
async fn a_secret_swapped_by_its_link_is_noticed() {
    let world = World::new(Options::default()).await;
    let mount = TempDir::new().expect("a folder");
    let old = world.servers.server();
    let new = world.servers.server();
    for (name, pair) in [("..old", &old), ("..new", &new)] {
        fs::create_dir(mount.path().join(name)).expect("a folder");
        write(&mount.path().join(name), pair, &world.clients.pem());
    }
    let link = mount.path().join("..data");
    std::os::unix::fs::symlink("..old", &link).expect("a link");
    world.reloader.point_at(files(&link)).expect("taken");
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&world.reloader).watch(Duration::from_millis(5), stop.clone()));
    assert_eq!(World::shown(&world.tls(world.apiserver("h2")).await.expect("a handshake")), der(&old));
    // As kubelet does it: a new link, renamed over the old.
    let spare = mount.path().join("..spare");
    std::os::unix::fs::symlink("..new", &spare).expect("a link");
    fs::rename(&spare, &link).expect("renamed");
    let noticed =
        async { while World::shown(&world.tls(world.apiserver("h2")).await.expect("a handshake")) != der(&new) {} };
    soon(noticed).await;
    stop.cancel();
    tasks.join_next().await.expect("a task").expect("no panic");
}

#[tokio::test]
async fn a_changed_client_ca_makes_open_connections_prove_themselves_anew() {
    for alpn in ["http/1.1", "h2"] {
        let mut world = World::new(Options::default()).await;
        let old = world.apiserver(alpn);
        let mut idle = world.connect(old.clone()).await;
        idle.ask("/").await.expect("an answer");
        let mut busy = world.connect(old.clone()).await;
        let (waiting, gate, reloader) =
            (Arc::clone(&world.waiting), Arc::clone(&world.gate), Arc::clone(&world.reloader));
        let successor = Authority::new("successor");
        let ca = world.folder.path().join("ca.crt");
        let swap = async {
            waiting.notified().await;
            fs::write(ca, successor.pem()).expect("a file");
            assert_eq!(reloader.reload().expect("taken"), Change::Taken);
            gate.notify_one();
        };
        let (answer, ()) = tokio::join!(busy.ask("/wait"), swap);
        // What ran has finished; then both connections go.
        assert_eq!(answer.expect("an answer").1, "kube-apiserver");
        world.left().await;
        assert!(idle.ask("/").await.is_err() && busy.ask("/").await.is_err());
        assert_eq!(world.refusal(old).await, "received fatal alert: UnknownCA");
        let mut new = world.connect(world.client(Some(successor.client("kube-apiserver")), alpn)).await;
        assert_eq!(new.ask("/").await.expect("an answer").1, "kube-apiserver");
    }
}

#[tokio::test]
async fn a_broken_change_keeps_the_old_and_says_what_to_do() {
    let world = World::new(Options::default()).await;
    let at = |name: &str| world.folder.path().join(name);
    let said = |name: &str| format!("`{}`", at(name).display());
    let good = world.servers.server();
    let other = world.servers.server();
    let before = World::shown(&world.tls(world.apiserver("h2")).await.expect("a handshake"));
    let table: [(&str, &[u8], String); 11] = [
        (
            "tls.crt",
            b"",
            format!(
                "{} holds no certificate: put the certificate there in PEM, followed by its intermediates",
                said("tls.crt")
            ),
        ),
        (
            "tls.crt",
            good.key.as_bytes(),
            format!(
                "{} holds a private key where certificates belong: take it out, and replace it if others could read it",
                said("tls.crt")
            ),
        ),
        (
            "tls.crt",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            format!("{} holds a certificate that does not parse: issue it anew", said("tls.crt")),
        ),
        (
            "tls.crt",
            &good.certificate.as_bytes()[..200],
            format!("{} is not PEM: a section in it is cut off or garbled, so write the file anew", said("tls.crt")),
        ),
        (
            "tls.key",
            other.key.as_bytes(),
            format!(
                "the key in {} is not that of the certificate in {}: write both from the same issue",
                said("tls.key"),
                said("tls.crt")
            ),
        ),
        (
            "tls.key",
            good.certificate.as_bytes(),
            format!("{} holds no private key: put the certificate's key there in PEM, unencrypted", said("tls.key")),
        ),
        (
            "tls.key",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            format!(
                "{} holds a key of an unsupported kind: use ECDSA P-256, P-384, Ed25519 or RSA from 2048 bits",
                said("tls.key")
            ),
        ),
        (
            "ca.crt",
            b"# nothing",
            format!(
                "{} holds no CA certificate: put the CA that signs client certificates there in PEM",
                said("ca.crt")
            ),
        ),
        (
            "ca.crt",
            good.key.as_bytes(),
            format!(
                "{} holds a private key where certificates belong: take it out, and replace it if others could read it",
                said("ca.crt")
            ),
        ),
        (
            "ca.crt",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            format!("{} holds a certificate that does not parse: issue it anew", said("ca.crt")),
        ),
        (
            "ca.crt",
            &[b' '; 1024 * 1024 + 1],
            format!("{} is not a file of PEM: name a regular file of at most 1 MiB", said("ca.crt")),
        ),
    ];
    for (name, content, expected) in table {
        write(world.folder.path(), &good, &world.clients.pem());
        fs::write(at(name), content).expect("a file");
        assert_eq!(world.reloader.reload().expect_err("a fault").to_string(), expected);
        let warning = Health::Warn(format!("{expected}; what was loaded before goes on serving"));
        assert_eq!(world.reloader.health(SystemTime::now()), warning);
        assert_eq!(World::shown(&world.tls(world.apiserver("h2")).await.expect("a handshake")), before);
    }
    fs::remove_file(at("tls.key")).expect("removed");
    let missing = world.reloader.reload().expect_err("a fault").to_string();
    assert_eq!(
        missing,
        format!("{} cannot be read: it must exist, and be readable for the user that runs this", said("tls.key"))
    );
    write(world.folder.path(), &good, &world.clients.pem());
    assert_eq!(world.reloader.reload().expect("taken"), Change::Taken);
    assert_eq!(world.reloader.health(SystemTime::now()), Health::Ok);
}

#[tokio::test]
async fn a_fault_that_lasts_is_counted_once() {
    let world = World::new(Options::default()).await;
    fs::write(world.folder.path().join("tls.crt"), "").expect("a file");
    for _ in 0..3 {
        world.reloader.reload().expect_err("a fault");
    }
    assert_eq!(world.counted("tls_reload_faults_total"), [r#"tls_reload_faults_total{door="webhook"} 1"#]);
}

#[tokio::test]
async fn expiry_is_foretold_and_then_fails() {
    let world = World::new(Options::default()).await;
    let pair = world.servers.issue(|it| it.not_after = date_time_ymd(2040, 1, 1));
    write(world.folder.path(), &pair, &world.clients.pem());
    world.reloader.reload().expect("taken");
    let end = 2_208_988_800;
    let at = |seconds: u64| world.reloader.health(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let path = world.folder.path().join("tls.crt");
    assert_eq!(
        [at(end - 8 * 24 * 3_600), at(end - 3 * 3_600), at(end)],
        [
            Health::Ok,
            Health::Warn(format!("the certificate in `{}` expires in 3 h: replace it", path.display())),
            Health::Fail(format!("the certificate in `{}` has expired: replace it", path.display())),
        ]
    );
    assert_eq!(
        world.counted("tls_certificate_expiry"),
        [format!(r#"tls_certificate_expiry_timestamp_seconds{{door="webhook"}} {end}"#)]
    );
}

#[tokio::test]
async fn nobody_may_connect_is_a_fault_rather_than_a_setting() {
    let world = World::new(Options::default()).await;
    let nobody = Files { client_names: Vec::new(), ..files(world.folder.path()) };
    let fault = world.reloader.point_at(nobody).expect_err("a fault").to_string();
    assert_eq!(fault, "no client names are allowed, so nobody could connect: list at least one");
}
