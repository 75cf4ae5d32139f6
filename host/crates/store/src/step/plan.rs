//! Which jobs an add adds: decided here, once for all stores, which only look up existing jobs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use saggar_job::{JobId, Timestamp};
use smallvec::SmallVec;

use crate::{AddError, Added, Counts, KeyOwner, KeyReuse, NewJob, NextDue, Rules, StoreEvent, kept_bytes};

/// The lookups of an add in a store.
pub trait ExistingJobs {
    /// Why the store could not be read.
    type Error;

    /// Returns the job that has the key.
    fn by_key(&self, key: &str) -> Result<Option<JobId>, Self::Error>;

    /// Returns the waiting or running job that has the fingerprint.
    fn by_fingerprint(&self, fingerprint: &str) -> Result<Option<JobId>, Self::Error>;

    /// Returns whether there is a job with the id, which a caller requested.
    fn is_taken(&self, id: JobId) -> Result<bool, Self::Error>;

    /// Returns whether `job` [differs](NewJob::is_other) from the stored job `id`.
    fn is_other(&self, id: JobId, job: &NewJob) -> Result<bool, Self::Error>;
}

/// The limits of an add.
pub struct Bounds<'a> {
    /// The task's rules.
    pub rules: &'a Rules,
    /// The task's counts, after delayed jobs that are due were promoted.
    pub counts: Counts,
    /// The bytes of the jobs of all tasks, and their limit.
    pub all_bytes: (u64, u64),
    /// The highest id that was ever assigned in the task.
    pub last_id: u64,
    /// The time of the step.
    pub now: Timestamp,
}

/// The job that is returned instead of adding one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duplicate {
    None,
    /// A stored job.
    Kept(JobId),
    /// The job at this position of the same batch.
    Earlier(usize),
}

/// Returns for each job which one it is now, or why none is added: see [`TaskStore::add`](crate::TaskStore::add).
pub fn plan_add<E: ExistingJobs>(
    jobs: &[NewJob],
    existing: &E,
    bounds: &Bounds<'_>,
) -> Result<Result<Vec<Added>, AddError>, E::Error> {
    let duplicates = duplicates(jobs, existing)?;
    let reused = reused_keys(jobs, &duplicates, existing)?;
    if !reused.is_empty() {
        return Ok(Err(AddError::KeyReused(reused)));
    }
    let new = || jobs.iter().enumerate().filter(|(at, _)| is_new(&duplicates, *at)).map(|(_, job)| job);
    let Bounds { rules, counts, all_bytes, now, .. } = bounds;
    let admitted = rules.admit(counts, new(), *now).and_then(|()| {
        let more = new().map(kept_bytes::of_new).sum();
        kept_bytes::check(counts.bytes, *all_bytes, more, rules)
    });
    match admitted {
        Ok(()) => ids(jobs, &duplicates, existing, bounds.last_id),
        Err(error) => Ok(Err(error)),
    }
}

/// Returns the event of jobs that were added, if any is new.
pub fn added_event(jobs: &[NewJob], added: &[Added], rules: &Rules, now: Timestamp) -> Option<StoreEvent> {
    let new = || added.iter().zip(jobs).filter(|(added, _)| added.is_new);
    let ids: SmallVec<[JobId; 1]> = new().map(|(added, _)| added.id).collect();
    let due = new().fold(NextDue::Nothing, |due, (_, job)| due.or_earlier(job.due_at(now), now));
    (!ids.is_empty()).then_some(StoreEvent::Added { ids, on_hold: rules.add_handler, due, at: now })
}

fn is_new(duplicates: &[Duplicate], at: usize) -> bool {
    duplicates.get(at).is_none_or(|duplicate| *duplicate == Duplicate::None)
}

/// Finds the duplicate of each job. Empty if none of them has a key or a fingerprint, which is the usual case.
fn duplicates<E: ExistingJobs>(jobs: &[NewJob], existing: &E) -> Result<Vec<Duplicate>, E::Error> {
    if jobs.iter().all(|job| job.key.is_none() && job.unique.is_none()) {
        return Ok(Vec::new());
    }
    let (mut keys, mut unique) = (HashMap::new(), HashMap::new());
    let mut duplicates = Vec::with_capacity(jobs.len());
    for (at, job) in jobs.iter().enumerate() {
        let mut duplicate = find(job.key.as_ref(), |key| existing.by_key(key), &keys)?;
        if duplicate == Duplicate::None {
            duplicate = find(job.unique.as_ref(), |fingerprint| existing.by_fingerprint(fingerprint), &unique)?;
        }
        if duplicate == Duplicate::None {
            keys.extend(job.key.as_deref().map(|key| (key, at)));
            unique.extend(job.unique.as_deref().map(|fingerprint| (fingerprint, at)));
        }
        duplicates.push(duplicate);
    }
    Ok(duplicates)
}

fn find<E>(
    name: Option<&Arc<str>>,
    kept: impl FnOnce(&str) -> Result<Option<JobId>, E>,
    earlier: &HashMap<&str, usize>,
) -> Result<Duplicate, E> {
    let Some(name) = name else { return Ok(Duplicate::None) };
    if let Some(id) = kept(name)? {
        return Ok(Duplicate::Kept(id));
    }
    Ok(earlier.get(&**name).map_or(Duplicate::None, |at| Duplicate::Earlier(*at)))
}

/// Returns the jobs whose keys belong to other jobs.
fn reused_keys<E: ExistingJobs>(
    jobs: &[NewJob],
    duplicates: &[Duplicate],
    existing: &E,
) -> Result<Vec<KeyReuse>, E::Error> {
    let mut reused = Vec::new();
    for (at, (job, duplicate)) in jobs.iter().zip(duplicates).enumerate() {
        let Some(key) = &job.key else { continue };
        let (is_other, of) = match duplicate {
            Duplicate::None => continue,
            Duplicate::Kept(id) => {
                // It may have been found by the fingerprint.
                let has_key = existing.by_key(key)? == Some(*id);
                (has_key && existing.is_other(*id, job)?, KeyOwner::Kept(*id))
            }
            Duplicate::Earlier(earlier) => {
                let other = jobs.get(*earlier).filter(|other| other.key.as_ref() == Some(key));
                let is_other = |other: &NewJob| job.is_other(&other.args, other.priority, other.unique.as_deref());
                (other.is_some_and(is_other), KeyOwner::Earlier(*earlier))
            }
        };
        if is_other {
            reused.push(KeyReuse { at, key: Arc::clone(key), of });
        }
    }
    Ok(reused)
}

/// Returns the ids of the jobs, if they are added.
fn ids<E: ExistingJobs>(
    jobs: &[NewJob],
    duplicates: &[Duplicate],
    existing: &E,
    last_id: u64,
) -> Result<Result<Vec<Added>, AddError>, E::Error> {
    let mut last = last_id;
    let mut added: Vec<Added> = Vec::with_capacity(jobs.len());
    // Only the ids of a batch can be requested twice.
    let mut assigned: Option<HashSet<JobId, RandomState>> = (jobs.len() > 1).then(HashSet::default);
    for (at, job) in jobs.iter().enumerate() {
        let id = match (duplicates.get(at), job.id) {
            (Some(Duplicate::Kept(id)), _) => {
                added.push(Added { id: *id, is_new: false });
                continue;
            }
            (Some(Duplicate::Earlier(earlier)), _) => {
                added.push(Added { is_new: false, ..added[*earlier] });
                continue;
            }
            (_, Some(JobId(0))) => return Ok(Err(AddError::InvalidId { at })),
            // An id above the counter is free; no lookup is needed.
            (_, Some(id))
                if assigned.as_ref().is_some_and(|ids| ids.contains(&id))
                    || (id.0 <= last_id && existing.is_taken(id)?) =>
            {
                return Ok(Err(AddError::DuplicateId { id, at }));
            }
            (_, Some(id)) => id,
            (_, None) => match last.checked_add(1) {
                Some(id) => JobId(id),
                None => return Ok(Err(AddError::IdsExhausted { at })),
            },
        };
        last = last.max(id.0);
        added.push(Added { id, is_new: true });
        if let Some(assigned) = &mut assigned {
            assigned.insert(id);
        }
    }
    Ok(Ok(added))
}
