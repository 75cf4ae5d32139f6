//! The output of jobs for the author of an app: when they start and end, how, and their logs.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use saggar::{Events, Host, JobEvent, JobEventKind, JobKey, JobView, LogLine, Missed, Status};

use super::output::{cell, time_of_day};
use super::show;

/// How often the logs of running jobs are read.
const LOG_INTERVAL: Duration = Duration::from_millis(250);

/// Longer responses are truncated to this many bytes.
const SHOWN_BYTES: usize = 500;

/// Prints the output of all jobs; never returns.
pub(crate) async fn print(host: &Host) -> Infallible {
    let (mut events, mut running) = (host.events(), Running { host, jobs: HashMap::new() });
    loop {
        match next(&mut events, !running.jobs.is_empty()).await {
            Some(Ok(event)) => running.show(&event).await,
            // What jobs wrote is in their logs.
            Some(Err(Missed(events))) => say!("saggar: too many jobs to show them all; {events} events are left out"),
            None => running.show_logs().await,
        }
    }
}

/// Waits for the next event; `None` when it is time to read logs.
async fn next(events: &mut Events, is_any_running: bool) -> Option<Result<JobEvent, Missed>> {
    tokio::select! {
        biased;
        event = events.next() => Some(event),
        () = tokio::time::sleep(LOG_INTERVAL), if is_any_running => None,
    }
}

/// The jobs that run.
struct Running<'a> {
    host: &'a Host,
    jobs: HashMap<JobKey, Shown>,
}

/// What was shown of a job.
struct Shown {
    started: Instant,
    /// The number of lines of its log.
    lines: usize,
}

impl Running<'_> {
    async fn show(&mut self, event: &JobEvent) {
        let key = &event.key;
        match &event.kind {
            JobEventKind::Started { attempt } => self.show_start(key, *attempt).await,
            JobEventKind::Retrying { .. } => self.show_end(key, "attempt failed, another one follows").await,
            JobEventKind::Requeued => self.show_end(key, "attempt undone, the job waits again").await,
            JobEventKind::Succeeded => self.show_end(key, "succeeded").await,
            JobEventKind::Failed { reason } => self.show_end(key, &format!("failed ({})", reason.name())).await,
            JobEventKind::Cancelling => say!("{} is being cancelled", name(key)),
            JobEventKind::Deleted => {
                self.jobs.remove(key);
            }
            // Its log has lines that were shown.
            JobEventKind::Retried => self.know(key).await,
            JobEventKind::Added | JobEventKind::Progress(_) => {}
        }
    }

    async fn show_start(&mut self, key: &JobKey, attempt: u32) {
        let status = self.host.reload_status();
        let attempt = if attempt > 1 { format!(" attempt {attempt}") } else { String::new() };
        say!("{} started{attempt}", name(key));
        if status.failed > 0 {
            let loaded_at = time_of_day(status.loaded_at);
            say!("{} runs on the old code of {loaded_at}, because the new code has problems", name(key));
        }
        match self.jobs.get_mut(key) {
            Some(shown) => shown.started = Instant::now(),
            None if attempt.is_empty() => {
                self.jobs.insert(key.clone(), Shown { started: Instant::now(), lines: 0 });
            }
            // Earlier attempts wrote lines that were shown.
            None => self.know(key).await,
        }
    }

    /// Marks the current lines of a job's log as shown.
    async fn know(&mut self, key: &JobKey) {
        let lines = self.log(key).await.len();
        self.jobs.insert(key.clone(), Shown { started: Instant::now(), lines });
    }

    async fn show_end(&mut self, key: &JobKey, how: &str) {
        self.show_log(key).await;
        let took = self.jobs.remove(key).map(|shown| format!(" after {:.1?}", shown.started.elapsed()));
        let job = self.host.get(&key.task.task, key.id.0).await.ok();
        let result = job.and_then(|job| result(&job)).map(|result| format!(": {result}"));
        say!("{} {how}{}{}", name(key), took.unwrap_or_default(), result.unwrap_or_default());
    }

    /// Prints the new lines of the logs of all running jobs.
    async fn show_logs(&mut self) {
        let keys: Vec<JobKey> = self.jobs.keys().cloned().collect();
        for key in keys {
            self.show_log(&key).await;
        }
    }

    async fn show_log(&mut self, key: &JobKey) {
        let log = self.log(key).await;
        let Some(shown) = self.jobs.get_mut(key) else { return };
        for line in log.iter().skip(shown.lines) {
            say!("{} {:<6} | {}", name(key), show::source(line.source), saggar_sandbox::escaped(&line.text));
        }
        shown.lines = shown.lines.max(log.len());
    }

    /// Returns the log of a job; empty if it cannot be read, because the job was deleted or the store has failed, which
    /// ends the command.
    async fn log(&self, key: &JobKey) -> Vec<LogLine> {
        self.host.logs(&key.task.task, key.id.0).await.unwrap_or_default()
    }
}

/// Formats the name of a job: `mail.send#7`.
fn name(key: &JobKey) -> String {
    format!("{}#{}", key.task.task, key.id)
}

/// Formats the response of a job, or its problem.
fn result(job: &JobView) -> Option<String> {
    match (job.status, &job.problem) {
        (Status::Success, _) => job.response.as_deref().map(shortened),
        (_, Some(problem)) => Some(cell(&format!("{}: {}", problem.code, problem.message))),
        _ => None,
    }
}

fn shortened(text: &str) -> String {
    match text.get(..text.floor_char_boundary(SHOWN_BYTES)) {
        Some(start) if start.len() < text.len() => format!("{}…", cell(start)),
        _ => cell(text),
    }
}
