//! What a page does when its gate is gone, and when it comes back.

use super::{LIVE, Setting};
use anyhow::{Result, ensure};

pub async fn a_gate_that_is_gone_turns_nothing_green_and_comes_back_without_gap_or_repeat(
    setting: &mut Setting,
) -> Result<()> {
    let page = setting.page("/decisions").await?;
    let before = setting.refuse()?;
    let row = |id: &str| format!("document.querySelector('[data-decision=\"{id}\"]')");
    page.until("the refusal before", &row(&before)).await?;
    // Like refusals are one row, which says how many.
    let times =
        |id: &str| format!("Number({}?.querySelector('.times')?.textContent.replace(/\\D/g, '') || 1)", row(id));
    let counted = page.eval(&times(&before)).await?;

    setting.gate.halt()?;
    page.until("the loss is said", "document.querySelector('#live')?.dataset.link === 'lost'").await?;
    page.until("nothing counts as safe", "document.documentElement.dataset.feed === 'lost'").await?;
    let green = "[...document.querySelectorAll('.sign.safe, .badge.safe')].filter(it => it.checkVisibility()).map(it => getComputedStyle(it).color)";
    let green = page.eval(green).await?;
    let safe = page.eval("getComputedStyle(document.documentElement).getPropertyValue('--safe-mark')").await?;
    ensure!(green.as_array().is_some_and(|all| !all.contains(&safe)), "{green} is shown in {safe}");

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
