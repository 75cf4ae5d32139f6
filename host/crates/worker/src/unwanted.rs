//! Callbacks for which a task's definition has no handler any more: settled once, when the definition is opened.

use std::sync::Arc;
use std::time::Duration;

use saggar_queue::{SettledCallbacks, TaskQueue};

use crate::runtime::Runtime;

/// How long to wait before another try while the store accepts no writes.
const SETBACK: Duration = Duration::from_secs(1);

/// Settles all such callbacks, unless the host stops first.
pub(crate) async fn settle(runtime: Arc<Runtime>, queue: Arc<TaskQueue>) {
    tokio::select! {
        biased;
        () = runtime.stop.cancelled() => {}
        () = settle_all(&queue) => {}
    }
}

async fn settle_all(queue: &TaskQueue) {
    loop {
        match queue.settle_unwanted().await {
            Ok(settled) => return report(queue, settled),
            // The store reports it itself, once for all tasks.
            Err(error) if error.is_passing() => {}
            Err(error) => {
                tracing::error!(task = %queue.key(), %error, "callbacks without a handler could not be settled; trying again");
            }
        }
        tokio::time::sleep(SETBACK).await;
    }
}

fn report(queue: &TaskQueue, settled: SettledCallbacks) {
    if settled != SettledCallbacks::default() {
        tracing::warn!(
            task = %queue.key(),
            released = settled.added,
            ended = settled.ended,
            "callbacks were pending for handlers that the task no longer has: jobs on hold are released, and of ended jobs \
             no handler will be called"
        );
    }
}
