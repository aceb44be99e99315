//! What a page does when its gate is gone, and when it comes back.

use super::{LIVE, Setting};
use anyhow::{Result, ensure};

pub async fn a_gate_that_is_gone_turns_nothing_green_and_comes_back_without_gap_or_repeat(
    setting: &mut Setting,
) -> Result<()> {
    let page = setting.page("/decisions").await?;
    let before = setting.refuse()?;
    let shown = |id: &str| format!("document.querySelectorAll('[data-decision=\"{id}\"]').length");
    page.until("the refusal before", &format!("{} === 1", shown(&before))).await?;

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
    page.until("the refusal after", &format!("{} === 1", shown(&after))).await?;
    let again = page.eval(&shown(&before)).await?;
    ensure!(again == 1, "the refusal of before is shown {again} times");
    // The console says that the connection was refused; nothing else is looked for here.
    page.close().await
}
