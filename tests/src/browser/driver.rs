//! ChromeDriver on a free port, and sessions of Chromium with nobody's profile.

use crate::process::{Process, eventually};
use anyhow::{Context, Result, ensure};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::{
    env,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The driver; it and its browsers end with this.
pub struct Driver {
    process: Process,
    port: u16,
    folder: TempDir,
}

/// One browser with one page.
pub struct Page {
    pub client: Client,
    /// Chromium's profile.
    _profile: TempDir,
}

impl Driver {
    /// Starts it; nothing if this machine has none.
    pub fn start() -> Result<Option<Driver>> {
        let (Some(driver), Some(_)) = (which("chromedriver"), which("chromium")) else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(driver);
        command.arg("--port=0");
        let process = Process::start("chromedriver", &mut command, &folder.path().join("chromedriver.log"))?;
        let port = eventually("chromedriver names its port", SOON, &[&process], || {
            let log = process.log();
            let (_, rest) = log.split_once("started successfully on port ").context("it does not yet")?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            ensure!(rest.len() > digits.len(), "half a line");
            Ok(digits.parse()?)
        })?;
        Ok(Some(Driver { process, port, folder }))
    }

    /// A new browser of this size and scheme, on this address.
    pub async fn open(&self, url: &str, width: u32, height: u32, scheme: Scheme) -> Result<Page> {
        ensure!(self.process.id() > 0, "the driver runs");
        let profile = tempfile::tempdir_in(self.folder.path())?;
        let mut arguments = vec![
            "--headless".to_owned(),
            // Tests run as root, where Chromium has no sandbox of its own.
            "--no-sandbox".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        arguments.extend(QUIET.map(str::to_owned));
        if scheme == Scheme::Dark {
            arguments.push("--force-dark-mode".to_owned());
        }
        let Value::Object(capabilities) = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }) else {
            anyhow::bail!("capabilities are an object");
        };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let client = builder.connect(&format!("http://127.0.0.1:{}", self.port)).await?;
        client.set_window_size(width, height).await?;
        client.goto(url).await?;
        Ok(Page { client, _profile: profile })
    }
}

/// Which colours the browser asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

impl Page {
    /// Evaluates an expression of JavaScript.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        Ok(self.client.execute(&format!("return ({expression})"), vec![]).await?)
    }

    /// Waits until an expression is true, and says what was on the page if it never was.
    pub async fn until(&self, what: &str, expression: &str) -> Result<()> {
        let deadline = Instant::now() + SOON;
        loop {
            // The page answers once per frame at most, so this is no spin.
            let script = "const done = arguments[0]; requestAnimationFrame(() => { try { done(Boolean(EXPRESSION)) } catch (e) { done(false) } })";
            let script = script.replace("EXPRESSION", expression);
            if self.client.execute_async(&script, vec![]).await? == Value::Bool(true) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let text = self.eval("document.body.innerText").await?;
                anyhow::bail!("{what}: not within {SOON:?}; the page says {text}");
            }
        }
    }

    /// What the browser's console holds that is no mere information.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self.client.issue_cmd(Log).await?;
        let entries = log.as_array().cloned().unwrap_or_default();
        let bad = entries.iter().filter(|it| it["level"] != "INFO" && it["level"] != "DEBUG");
        Ok(bad.map(|it| it["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// A command of Chromium's own protocol.
    pub async fn devtools(&self, command: &'static str, parameters: Value) -> Result<Value> {
        Ok(self.client.issue_cmd(Devtools { command, parameters }).await?)
    }

    /// A picture of the page, kept under `target/screenshots`.
    pub async fn screenshot(&self, name: &str) -> Result<()> {
        let folder = crate::world::target().join("screenshots");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{name}.png")), self.client.screenshot().await?)?;
        Ok(())
    }

    /// Ends the browser.
    pub async fn close(self) -> Result<()> {
        Ok(self.client.close().await?)
    }
}

/// ChromeDriver's own command for the console.
#[derive(Debug)]
struct Log;

impl fantoccini::wd::WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

/// ChromeDriver's way to Chromium's own protocol.
#[derive(Debug)]
struct Devtools {
    command: &'static str,
    parameters: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.command, "params": self.parameters}).to_string()))
    }
}

fn which(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// So that Chromium speaks to nobody but the page.
const QUIET: [&str; 6] = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
/// A browser that starts on a busy machine, and a page of a debug build.
const SOON: Duration = Duration::from_secs(60);
