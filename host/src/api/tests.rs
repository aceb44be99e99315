//! Promises of the dashboard's door, through real sockets and a real journal.

use super::*;
use crate::{
    decision::Ask,
    inventory::Inventory,
    journal::{Artifact, Delivery, Options, Writer},
    judge::Judge,
    plugins::{Spec, builtin},
    posture::{self, Posture},
    serve::{self, Guard},
};
use prometheus_client::registry::Registry;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
};
use wire::{Request as Asked, Resource, Target};

mod doors;
mod feeds;

/// A gate with a journal and a dashboard, and no webhook: it is asked directly.
struct World {
    directory: TempDir,
    journal: Journal,
    judge: Judge,
    address: SocketAddr,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl World {
    async fn new() -> World {
        let directory = tempfile::tempdir().expect("a directory for the test");
        World::open(directory, None).await
    }

    async fn with_stage(stage: Stage) -> World {
        let directory = tempfile::tempdir().expect("a directory for the test");
        World::open(directory, Some(stage)).await
    }

    async fn open(directory: TempDir, stage: Option<Stage>) -> World {
        let (journal, writer) = open(&directory).await;
        let plugins = Arc::new(Plugins::for_tests());
        let component = builtin()["apiserver_to_kubelet"];
        let spec = Spec::new("apiserver_to_kubelet", component, serde_json::json!({}));
        let set = plugins.activate(plugins.prepare(vec![spec]).expect("it loads"));
        let plugin = &set.plugins[0];
        journal.keep(Artifact::Component, plugin.component()).await.expect("it is kept");
        journal.keep(Artifact::Config, plugin.config().as_bytes()).await.expect("it is kept");
        let judge = Judge::new(plugins.clone(), Some(journal.clone()), Inventory::default());

        let metrics = serve::Metrics::register(&mut Registry::default()).door("dashboard");
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let door = serve::bind(any, Guard::Loopback, serve::Options::default(), metrics).await.expect("a free port");
        let (address, stop) = (door.address(), CancellationToken::new());
        let board = Arc::new(Mutex::new(Board::new("test".into(), 0, Posture::new(posture::Options::default()))));
        let api = Api::new(journal.clone(), plugins, board, Box::new(Vec::new), stage, stop.child_token());
        let api = Arc::new(api);
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run());
        tasks.spawn(api.clone().keep_up());
        let stopped = stop.child_token();
        tasks.spawn(async move {
            let answer = move |request, _: Arc<str>| {
                let api = api.clone();
                async move { api.answer(request).await }
            };
            door.run(answer, stopped).await.expect("nothing is cut off");
        });
        World { directory, journal, judge, address, stop, tasks }
    }

    /// `get nodes/proxy` by this user, which is refused; or `get nodes/metrics`, which is not.
    fn ask(&self, user: &str, subresource: &str) -> String {
        let resource = Resource {
            verb: "get".into(),
            version: "v1".into(),
            resource: "nodes".into(),
            subresource: subresource.into(),
            name: "gen-1".into(),
            ..Resource::default()
        };
        let request = Asked { user: user.into(), target: Target::Resource(resource.into()), ..Asked::default() };
        let reply = self.judge.decide(Ask { request, peer: "kube-apiserver".into(), deadline: None });
        let (_, id) = reply.reason.rsplit_once("decision ").expect("an id in the reason");
        id.trim_end_matches(')').to_owned()
    }

    /// Waits until so many rows are committed.
    async fn committed(&self, row: u64) {
        let mut subscription = self.journal.subscribe(0);
        loop {
            let delivery = subscription.next().await.expect("it reads").expect("a row");
            if matches!(delivery, Delivery::Row(it) if it.row >= row) {
                return;
            }
        }
    }

    /// Asks with these headers besides the right `Host`.
    async fn get(&self, target: &str) -> Got {
        send(self.address, &format!("GET {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address))
            .await
    }

    async fn json(&self, target: &str) -> Value {
        let got = self.get(target).await;
        assert_eq!(got.status, 200, "{target}: {}", got.body);
        serde_json::from_str(&got.body).expect("JSON")
    }

    async fn follow(&self, query: &str, last: Option<u64>) -> Feed {
        Feed::open(self.address, query, last).await
    }

    /// Ends everything in good order; then the same journal can be opened again.
    async fn end(mut self) -> TempDir {
        self.stop.cancel();
        self.journal.close(Duration::from_secs(10)).await.expect("everything is written");
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no task panics");
        }
        self.directory
    }
}

async fn open(directory: &TempDir) -> (Journal, Writer) {
    let url = format!("sqlite://{}", directory.path().join("journal.db").display());
    let options = Options { url, retention: Duration::from_secs(3_600), queue: 65_536, strict: false };
    Journal::open(options).await.expect("a journal")
}

/// An answer as it came over the wire.
#[derive(Debug)]
struct Got {
    status: u16,
    head: String,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

async fn send(address: SocketAddr, request: &str) -> Got {
    let mut stream = TcpStream::connect(address).await.expect("it connects");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it is answered");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
    Got { status, head: head.to_owned(), body: body.to_owned() }
}

/// A page that follows the feed.
struct Feed {
    lines: BufReader<TcpStream>,
    last: u64,
}

impl Feed {
    async fn open(address: SocketAddr, query: &str, last: Option<u64>) -> Feed {
        let mut stream = TcpStream::connect(address).await.expect("it connects");
        let resume = last.map_or(String::new(), |row| format!("last-event-id: {row}\r\n"));
        let request = format!("GET /api/v1/events?{query} HTTP/1.1\r\nhost: {address}\r\n{resume}\r\n");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert_ne!(lines.read_line(&mut line).await.expect("a head"), 0);
        }
        Feed { lines, last: last.unwrap_or(0) }
    }

    /// The next event: id, name and data. Nothing at the end. A feed that says nothing for long is broken.
    async fn next(&mut self) -> Option<(Option<u64>, String, Value)> {
        time::timeout(PATIENCE, self.event()).await.expect("the feed speaks in time")
    }

    async fn event(&mut self) -> Option<(Option<u64>, String, Value)> {
        let (mut id, mut name) = (None, String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            // The last chunk; the connection stays for another request.
            if line == "0" {
                return None;
            }
            if let Some(row) = line.strip_prefix("id: ") {
                id = Some(row.parse().expect("a row"));
            } else if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                self.last = id.unwrap_or(self.last);
                return Some((id, name, serde_json::from_str(data).expect("JSON")));
            }
            // The rest is how chunks are framed.
        }
    }

    /// The next event of this name.
    async fn until(&mut self, name: &str) -> Value {
        loop {
            let (_, event, data) = self.next().await.expect("the feed goes on");
            if event == name {
                return data;
            }
        }
    }

    /// The rows of the next decisions, so many.
    async fn rows(&mut self, count: usize) -> Vec<u64> {
        let mut rows = Vec::new();
        while rows.len() < count {
            rows.push(self.until(wire::feed::DECISION).await["row"].as_u64().expect("a row"));
        }
        rows
    }
}

/// A beat comes each second; a busy machine may be a minute late.
const PATIENCE: Duration = Duration::from_secs(60);
