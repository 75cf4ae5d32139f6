//! Periodic maintenance: removes ended jobs whose retention is over, and entries of the key-value store that have expired, in
//! small steps; closes connections that were kept for later requests of guests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use saggar_queue::{Pruned, Queue};
use tokio_util::sync::CancellationToken;

use crate::runtime::Runtime;

/// How often it is done.
const EVERY: Duration = Duration::from_secs(10);

/// Jobs or entries removed in one step, so that no step blocks the store for long.
const STEP: usize = 500;

/// Runs until the host stops.
pub(crate) async fn run(runtime: Arc<Runtime>) {
    loop {
        tokio::select! {
            biased;
            () = runtime.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {
                if let Some(http) = runtime.http.get() {
                    http.close_idle(Instant::now());
                }
                prune(&runtime.queue, runtime.tenant.name(), &runtime.stop).await;
                remove_expired(&runtime).await;
            }
        }
    }
}

async fn prune(queue: &Queue, tenant: &str, stop: &CancellationToken) {
    // Also tasks whose definition is gone, by its last rules. The retention of tasks that had no definition since the
    // host started is unknown, so their jobs stay.
    for queue in queue.known_of(tenant) {
        loop {
            let pruned = queue.prune(STEP).await;
            if let Ok(Pruned { undelivered: jobs @ 1.., .. }) = pruned {
                tracing::warn!(task = %queue.key(), jobs, "removed jobs whose handler failed until their retention was over");
            }
            match pruned {
                Ok(pruned) if pruned.more && !stop.is_cancelled() => tokio::task::yield_now().await,
                Ok(_) => break,
                // The store reports it itself, once for all tasks.
                Err(error) if error.is_passing() => break,
                Err(error) => {
                    tracing::error!(task = %queue.key(), %error, "ended jobs could not be removed; trying again later");
                    break;
                }
            }
        }
    }
}

async fn remove_expired(runtime: &Runtime) {
    let tenant = runtime.tenant.name();
    loop {
        match runtime.queue.store().remove_expired(tenant, STEP, runtime.clock.now()).await {
            Ok(true) if !runtime.stop.is_cancelled() => tokio::task::yield_now().await,
            Ok(_) => break,
            // The store reports it itself.
            Err(error) if error.is_passing() => break,
            Err(error) => {
                tracing::error!(%tenant, %error, "expired entries could not be removed; trying again later");
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use saggar_job::{Outcome, SystemClock, TaskKey};
    use saggar_queue::{MemoryStore, NewJob, Retention, Rules};

    use super::*;

    #[tokio::test]
    async fn jobs_of_a_task_that_is_gone_are_removed_when_their_retention_is_over() {
        let queue = Queue::new(Arc::new(MemoryStore::new()), Arc::new(SystemClock));
        let retention = Retention { success_ms: 0, failure_ms: 0 };
        let key = TaskKey::new("default", "gone");
        let task = queue.open(key.clone(), Rules { retention, ..Rules::default() }).await.unwrap();
        task.add(NewJob::new("[]")).await.unwrap();
        task.finish(task.claim().await.unwrap(), Outcome::Success("1".into())).await.unwrap();
        queue.close(&key);
        prune(&queue, "default", &CancellationToken::new()).await;
        assert_eq!(task.counts().success, 0);
    }
}
