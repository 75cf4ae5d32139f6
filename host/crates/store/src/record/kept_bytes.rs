//! The bytes that a job is counted as: a pure function of what is stored of it, the same in every store. So what is
//! removed is subtracted as it was added, and nothing is ever recounted.

use std::sync::atomic::{AtomicU64, Ordering};

use saggar_job::{Life, Problem, State};

use super::{AddError, LogBudget, NewJob, Origin, Rules};

/// The bytes of a job beside its texts: its row or record, and its entries in indexes.
const JOB: u64 = 256;

/// The bytes of a log line beside its text.
const LINE: u64 = 64;

/// The bytes of all jobs of a store, and their limit.
#[derive(Debug)]
pub struct KeptBytes {
    bytes: AtomicU64,
    most: AtomicU64,
}

impl Default for KeptBytes {
    fn default() -> Self {
        Self { bytes: AtomicU64::new(0), most: AtomicU64::new(u64::MAX) }
    }
}

impl KeptBytes {
    /// Returns the bytes of all jobs.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the limit.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Sets the limit.
    pub fn set_most(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Sets the bytes of all jobs.
    pub fn set(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Replaces the counted bytes `before` with `after`.
    pub fn change(&self, before: u64, after: u64) {
        self.bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
}

/// Returns whether `more` bytes fit beside `kept` ones without removing anything. A sixty-fourth of `most` stays free,
/// so that concurrent adds need not be refused.
pub fn has_room(kept: u64, more: u64, most: u64) -> bool {
    kept.saturating_add(more) <= most - most / 64
}

/// Returns whether something has to be removed so that `more` bytes fit beside `kept` ones. False if they can never
/// fit.
pub fn lacks_room(kept: u64, more: u64, most: u64) -> bool {
    more <= most && !has_room(kept, more, most)
}

/// Returns down to how many bytes jobs of the tenant with the most bytes are removed, before the tenants are compared again.
/// `descending` has the bytes of all tenants with jobs that can be removed, several times for a tenant with several tasks. An
/// eighth below the next tenant, so that two equally large ones do not take turns with each job.
pub fn least_of_largest(mut descending: impl Iterator<Item = u64>) -> u64 {
    let largest = descending.next().unwrap_or(0);
    descending.find(|bytes| *bytes < largest).map_or(0, |second| second - second / 8)
}

/// Refuses `more` bytes that would exceed the limit of a task with `kept` bytes, or that of all tasks, which have
/// `all.0` of `all.1` bytes. Zero bytes are never refused.
pub fn check(kept: u64, all: (u64, u64), more: u64, rules: &Rules) -> Result<(), AddError> {
    for (of_task, (kept, most)) in [(true, (kept, rules.keep_bytes)), (false, all)] {
        if more > 0 && kept.saturating_add(more) > most {
            return Err(AddError::KeepBytesExceeded { kept, most, of_task });
        }
    }
    Ok(())
}

/// Returns the bytes of a job, without its log and attempt records.
pub fn of_job(args: &str, life: &Life, message: &str, names: [Option<&str>; 2], origin: Option<&Origin>) -> u64 {
    let end = match &life.state {
        State::Waiting { problem, .. } => problem.as_ref().map_or(0, of_problem),
        State::Success { response, .. } => response.len() as u64,
        State::Failure { problem, .. } => of_problem(problem),
        State::Running { .. } => 0,
    };
    JOB + (args.len() + message.len()) as u64 + end + of_labels(names, origin)
}

/// Returns the bytes of a job that is added.
pub fn of_new(job: &NewJob) -> u64 {
    let parent = job.parent.as_ref().map_or(0, |parent| parent.task.tenant.len() + parent.task.task.len());
    let trace_parent = job.trace_parent.as_deref().map_or(0, str::len);
    let names = [job.key.as_deref(), job.unique.as_deref()];
    JOB + (job.args.len() + parent + trace_parent) as u64 + of_labels(names, None)
}

fn of_labels(names: [Option<&str>; 2], origin: Option<&Origin>) -> u64 {
    let names: usize = names.into_iter().flatten().map(str::len).sum();
    let parent = origin.and_then(|origin| origin.parent.as_ref());
    let parent = parent.map_or(0, |parent| parent.task.tenant.len() + parent.task.task.len());
    let trace_parent = origin.and_then(|origin| origin.trace_parent.as_deref()).map_or(0, str::len);
    (names + parent + trace_parent) as u64
}

fn of_problem(problem: &Problem) -> u64 {
    of_record(Some(problem)) + problem.details.as_ref().map_or(0, String::len) as u64
}

/// Returns the bytes of the record of an attempt that ended with this problem. A record has no details.
pub fn of_record(problem: Option<&Problem>) -> u64 {
    problem.map_or(0, |problem| problem.code.len() + problem.message.len()) as u64
}

/// Returns the bytes of a job's log.
pub fn of_log(log: &LogBudget) -> u64 {
    let LogBudget { guest_lines, guest_bytes, host_lines, host_bytes, .. } = *log;
    (guest_bytes + host_bytes) as u64 + LINE * (guest_lines + host_lines) as u64
}

#[cfg(test)]
mod tests {
    use saggar_job::{JobId, JobKey, TaskKey, Timestamp};

    use super::*;

    #[test]
    fn a_new_job_is_counted_like_a_stored_one() {
        let parent = JobKey { task: TaskKey::new("default", "parent"), id: JobId(1) };
        let job = NewJob {
            parent: Some(parent),
            trace_parent: Some("00-11-22-01".into()),
            ..NewJob::new("[1]").with_key("key").with_unique("fingerprint")
        };
        let bytes = of_new(&job);
        let origin = job.clone().take_origin();
        let life = Life::new(Timestamp(1), false);
        let names = [job.key.as_deref(), job.unique.as_deref()];
        assert_eq!(of_job(&job.args, &life, "", names, origin.as_deref()), bytes);
        assert_eq!(bytes, 256 + 3 + 3 + 11 + 7 + 6 + 11);
    }

    #[test]
    fn the_largest_tenant_is_reduced_to_an_eighth_below_the_next() {
        assert_eq!(least_of_largest([].into_iter()), 0);
        assert_eq!(least_of_largest([90, 90].into_iter()), 0);
        assert_eq!(least_of_largest([90, 90, 80, 7].into_iter()), 70);
    }

    #[test]
    fn a_limit_of_zero_has_room_for_nothing() {
        assert!(has_room(0, 0, 0) && !has_room(0, 1, 0));
        assert!(has_room(u64::MAX / 2, 1, u64::MAX) && !has_room(u64::MAX, 1, u64::MAX));
        assert!(has_room(0, 63, 64) && !has_room(0, 64, 64));
    }
}
