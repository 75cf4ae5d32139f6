//! What the host's log says of jobs and handlers that came to nothing: a line for each, with the trace that it belongs to, which
//! is there without having been asked for. What goes well leaves none. Whoever shows all this otherwise, such as a command that
//! runs one job, lets nothing of this module through.

use std::sync::Arc;

use saggar_job::{Ending, JobKey, Outcome, Reason, Role};
use saggar_queue::{Claim, Running, TaskQueue};

use crate::trace::trace_id;

/// Where attempts are told that a drain stopped.
const STOPPED: &str = "saggar_worker::failures::stopped";

/// An attempt that failed, and is perhaps its job's last one.
pub(crate) struct Failed {
    running: Arc<Running>,
    reason: Reason,
    code: String,
}

impl Failed {
    /// None if the outcome is success.
    pub(crate) fn new(claim: &Claim, outcome: &Outcome) -> Option<Self> {
        let reason = outcome.reason()?;
        let code = outcome.problem().map_or_else(|| reason.name(), |problem| problem.code.as_str()).to_owned();
        Some(Self { running: Arc::clone(claim.running()), reason, code })
    }

    /// The job has ended with it. If somebody wanted it to end, that is nothing to look into.
    pub(crate) fn for_good(&self, trace_parent: Option<&Arc<str>>) {
        if self.running.cancel_signal().is_cancelled() {
            return;
        }
        let JobKey { task, id } = self.running.key();
        let (reason, code, trace_id) = (self.reason.name(), &*self.code, trace_id(trace_parent));
        tracing::warn!(%task, %id, attempt = self.running.attempt(), reason, code, trace_id, "a job has failed");
    }
}

/// A handler that failed too often to be tried again at once.
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
    /// It is tried again in `next_try_s` seconds.
    pub(crate) fn deferred(&self, next_try_s: u64) {
        let Self { job: JobKey { task, id }, role, tries, code, trace_parent } = self;
        let (handler, trace_id) = (role.key(), trace_id(*trace_parent));
        tracing::warn!(%task, %id, handler, tries, code, next_try_s, trace_id, "a handler has failed and is tried again later");
    }

    /// It is not tried again.
    pub(crate) fn given_up(&self) {
        let Self { job: JobKey { task, id }, role, tries, code, trace_parent } = self;
        let (handler, trace_id) = (role.key(), trace_id(*trace_parent));
        tracing::warn!(%task, %id, handler, tries, code, trace_id, "a handler has failed and is given up");
    }
}

/// An attempt was stopped because the host stops.
pub(crate) fn stopped(job: &JobKey, trace_parent: Option<&Arc<str>>, is_kept: bool) {
    // The host's log limits the other lines; of these there is one for each slot.
    let trace_id = trace_id(trace_parent);
    if is_kept {
        tracing::warn!(target: STOPPED, %job, trace_id, "was stopped and requeued; the attempt does not count");
    } else {
        tracing::warn!(target: STOPPED, %job, trace_id, "was stopped and is lost, since jobs in memory end with the host");
    }
}

/// A task was opened: what ran when the last host of it died is lost by now.
pub(crate) fn lost_before(queue: &TaskQueue) {
    let totals = queue.totals();
    let (attempts, jobs_failed) = (totals.attempts(Ending::Lost), totals.failed(Reason::Lost));
    // Later on, one is spoken of when it is lost.
    if totals.started == 0 && attempts > 0 {
        tracing::warn!(task = %queue.key(), attempts, jobs_failed, "attempts that ran when the host died are lost");
    }
}
