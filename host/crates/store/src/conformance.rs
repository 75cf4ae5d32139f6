//! The conformance suite of stores: functions that check one promise of the [`Store`] and [`TaskStore`] contracts each,
//! and [`differential`], which runs random histories on a store and on [`MemoryStore`] side by side. The suite does not
//! depend on how a store is created, and gives it timestamps of its own instead of a clock's.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of every promise. The paragraphs of the contract name
//! the tests that hold them.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{Backoff, JobId, Outcome, Problem, RetryPolicy, Run, State, Status, TaskKey, Timestamp};

use crate::{
    Added, Claimed, ClaimedJob, Counts, End, Finish, History, Job, MemoryStore, NewJob, Rules, Store, StoreError,
    TaskStore,
};

mod adding;
mod attempts;
mod auditing;
mod bounding;
mod callbacks;
mod cancelling;
mod deploying;
pub mod differential;
mod dropping;
mod filtering;
mod key_value_bounds;
mod key_values;
mod listing;
mod naming;
mod observed;
mod observing;
mod pausing;
mod process_death;
#[doc(hidden)]
pub mod promises;
mod reading;
mod ready_queue;
mod recordings;
mod removing;
mod retention;
mod retrying;
mod shared;
mod tenants;
mod unwanted;

use observed::{Observed, ObservedEnd};
pub use shared::{HintDelivery, Shared, SharedLocation};

/// A source of fresh locations for stores: memory, directories, databases.
#[async_trait]
pub trait Locations: Send + Sync {
    /// Returns an empty location.
    async fn fresh(&self) -> Box<dyn Location>;
}

/// The location of one store, which survives the deaths of its processes.
#[async_trait]
pub trait Location: Send {
    /// Opens the store as a new process does. If an earlier process had opened it, all handles of that process were
    /// dropped, and it is as if that process had died at this point: everything that was answered is durable.
    async fn open(&mut self) -> Arc<dyn Store>;

    /// Describes what the store still contains of jobs and tenants after all of them were deleted. Empty if the store cannot be
    /// inspected.
    async fn left_over(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Locations for [`MemoryStore`], whose process deaths are simulated.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemory;

#[async_trait]
impl Locations for InMemory {
    async fn fresh(&self) -> Box<dyn Location> {
        Box::new(Memory(Arc::new(MemoryStore::for_tests())))
    }
}

struct Memory(Arc<MemoryStore>);

#[async_trait]
impl Location for Memory {
    async fn open(&mut self) -> Arc<dyn Store> {
        self.0 = Arc::new(self.0.die());
        Arc::clone(&self.0) as Arc<dyn Store>
    }
}

/// One task of a fresh store, with its own rules and time.
struct Fixture {
    location: Box<dyn Location>,
    store: Arc<dyn Store>,
    task: Arc<dyn TaskStore>,
    rules: Arc<Rules>,
    now: Timestamp,
    observed: Observed,
}

/// Unwraps the result of a step that has no reason to fail.
#[track_caller]
fn works<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the store refused a step that it must perform: {error:?}"),
    }
}

#[track_caller]
fn some<T>(value: Option<T>, what: &str) -> T {
    match value {
        Some(value) => value,
        None => panic!("the store returned `None` instead of {what}"),
    }
}

impl Fixture {
    async fn new(locations: &dyn Locations, rules: Rules) -> Self {
        let mut location = locations.fresh().await;
        let (store, rules, now) = (location.open().await, Arc::new(rules), Timestamp(1_000_000));
        let (observer, observed) = Observed::new();
        let task = works(store.open(&task_key(), &rules, now, observer).await);
        Self { location, store, task, rules, now, observed }
    }

    /// Simulates the death of the process; another one opens the store and the task.
    async fn die(self) -> Self {
        let Self { mut location, store, task, rules, now, observed: _ } = self;
        drop((store, task));
        let store = location.open().await;
        let (observer, observed) = Observed::new();
        let task = works(store.open(&task_key(), &rules, now, observer).await);
        Self { location, store, task, rules, now, observed }
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    async fn add(&self, job: NewJob) -> JobId {
        works(self.task.add(vec![job], &self.rules, self.now).await)[0].id
    }

    /// Adds `count` ordinary jobs.
    async fn add_some(&self, count: usize) -> Vec<JobId> {
        ids_of(works(self.task.add(vec![NewJob::new("[]"); count], &self.rules, self.now).await))
    }

    async fn history(&self, id: JobId) -> History {
        some(works(self.task.history(id).await), "a history")
    }

    async fn claimed(&self, most: usize) -> Claimed {
        works(self.task.claim(most, self.now).await)
    }

    async fn claim(&self) -> ClaimedJob {
        some(self.claimed(1).await.jobs.pop(), "a ready job")
    }

    async fn end(&self, id: JobId, run: Run, end: End) -> Result<ObservedEnd, StoreError> {
        let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
        self.finish_step(finish, false).await
    }

    async fn finish(&self, job: &ClaimedJob, outcome: Outcome) -> ObservedEnd {
        works(self.end(job.id, job.run, End::Outcome(outcome)).await)
    }

    async fn get(&self, id: JobId) -> Job {
        some(works(self.task.get(id).await), "a job")
    }

    async fn counts(&self) -> Counts {
        works(self.task.counts_now().await)
    }

    async fn status(&self, id: JobId) -> Status {
        self.get(id).await.status()
    }
}

fn task_key() -> TaskKey {
    TaskKey::new("default", "bench")
}

fn ids_of(added: Vec<Added>) -> Vec<JobId> {
    added.into_iter().map(|added| added.id).collect()
}

fn retries(retries: u32, delay_ms: u64) -> Rules {
    let retry = RetryPolicy { retries, delay_ms, backoff: Backoff::Fixed, ..RetryPolicy::default() };
    Rules { retry, ..Rules::default() }
}

fn success() -> Outcome {
    Outcome::Success("7".into())
}

fn problem() -> Problem {
    Problem { details: Some("{}".to_owned()), ..Problem::new("odd", "it is odd") }
}

#[track_caller]
fn assert_refused<T>(result: Result<T, StoreError>, what: &str) {
    assert!(matches!(result, Err(StoreError::Refused { .. })), "{what} must be refused");
}

fn is_cancelling(job: &Job) -> bool {
    matches!(job.life.state, State::Running { cancelling: true, .. })
}
