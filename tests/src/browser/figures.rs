//! What the dashboard costs: bytes, first paint, frames, the main thread, and the time from a refusal to its row. It tells
//! figures and judges none of them.

use super::{
    driver::{Driver, Page, Scheme},
    show::Show,
};
use crate::gate::{Gate, REFUSED, response, tcp, told};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::Write as _,
    net::SocketAddr,
    time::{Instant, SystemTime},
};

/// As many nodes as Kubernetes is made for, and traffic that comes to some ten rows of the journal a second.
pub const SHOW: [&str; 4] = ["--nodes", "5000", "--speed", "25"];

/// Every figure, a line each.
pub async fn take(driver: &Driver, gate: &Gate, show: &Show) -> Result<String> {
    let mut lines = opening(driver, show.address).await?;
    for view in ["/", "/decisions?q="] {
        writeln!(lines, "{}", watching(driver, show.address, view).await?)?;
    }
    writeln!(lines, "{}", refusals(driver, gate).await?)?;
    Ok(lines)
}

/// Bytes and paints of a first visit.
async fn opening(driver: &Driver, of: SocketAddr) -> Result<String> {
    let (mut painted, mut drawn, mut loaded) = (Vec::new(), Vec::new(), Value::Null);
    for _ in 0..VISITS {
        let page = visit(driver, of, "/", VERDICT).await?;
        page.until("a verdict is drawn", "window.drawn.verdict").await?;
        loaded = page.eval(LOADED).await?;
        painted.push(number(&loaded, "painted")?);
        drawn.push(number(&page.eval("window.drawn").await?, "verdict")?);
        page.close().await?;
    }
    let (files, answers) = (number(&loaded, "files")? / 1e3, number(&loaded, "answers")? / 1e3);
    let (count, encodings) =
        (number(&loaded, "count")?, loaded.get("encodings").and_then(Value::as_str).unwrap_or_default());
    let (painted, drawn) = (Spread::of(painted), Spread::of(drawn));
    Ok(format!(
        "over the wire: {files:.1} kB in {count} files ({encodings}), {answers:.1} kB of answers\n\
         first paint: {painted} of {VISITS} new profiles; a live verdict: {drawn}\n"
    ))
}

/// What a page costs while it is looked at.
async fn watching(driver: &Driver, of: SocketAddr, view: &str) -> Result<String> {
    let page = visit(driver, of, view, VERDICT).await?;
    page.until("the page is live", LIVE).await?;
    page.devtools("Performance.enable", json!({"timeDomain": "threadTicks"})).await?;
    page.client.execute_async(WAIT, vec![]).await?;
    let (begin, row, before) = (Instant::now(), row(of)?, page.devtools("Performance.getMetrics", json!({})).await?);
    page.client.execute_async(WAIT, vec![]).await?;
    let after = page.devtools("Performance.getMetrics", json!({})).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let rows = (self::row(of)? - row) / seconds;
    let share = |name: &str| -> Result<f64> { Ok((metric(&after, name)? - metric(&before, name)?) * 100.0 / seconds) };
    let (thread, script) = (share("ThreadTime")?, share("ScriptDuration")?);
    let (style, layout) = (share("RecalcStyleDuration")?, share("LayoutDuration")?);
    // Apart from the main thread's figure: asking for every frame costs something too.
    let frames = page.client.execute_async(FRAMES, vec![]).await?;
    page.close().await?;
    let of = |name| number(&frames, name);
    Ok(format!(
        "{view} of {} nodes, {rows:.1} journal rows a second: main thread {thread:.1} % of a core (script {script:.1}, style {style:.1}, \
         layout {layout:.1}); {:.1} frames a second, p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        SHOW[1],
        of("rate")?,
        of("p50")?,
        of("p99")?,
        of("most")?
    ))
}

/// From before a refused review is sent until its row was drawn.
async fn refusals(driver: &Driver, gate: &Gate) -> Result<String> {
    let page = visit(driver, gate.dashboard, "/decisions", ROWS).await?;
    page.until("the page is live", LIVE).await?;
    let mut times = Vec::new();
    for _ in 0..REFUSALS {
        let sent = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64() * 1e3;
        let (_, id) = told(&gate.review(REFUSED)?)?;
        page.until("the refusal is drawn", &format!("window.drawn['{id}']")).await?;
        times.push(number(&page.eval("window.drawn").await?, &id)? - sent);
    }
    page.close().await?;
    Ok(format!("refusal to pixel: {} of {REFUSALS}", Spread::of(times)))
}

/// A page of a new profile that notes in `window.drawn` when something was drawn.
async fn visit(driver: &Driver, of: SocketAddr, view: &str, notes: &str) -> Result<Page> {
    let page = driver.open("about:blank", 1440, 1000, Scheme::Light).await?;
    let script =
        format!("window.drawn = {{}}; new MutationObserver(() => {{ {notes} }}).observe(document, {OBSERVED})");
    page.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await?;
    page.client.goto(&format!("http://{of}{view}")).await?;
    Ok(page)
}

/// The last row of the journal that the gate tells of.
fn row(of: SocketAddr) -> Result<f64> {
    let mut stream = tcp(of)?;
    write!(stream, "GET /api/v1/summary HTTP/1.1\r\nHost: {of}\r\nConnection: close\r\n\r\n")?;
    number(&serde_json::from_str(&response(&mut stream)?.1)?, "row")
}

fn number(of: &Value, name: &str) -> Result<f64> {
    of[name].as_f64().with_context(|| format!("no number `{name}` in {of}"))
}

fn metric(of: &Value, name: &str) -> Result<f64> {
    let mut all = of["metrics"].as_array().into_iter().flatten();
    number(all.find(|it| it["name"] == name).with_context(|| format!("no metric `{name}`"))?, "value")
}

/// Times in ms, in order.
struct Spread(Vec<f64>);

impl Spread {
    fn of(mut times: Vec<f64>) -> Spread {
        times.sort_by(f64::total_cmp);
        Spread(times)
    }

    fn at(&self, percent: usize) -> f64 {
        self.0.get(self.0.len() * percent / 100).or(self.0.last()).copied().unwrap_or(f64::NAN)
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.0} ms, p99 {:.0} ms", self.at(50), self.at(99))
    }
}

/// Odd, so that one of them is the median.
const VISITS: usize = 9;
const REFUSALS: usize = 50;
const LIVE: &str = "document.querySelector('#live')?.dataset.link === 'live'";
const OBSERVED: &str =
    "{subtree: true, childList: true, attributes: true, attributeFilter: ['data-link', 'data-state']}";
/// When the first frame with a verdict of a gate that is heard was handed over.
const VERDICT: &str = "
    const live = document.querySelector('#live')?.dataset.link === 'live';
    if (!live || !document.querySelector('#verdict h1, #decisions') || 'verdict' in drawn) return;
    drawn.verdict = 0;
    requestAnimationFrame(() => setTimeout(() => drawn.verdict = performance.now()));";
/// When the first frame with a decision's row was handed over, by this machine's clock.
const ROWS: &str = "
    for (const row of document.querySelectorAll('[data-decision]')) {
        const id = row.dataset.decision;
        if (id in drawn) continue;
        drawn[id] = 0;
        requestAnimationFrame(() => setTimeout(() => drawn[id] = Date.now()));
    }";
/// What was loaded, packed as it came; answers of the API apart from files.
const LOADED: &str = "(() => {
    const all = ['navigation', 'resource'].flatMap(it => performance.getEntriesByType(it));
    const answers = all.filter(it => it.name.includes('/api/')), files = all.filter(it => !answers.includes(it));
    const bytes = of => of.reduce((sum, it) => sum + it.encodedBodySize, 0);
    const encodings = [...new Set(files.map(it => it.contentEncoding || 'plain'))].join(', ');
    const painted = performance.getEntriesByName('first-contentful-paint')[0].startTime;
    return {files: bytes(files), count: files.length, answers: bytes(answers), encodings, painted};
})()";
/// Ten seconds of the page's own time.
const WAIT: &str = "setTimeout(arguments[0], 10000)";
/// Every frame of ten seconds.
const FRAMES: &str = "
    const done = arguments[0], times = [];
    const step = now => {
        times.push(now);
        if (now - times[0] < 10000) return requestAnimationFrame(step);
        const gaps = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
        const at = share => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))];
        done({rate: gaps.length * 1000 / (times.at(-1) - times[0]), p50: at(.5), p99: at(.99), most: at(1)});
    };
    requestAnimationFrame(step)";
