//! The suite that every store must pass: what [`TaskStore`]'s contract says, one promise a function. It knows nothing of
//! how a store is made, and reads no clock.

use std::sync::Arc;

use saggar_job::{Backoff, JobId, Outcome, Problem, RetryPolicy, Run, State, Status, TaskKey, Timestamp};

use crate::{Claimed, ClaimedJob, End, Finish, Finished, Job, NewJob, Rules, Store, StoreError, TaskStore};

mod adding;
mod attempts;
mod cancelling;
mod keeping;
mod line;
mod notices;

/// Holds a store to its contract. `fresh` makes an empty store each time.
///
/// # Panics
///
/// If the store breaks a promise; the message says which.
pub async fn hold_to_contract(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync)) {
    adding::all(fresh).await;
    line::all(fresh).await;
    attempts::all(fresh).await;
    cancelling::all(fresh).await;
    notices::all(fresh).await;
    keeping::all(fresh).await;
}

/// One task of a fresh store, with rules and a time of its own.
struct Bench {
    store: Arc<dyn Store>,
    task: Arc<dyn TaskStore>,
    rules: Arc<Rules>,
    now: Timestamp,
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

impl Bench {
    async fn new(fresh: &(dyn Fn() -> Arc<dyn Store> + Sync), rules: Rules) -> Self {
        let store = fresh();
        let task = works(store.open(&TaskKey::new("default", "bench")).await);
        Self { store, task, rules: Arc::new(rules), now: Timestamp(1_000_000) }
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    async fn add(&self, job: NewJob) -> JobId {
        works(self.task.add(vec![job], &self.rules, self.now).await)[0]
    }

    /// Adds `count` ordinary jobs.
    async fn add_some(&self, count: usize) -> Vec<JobId> {
        works(self.task.add(vec![NewJob::new("[]"); count], &self.rules, self.now).await)
    }

    async fn claimed(&self, most: usize) -> Claimed {
        works(self.task.claim(most, self.now).await)
    }

    async fn claim(&self) -> ClaimedJob {
        some(self.claimed(1).await.jobs.pop(), "a ready job")
    }

    async fn end(&self, id: JobId, run: Run, end: End) -> Result<Finished, StoreError> {
        let finish = Finish { id, run, end, progress: None, chance: 0.5 };
        self.task.finish(finish, false, &self.rules, self.now).await
    }

    async fn finish(&self, job: &ClaimedJob, outcome: Outcome) -> Finished {
        works(self.end(job.id, job.run, End::Outcome(outcome)).await)
    }

    async fn get(&self, id: JobId) -> Job {
        some(works(self.task.get(id).await), "a job")
    }

    async fn status(&self, id: JobId) -> Status {
        self.get(id).await.status()
    }
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
