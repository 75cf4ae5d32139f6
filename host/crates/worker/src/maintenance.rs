//! What must be done now and then: removing ended jobs whose retention is over, in small steps.

use std::sync::Arc;
use std::time::Duration;

use saggar_queue::StoreError;

use crate::worker::Inner;

/// How often it is looked for jobs to remove.
const EVERY: Duration = Duration::from_secs(10);

/// The work of one step, in jobs, so that no step holds a store for long.
const STEP: usize = 500;

/// Works until the host stops.
pub(crate) async fn run(worker: Arc<Inner>) {
    loop {
        tokio::select! {
            biased;
            () = worker.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => prune(&worker).await,
        }
    }
}

async fn prune(worker: &Inner) {
    for queue in worker.queue.tasks() {
        loop {
            match queue.prune(STEP).await {
                Ok(pruned) if pruned.more && !worker.stop.is_cancelled() => tokio::task::yield_now().await,
                // The store says it itself, once for everybody.
                Ok(_) | Err(StoreError::Full(_)) => break,
                Err(error) => {
                    tracing::error!(task = %queue.key(), %error, "ended jobs could not be removed; trying again later");
                    break;
                }
            }
        }
    }
}
