//! The dashboard's door: its files, what it shows as JSON, and the live feed. It reads the journal, the board and the
//! plugins; it decides nothing, and nothing that comes in by it changes the gate.

mod answer;
mod assets;
mod decisions;
mod feed;
mod guard;
mod stream;

#[cfg(test)]
mod tests;

use crate::{
    board::{Board, Loaded},
    journal::Journal,
    plugins::Plugins,
    posture::PROBE_TTL,
};
use answer::{Fault, Parameters, harden, json, page, refuse, streamed};
use bytes::Bytes;
use feed::Ring;
use http_body_util::{BodyExt, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use stream::{Content, Follow, pipe};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;
use wire::{Control, Demo, LaneId, State};

/// What a demo shows besides, and what its page may ask of it.
#[derive(Clone)]
pub struct Stage {
    pub state: watch::Receiver<Demo>,
    pub control: mpsc::Sender<Control>,
}

/// The dashboard's door: one for all connections.
pub struct Api {
    journal: Journal,
    plugins: Arc<Plugins>,
    board: Arc<Mutex<Board>>,
    certificates: Box<dyn Fn() -> Vec<wire::Certificate> + Send + Sync>,
    ring: Ring,
    /// The newest summary, as an event.
    summary: watch::Sender<Bytes>,
    stage: Option<Stage>,
    staged: watch::Sender<Bytes>,
    /// Explanations compile: one at a time.
    explaining: Arc<Semaphore>,
    pages: TaskTracker,
    stop: CancellationToken,
    now: fn() -> u64,
}

type Answer = Response<Content>;

impl Api {
    /// A door on this journal and these plugins. [`Api::keep_up`] must run beside it.
    pub fn new(
        journal: Journal,
        plugins: Arc<Plugins>,
        board: Arc<Mutex<Board>>,
        certificates: Box<dyn Fn() -> Vec<wire::Certificate> + Send + Sync>,
        stage: Option<Stage>,
        stop: CancellationToken,
    ) -> Api {
        let ring = Ring::new(journal.last_row());
        Api {
            journal,
            plugins,
            board,
            certificates,
            ring,
            summary: watch::Sender::new(Bytes::new()),
            stage,
            staged: watch::Sender::new(Bytes::new()),
            explaining: Arc::new(Semaphore::new(1)),
            pages: TaskTracker::new(),
            stop,
            now: crate::judge::now,
        }
    }

    /// Whether this program carries the page itself.
    pub fn is_built() -> bool {
        assets::is_built()
    }

    /// Reads the journal for all pages, keeps the board, and tells what changed. Ends with the stop or the journal, and
    /// when every page was let go.
    pub async fn keep_up(self: Arc<Api>) {
        let keep = async { tokio::join!(self.read(), self.tell(), self.follow_stage()) };
        self.stop.run_until_cancelled(keep).await;
        self.pages.close();
        self.pages.wait().await;
    }

    async fn read(&self) {
        let begin = self.board_begins().await;
        let mut subscription = self.journal.subscribe(begin);
        loop {
            match feed::batch(&mut subscription).await {
                Ok(Some(rows)) => {
                    let mut board = self.board();
                    rows.iter().for_each(|row| board.apply(row));
                    drop(board);
                    // What was there before this start is for the board, and read from the journal by who asks for it.
                    let fresh: Vec<_> = rows.into_iter().filter(|row| row.row > self.ring.last()).collect();
                    if !fresh.is_empty() {
                        self.ring.push(Arc::new(feed::Batch::new(fresh)));
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "the dashboard cannot read the journal; it tries again");
                    time::sleep(RETRY).await;
                }
            }
        }
    }

    /// The row before what the board has to know: a quarter of an hour, within reason.
    async fn board_begins(&self) -> u64 {
        let last = self.journal.last_row();
        let search = crate::journal::Search {
            after: Some(last.saturating_sub(MAX_BEFORE)),
            from: (self.now)().saturating_sub(WINDOW),
            limit: 1,
            ..Default::default()
        };
        match self.journal.reader().search(&search).await {
            Ok(rows) => rows.first().map_or(last, |row| row.row.saturating_sub(1)),
            Err(error) => {
                tracing::warn!(%error, "the dashboard begins without what was before");
                last
            }
        }
    }

    /// Tells the summary a few times a second while something changes, and each second while somebody looks.
    async fn tell(&self) {
        let mut tick = time::interval(TELL_EVERY);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut told = 0;
        loop {
            tick.tick().await;
            let now = (self.now)();
            let due = self.summary.receiver_count() > 0 || told == 0;
            let mut board = self.board();
            board.load(loaded(&self.plugins));
            if due && (board.take_changed() || now.saturating_sub(told) >= 1_000) {
                let summary = board.summary(now);
                drop(board);
                told = now;
                self.summary.send_replace(feed::frame(wire::feed::SUMMARY, None, &summary));
            }
        }
    }

    async fn follow_stage(&self) {
        let Some(stage) = &self.stage else { return };
        let mut state = stage.state.clone();
        loop {
            let demo = state.borrow_and_update().clone();
            self.staged.send_replace(feed::frame(wire::feed::DEMO, None, &demo));
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let mut answer = match guard::check(&parts.method, &parts.headers) {
            Err(stranger) => refuse(StatusCode::FORBIDDEN, stranger.sentence()),
            Ok(()) if parts.uri.path() == CONTROL => self.control(&parts.method, &parts.headers, body).await,
            Ok(()) if !matches!(parts.method, Method::GET | Method::HEAD) => {
                let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                answer
            }
            Ok(()) => {
                let path = parts.uri.path();
                let query = parts.uri.query().unwrap_or_default();
                match path.strip_prefix(API) {
                    Some(route) => match self.route(route, &Parameters::read(query), &parts.headers).await {
                        Ok(answer) => answer,
                        Err(fault) => refuse(fault.status, &fault.sentence),
                    },
                    None if path.starts_with("/api") => refuse(StatusCode::NOT_FOUND, ROUTES),
                    None => page(path, &parts.headers),
                }
            }
        };
        harden(answer.headers_mut());
        answer
    }

    async fn route(&self, route: &str, given: &Parameters, headers: &HeaderMap) -> Result<Answer, Fault> {
        let segments: Vec<&str> = route.split('/').collect();
        match segments.as_slice() {
            ["summary"] => Ok(json(&self.board().summary((self.now)()))),
            ["paths"] => Ok(json(&self.board().lanes((self.now)()))),
            ["paths", id] => self.path(id, given),
            ["decisions"] => self.decisions(given).await,
            ["decisions", "export"] => self.export(given),
            ["decisions", id] => self.decision(id).await,
            ["decisions", id, "explain"] => self.explain(id).await,
            ["plugins"] => Ok(json(&self.plugins())),
            ["certificates"] => {
                let mut all = self.certificates();
                // A list of thousands: what is found about one in detail has an address of its own.
                all.iter_mut().filter_map(|it| it.verified.as_mut()).for_each(|it| {
                    it.chain.clear();
                    it.path.clear();
                });
                Ok(json(&all))
            }
            ["certificates", sha256] => match self.certificate(sha256) {
                Some(certificate) => Ok(json(&certificate)),
                None => Err(Fault { status: StatusCode::NOT_FOUND, sentence: NO_CERTIFICATE.to_owned() }),
            },
            ["joins"] => Ok(json(&self.board().joins((self.now)()))),
            ["requests"] => self.requests(given).await,
            ["sources"] => Ok(json(&self.board().sources((self.now)()))),
            ["events"] => self.events(given, headers),
            _ => Err(Fault { status: StatusCode::NOT_FOUND, sentence: ROUTES.to_owned() }),
        }
    }

    /// The gate's own and those that probes have seen. What was verified too long ago is not known any more.
    fn certificates(&self) -> Vec<wire::Certificate> {
        let now = (self.now)();
        let mut all = (self.certificates)();
        all.extend(self.board().certificates());
        let verified = all.iter_mut().filter_map(|it| it.verified.as_mut());
        verified.filter(|it| now.saturating_sub(it.at) > PROBE_TTL).for_each(|it| it.state = State::Unknown);
        all
    }

    /// One of them. Of one that several nodes show, that which is doubted: a copy is a theft.
    fn certificate(&self, sha256: &str) -> Option<wire::Certificate> {
        let all = self.certificates().into_iter().filter(|it| it.sha256 == sha256);
        all.min_by_key(|it| it.verified.as_ref().map_or(State::Safe, |it| it.state))
    }

    fn board(&self) -> std::sync::MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: &str, given: &Parameters) -> Result<Answer, Fault> {
        let lane: LaneId = id.parse().map_err(|sentence| Fault { status: StatusCode::NOT_FOUND, sentence })?;
        let query = given.query()?;
        let subject = given.get("node").or_else(|| given.get("subject"));
        let set = self.plugins.current();
        let asked = set.plugins.iter().filter(|it| it.judges(lane)).map(|it| it.name.clone()).collect();
        Ok(json(&self.board().path(lane, subject, &query, asked, (self.now)())))
    }

    /// What is loaded, and what it did.
    fn plugins(&self) -> Vec<wire::PluginInfo> {
        let now = (self.now)();
        let set = self.plugins.current();
        let board = self.board();
        set.plugins
            .iter()
            .map(|plugin| {
                let mut told = plugin.told();
                told.acts = board.plugin(&told.name, now);
                for rule in &mut told.rules {
                    (rule.refused, rule.would_refuse) = board.rule(&told.name, &rule.id, now);
                }
                told
            })
            .collect()
    }

    fn events(&self, given: &Parameters, headers: &HeaderMap) -> Result<Answer, Fault> {
        let query = given.query()?;
        let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok());
        let at = match resumed.or_else(|| given.get("after")) {
            None | Some("" | "now") => self.ring.last(),
            Some(row) => {
                row.parse().map_err(|_| Fault::of(format!("`{row}` is no row of the journal: give a number")))?
            }
        };
        let (pipe, chunks) = pipe();
        let follow = Follow {
            journal: self.journal.clone(),
            ring: self.ring.clone(),
            query,
            at,
            summary: self.summary.subscribe(),
            demo: self.staged.subscribe(),
            stop: self.stop.clone(),
            now: self.now,
        };
        self.pages.spawn(follow.run(pipe).instrument(tracing::debug_span!("page")));
        Ok(streamed("text/event-stream", chunks))
    }

    async fn control(&self, method: &Method, headers: &HeaderMap, body: Incoming) -> Answer {
        let Some(stage) = &self.stage else {
            return refuse(StatusCode::NOT_FOUND, "this is a gate, not a demo: there is nothing to control");
        };
        if *method != Method::POST {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "only POST");
        }
        if headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) != Some(b"application/json") {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only application/json");
        }
        let Ok(Ok(body)) = time::timeout(BODY_TIME, Limited::new(body, MAX_CONTROL).collect()).await else {
            return refuse(StatusCode::BAD_REQUEST, "the body is too long or too slow");
        };
        match serde_json::from_slice::<Control>(&body.to_bytes()) {
            Err(error) => refuse(StatusCode::BAD_REQUEST, &format!("the body is no control: {error}")),
            Ok(control) => match stage.control.try_send(control) {
                Ok(()) => json(&serde_json::json!({"taken": true})),
                Err(_) => refuse(StatusCode::SERVICE_UNAVAILABLE, "the demo is busy; try again"),
            },
        }
    }
}

fn loaded(plugins: &Plugins) -> Loaded {
    let set = plugins.current();
    let count = |shadow| u32::try_from(set.plugins.iter().filter(|it| it.shadow == shadow).count()).unwrap_or(u32::MAX);
    Loaded { enforcing: count(false), shadowed: count(true), generation: set.generation }
}

const API: &str = "/api/v1/";
const CONTROL: &str = "/demo/v1/control";
const NO_CERTIFICATE: &str = "no certificate with this SHA-256 is seen now: it was replaced, or its node is gone";
const ROUTES: &str = "there is no such route: the API has /api/v1/ summary, paths, paths/LANE, decisions, decisions/ID, \
                      decisions/ID/explain, decisions/export, plugins, certificates, certificates/SHA256, requests, joins, sources and events";
/// What counts as now on the board.
const WINDOW: u64 = 15 * 60_000;
/// Rows of before the start that the board reads at most: seconds of work, in the background.
const MAX_BEFORE: u64 = 100_000;
/// Four times a second is as live as a person sees, and what 5,000 nodes cost is then small.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// A disk that does not answer now may in a second.
const RETRY: Duration = Duration::from_secs(1);
/// A control is a word and a number.
const MAX_CONTROL: usize = 1_024;
const BODY_TIME: Duration = Duration::from_secs(5);
