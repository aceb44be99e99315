//! Every task of a world, so that all of them end with it.

use hyper::rt::Executor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Runs tasks until told to stop. Clones share the tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs to the end of the future, or of the world.
    pub(crate) fn run(&self, future: impl Future<Output: Send + 'static> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled_owned(future).await.map(drop) });
    }

    /// Ends once all are told to stop.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Tells all to stop; each does at its next wait.
    pub(crate) fn stop(&self) {
        self.tracker.close();
        self.stop.cancel();
    }

    /// Waits until all have ended.
    pub(crate) async fn ended(&self) {
        self.tracker.wait().await;
    }
}

impl<F> Executor<F> for Tasks
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.run(future);
    }
}
