//! Looking again in a store that other hosts work on, too: what they do arrives as hints, and hints can be missed. So once a
//! second everything that waits looks again, and running attempts learn whether their job was cancelled elsewhere.

use std::sync::{Arc, Weak};
use std::time::Duration;

use saggar_job::State;

use super::Shared;
use crate::TaskQueue;

/// How long a missed hint delays anything.
const EVERY: Duration = Duration::from_millis(900);

/// Looks again for as long as the queue lives.
pub(super) fn start(queue: &Arc<Shared>) {
    let queue = Arc::downgrade(queue);
    #[expect(clippy::disallowed_methods, reason = "it ends with the queue")]
    tokio::spawn(poll(queue));
}

async fn poll(queue: Weak<Shared>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(queue) = queue.upgrade() else { return };
        let tasks: Vec<_> = queue.tasks.read().values().cloned().collect();
        // What the counts say may be old.
        queue.context.tell_quiet();
        drop(queue);
        for task in tasks {
            task.look_again().await;
        }
    }
}

impl TaskQueue {
    async fn look_again(&self) {
        self.observer().look_again();
        for running in self.observer().running_jobs.running() {
            // If the store cannot be read now, the next look is soon.
            let Ok(Some(job)) = self.get(running.id()).await else { continue };
            if matches!(job.life.state, State::Running { run, cancelling: true, .. } if run == running.run()) {
                running.cancel_signal().give();
            }
        }
    }
}
