//! What the dashboard promises to a person, in the order in which it is kept.

use super::{
    Kept, Promise, Setting,
    driver::{Page, Scheme},
};
use crate::gate::{REFUSED, TWIN, told};
use anyhow::{Result, ensure};
use serde_json::Value;
use std::net::SocketAddr;

mod look;
mod lost;

macro_rules! promises {
    ($($keep:path,)+) => {
        &[$(Promise { name: stringify!($keep), keep: |setting| -> Kept<'_> { Box::pin($keep(setting)) } },)+]
    };
}

pub const ALL: &[Promise] = promises![
    the_page_mounts_and_says_what_it_waits_for,
    a_refusal_appears_without_a_reload,
    a_decision_has_an_address_and_is_the_same_when_executed_again,
    every_view_has_an_address_and_back_works,
    a_query_in_the_address_is_the_query_on_the_page,
    older_decisions_come_when_they_are_asked_for,
    a_path_says_what_is_known_and_how,
    a_plugin_shows_what_it_may_and_what_it_did,
    a_demo_shows_every_node_and_names_the_bad_ones,
    the_keyboard_reaches_everything,
    look::no_view_has_a_fault_that_axe_finds,
    look::a_certificate_has_a_page_with_what_the_plugins_found,
    look::no_view_scrolls_sideways_at_any_width,
    look::every_view_has_its_picture,
    lost::a_gate_that_comes_back_is_followed_without_gap_or_repeat,
    lost::a_gate_that_is_gone_leaves_nothing_green,
];

impl Setting {
    /// A page of the dashboard, once it is live.
    async fn page(&self, path: &str) -> Result<Page> {
        self.sized(path, 1440, 1000, Scheme::Light).await
    }

    async fn sized(&self, path: &str, width: u32, height: u32, scheme: Scheme) -> Result<Page> {
        self.at(self.gate.dashboard, path, width, height, scheme).await
    }

    /// A page of the demo's dashboard, once it is live.
    async fn shown(&self, path: &str, width: u32, height: u32, scheme: Scheme) -> Result<Page> {
        self.at(self.show.address, path, width, height, scheme).await
    }

    async fn at(&self, of: SocketAddr, path: &str, width: u32, height: u32, scheme: Scheme) -> Result<Page> {
        let page = self.driver.open(&format!("http://{of}{path}"), width, height, scheme).await?;
        page.until("the page is live", LIVE).await?;
        Ok(page)
    }

    /// A refusal, by its id.
    fn refuse(&self) -> Result<String> {
        Ok(told(&self.gate.review(REFUSED)?)?.1)
    }
}

/// Ends the session, and fails if the browser complained of anything: an error, or a breach of the content policy.
async fn end(page: Page) -> Result<()> {
    let complaints = page.complaints().await?;
    page.close().await?;
    ensure!(complaints.is_empty(), "the console says {complaints:#?}");
    Ok(())
}

async fn the_page_mounts_and_says_what_it_waits_for(setting: &mut Setting) -> Result<()> {
    let page = setting.page("/").await?;
    page.until("a verdict", "document.querySelector('#verdict h1')?.textContent.length > 10").await?;
    // No review has come: nothing on the page may be called safe.
    let safe = page.eval("document.querySelectorAll('.verdict .sign.safe').length").await?;
    ensure!(safe == 0, "{safe} safe signs before anything is known");
    end(page).await
}

async fn a_refusal_appears_without_a_reload(setting: &mut Setting) -> Result<()> {
    let page = setting.page("/decisions").await?;
    let id = setting.refuse()?;
    page.until("the refusal is in the list", &format!("document.querySelector('[data-decision=\"{id}\"]')")).await?;
    page.until("the masthead counts it", "document.querySelector('#nav-decisions .n')").await?;
    end(page).await
}

async fn a_decision_has_an_address_and_is_the_same_when_executed_again(setting: &mut Setting) -> Result<()> {
    let id = setting.refuse()?;
    let page = setting.page(&format!("/decisions/{id}")).await?;
    page.until("the trace names the rule", "document.querySelector('#trace')?.textContent.includes('nodes-proxy')")
        .await?;
    page.client.find(fantoccini::Locator::Css("#explain-again")).await?.click().await?;
    page.until(
        "it is the same",
        "document.querySelector('#explained[data-same=\"true\"], #explained [data-same=\"true\"]')",
    )
    .await?;
    end(page).await
}

async fn every_view_has_an_address_and_back_works(setting: &mut Setting) -> Result<()> {
    let page = setting.page("/").await?;
    let views = ["paths", "decisions", "plugins", "certificates"];
    for view in views {
        page.client.find(fantoccini::Locator::Id(&format!("nav-{view}"))).await?.click().await?;
        page.until(view, &format!("location.pathname === '/{view}' && document.querySelector('main h1, main h2')"))
            .await?;
    }
    for view in ["plugins", "decisions", "paths", ""] {
        page.client.back().await?;
        page.until("back", &format!("location.pathname === '/{view}'")).await?;
    }
    end(page).await
}

async fn a_query_in_the_address_is_the_query_on_the_page(setting: &mut Setting) -> Result<()> {
    let id = setting.refuse()?;
    let passed = setting.gate.review(TWIN)?;
    ensure!(passed.pointer("/status/denied") != Some(&Value::Bool(true)), "{passed}");
    let page = setting.page("/decisions?q=verdict%3Ano-opinion").await?;
    page.until("the query is shown", "document.querySelector('#query')?.value === 'verdict:no-opinion'").await?;
    page.until("a decision that matches", "document.querySelector('#decisions [data-decision]')").await?;
    let refused = page.eval(&format!("document.querySelector('[data-decision=\"{id}\"]') !== null")).await?;
    ensure!(refused == Value::Bool(false), "a refusal is shown for verdict:no-opinion");
    page.client.goto(&format!("http://{}/decisions?q=usr%3Aprom", setting.gate.dashboard)).await?;
    page.until("a typing error is said", "document.querySelector('#query-fault')?.textContent.includes('usr:')")
        .await?;
    page.close().await
}

async fn older_decisions_come_when_they_are_asked_for(setting: &mut Setting) -> Result<()> {
    let page = setting.shown("/decisions?q=", 1440, 1000, Scheme::Light).await?;
    let drawn = "document.querySelectorAll('tbody[data-class=passed] tr[data-row]').length";
    page.until("a page of what passed", &format!("{drawn} === 60")).await?;
    let more = fantoccini::Locator::Css("tbody[data-class=passed] tr.more button");
    page.client.wait().for_element(more).await?.click().await?;
    page.until("more than a page", &format!("{drawn} > 60")).await?;
    end(page).await
}

async fn a_path_says_what_is_known_and_how(setting: &mut Setting) -> Result<()> {
    setting.refuse()?;
    let page = setting.page("/paths/kubelet").await?;
    page.until("what Kubernetes says", "document.querySelector('main .says')?.textContent.includes('certificate')")
        .await?;
    page.until(
        "plugins on it",
        "document.querySelector('#plugins-on-path')?.textContent.includes('apiserver_to_kubelet')",
    )
    .await?;
    end(page).await
}

async fn a_plugin_shows_what_it_may_and_what_it_did(setting: &mut Setting) -> Result<()> {
    setting.refuse()?;
    let page = setting.page("/plugins").await?;
    for word in ["MiB", "fuel", "restrict", "nodes-proxy"] {
        let told = format!(
            "document.querySelector('section[data-plugin=\"apiserver_to_kubelet\"]')?.textContent.includes('{word}')"
        );
        page.until(word, &told).await?;
    }
    end(page).await
}

async fn a_demo_shows_every_node_and_names_the_bad_ones(setting: &mut Setting) -> Result<()> {
    let page = setting.shown("/", 1440, 1000, Scheme::Light).await?;
    let kinds = "[...new Set([...document.querySelectorAll('#map .mark')].map(it => it.dataset.state))].sort().join()";
    // One kubelet answers anybody, one signed its own certificate, one shows another's.
    for state in ["exposed", "unverified"] {
        page.until(state, &format!("{kinds}.includes('{state}')")).await?;
    }
    page.until("ticks in every pool", "document.querySelectorAll('#map .strip .ticks path').length > 2").await?;
    page.until("an attack and its twin", "document.querySelector('#caption[data-expected=\"true\"]')").await?;
    let wrong = page.eval("document.querySelector('#caption[data-expected=\"false\"]') !== null").await?;
    ensure!(wrong == Value::Bool(false), "a scene had another outcome than expected");
    end(page).await
}

async fn the_keyboard_reaches_everything(setting: &mut Setting) -> Result<()> {
    let id = setting.refuse()?;
    let page = setting.page("/decisions").await?;
    let row = format!("document.querySelector('[data-decision=\"{id}\"]')");
    page.until("the refusal", &row).await?;
    let body = page.client.find(fantoccini::Locator::Css("body")).await?;
    body.send_keys("?").await?;
    page.until("help", "document.querySelector('#help')?.open || document.querySelector('#help')?.offsetParent")
        .await?;
    page.client.active_element().await?.send_keys("\u{e00c}").await?;
    page.until("help is gone", "!(document.querySelector('#help')?.open)").await?;
    body.send_keys("/").await?;
    page.until("the query has the focus", "document.activeElement?.id === 'query'").await?;
    page.client.active_element().await?.send_keys("\u{e00c}").await?;
    page.client.goto(&format!("http://{}/decisions", setting.gate.dashboard)).await?;
    page.until("live again", LIVE).await?;
    page.until("the refusal", &row).await?;
    let body = page.client.find(fantoccini::Locator::Css("body")).await?;
    body.send_keys("j").await?;
    body.send_keys("\u{e007}").await?;
    page.until("a trace", "location.pathname.startsWith('/decisions/') && document.querySelector('#trace')").await?;
    end(page).await
}

const LIVE: &str = "document.querySelector('#live')?.dataset.link === 'live'";
