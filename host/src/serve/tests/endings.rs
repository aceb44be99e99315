use super::*;

#[tokio::test]
async fn a_handshake_that_is_not_finished_is_ended() {
    let world = World::new(quick()).await;
    let silent = TcpStream::connect(world.address).await.expect("a connection");
    let mut half = TcpStream::connect(world.address).await.expect("a connection");
    // The first bytes of a record that announces 512 more.
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).await.expect("written");
    assert_eq!((rest(silent).await, rest(half).await), (String::new(), String::new()));
    assert_eq!(
        world.counted("connections_refused_total"),
        [r#"connections_refused_total{door="webhook",cause="timeout"} 2"#]
    );
}

#[tokio::test]
async fn what_is_not_tls_is_refused() {
    let world = World::new(Options::default()).await;
    let mut plain = TcpStream::connect(world.address).await.expect("a connection");
    say(&mut plain, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    plain.read_to_end(&mut Vec::new()).await.expect("an end");
    assert_eq!(world.refused(), ["protocol"]);
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let world = World::new(quick()).await;
    let mut stream = world.tls(world.apiserver("http/1.1")).await.expect("a handshake");
    say(&mut stream, "POST / HTTP/1.1\r\nhost: x\r\nx-long: ").await;
    assert_eq!(rest(stream).await, "");
    assert_eq!(world.refused(), ["slow-head"]);
}

#[tokio::test]
async fn a_head_that_trickles_in_is_not_waited_for() {
    let world = World::new(quick()).await;
    let mut stream = world.tls(world.apiserver("http/1.1")).await.expect("a handshake");
    say(&mut stream, "POST / HTTP/1.1\r\nx-long: ").await;
    let mut tick = time::interval(MOMENT / 10);
    // Byte after byte, until the other side has enough.
    let trickle = async {
        while stream.write_all(b"x").await.and(stream.flush().await).is_ok() {
            tick.tick().await;
        }
    };
    soon(trickle).await;
    assert_eq!(world.refused(), ["slow-head"]);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_wait_for_a_head() {
    let mut world = World::new(quick()).await;
    for alpn in ["http/1.1", "h2"] {
        let mut client = world.connect(world.apiserver(alpn)).await;
        for _ in 0..2 {
            time::sleep(MOMENT * 2).await;
            assert_eq!(client.ask("/").await.expect("an answer").1, "kube-apiserver");
        }
    }
    assert_eq!(world.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn a_connection_that_asks_nothing_for_long_is_closed_in_good_order() {
    let mut world = World::new(Options { idle: MOMENT, ..quick() }).await;
    for alpn in ["http/1.1", "h2"] {
        let mut client = world.connect(world.apiserver(alpn)).await;
        client.ask("/").await.expect("an answer");
        // The client's task ends when the server says goodbye.
        world.left().await;
        assert!(client.ask("/").await.is_err(), "{alpn}");
    }
    assert_eq!(world.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_that_takes_long_is_not_idle() {
    let mut world = World::new(Options { idle: MOMENT, ..quick() }).await;
    for alpn in ["http/1.1", "h2"] {
        let mut client = world.connect(world.apiserver(alpn)).await;
        let gate = Arc::clone(&world.gate);
        let opener = async {
            time::sleep(MOMENT * 3).await;
            gate.notify_one();
        };
        let (answer, ()) = tokio::join!(client.ask("/wait"), opener);
        assert_eq!(answer.expect("an answer").1, "kube-apiserver");
    }
}

#[tokio::test]
async fn connections_past_the_bound_are_closed_at_once_and_later_ones_served() {
    let mut world = World::new(Options { connections: 1, ..Options::default() }).await;
    let first = TcpStream::connect(world.address).await.expect("a connection");
    let second = TcpStream::connect(world.address).await.expect("a connection");
    assert_eq!(rest(second).await, "");
    assert_eq!(world.refused(), ["full"]);
    drop(first);
    while world.counted("connections_open").iter().any(|it| it.ends_with(" 1")) {
        tokio::task::yield_now().await;
    }
    let mut client = world.connect(world.apiserver("h2")).await;
    assert!(client.ask("/").await.is_ok());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let world = World::new(Options::default()).await;
    let mut stream = world.tls(world.apiserver("http/1.1")).await.expect("a handshake");
    say(&mut stream, &format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(17 * 1024))).await;
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");

    let mut stream = world.tls(world.apiserver("http/1.1")).await.expect("a handshake");
    say(&mut stream, &format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(65))).await;
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_stop_lets_a_running_request_finish_and_refuses_new_connections() {
    for alpn in ["http/1.1", "h2"] {
        let mut world = World::new(Options::default()).await;
        let mut client = world.connect(world.apiserver(alpn)).await;
        let (waiting, stop, gate, address) =
            (Arc::clone(&world.waiting), world.stop.clone(), Arc::clone(&world.gate), world.address);
        let stopping = async {
            waiting.notified().await;
            stop.cancel();
            // The listener closes soon, not at once.
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
            gate.notify_one();
        };
        let (answer, ()) = tokio::join!(client.ask("/wait"), stopping);
        assert_eq!(answer.expect("an answer").1, "kube-apiserver");
        assert!(client.ask("/").await.is_err(), "{alpn}");
        assert_eq!(world.ended().await, Ok(()));
    }
}

#[tokio::test]
async fn a_stop_ends_connections_that_ask_nothing() {
    let mut world = World::new(Options::default()).await;
    let mut one = world.connect(world.apiserver("http/1.1")).await;
    let mut two = world.connect(world.apiserver("h2")).await;
    let fresh = world.connect(world.apiserver("http/1.1")).await;
    one.ask("/").await.expect("an answer");
    two.ask("/").await.expect("an answer");
    world.stop.cancel();
    assert_eq!(world.ended().await, Ok(()));
    drop(fresh);
}

#[tokio::test]
async fn what_runs_on_after_the_grace_is_cut_off_and_said() {
    for alpn in ["http/1.1", "h2"] {
        let mut world = World::new(Options { grace: MOMENT, ..Options::default() }).await;
        let mut client = world.connect(world.apiserver(alpn)).await;
        let (waiting, stop) = (Arc::clone(&world.waiting), world.stop.clone());
        let stopping = async {
            waiting.notified().await;
            stop.cancel();
        };
        let (answer, ()) = tokio::join!(client.ask("/wait"), stopping);
        assert!(answer.is_err());
        let cut = world.ended().await.expect_err("a cut");
        assert!(cut.left > 0 && cut.grace == MOMENT, "{cut}");
    }
}
