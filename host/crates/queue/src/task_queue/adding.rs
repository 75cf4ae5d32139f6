//! Adding jobs.

use std::sync::Arc;

use saggar_job::JobId;
use tokio::sync::Semaphore;

use super::TaskQueue;
use crate::{AddError, Added, KeyOwner, KeyReuse, NewJob, Pruned, Rules, StoreError, UniqueBy, fingerprint};
use saggar_store::kept_bytes;

/// Jobs removed in one step to make room, so that no step blocks a store for long.
const REMOVED_AT_ONCE: usize = 500;

/// How often a batch is retried whose keys belong to jobs with the same arguments in another form. Once is enough,
/// unless such jobs are deleted and added at the same time.
const SAME_KEY_TRIES: usize = 3;

/// Arguments of up to this many bytes are compared at once, which blocks the thread for a fraction of a millisecond.
const SMALL: usize = 64 << 10;

/// The turn of large arguments: parsing them takes up to a hundred times their bytes.
static LARGE: Semaphore = Semaphore::const_new(1);

/// Returns whether both are the same JSON value.
async fn same_args(one: &Arc<str>, other: &Arc<str>) -> Result<bool, StoreError> {
    let same = |one: &str, other: &str| fingerprint(UniqueBy::Args, one) == fingerprint(UniqueBy::Args, other);
    if one.len() + other.len() <= SMALL {
        return Ok(same(one, other));
    }
    let turn = LARGE.acquire().await.map_err(|error| StoreError::Failed(error.into()))?;
    let (one, other) = (Arc::clone(one), Arc::clone(other));
    let comparing = tokio::task::spawn_blocking(move || {
        // The work continues if its caller is dropped, and so does its turn.
        let _turn = turn;
        same(&one, &other)
    });
    comparing.await.map_err(|error| StoreError::Failed(error.into()))
}

impl TaskQueue {
    /// Adds a job, or finds the one that is returned instead of it ([`NewJob::key`], [`NewJob::unique`]). The job is
    /// durable when its id is returned. [`add_many`](Self::add_many) says which of the two it was.
    ///
    /// Atomic. If the future is dropped, the job may have been added.
    ///
    /// # Errors
    ///
    /// As [`TaskStore::add`](crate::TaskStore::add); then nothing was added.
    pub async fn add(&self, job: NewJob) -> Result<JobId, AddError> {
        let added = self.add_many(vec![job]).await?;
        // A store returns one id for each job, and no job has the id 0.
        Ok(added.first().map_or(JobId(0), |added| added.id))
    }

    /// Adds all `jobs` or none; returns, in order, which job each of them is, and whether it is new. Under a key,
    /// arguments that are the same JSON value are the same, however they are written.
    ///
    /// Atomic. If the future is dropped, all of them or none may have been added.
    ///
    /// # Errors
    ///
    /// As [`TaskStore::add`](crate::TaskStore::add); then nothing was added.
    pub async fn add_many(&self, mut jobs: Vec<NewJob>) -> Result<Vec<Added>, AddError> {
        if jobs.iter().all(|job| job.key.is_none()) {
            return self.add_step(jobs).await;
        }
        for _ in 0..SAME_KEY_TRIES {
            match self.add_step(jobs.clone()).await {
                Err(AddError::KeyReused(reused)) => {
                    if let Some(other) = self.adopt_args(&mut jobs, &reused).await? {
                        return Err(AddError::KeyReused(vec![other]));
                    }
                }
                answer => return answer,
            }
        }
        self.add_step(jobs).await
    }

    /// Replaces arguments by those of the job that has their key, where both are the same JSON value. Returns the first
    /// of `reused` that is another job nevertheless.
    async fn adopt_args(&self, jobs: &mut [NewJob], reused: &[KeyReuse]) -> Result<Option<KeyReuse>, StoreError> {
        for reuse in reused {
            let args = match reuse.of {
                KeyOwner::Earlier(at) => jobs.get(at).map(|job| Arc::clone(&job.args)),
                // The job was removed meanwhile, so the key is free.
                KeyOwner::Kept(id) => self.store.get(id).await?.map(|job| job.args),
            };
            let (Some(args), Some(job)) = (args, jobs.get_mut(reuse.at)) else { continue };
            // If the text is the same, something else differs.
            if *args == *job.args || !same_args(&args, &job.args).await? {
                return Ok(Some(reuse.clone()));
            }
            job.args = args;
        }
        Ok(None)
    }

    async fn add_step(&self, jobs: Vec<NewJob>) -> Result<Vec<Added>, AddError> {
        let rules = self.rules.load();
        let add = |jobs| self.store.add(jobs, &rules, self.observer.context.clock.now());
        let more = jobs.iter().map(kept_bytes::of_new).sum();
        if self.store.has_room_for(more, &rules) {
            return add(jobs).await;
        }
        // An addition that is refused anyway, or is a duplicate, must not cost the results of other jobs.
        match add(jobs.clone()).await {
            Err(error) if error.needs_room() => {
                self.make_room(more, &rules).await?;
                add(jobs).await
            }
            answer => answer,
        }
    }

    /// Removes the jobs that ended first to make room for `more` bytes. If there is still no room, the store refuses
    /// the addition.
    async fn make_room(&self, more: u64, rules: &Arc<Rules>) -> Result<(), StoreError> {
        let mut removed = Pruned { more: true, ..Pruned::default() };
        while removed.more {
            let step = self.store.make_room(more, REMOVED_AT_ONCE, rules).await?;
            removed = Pruned { more: step.more, ..removed.and(step) };
        }
        if removed.undelivered > 0 {
            tracing::warn!(
                task = %self.key(),
                jobs = removed.undelivered,
                "removed jobs whose handler had failed so far, to make room for new jobs; raise `keep_bytes`"
            );
        }
        Ok(())
    }
}
