//! The queue from outside, on the memory store, with clocks that the tests set.

#![expect(clippy::unwrap_used, reason = "clippy exempts test functions, but not the functions that they call")]

mod attempts;
mod bounding;
mod callbacks;
mod changes;
mod concurrency;
mod differential;
mod events;
mod following;
mod history;
mod looking;
mod waking;

use std::sync::Arc;

use saggar_job::{Backoff, Clock, FailureKind, JobId, Outcome, Problem, RetryPolicy, TaskKey, Timestamp};
use saggar_queue::{Claim, MemoryStore, NewJob, Queue, Rules, TaskQueue};
use tokio::time::Instant;

/// Tokio's clock, which is paused while any task works, and advances to the next timer when all sleep (`start_paused`).
/// So due work happens, and no test sleeps.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_000_000 + u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

struct Fixture {
    queue: Queue,
    task: Arc<TaskQueue>,
}

impl Fixture {
    async fn new(rules: Rules) -> Self {
        let queue = Queue::seeded(Arc::new(MemoryStore::new()), Arc::new(TokioClock(Instant::now())), 7);
        let task = queue.open(TaskKey::new("default", "bench"), rules).await.unwrap();
        Self { queue, task }
    }

    async fn add(&self) -> JobId {
        self.task.add(NewJob::new("[]")).await.unwrap()
    }

    async fn add_delayed(&self, delay_ms: u64) -> JobId {
        self.task.add(NewJob::new("[]").with_delay_ms(delay_ms)).await.unwrap()
    }

    async fn claim(&self) -> Claim {
        self.task.claim().await.unwrap()
    }

    async fn finish(&self, claim: Claim, outcome: Outcome) {
        self.task.finish(claim, outcome).await.unwrap();
    }
}

fn retries(retries: u32, delay_ms: u64) -> Rules {
    let retry = RetryPolicy { retries, delay_ms, backoff: Backoff::Fixed, ..RetryPolicy::default() };
    Rules { retry, ..Rules::default() }
}

fn success() -> Outcome {
    Outcome::Success("7".into())
}

fn retry() -> Outcome {
    Outcome::failure(FailureKind::Failed, Problem::new("odd", "it is odd"))
}
