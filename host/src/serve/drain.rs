//! Ends work in an orderly way: what runs may finish, but not for ever.

use std::time::Duration;
use tokio::time;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks were still at work when their grace was over, and were cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{left} connections were cut off, as they did not end within {} s", grace.as_secs_f64())]
pub struct Cut {
    pub left: usize,
    pub grace: Duration,
}

/// Waits until all tasks are over. After `grace` it cancels `kill`, which they obey at once.
///
/// # Errors
/// When there was need for `kill`.
pub async fn drain(tasks: &TaskTracker, grace: Duration, kill: &CancellationToken) -> Result<(), Cut> {
    tasks.close();
    if time::timeout(grace, tasks.wait()).await.is_ok() {
        return Ok(());
    }
    let left = tasks.len();
    kill.cancel();
    tasks.wait().await;
    Err(Cut { left, grace })
}
