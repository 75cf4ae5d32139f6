//! Why a job waits, and what its running attempt is bound by: what the host knows now and does not store.

use saggar_job::{JobId, Run, State, Status, Timestamp};
use saggar_queue::{Counts, Job, JobFilter, ListQuery, TaskQueue};
use saggar_wire::{self as wire, Code};

use crate::jobs::{Jobs, KnownTask, TaskState};
use crate::problem::Refusal;
use crate::rfc3339;

/// Explains a job of `queue`.
pub(crate) async fn explain(jobs: &dyn Jobs, queue: &TaskQueue, job: &Job) -> Result<wire::JobExplanation, Refusal> {
    // A task without a definition has neither slots nor limits.
    let task = jobs.task(&queue.key().task).ok();
    let mut explanation = wire::JobExplanation { wait: None, running: None };
    match &job.life.state {
        State::Waiting { run_at, on_hold, .. } => {
            let reason = reason(jobs, task.as_ref(), *on_hold, *run_at);
            let mut wait = wait(queue, task.as_ref(), reason, *run_at);
            if !matches!(reason, wire::WaitReason::Time | wire::WaitReason::AddHandler) {
                place(&mut wait, jobs, queue, job).await?;
            }
            explanation.wait = Some(wait);
        }
        State::Running { run, started_at, .. } => {
            explanation.running = Some(running(queue, task.as_ref(), job, (*run, *started_at)));
        }
        State::Success { .. } | State::Failure { .. } => {}
    }
    Ok(explanation)
}

fn reason(jobs: &dyn Jobs, task: Option<&KnownTask>, on_hold: bool, run_at: Timestamp) -> wire::WaitReason {
    let Some(task) = task else { return wire::WaitReason::NotReady };
    if on_hold {
        wire::WaitReason::AddHandler
    } else if run_at > jobs.now() {
        wire::WaitReason::Time
    } else if jobs.why_not_ready() == Some(Code::Stopping) {
        wire::WaitReason::Stopping
    } else if task.state != TaskState::Ready {
        wire::WaitReason::NotReady
    } else if task.counts.paused {
        wire::WaitReason::Paused
    } else if task.held_by.is_some() {
        wire::WaitReason::Quota
    } else {
        wire::WaitReason::Slot
    }
}

/// Returns why a job waits, without its place in the queue.
fn wait(queue: &TaskQueue, task: Option<&KnownTask>, reason: wire::WaitReason, run_at: Timestamp) -> wire::JobWait {
    let is_timed = reason == wire::WaitReason::Time;
    let is_ready = !is_timed && reason != wire::WaitReason::AddHandler;
    let slots = task.map_or(0, |task| u64::from(task.task.worker_nums));
    let busy = queue.counts().running as u64;
    let timeout_ms = task.map(|task| u64::try_from(task.task.timeout.as_millis()).unwrap_or(u64::MAX));
    let first = queue.running_attempts().iter().map(|running| running.started_at()).min();
    let next_free_by = first.zip(timeout_ms).map(|(first, timeout_ms)| first.plus_ms(timeout_ms));
    let quota = task.and_then(|task| task.held_by).filter(|_| reason == wire::WaitReason::Quota);
    wire::JobWait {
        reason,
        since: is_ready.then(|| rfc3339::write(run_at)),
        until: is_timed.then(|| rfc3339::write(run_at)),
        quota: quota.map(str::to_owned),
        ahead: None,
        ahead_exact: false,
        slots,
        busy,
        next_free_by: next_free_by.filter(|_| busy >= slots).map(rfc3339::write),
        estimate_ms: None,
    }
}

/// Adds how many jobs are before one that is ready, and how long they take.
async fn place(wait: &mut wire::JobWait, jobs: &dyn Jobs, queue: &TaskQueue, job: &Job) -> Result<(), Refusal> {
    let key = queue.key();
    let of_task = ListQuery::of_task(key);
    let named = JobFilter { ids: vec![(key.task.clone(), job.id)], ..JobFilter::default() };
    let listed = jobs.list(ListQuery { filter: named, ..of_task.clone() }).await?;
    // It was deleted meanwhile.
    let Some(cursor) = listed.jobs.first().map(|listed| listed.cursor) else { return Ok(()) };
    let waits = JobFilter { priority: Some(job.priority..=i16::MAX), ..JobFilter::default() };
    let before = ListQuery { statuses: vec![Status::Waiting], filter: waits, until: Some(cursor), ..of_task };
    let counted = jobs.count(before).await?;
    let Counts { delayed, on_hold, .. } = queue.counts();
    // The job itself is counted.
    let ahead = counted.jobs.saturating_sub(1) as u64;
    wait.ahead = Some(ahead);
    wait.ahead_exact = counted.next.is_none() && delayed + on_hold == 0;
    let per_second = queue.counters().rates().started.per_second;
    wait.estimate_ms = (per_second > 0.0).then(|| ((ahead + 1) as f64 / per_second * 1_000.0) as u64);
    Ok(())
}

fn running(
    queue: &TaskQueue,
    task: Option<&KnownTask>,
    job: &Job,
    (run, started_at): (Run, Timestamp),
) -> wire::RunningAttempt {
    let timeout_ms = task.map(|task| u64::try_from(task.task.timeout.as_millis()).unwrap_or(u64::MAX));
    wire::RunningAttempt {
        run: run.0,
        number: job.life.attempt,
        started_at: rfc3339::write(started_at),
        deadline_at: timeout_ms.map(|timeout_ms| rfc3339::write(started_at.plus_ms(timeout_ms))),
        memory_limit: task.map(|task| task.task.sandbox.memory_bytes),
        digest: digest(queue, job.id, run),
    }
}

/// Returns the digest of the component that runs an attempt here.
fn digest(queue: &TaskQueue, id: JobId, run: Run) -> Option<String> {
    let running = queue.running_attempts().into_iter().find(|running| running.id() == id && running.run() == run)?;
    running.component().map(|digest| digest.to_string())
}
