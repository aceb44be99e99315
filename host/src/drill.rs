//! The attack pack: requests that a guard of the paths must refuse, each beside a twin that it must not, put to any webhook
//! that answers SubjectAccessReviews.
//!
//! It owns the pack, the questions and the score. It knows no rule of this gate: what is expected stands in the pack, and
//! whoever answers is asked over its socket, as kube-apiserver would ask.

mod junit;
mod kubeconfig;
mod pack;
mod phrase;
mod score;
mod webhook;

pub use junit::junit;
pub use kubeconfig::{Access, AccessFault};
pub use pack::{Expected, Try, Vector, pack};
pub use score::{Got, Outcome, Score, Tally};
pub use webhook::{Webhook, WebhookFault};

use std::{sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

/// Asks everything, some at once; `seen` hears how many vectors are done. Outcomes are in the order of the vectors.
///
/// # Errors
/// When the webhook gives no verdict on a plain review, so that nothing can be said of it.
pub async fn run(
    webhook: Webhook,
    vectors: Vec<Vector>,
    mut seen: impl FnMut(usize),
) -> Result<Vec<Outcome>, WebhookFault> {
    webhook.greet().await?;
    let webhook = Arc::new(webhook);
    let end = Instant::now() + WHOLE;
    let mut asks = JoinSet::new();
    let mut answers: Vec<Option<(Got, Got)>> = vec![None; vectors.len()];
    let mut done = 0;
    let mut waiting = vectors.iter().enumerate();
    loop {
        while asks.len() < AT_ONCE
            && let Some((at, vector)) = waiting.next()
        {
            let (webhook, attack, twin) = (webhook.clone(), vector.attack.spec.clone(), vector.twin.spec.clone());
            asks.spawn(async move { (at, webhook.ask(&attack).await, webhook.ask(&twin).await) });
        }
        match timeout_at(end, asks.join_next()).await {
            Ok(Some(Ok((at, attack, twin)))) => {
                if let Some(answer) = answers.get_mut(at) {
                    *answer = Some((attack, twin));
                }
                done += 1;
                seen(done);
            }
            // A task that broke off leaves its place empty.
            Ok(Some(Err(_))) => {}
            Ok(None) | Err(_) => break,
        }
    }
    let unasked = || Got::Error(format!("no answer: the drill ends after {} s", WHOLE.as_secs()));
    let outcomes = vectors.into_iter().zip(answers).map(|(vector, answer)| {
        let (got, twin) = answer.unwrap_or_else(|| (unasked(), unasked()));
        Outcome { vector, got, twin }
    });
    Ok(outcomes.collect())
}

/// A webhook has hundreds of places, and serves a cluster meanwhile.
const AT_ONCE: usize = 8;
/// Ten times what a slow webhook needs.
const WHOLE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
