//! `saggar run`: one job, from adding it to its response.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use saggar::{AddError, Events, Host, JobEventKind, JobView, StartError, Status};
use serde_json::Value;

use super::{FAILURE, INTERRUPTED, USAGE, repeat, show};
use crate::cli::Run;

pub(crate) async fn run(args: Run) -> anyhow::Result<u8> {
    let host = match args.engine.builder(args.app.clone()).build().await {
        Ok(host) => host,
        Err(StartError::NoTask(problems)) => {
            show::problems(&problems);
            return Ok(USAGE);
        }
        Err(error) => return Err(error.into()),
    };
    show::problems(&host.app().problems);
    let work = async {
        match args.repeat {
            Some(times) => repeat::run(&host, &args, times).await,
            None => run_once(&host, &args).await,
        }
    };
    let done = tokio::select! {
        done = work => done,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| INTERRUPTED).map_err(Into::into),
    };
    host.shutdown(Duration::ZERO).await;
    done
}

/// The job's arguments as one JSON array.
pub(crate) fn arguments(args: &[String]) -> String {
    let value = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
    Value::Array(args.iter().map(value).collect()).to_string()
}

/// Tells of a job that was not added; wrong usage, for the most part.
pub(crate) fn not_added(error: &AddError) -> u8 {
    eprintln!("saggar: the job was not added: {error} ({})", error.code());
    match error {
        AddError::UnknownTask { .. } | AddError::InvalidArgs(_) => USAGE,
        _ => FAILURE,
    }
}

async fn run_once(host: &Host, args: &Run) -> anyhow::Result<u8> {
    // Subscribed before the job is there, so that nothing of it is missed.
    let events = host.events();
    let id = match host.add(&args.task, &arguments(&args.args)).await {
        Ok(id) => id,
        Err(error) => return Ok(not_added(&error)),
    };
    let (job, others) = follow(host, &args.task, id, events).await?;
    show::log(&host.logs(&args.task, id).await?);
    others.print();
    if args.json {
        show::line(&show::job(&job).to_string());
    } else if let Some(response) = &job.response {
        show::line(response);
    }
    match (job.status, &job.problem) {
        (Status::Success, _) => Ok(0),
        (_, problem) => {
            let reason = job.reason.map_or("failed", saggar::Reason::name);
            let attempts = format!("attempt {} of {}", job.attempt, job.max_attempts);
            match problem {
                Some(problem) => eprintln!("FAILURE ({reason}, {attempts}): {}: {}", problem.code, problem.message),
                None => eprintln!("FAILURE ({reason}, {attempts})"),
            }
            Ok(FAILURE)
        }
    }
}

/// How the jobs ended that the job added, and those that they added.
#[derive(Default)]
struct Others {
    ended: BTreeMap<(String, &'static str), u64>,
    missed: u64,
}

impl Others {
    fn print(&self) {
        for ((task, status), count) in &self.ended {
            eprintln!("  {count} {} of {task}: {status}", if *count == 1 { "job" } else { "jobs" });
        }
        if self.missed > 0 {
            eprintln!("  (and {} events too fast to count)", self.missed);
        }
    }
}

/// Waits until the job has ended and nothing that came of it is left to do.
async fn follow(host: &Host, task: &str, id: u64, mut events: Events) -> anyhow::Result<(JobView, Others)> {
    let bar = progress_bar();
    let mut others = Others::default();
    let watch = async {
        loop {
            match events.next().await {
                Ok(event) => {
                    let is_own = event.key.id.0 == id && *event.key.task.task == *task.to_lowercase();
                    match event.kind {
                        JobEventKind::Progress(progress) if is_own => show_progress(&bar, &progress),
                        JobEventKind::Succeeded if !is_own => {
                            *others.ended.entry((event.key.task.task.to_string(), "SUCCESS")).or_default() += 1;
                        }
                        JobEventKind::Failed { .. } if !is_own => {
                            *others.ended.entry((event.key.task.task.to_string(), "FAILURE")).or_default() += 1;
                        }
                        _ => {}
                    }
                }
                Err(missed) => others.missed += missed.0,
            }
        }
    };
    let done = async {
        let job = host.wait(task, id).await;
        host.idle().await;
        job
    };
    // Events first: when all is done, all events have been looked at.
    let job = tokio::select! {
        biased;
        () = watch => unreachable!("events are watched without end"),
        job = done => job?,
    };
    bar.finish_and_clear();
    Ok((job, others))
}

fn progress_bar() -> ProgressBar {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {msg}");
    let bar = ProgressBar::with_draw_target(Some(0), target);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show_progress(bar: &ProgressBar, progress: &saggar::Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.current);
    bar.set_message(progress.message.chars().filter(|c| !c.is_control()).collect::<String>());
}
