//! What every store must pass: the suite, which is what [`Store`]'s and [`TaskStore`]'s contracts say, one promise a
//! function; and [`differential`], which plays random histories on a store and on [`MemoryStore`] side
//! by side. Neither knows anything of how a store is made, and neither reads a clock.

use std::sync::Arc;

use async_trait::async_trait;
use saggar_job::{Backoff, JobId, Outcome, Problem, RetryPolicy, Run, State, Status, TaskKey, Timestamp};

use crate::{
    Added, Claimed, ClaimedJob, Counts, End, Finish, History, Job, MemoryStore, NewJob, Rules, Store, StoreError,
    TaskStore,
};

mod adding;
mod attempts;
mod bounding;
mod callbacks;
mod cancelling;
pub mod differential;
mod heard;
mod keeping;
mod line;
mod listing;
mod naming;
mod observing;
mod pausing;
mod retrying;
mod shared;
mod surviving;
mod unwanted;

use heard::{Ended, Heard};
pub use shared::{Shared, SharedPlace};

/// Where stores can be: memory, directories, databases.
#[async_trait]
pub trait Locations: Send + Sync {
    /// A place where nothing is yet.
    async fn fresh(&self) -> Box<dyn Location>;
}

/// Where one store is, over the deaths of its processes.
#[async_trait]
pub trait Location: Send {
    /// Opens the store as a new process does. When there was an earlier one, all its handles have been dropped, and it is
    /// as if its process had died there and then: everything that was answered is durable.
    async fn open(&mut self) -> Arc<dyn Store>;

    /// What the store still keeps of jobs when all are deleted, in words. Nothing where nobody can look into a store.
    async fn left_over(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Places for [`MemoryStore`], whose processes die in play only.
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

/// Holds the stores of `places` to their contract.
///
/// # Panics
///
/// If a store breaks a promise; the message says which.
pub async fn hold_to_contract(locations: &dyn Locations) {
    adding::all(locations).await;
    naming::all(locations).await;
    line::all(locations).await;
    attempts::all(locations).await;
    observing::all(locations).await;
    cancelling::all(locations).await;
    retrying::all(locations).await;
    pausing::all(locations).await;
    callbacks::all(locations).await;
    keeping::all(locations).await;
    bounding::all(locations).await;
    listing::all(locations).await;
    surviving::all(locations).await;
    unwanted::all(locations).await;
}

/// One task of a fresh store, with rules and a time of its own.
struct Fixture {
    place: Box<dyn Location>,
    store: Arc<dyn Store>,
    task: Arc<dyn TaskStore>,
    rules: Arc<Rules>,
    now: Timestamp,
    heard: Heard,
}

/// The answer of a store that has no reason to fail.
#[track_caller]
fn works<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the store refused a step that it has to do: {error:?}"),
    }
}

#[track_caller]
fn some<T>(value: Option<T>, what: &str) -> T {
    match value {
        Some(value) => value,
        None => panic!("the store answered nothing where there is {what}"),
    }
}

impl Fixture {
    async fn new(locations: &dyn Locations, rules: Rules) -> Self {
        let mut place = locations.fresh().await;
        let (store, rules, now) = (place.open().await, Arc::new(rules), Timestamp(1_000_000));
        let (observer, heard) = Heard::new();
        let task = works(store.open(&bench_key(), &rules, now, observer).await);
        Self { place, store, task, rules, now, heard }
    }

    /// Lets the process die and another one open the store and the task.
    async fn die(self) -> Self {
        let Self { mut place, store, task, rules, now, heard: _ } = self;
        drop((store, task));
        let store = place.open().await;
        let (observer, heard) = Heard::new();
        let task = works(store.open(&bench_key(), &rules, now, observer).await);
        Self { place, store, task, rules, now, heard }
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

    async fn end(&self, id: JobId, run: Run, end: End) -> Result<Ended, StoreError> {
        let finish = Finish { id, run, end, progress: None, cost: None, with_snapshot: false, chance: 0.5 };
        self.finish_step(finish, false).await
    }

    async fn finish(&self, job: &ClaimedJob, outcome: Outcome) -> Ended {
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

fn bench_key() -> TaskKey {
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
