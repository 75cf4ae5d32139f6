//! Failures in the host's log: a warning for each job and handler that failed, with its trace. Success is not logged.
//! Commands that show failures in another way, such as one that runs a single job, filter this module out.

use std::sync::Arc;

use saggar_job::{Ending, FailureKind, JobKey, Outcome, Role};
use saggar_queue::{Claim, Running, TaskQueue};

use crate::trace::trace_id;

/// The log target of attempts that a drain stopped.
const STOPPED: &str = "saggar_worker::failures::stopped";

/// A failed attempt, which may be the last one of its job.
pub(crate) struct Failed {
    running: Arc<Running>,
    reason: FailureKind,
    code: String,
}

impl Failed {
    /// `None` if the outcome is success.
    pub(crate) fn new(claim: &Claim, outcome: &Outcome) -> Option<Self> {
        let failure = outcome.failed()?;
        let (reason, code) = (failure.kind, failure.problem.code.clone());
        Some(Self { running: Arc::clone(claim.running()), reason, code })
    }

    /// Logs that the job has ended with this attempt. Cancelled jobs are not logged, because there is no failure to
    /// investigate.
    pub(crate) fn for_good(&self, trace_parent: Option<&Arc<str>>) {
        if self.running.cancel_signal().is_cancelled() {
            return;
        }
        let JobKey { task, id } = self.running.key();
        let (reason, code, trace_id) = (self.reason.name(), &*self.code, trace_id(trace_parent));
        tracing::warn!(%task, %id, attempt = self.running.attempt(), reason, code, trace_id, "a job has failed");
    }
}

/// A handler that failed too often to be called again at once.
pub(crate) struct FailedHandler<'a> {
    pub(crate) job: JobKey,
    pub(crate) role: Role,
    /// How often it was called.
    pub(crate) tries: u32,
    /// The code of its last problem.
    pub(crate) code: &'a str,
    pub(crate) trace_parent: Option<&'a Arc<str>>,
}

impl FailedHandler<'_> {
    /// Logs that it is called again in `next_try_s` seconds.
    pub(crate) fn deferred(&self, next_try_s: u64) {
        let Self { job: JobKey { task, id }, role, tries, code, trace_parent } = self;
        let (handler, trace_id) = (role.key(), trace_id(*trace_parent));
        tracing::warn!(%task, %id, handler, tries, code, next_try_s, trace_id, "a handler has failed and is tried again later");
    }

    /// Logs that it is not called again.
    pub(crate) fn given_up(&self) {
        let Self { job: JobKey { task, id }, role, tries, code, trace_parent } = self;
        let (handler, trace_id) = (role.key(), trace_id(*trace_parent));
        tracing::warn!(%task, %id, handler, tries, code, trace_id, "a handler has failed and is given up");
    }
}

/// Logs that an attempt was stopped because the host stops.
pub(crate) fn stopped(job: &JobKey, trace_parent: Option<&Arc<str>>, outlives_host: bool) {
    // The host's log limits the rate of other lines; these are at most one per slot, and exempt.
    let trace_id = trace_id(trace_parent);
    if outlives_host {
        tracing::warn!(target: STOPPED, %job, trace_id, "was stopped and requeued; the attempt does not count");
    } else {
        tracing::warn!(target: STOPPED, %job, trace_id, "was stopped and is lost, since jobs in memory end with the host");
    }
}

/// Logs which attempts were lost because the last host of a task died. Call it when the task was opened.
pub(crate) fn lost_before(queue: &TaskQueue) {
    let totals = queue.counters().totals();
    let (attempts, jobs_failed) =
        (totals.attempts(Ending::Failed(FailureKind::Lost)), totals.failed(FailureKind::Lost));
    // Later ones are logged when they are lost.
    if totals.started == 0 && attempts > 0 {
        tracing::warn!(task = %queue.key(), attempts, jobs_failed, "attempts that ran when the host died are lost");
    }
}
