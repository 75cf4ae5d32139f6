//! `saggar run`: one job, from adding it to its response.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use indicatif::ProgressBar;
use saggar::{AddError, Events, Host, JobEvent, JobEventKind, JobView, Missed, StartError, Status};

use super::{FAILURE, INTERRUPTED, Surroundings, USAGE, arguments, output, repeat, show};
use crate::cli::Run;

pub(crate) async fn run(args: Run, surroundings: &Surroundings) -> anyhow::Result<u8> {
    let builder = surroundings.builder(args.app.clone()).store(surroundings.configuration.store());
    let host = match builder.build().await {
        Ok(host) => host,
        Err(StartError::NoTask(problems)) => {
            surroundings.observed.problems(&problems);
            return Ok(FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    surroundings.observed.problems(&host.app().problems);
    let work = async {
        match args.repeat {
            Some(times) => repeat::run(&host, &args, times).await,
            None => run_once(&host, &args).await,
        }
    };
    let done = tokio::select! {
        done = work => done,
        // Then no job ends any more.
        error = host.store_failed() => Err(anyhow::Error::new(error).context("the job store has failed")),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| INTERRUPTED).map_err(Into::into),
    };
    host.shutdown(Duration::ZERO).await;
    done
}

/// Tells of a job that was not added; wrong usage, for the most part.
pub(crate) fn not_added(error: &AddError) -> u8 {
    say!("saggar: the job was not added: {error} ({})", error.code());
    match error {
        AddError::UnknownTask { .. } | AddError::InvalidArgs { .. } => USAGE,
        _ => FAILURE,
    }
}

async fn run_once(host: &Host, args: &Run) -> anyhow::Result<u8> {
    // Subscribed before the job is there, so that nothing of it is missed.
    let events = host.events();
    let id = match host.add(&args.task, arguments::array(&args.args).get()).await {
        Ok(id) => id,
        Err(error) => return Ok(not_added(&error)),
    };
    let (job, watch) = follow(host, &args.task, id, events).await?;
    show::log(&host.logs(&args.task, id).await?);
    watch.print_others();
    if args.json {
        output::json(&show::job(&job).to_string())?;
    } else if let Some(response) = &job.response {
        output::json(response)?;
    }
    match (job.status, &job.problem) {
        (Status::Success, _) => Ok(0),
        (_, problem) => {
            let reason = job.reason.map_or("failed", saggar::Reason::name);
            let problem = problem.as_ref().map(|problem| (problem.code.as_str(), problem.message.as_str()));
            say!("{}", show::failure(reason, job.attempt, job.max_attempts, problem));
            Ok(FAILURE)
        }
    }
}

/// What is seen of the job and of those that it added while they are at work.
struct Watch<'a> {
    task: &'a str,
    id: u64,
    bar: ProgressBar,
    /// How the other jobs ended, by task and status.
    ended: BTreeMap<(String, &'static str), u64>,
    missed: u64,
}

impl Watch<'_> {
    fn note(&mut self, event: Result<JobEvent, Missed>) {
        let event = match event {
            Ok(event) => event,
            Err(missed) => {
                self.missed += missed.0;
                return;
            }
        };
        let is_own = event.key.id.0 == self.id && *event.key.task.task == *self.task.to_lowercase();
        let status = match event.kind {
            JobEventKind::Progress(progress) if is_own => {
                return show::progress(&self.bar, progress.current, progress.total, &progress.message);
            }
            JobEventKind::Succeeded if !is_own => Status::Success,
            JobEventKind::Failed { .. } if !is_own => Status::Failure,
            _ => return,
        };
        *self.ended.entry((event.key.task.task.to_string(), status.name())).or_default() += 1;
    }

    fn print_others(&self) {
        for ((task, status), count) in &self.ended {
            say!("  {count} {} of {task}: {status}", if *count == 1 { "job" } else { "jobs" });
        }
        if self.missed > 0 {
            say!("  (and {} events too fast to count)", self.missed);
        }
    }
}

/// Waits until the job has ended and nothing that came of it is left to do.
async fn follow<'a>(host: &Host, task: &'a str, id: u64, mut events: Events) -> anyhow::Result<(JobView, Watch<'a>)> {
    let mut watch = Watch { task, id, bar: show::progress_bar(), ended: BTreeMap::new(), missed: 0 };
    let mut done = std::pin::pin!(async {
        let job = host.wait(task, id).await;
        host.idle().await;
        job
    });
    let job = loop {
        tokio::select! {
            event = events.next() => watch.note(event),
            job = &mut done => break job?,
        }
    };
    // What was told before all was done may not have been looked at yet.
    while let Some(event) = tokio::task::unconstrained(events.next()).now_or_never() {
        watch.note(event);
    }
    watch.bar.finish_and_clear();
    Ok((job, watch))
}
