//! Polling of a store that other hosts use, too. Their changes arrive as hints, and hints can be missed. So once a
//! second all waiters check again, and running attempts learn whether their job was cancelled on another host.

use std::sync::{Arc, Weak};
use std::time::Duration;

use saggar_job::State;

use super::Shared;
use crate::TaskQueue;

/// The longest delay that a missed hint causes.
pub(super) const EVERY: Duration = Duration::from_millis(900);

/// Polls as long as the queue exists.
pub(super) fn start(queue: &Arc<Shared>) {
    let queue = Arc::downgrade(queue);
    #[expect(clippy::disallowed_methods, reason = "the task ends with the queue")]
    tokio::spawn(poll(queue));
}

async fn poll(queue: Weak<Shared>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(queue) = queue.upgrade() else { return };
        let tasks: Vec<_> = queue.tasks.read().all().cloned().collect();
        // The counts may have been stale.
        queue.context.recheck_idle();
        drop(queue);
        for task in tasks {
            task.recheck().await;
        }
    }
}

impl TaskQueue {
    async fn recheck(&self) {
        self.observer().wake_all();
        for running in self.observer().running_jobs.running() {
            // If the store cannot be read now, the next poll tries again.
            let Ok(Some(job)) = self.get(running.id()).await else { continue };
            if matches!(job.life.state, State::Running { run, cancelling: true, .. } if run == running.run()) {
                running.cancel_signal().set();
            }
        }
    }
}
