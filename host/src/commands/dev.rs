//! `saggar dev`: serves an app to its author. Reloads it whenever an input has changed, and shows problems, reloads, jobs
//! and their logs in one place, standard error.

use std::convert::Infallible;

use saggar::{Host, HostBuilder, ReloadError, ReloadStatus, Reloaded, StartError, TaskChanges};

use super::output::{cell, time_of_day};
use super::served::Served;
use super::service::RunningService;
use super::signals::Signals;
use super::{CommandEnv, job_output, service};
use crate::cli::Dev;
use crate::inputs::AppInputs;

/// How many names a line has.
const NAMED: usize = 5;

pub(crate) async fn run(args: Dev, env: &CommandEnv) -> anyhow::Result<u8> {
    let mut signals = Signals::listen()?;
    env.hardening.log();
    let bound = service::bind(env)?;
    let mut inputs = AppInputs::read(&args.app, args.settings.file.as_deref()).await;
    let builder = || service::builder(&args.app, &args.settings, env).report_problems(env.telemetry.problem_report());
    let host = tokio::select! {
        built = build(builder, &mut inputs, env) => built?,
        _ = signals.next() => return Ok(0),
    };
    env.telemetry.problems(&host.app().problems);
    let service = RunningService::start(Served::App(host.clone()), bound, &args.dashboard, env)?;
    let app = cell(&args.app.to_string_lossy());
    say!("saggar: watching {app}; listening on http://{}; Ctrl-C ends", service.address());
    let ended = tokio::select! {
        _ = signals.next() => Ok(()),
        error = host.store_failed() => Err(service::store_failed(error)),
        never = say_ready(&host) => match never {},
        never = watch(&host, &mut inputs) => match never {},
        never = job_output::print(&host) => match never {},
    };
    if ended.is_err() {
        service.stop().await;
        return ended.map(|()| 0);
    }
    say!("saggar: stopping; Ctrl-C again stops running jobs at once");
    service.drain(env.configuration.config.drain, &mut signals).await?;
    Ok(0)
}

/// Starts the host. While no task can run, shows why, and tries again when an input has changed.
async fn build(
    builder: impl Fn() -> HostBuilder,
    inputs: &mut AppInputs,
    env: &CommandEnv,
) -> Result<Host, StartError> {
    loop {
        match builder().build().await {
            Err(StartError::NoTask(problems)) => env.telemetry.problems(&problems),
            Err(error @ StartError::TooManySlots { .. }) => say!("saggar: {error}"),
            built => return built,
        }
        say!("saggar: no task can run; waiting for a change");
        inputs.changed().await;
    }
}

/// Says when the plugins are loaded; then never returns.
async fn say_ready(host: &Host) -> Infallible {
    match host.plugins_loaded().await {
        Ok(()) => say!("saggar: {} ready", counted(host.app().tasks.len(), "task is", "tasks are")),
        // Their problems have been reported.
        Err(_) => say!("saggar: no task can run; waiting for a change"),
    }
    std::future::pending().await
}

/// Reloads the app whenever an input has changed, and says what has come of it.
async fn watch(host: &Host, inputs: &mut AppInputs) -> Infallible {
    loop {
        let files = names(&inputs.changed().await);
        match host.reload_by("watch".into()).await {
            Ok(reloaded) => say!("saggar: {}", describe(&files, &reloaded)),
            Err(error) => say!("saggar: {}", describe_error(&files, &error, &host.reload_status())),
        }
    }
}

/// Describes a reload in one line.
fn describe(files: &str, reloaded: &Reloaded) -> String {
    let TaskChanges { added, changed, removed, unchanged: _ } = &reloaded.tasks;
    let kinds = [
        ("added", added),
        ("changed", changed),
        ("removed", removed),
        ("restart for a new value of", &reloaded.needs_restart),
    ];
    let kinds = kinds.into_iter().filter(|(_, of)| !of.is_empty());
    let mut changes: Vec<String> = kinds.map(|(what, of)| format!("{what} {}", names(of))).collect();
    if changes.is_empty() {
        changes.push("no task has changed".to_owned());
    }
    format!("reloaded {files} in {} ms: {}", reloaded.took.as_millis(), changes.join("; "))
}

/// Describes a reload that has failed in one line. Its problems have been reported.
fn describe_error(files: &str, error: &ReloadError, status: &ReloadStatus) -> String {
    let why = match error {
        ReloadError::Problems(problems) => counted(problems.len(), "problem", "problems"),
        other => other.to_string(),
    };
    format!("{files} not loaded: {}; jobs run on the old code of {}", cell(&why), time_of_day(status.loaded_at))
}

/// Formats the first names of a list.
fn names(of: &[String]) -> String {
    let first = of.iter().take(NAMED).map(|name| cell(name)).collect::<Vec<_>>().join(", ");
    match of.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_reload_is_described_in_one_line() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut reloaded = Reloaded {
            deployment: None,
            tasks: TaskChanges { unchanged: 7, ..TaskChanges::default() },
            plugins: Vec::new(),
            needs_restart: Vec::new(),
            warnings: Vec::new(),
            tenants: None,
            took: Duration::from_millis(3),
        };
        assert_eq!(describe("tasks/a.json", &reloaded), "reloaded tasks/a.json in 3 ms: no task has changed");
        reloaded.tasks.changed = list(&["a", "b", "c", "d", "e", "f", "g"]);
        reloaded.tasks.removed = list(&["z"]);
        reloaded.needs_restart = list(&["listen"]);
        let line = "reloaded x in 3 ms: changed a, b, c, d, e and 2 more; removed z; restart for a new value of listen";
        assert_eq!(describe("x", &reloaded), line);
    }
}
