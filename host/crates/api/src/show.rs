//! Converts from the domain's types to those on the wire: what more than one route answers. What one route answers is
//! converted there.

use saggar_job::{FailureKind, LogLevel, LogSource, Problem, Status, Timestamp, Waiting};
use saggar_queue::{AttemptTimes, Counts, Distribution, JobCallback, Lane, LogLine};
use saggar_wire as wire;
use serde_json::value::RawValue;

use crate::jobs::{KnownJob, TaskState};
use crate::rfc3339;

mod event;

pub(crate) use event::{event, event_kind};

/// Converts a job as it is at `now`.
pub fn job(known: KnownJob, now: Timestamp) -> wire::Job {
    let KnownJob { task, max_attempts, job, explanation } = known;
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
        explanation,
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

pub(crate) fn problem(problem: &Problem) -> wire::FailureProblem {
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

pub(crate) fn waiting(waiting: Waiting) -> wire::Waiting {
    match waiting {
        Waiting::Ready => wire::Waiting::Ready,
        Waiting::Delayed => wire::Waiting::Delayed,
        Waiting::Retrying => wire::Waiting::Retrying,
        Waiting::OnHold => wire::Waiting::OnHold,
    }
}

pub(crate) fn status(status: Status) -> wire::Status {
    match status {
        Status::Waiting => wire::Status::Waiting,
        Status::Running => wire::Status::Running,
        Status::Success => wire::Status::Success,
        Status::Failure => wire::Status::Failure,
    }
}

pub(crate) fn reason(reason: FailureKind) -> wire::FailureKind {
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

pub(crate) fn log_line(line: LogLine, times: &AttemptTimes) -> wire::LogLine {
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
    let run = times.run_at(line.at).map(|run| run.0);
    wire::LogLine { at: rfc3339::write(line.at), source, level, text: line.text, run }
}

pub(crate) fn task_state(state: &TaskState) -> (wire::TaskState, Option<String>) {
    match state {
        TaskState::Ready => (wire::TaskState::Ready, None),
        TaskState::Preparing => (wire::TaskState::Preparing, None),
        TaskState::Broken(problem) => (wire::TaskState::Broken, Some(problem.to_string())),
    }
}

/// Returns the percentiles of durations; `None` if there are none.
pub(crate) fn percentiles(durations: &Distribution) -> Option<wire::Percentiles> {
    let ms = |share| durations.quantile(share).map(|duration| duration.as_secs_f64() * 1_000.0);
    Some(wire::Percentiles { p50: ms(0.5)?, p95: ms(0.95)?, p99: ms(0.99)? })
}

pub(crate) fn counts(counts: &Counts) -> wire::Counts {
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
