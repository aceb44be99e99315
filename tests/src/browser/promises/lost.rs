//! What a page does when its gate is gone, and when it comes back.

use super::{LIVE, Scheme, Setting};
use anyhow::{Result, ensure};

pub async fn a_gate_that_comes_back_is_followed_without_gap_or_repeat(setting: &mut Setting) -> Result<()> {
    let page = setting.page("/decisions").await?;
    let before = setting.refuse()?;
    let row = |id: &str| format!("document.querySelector('[data-decision=\"{id}\"]')");
    page.until("the refusal before", &row(&before)).await?;
    // Like refusals are one row, which says how many.
    let times =
        |id: &str| format!("Number({}?.querySelector('.times')?.textContent.replace(/\\D/g, '') || 1)", row(id));
    let counted = page.eval(&times(&before)).await?;

    setting.gate.halt()?;
    page.until("the loss is said", LOST).await?;
    setting.gate.resume()?;
    page.until("live again", LIVE).await?;
    let after = setting.refuse()?;
    page.until("the refusal after", &row(&after)).await?;
    let counted_again = page.eval(&times(&after)).await?;
    let (was, is) = (counted.as_u64().unwrap_or(0), counted_again.as_u64().unwrap_or(0));
    ensure!(was > 0 && is == was + 1, "{was} like refusals before, and {is} after one more");
    // The console says that the connection was refused; nothing else is looked for here.
    page.close().await
}

/// The last one: the demo does not come back.
pub async fn a_gate_that_is_gone_leaves_nothing_green(setting: &mut Setting) -> Result<()> {
    let page = setting.shown("/", 1440, 1000, Scheme::Light).await?;
    page.until("something is green", &format!("{GREEN} > 0")).await?;
    setting.show.kill();
    page.until("the loss is said", LOST).await?;
    page.until("nothing is green", &format!("{GREEN} === 0")).await?;
    page.until("the verdict", "document.querySelector('#verdict h1').textContent.includes('We can’t tell')").await?;
    page.close().await
}

const LOST: &str =
    "document.querySelector('#live')?.dataset.link === 'lost' && document.documentElement.dataset.feed === 'lost'";

/// How many signs and ticks are drawn in the colour of what is safe; the legend, which explains it, is none of them.
const GREEN: &str = "(() => {
    const probe = document.createElement('i');
    probe.style.color = 'var(--safe-mark)';
    document.body.append(probe);
    const safe = getComputedStyle(probe).color;
    probe.remove();
    const is = it => it.matches('.sign') ? getComputedStyle(it).color === safe : getComputedStyle(it).stroke === safe;
    return [...document.querySelectorAll('.ticks path, .tally .sign, .verdict .sign')].filter(is).length;
})()";
