//! `saggar run`: adds one job, prints its response, and waits for the jobs that it added.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;
use saggar::{
    AddError, Events, Family, Host, JobEvent, JobEventKind, JobId, JobKey, LogLine, LookupError, NewJob, StartError,
};
use saggar_wire::{Callback, CallbackState, Job};
use tokio::time::{Instant, sleep, timeout_at};

use super::signals::Signals;
use super::{CommandEnv, FAILURE, INTERRUPTED, USAGE, arguments, job_view, output, repeat, show};
use crate::cli::Run;

/// After this time, the command reports which added job it waits for.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// Poll interval for pending callbacks, because no waiter is notified of a delivery.
const CALLBACK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How many tries of a callback the command waits for; later tries are minutes apart.
const QUICK_TRIES: u32 = saggar::CallbackBackoff::QUICK_TRIES;

pub(crate) async fn run(args: Run, env: &CommandEnv) -> anyhow::Result<u8> {
    let mut signals = Signals::listen()?;
    let builder = env.builder(args.app.clone()).store(env.configuration.store());
    let built = tokio::select! {
        built = builder.build() => built,
        _ = signals.next() => return Ok(INTERRUPTED),
    };
    let host = match built {
        Ok(host) => host,
        Err(StartError::NoTask(problems)) => {
            env.telemetry.problems(&problems);
            return Ok(FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    env.telemetry.problems(&host.app().problems);
    let work = async {
        match args.repeat {
            Some(times) => repeat::run(&host, &args, times).await,
            None => run_once(&host, &args).await,
        }
    };
    let done = tokio::select! {
        done = work => done,
        // After a failure of the store, no job ends any more.
        error = host.store_failed() => Err(anyhow::Error::from_boxed(error).context("the job store has failed")),
        _ = signals.next() => Ok(INTERRUPTED),
    };
    host.shutdown(Duration::ZERO).await;
    done
}

/// Reports that a job was not added, and why; returns the exit code.
pub(crate) fn not_added(error: &AddError) -> u8 {
    say!("saggar: the job was not added: {error} ({})", error.code());
    match error {
        AddError::UnknownTask { .. } | AddError::InvalidArgs { .. } => USAGE,
        _ => FAILURE,
    }
}

async fn run_once(host: &Host, args: &Run) -> anyhow::Result<u8> {
    // Subscribe before the job is added, so that no event is missed.
    let (events, family) = (host.events(), host.family());
    let id = match host.add_job(&args.task, NewJob::new(arguments::array(&args.args).get())).await {
        Ok(id) => id,
        Err(error) => return Ok(not_added(&error)),
    };
    let key = host.key(&args.task, id);
    family.begin_with(&key.task, key.id);
    let job = end(host, &key, events).await?;
    let log = host.logs(&args.task, id).await?;
    show::log(&by_time(&log));
    let code = job_view::print_end(&job, &serde_json::to_string(&job)?, args.json)?;
    callbacks(host, &key).await?;
    // The handlers' output.
    let written = host.logs(&args.task, id).await?;
    show::log(&by_time(written.get(log.len()..).unwrap_or_default()));
    added_jobs(host, &family).await?;
    Ok(code)
}

/// Sorts lines by their time, because each call's lines are stored together when it ends.
fn by_time(lines: &[LogLine]) -> Vec<LogLine> {
    let mut lines = lines.to_vec();
    lines.sort_by_key(|line| line.at);
    lines
}

/// Waits until the job has ended; shows its progress on the terminal.
async fn end(host: &Host, key: &JobKey, mut events: Events) -> anyhow::Result<Job> {
    let bar = show::progress_bar();
    let mut ended = std::pin::pin!(host.ended_document(&key.task.task, key.id.0));
    let job = loop {
        tokio::select! {
            job = &mut ended => break job?,
            event = events.next() => show_progress(&bar, key, event.ok()),
        }
    };
    bar.finish_and_clear();
    Ok(job)
}

fn show_progress(bar: &ProgressBar, own: &JobKey, event: Option<JobEvent>) {
    if let Some(JobEvent { key, kind: JobEventKind::Progress(progress) }) = event
        && key == *own
    {
        show::progress(bar, progress.current, progress.total, &progress.message);
    }
}

/// Waits for the jobs that members of the family added; prints how many jobs of each task ended in which status.
pub(crate) async fn added_jobs(host: &Host, family: &Family) -> anyhow::Result<()> {
    let mut ended = BTreeMap::<(String, &'static str), u64>::new();
    while let Some(key) = family.next_added() {
        // `None`: the job was deleted, or its retention is over.
        let Some(status) = added_job(host, &key).await? else { continue };
        family.forget(&key.task, key.id);
        *ended.entry((key.task.task.to_string(), status)).or_default() += 1;
    }
    for ((task, status), count) in ended {
        say!("  {count} {} of {task}: {status}", if count == 1 { "job" } else { "jobs" });
    }
    Ok(())
}

/// Waits for one job and its callbacks; returns the name of its status, or `None` if the job is gone.
async fn added_job(host: &Host, JobKey { task, id }: &JobKey) -> anyhow::Result<Option<&'static str>> {
    let (task, JobId(id)) = (&*task.task, *id);
    let mut ended = std::pin::pin!(host.wait(task, id));
    let job = match timeout_at(Instant::now() + REPORT_AFTER, &mut ended).await {
        Ok(job) => job,
        Err(_) => {
            if let Some(job) = known(host.document(task, id).await)? {
                let from = job.run_at.map(|at| format!(", runs from {at}")).unwrap_or_default();
                say!("waiting for {task}#{id}, which the job added ({}{from})", output::name(&job.status));
            }
            ended.await
        }
    };
    let Some(job) = known(job)? else { return Ok(None) };
    callbacks(host, &host.key(task, id)).await?;
    Ok(Some(job.status.name()))
}

/// Maps an unknown job to `None`: the job is gone.
fn known<T>(job: Result<T, LookupError>) -> anyhow::Result<Option<T>> {
    match job {
        Ok(job) => Ok(Some(job)),
        Err(LookupError::UnknownJob { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Waits until each callback of an ended job was delivered, or has failed `QUICK_TRIES` times; reports the latter.
pub(crate) async fn callbacks(host: &Host, JobKey { task, id }: &JobKey) -> anyhow::Result<()> {
    let is_soon = |callback: &Callback| callback.state == CallbackState::Pending && callback.tries < QUICK_TRIES;
    loop {
        let Some(job) = known(host.document(&task.task, id.0).await)? else { return Ok(()) };
        if job.callbacks.iter().any(is_soon) {
            sleep(CALLBACK_POLL_INTERVAL).await;
            continue;
        }
        for callback in &job.callbacks {
            let (event, tries) = (output::name(&callback.event), callback.tries);
            let what = match callback.state {
                CallbackState::Pending => "a running host would retry it",
                CallbackState::GivenUp => "it was given up",
            };
            say!("the {event} handler of {}#{id} failed {tries} times; {what}", task.task);
        }
        return Ok(());
    }
}
