//! How the dashboard looks: to a screen reader, in any width, in both schemes.

use super::{Scheme, Setting, end};
use crate::{process, world};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command, time::Duration};

/// Every page, and its name in pictures.
const VIEWS: [(&str, &str); 9] = [
    ("/", "overview"),
    ("/paths", "paths"),
    ("/paths/kubelet", "path"),
    ("/paths/kubelet?node=gen-15", "path-node"),
    ("/paths/direct?q=state%3Aexposed", "path-exposed"),
    ("/decisions", "decisions"),
    ("/plugins", "plugins"),
    ("/certificates", "certificates"),
    ("/nowhere", "nowhere"),
];
const SCHEMES: [(Scheme, &str); 2] = [(Scheme::Light, "light"), (Scheme::Dark, "dark")];
/// A telephone, a laptop, a desk: width and height.
const SIZES: [(u32, u32); 3] = [(360, 1000), (1440, 1560), (2560, 1560)];

/// Both schemes, because contrast is part of it.
pub async fn no_view_has_a_fault_that_axe_finds(setting: &mut Setting) -> Result<()> {
    let axe = fs::read_to_string(axe()?)?;
    let mut found = Vec::new();
    for (scheme, word) in SCHEMES {
        let page = setting.shown("/", 1440, 1000, scheme).await?;
        for (path, name) in VIEWS {
            page.client.goto(&format!("http://{}{path}", setting.show.address)).await?;
            page.until("live", super::LIVE).await?;
            page.until("something is shown", "document.querySelector('main h1, main h2')").await?;
            page.client.execute(&axe, vec![]).await?;
            for fault in judge(&page).await? {
                found.push(format!("{name}, {word}: {fault}"));
            }
        }
        // That it finds anything at all: a picture without a name.
        page.client.execute("document.querySelector('main').append(document.createElement('img'))", vec![]).await?;
        let control = judge(&page).await?;
        ensure!(control.iter().any(|fault| fault.contains("image-alt")), "axe finds nothing: {control:?}");
        page.close().await?;
    }
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}

/// The first of the list is one that is refused.
pub async fn a_certificate_has_a_page_with_what_the_plugins_found(setting: &mut Setting) -> Result<()> {
    let axe = fs::read_to_string(axe()?)?;
    let page = setting.shown("/certificates", 500, 1000, Scheme::Dark).await?;
    page.until("a refused one is first", "document.querySelector('#certificates tbody tr .badge.unverified')").await?;
    page.until("a tick for each end", "document.querySelector('#terms .term i.bad')").await?;
    page.client.execute("document.querySelector('#certificates tbody tr a').click()", vec![]).await?;
    page.until("its page", "/^.certificates.[0-9a-f]{64}$/.test(location.pathname)").await?;
    let says = |text: &str| format!("document.querySelector('#certificate')?.textContent.includes('{text}')");
    for text in ["apiserver_to_kubelet", "serverTLSBootstrap: true", "a kubelet serves with it"] {
        page.until(text, &says(text)).await?;
    }
    ensure!(page.eval(BEYOND).await? == serde_json::json!([]), "it scrolls sideways");
    page.client.execute(&axe, vec![]).await?;
    let faults = judge(&page).await?;
    ensure!(faults.is_empty(), "{faults:#?}");
    page.client.goto(&format!("http://{}/certificates/ab", setting.show.address)).await?;
    page.until(
        "one that is not seen",
        "document.querySelector('main').textContent.includes('no certificate with this')",
    )
    .await?;
    page.close().await
}

async fn judge(page: &super::Page) -> Result<Vec<String>> {
    let script =
        "const done = arguments[0]; axe.run().then(it => done(it.violations), e => done([{id: String(e), nodes: []}]))";
    let faults = page.client.execute_async(script, vec![]).await?;
    let faults = faults.as_array().context("axe answers with a list")?;
    let fault =
        |it: &Value| format!("{}: {} ({})", it["id"], it["help"], it.pointer("/nodes/0/html").unwrap_or(&Value::Null));
    Ok(faults.iter().map(fault).collect())
}

pub async fn no_view_scrolls_sideways_at_any_width(setting: &mut Setting) -> Result<()> {
    let page = setting.shown("/", 1440, 1000, Scheme::Light).await?;
    let mut wide = Vec::new();
    for (width, height) in SIZES {
        page.client.set_window_size(width.max(500), height).await?;
        fit(&page, width, height).await?;
        for (path, name) in VIEWS {
            page.client.goto(&format!("http://{}{path}", setting.show.address)).await?;
            page.until("live", super::LIVE).await?;
            let beyond = page.eval(BEYOND).await?;
            if beyond != serde_json::json!([]) {
                wide.push(format!("{name} at {width}: {beyond}"));
            }
        }
    }
    page.close().await?;
    ensure!(wide.is_empty(), "{wide:#?}");
    Ok(())
}

/// What sticks out of the page, if it can be scrolled sideways.
const BEYOND: &str = "(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const out = it => it.getBoundingClientRect().right > root.clientWidth;
    const all = [...document.querySelectorAll('body *')].filter(out);
    return ['the page', ...all.map(it => `${it.tagName}.${it.getAttribute('class')} ${it.textContent.slice(0, 40)}`)];
})()";

/// Chromium's window has a least width; the device's metrics have none.
async fn fit(page: &super::Page, width: u32, height: u32) -> Result<()> {
    let metrics = serde_json::json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
    page.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
    Ok(())
}

/// Kept under `target/screenshots`, to be looked at by a person; `cargo xtask screenshots` puts some of them into `docs`.
pub async fn every_view_has_its_picture(setting: &mut Setting) -> Result<()> {
    for (scheme, word) in SCHEMES {
        let page = setting.shown("/", 1440, 1000, scheme).await?;
        for (width, height) in SIZES {
            fit(&page, width, height).await?;
            for (path, name) in VIEWS {
                page.client.goto(&format!("http://{}{path}", setting.show.address)).await?;
                page.until("live", super::LIVE).await?;
                page.until("something is shown", "document.querySelector('main h1, main h2')").await?;
                page.screenshot(&format!("{name}-{word}-{width}")).await?;
            }
        }
        end(page).await?;
    }
    Ok(())
}

/// axe-core from its package, fetched once.
fn axe() -> Result<PathBuf> {
    let folder = world::target().join("axe");
    let script = folder.join("package/axe.min.js");
    if !script.is_file() {
        fs::create_dir_all(&folder)?;
        let mut pack = Command::new("npm");
        pack.args(["pack", "--silent", AXE]).current_dir(&folder);
        let archive = process::run(&mut pack, b"", FETCH)?.ok().context("fetch axe-core with npm")?;
        let mut unpack = Command::new("tar");
        unpack.arg("xzf").arg(archive.trim()).arg("package/axe.min.js").current_dir(&folder);
        process::run(&mut unpack, b"", FETCH)?.ok().context("unpack axe-core")?;
    }
    Ok(script)
}

const AXE: &str = "axe-core@4.14.1";
const FETCH: Duration = Duration::from_secs(120);
