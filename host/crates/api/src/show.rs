//! Converts jobs, logs, attempts and tasks from the domain's types to those on the wire.

use saggar_job::{FailureKind, LogLevel, LogSource, Problem, Status, Timestamp, Waiting};
use saggar_queue::{AttemptRecord, Counts, JobCallback, Lane, ListedJob, LogLine, Page, Rate, Rates};
use saggar_wire as wire;
use serde_json::value::RawValue;

use crate::jobs::{KnownJob, KnownOrphan, KnownTask, TaskState};
use crate::rfc3339;

mod event;
mod tenant;

pub(crate) use event::{event, event_kind};
pub(crate) use tenant::{audit_entry, tenant};

/// Converts a job as it is at `now`.
pub fn job(known: KnownJob, now: Timestamp) -> wire::Job {
    let KnownJob { task, max_attempts, job } = known;
    let callbacks = job.callbacks.iter().map(|pending| callback(pending, job.status())).collect();
    let origin = job.origin.as_deref();
    let parent = origin.and_then(|origin| origin.parent.as_ref());
    let trace_parent = origin.and_then(|origin| origin.trace_parent.as_deref());
    wire::Job {
        id: job.id.0,
        task,
        status: status(job.status()),
        waiting: job.life.waiting(now).map(waiting),
        cancelling: job.life.is_cancelling(),
        response: job.response().map(raw),
        problem: job.problem().map(problem),
        reason: job.reason().map(reason),
        attempt: job.life.attempt,
        max_attempts,
        added_at: rfc3339::write(job.added_at),
        run_at: job.run_at().map(rfc3339::write),
        started_at: job.started_at().map(rfc3339::write),
        ended_at: job.ended_at().map(rfc3339::write),
        priority: job.priority,
        key: job.key.as_deref().map(str::to_owned),
        parent: parent.map(|parent| wire::ParentJob { task: parent.task.task.to_string(), id: parent.id.0 }),
        trace_parent: trace_parent.map(str::to_owned),
        args: raw(&job.args),
        callbacks,
        current: job.progress.current,
        total: job.progress.total,
        message: job.progress.message,
    }
}

fn callback(callback: &JobCallback, of: Status) -> wire::Callback {
    wire::Callback {
        event: match (callback.lane, of) {
            (Lane::Adds, _) => wire::CallbackEvent::Add,
            (Lane::Ends, Status::Success) => wire::CallbackEvent::Success,
            (Lane::Ends, _) => wire::CallbackEvent::Error,
        },
        state: if callback.given_up { wire::CallbackState::GivenUp } else { wire::CallbackState::Pending },
        tries: callback.tries,
        next_try_at: callback.next_try_at.map(rfc3339::write),
        problem: callback.problem.as_ref().map(problem),
    }
}

/// Converts a page of jobs as they are at `now`.
pub(crate) fn page(page: Page, now: Timestamp) -> wire::Jobs {
    let jobs = page.jobs.into_iter().map(|job| listed(job, now)).collect();
    wire::Jobs { jobs, next: page.next.map(|cursor| cursor.to_string()) }
}

fn listed(job: ListedJob, now: Timestamp) -> wire::ListedJob {
    wire::ListedJob {
        id: job.id.0,
        task: job.task.task.to_string(),
        status: status(job.status),
        waiting: job.waiting(now).map(waiting),
        cancelling: job.cancelling,
        problem: job.problem.as_ref().map(problem),
        reason: job.reason.map(reason),
        attempt: job.attempt,
        added_at: rfc3339::write(job.added_at),
        run_at: job.run_at.map(rfc3339::write),
        started_at: job.started_at.map(rfc3339::write),
        ended_at: job.ended_at.map(rfc3339::write),
        priority: job.priority,
        current: job.progress.current,
        total: job.progress.total,
        message: job.progress.message,
    }
}

fn problem(problem: &Problem) -> wire::FailureProblem {
    wire::FailureProblem {
        code: problem.code.clone(),
        message: problem.message.clone(),
        details: problem.details.as_deref().map(raw),
    }
}

/// Returns JSON text unchanged. It was validated when it was added; if it is not JSON after all, it becomes a string.
fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned())
        .or_else(|_| serde_json::value::to_raw_value(text))
        .unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn waiting(waiting: Waiting) -> wire::Waiting {
    match waiting {
        Waiting::Ready => wire::Waiting::Ready,
        Waiting::Delayed => wire::Waiting::Delayed,
        Waiting::Retrying => wire::Waiting::Retrying,
        Waiting::OnHold => wire::Waiting::OnHold,
    }
}

fn status(status: Status) -> wire::Status {
    match status {
        Status::Waiting => wire::Status::Waiting,
        Status::Running => wire::Status::Running,
        Status::Success => wire::Status::Success,
        Status::Failure => wire::Status::Failure,
    }
}

/// Converts the status that a client filters by.
pub(crate) fn domain_status(status: wire::Status) -> Status {
    match status {
        wire::Status::Waiting => Status::Waiting,
        wire::Status::Running => Status::Running,
        wire::Status::Success => Status::Success,
        wire::Status::Failure => Status::Failure,
    }
}

fn reason(reason: FailureKind) -> wire::FailureKind {
    match reason {
        FailureKind::Failed => wire::FailureKind::Failed,
        FailureKind::Rejected => wire::FailureKind::Rejected,
        FailureKind::Trap => wire::FailureKind::Trap,
        FailureKind::Timeout => wire::FailureKind::Timeout,
        FailureKind::OutOfMemory => wire::FailureKind::OutOfMemory,
        FailureKind::Cancelled => wire::FailureKind::Cancelled,
        FailureKind::Lost => wire::FailureKind::Lost,
    }
}

pub(crate) fn log_line(line: LogLine) -> wire::LogLine {
    let (source, level) = match line.source {
        LogSource::Stdout => (wire::Source::Stdout, None),
        LogSource::Stderr => (wire::Source::Stderr, None),
        LogSource::Host => (wire::Source::Host, None),
        LogSource::Log(level) => (wire::Source::Log, Some(level)),
    };
    let level = level.map(|level| match level {
        LogLevel::Debug => wire::Level::Debug,
        LogLevel::Info => wire::Level::Info,
        LogLevel::Warn => wire::Level::Warn,
        LogLevel::Error => wire::Level::Error,
    });
    wire::LogLine { at: rfc3339::write(line.at), source, level, text: line.text }
}

pub(crate) fn attempt(record: AttemptRecord) -> wire::Attempt {
    wire::Attempt {
        number: record.number,
        run: record.run.0,
        started_at: rfc3339::write(record.started_at),
        ended_at: rfc3339::write(record.ended_at),
        ending: record.ending.name().to_owned(),
        problem: record.problem.as_deref().map(problem),
        cost: record.cost.map(|cost| wire::Cost {
            digest: cost.digest.to_string(),
            cpu_ms: cost.cpu.as_secs_f64() * 1_000.0,
            peak_memory: cost.peak_memory,
            fresh: cost.fresh,
        }),
    }
}

pub(crate) fn task_summary(known: &KnownTask) -> wire::TaskSummary {
    let KnownTask { task, state, held_by, counts, rates } = known;
    let (state, problem) = task_state(state);
    wire::TaskSummary {
        id: task.id.to_string(),
        name: task.name.clone(),
        state,
        problem,
        paused: counts.paused,
        held_by: held_by.map(str::to_owned),
        counts: wire_counts(counts),
        rates: wire_rates(rates),
        first_ready_at: counts.first_ready_at.map(rfc3339::write),
    }
}

pub(crate) fn task(known: &KnownTask) -> wire::Task {
    let wire::TaskSummary { id, name, state, problem, paused, held_by, counts, rates, first_ready_at } =
        task_summary(known);
    let (file, definition) = (known.task.file().to_owned(), known.task.effective_definition());
    wire::Task { id, name, state, problem, paused, held_by, counts, rates, first_ready_at, file, definition }
}

pub(crate) fn task_state(state: &TaskState) -> (wire::TaskState, Option<String>) {
    match state {
        TaskState::Ready => (wire::TaskState::Ready, None),
        TaskState::Preparing => (wire::TaskState::Preparing, None),
        TaskState::Broken(problem) => (wire::TaskState::Broken, Some(problem.to_string())),
    }
}

pub(crate) fn orphan(orphan: &KnownOrphan) -> wire::OrphanedTask {
    let problem = orphan.problem.as_deref().map(str::to_owned);
    wire::OrphanedTask { id: orphan.id.clone(), problem, counts: wire_counts(&orphan.counts) }
}

fn wire_counts(counts: &Counts) -> wire::Counts {
    wire::Counts {
        waiting: counts.waiting as u64,
        delayed: counts.delayed as u64,
        on_hold: counts.on_hold as u64,
        running: counts.running as u64,
        success: counts.success as u64,
        failure: counts.failure as u64,
        added: counts.added,
        bytes: counts.bytes,
    }
}

fn wire_rates(rates: &Rates) -> wire::Rates {
    let rate = |rate: Rate| wire::Rate { total: rate.total, per_second: rate.per_second };
    wire::Rates {
        added: rate(rates.added),
        started: rate(rates.started),
        succeeded: rate(rates.succeeded),
        failed: rate(rates.failed),
        retried: rate(rates.retried),
    }
}
