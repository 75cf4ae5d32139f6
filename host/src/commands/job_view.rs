//! Formats a job for people: on one line, in detail, and its result.

use saggar_wire::{Attempt, Callback, FailureKind, FailureProblem, Job, JobWait, Status, Waiting};
use serde_json::value::RawValue;

use super::output::{self, Column, Table, cell, name};
use super::{FAILURE, show, source_excerpt};

/// Longer JSON documents are truncated to this many bytes.
const SHOWN_BYTES: usize = 2_000;

/// Formats a job as `mail.send#7: FAILURE (timeout)`.
pub(crate) fn one_line(job: &Job) -> String {
    format!("{}#{}: {}", job.task, job.id, status(job))
}

fn status(job: &Job) -> String {
    // A job that waits only for a slot needs no explanation.
    let waiting = job.waiting.filter(|waiting| *waiting != Waiting::Ready);
    match why(job.reason, waiting, job.cancelling) {
        Some(why) => format!("{} ({why})", name(&job.status)),
        None => name(&job.status),
    }
}

/// Returns details of the status: the reason of the failure, what the job waits for, or that it is being cancelled.
pub(crate) fn why(reason: Option<FailureKind>, waiting: Option<Waiting>, cancelling: bool) -> Option<String> {
    let cancelling = cancelling.then(|| "cancelling".to_owned());
    reason.as_ref().map(name).or(waiting.as_ref().map(name)).or(cancelling)
}

/// Formats the progress and its message, such as `3/10 half way`; empty if the job never reported any.
pub(crate) fn progress(current: u64, total: u64, message: &str) -> String {
    let done = if total == 0 && current == 0 { String::new() } else { format!("{current}/{total} ") };
    (done + message).trim_end().to_owned()
}

/// Prints all details, one per row. Omits missing ones.
pub(crate) fn print(job: &Job) -> anyhow::Result<()> {
    let is_success = matches!(job.status, Status::Success);
    let rows = [
        ("id", Some(job.id.to_string())),
        ("task", Some(job.task.clone())),
        ("status", Some(status(job))),
        ("progress", Some(progress(job.current, job.total, &job.message)).filter(|text| !text.is_empty())),
        ("attempt", Some(format!("{} of {}", job.attempt, job.max_attempts))),
        ("added", Some(job.added_at.clone())),
        ("runs from", job.run_at.clone()),
        ("started", job.started_at.clone()),
        ("ended", job.ended_at.clone()),
        ("waits for", job.explanation.as_ref().and_then(|known| known.wait.as_ref()).map(wait_line)),
        ("deadline", job.explanation.as_ref().and_then(|known| known.running.as_ref()?.deadline_at.clone())),
        ("priority", Some(job.priority.to_string()).filter(|_| job.priority != 0)),
        ("key", job.key.clone()),
        ("added by", job.parent.as_ref().map(|parent| format!("{}#{}", parent.task, parent.id))),
        ("trace", job.trace_parent.clone()),
        ("args", Some(shortened(&job.args))),
        ("response", is_success.then(|| shortened(response(job)))),
        ("problem", job.problem.as_ref().map(|problem| format!("{}: {}", problem.code, problem.message))),
        ("details", job.problem.as_ref().and_then(|problem| problem.details.as_deref()).map(shortened)),
    ];
    let callbacks = job.callbacks.iter().map(|callback| ("callback", Some(callback_line(callback))));
    let line = |(title, value): (&str, Option<String>)| Some(format!("{title:<9}  {}\n", cell(&value?)));
    output::write(&rows.into_iter().chain(callbacks).filter_map(line).collect::<String>()).map(drop)
}

/// Formats a wait as `slot, 17 jobs ahead, 4 of 4 slots busy, about 2.1 s`.
fn wait_line(wait: &JobWait) -> String {
    let mut line = name(&wait.reason);
    line += &wait.quota.as_ref().map(|quota| format!(" {quota}")).unwrap_or_default();
    line += &wait.until.as_ref().map(|until| format!(", until {until}")).unwrap_or_default();
    if let Some(ahead) = wait.ahead {
        let about = if wait.ahead_exact { "" } else { "about " };
        line += &format!(", {about}{ahead} jobs ahead, {} of {} slots busy", wait.busy, wait.slots);
    }
    line += &wait.estimate_ms.map(|ms| format!(", about {:.1} s", ms as f64 / 1_000.0)).unwrap_or_default();
    line
}

/// Formats a callback as `success given-up after 10 tries: no-answer: the other side did not answer`.
fn callback_line(callback: &Callback) -> String {
    let Callback { event, state, tries, next_try_at, problem } = callback;
    let mut line = format!("{} {}", name(event), name(state));
    if *tries > 0 {
        line += &format!(" after {tries} {}", if *tries == 1 { "try" } else { "tries" });
    }
    if let Some(at) = next_try_at {
        line += &format!(", next try at {at}");
    }
    if let Some(problem) = problem {
        line += &format!(": {}: {}", problem.code, problem.message);
    }
    line
}

/// Returns the response, or null. Only the status distinguishes a null response from a missing one.
fn response(job: &Job) -> &RawValue {
    job.response.as_deref().unwrap_or(RawValue::NULL)
}

fn shortened(json: &RawValue) -> String {
    let text = json.get();
    let Some(end) = (0..=SHOWN_BYTES).rev().find(|&at| text.is_char_boundary(at)).filter(|_| text.len() > SHOWN_BYTES)
    else {
        return text.replace('\n', " ");
    };
    format!("{} … ({} bytes; --json shows all)", text[..end].replace('\n', " "), text.len())
}

/// Prints the result of an ended job, as `saggar run` does; returns the exit code.
pub(crate) fn print_end(job: &Job, text: &str, as_json: bool) -> anyhow::Result<u8> {
    if as_json {
        output::json(text)?;
    } else if matches!(job.status, Status::Success) {
        output::json(response(job).get())?;
    }
    Ok(end(job))
}

/// Returns the exit code for an ended job; reports on standard error why it failed.
pub(crate) fn end(job: &Job) -> u8 {
    if matches!(job.status, Status::Success) {
        return 0;
    }
    let reason = job.reason.as_ref().map_or_else(|| "failed".to_owned(), name);
    let problem = job.problem.as_ref().map(|FailureProblem { code, message, .. }| (code.as_str(), message.as_str()));
    say!("{}", cell(&show::failure(&reason, job.attempt, job.max_attempts, problem)));
    let details = job.problem.as_ref().and_then(|problem| problem.details.as_deref());
    for line in details.map(|details| source_excerpt::lines(details.get())).unwrap_or_default() {
        say!("{line}");
    }
    FAILURE
}

const ATTEMPT_COLUMNS: &[Column] = &[
    Column::Right("RUN"),
    Column::Right("ATTEMPT"),
    Column::Left("STARTED"),
    Column::Left("ENDED"),
    Column::Left("ENDING"),
    Column::Right("DEPLOYMENT"),
    Column::Right("CPU MS"),
    Column::Right("PEAK KIB"),
    Column::Left("PROBLEM"),
];

/// Prints the attempts that have ended.
pub(crate) fn print_attempts(attempts: &[Attempt]) -> anyhow::Result<()> {
    let mut table = Table::new(ATTEMPT_COLUMNS);
    for attempt in attempts {
        let cost = attempt.cost.as_ref();
        let problem = attempt.problem.as_ref().map(|problem| format!("{}: {}", problem.code, problem.message));
        table.row([
            attempt.run.to_string(),
            attempt.number.to_string(),
            attempt.started_at.clone(),
            attempt.ended_at.clone(),
            attempt.ending.clone(),
            attempt.deployment.map(|number| number.to_string()).unwrap_or_default(),
            cost.map(|cost| format!("{:.1}", cost.cpu_ms)).unwrap_or_default(),
            cost.map(|cost| cost.peak_memory.div_ceil(1024).to_string()).unwrap_or_default(),
            problem.unwrap_or_default(),
        ]);
    }
    table.print().map(drop)
}
