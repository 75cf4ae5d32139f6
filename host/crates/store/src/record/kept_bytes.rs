//! How many bytes a job is counted as: a pure function of what is kept of it, the same in every store, so that what leaves is
//! subtracted as it was added and nothing is ever counted anew.

use std::sync::atomic::{AtomicU64, Ordering};

use saggar_job::{Life, Problem, State};

use super::{AddError, LogBudget, NewJob, Origin, Rules};

/// What a job takes beside its texts: its row or record, and its entries in indexes.
const JOB: u64 = 256;

/// What a line of a log takes beside its text.
const LINE: u64 = 64;

/// The bytes of all jobs of a store, and how many they may be.
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
    /// The bytes of all jobs.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many they may be.
    pub fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    /// Bounds them.
    pub fn set_most(&self, most: u64) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Sets how many they are.
    pub fn set(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// What was counted as `before` is `after` now.
    pub fn change(&self, before: u64, after: u64) {
        self.bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
}

/// Whether `more` bytes fit beside `kept` ones without removing anything. A sixty-fourth of `most` stays free, so that those
/// who add at the same moment need not be refused.
pub fn has_room(kept: u64, more: u64, most: u64) -> bool {
    kept.saturating_add(more) <= most - most / 64
}

/// Whether something has to leave so that `more` bytes fit beside `kept` ones. If they can never fit, nothing has to.
pub fn lacks_room(kept: u64, more: u64, most: u64) -> bool {
    more <= most && !has_room(kept, more, most)
}

/// Refuses `more` bytes that would break the bound of a task that keeps `kept`, or that of all tasks, which keep `all.0` of
/// `all.1`. Nothing is never refused.
pub fn check(kept: u64, all: (u64, u64), more: u64, rules: &Rules) -> Result<(), AddError> {
    for (of_task, (kept, most)) in [(true, (kept, rules.keep_bytes)), (false, all)] {
        if more > 0 && kept.saturating_add(more) > most {
            return Err(AddError::KeepBytesExceeded { kept, most, of_task });
        }
    }
    Ok(())
}

/// The bytes of a job, without its log and the records of its attempts.
pub fn of_job(args: &str, life: &Life, message: &str, names: [Option<&str>; 2], origin: Option<&Origin>) -> u64 {
    let end = match &life.state {
        State::Waiting { problem, .. } => problem.as_ref().map_or(0, of_problem),
        State::Success { response, .. } => response.len() as u64,
        State::Failure { problem, .. } => of_problem(problem),
        State::Running { .. } => 0,
    };
    JOB + (args.len() + message.len()) as u64 + end + of_labels(names, origin)
}

/// The bytes of a job that is added.
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

/// The bytes of the record of an attempt that ended with this problem. A record has no details.
pub fn of_record(problem: Option<&Problem>) -> u64 {
    problem.map_or(0, |problem| problem.code.len() + problem.message.len()) as u64
}

/// The bytes of a job's log.
pub fn of_log(log: &LogBudget) -> u64 {
    let LogBudget { guest_lines, guest_bytes, host_lines, host_bytes, .. } = *log;
    (guest_bytes + host_bytes) as u64 + LINE * (guest_lines + host_lines) as u64
}

#[cfg(test)]
mod tests {
    use saggar_job::{JobId, JobKey, TaskKey, Timestamp};

    use super::*;

    #[test]
    fn a_new_job_is_counted_as_when_it_is_there() {
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
    fn a_bound_of_nothing_has_room_for_nothing() {
        assert!(has_room(0, 0, 0) && !has_room(0, 1, 0));
        assert!(has_room(u64::MAX / 2, 1, u64::MAX) && !has_room(u64::MAX, 1, u64::MAX));
        assert!(has_room(0, 63, 64) && !has_room(0, 64, 64));
    }
}
