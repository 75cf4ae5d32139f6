//! Adds jobs: checks their arguments, calls `next` for their ids, and adds all or none.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use saggar_grant::Granted;
use saggar_job::{JobId, LogSource, Problem, Role};
use saggar_queue::{Added, LogLine, NewJob};
use saggar_sandbox::{Answer, Services};
use saggar_tenant::RateQuota;
use tokio::time::{Instant, timeout_at};

use crate::error::{AddError, MAX_DEPTH};
use crate::runtime::Runtime;
use crate::services::CallServices;
use crate::shielded::Shielded;
use crate::taken_ids::ScriptIds;
use crate::task_runner::{NotAdding, TaskRunner};
use crate::trace::trace_id;

/// The most bytes of a job's arguments.
const MAX_ARGS: usize = 4 << 20;

/// How long the ids of one addition may take, including the wait for other calls of `next`; at least as long as one
/// call may. Its jobs are in memory until then.
const NEXT_TIME: Duration = Duration::from_secs(30);

/// How long an addition waits until the log of `next` is stored. Only a full disk takes this long.
const LOG_WAIT: Duration = Duration::from_secs(1);

/// Checks that `args` is a JSON array, small and flat enough.
fn check_args(args: &str) -> Result<(), String> {
    if args.len() > MAX_ARGS {
        return Err(format!("they have {} bytes; the limit is {MAX_ARGS}", args.len()));
    }
    if !args.trim_ascii_start().starts_with('[') {
        return Err("it does not start with `[`".into());
    }
    saggar_json::check(args).map_err(|error| error.to_string())
}

/// The [`Add`](crate::runtime::Add) of a runtime.
pub(crate) fn add<'a>(
    runtime: &'a Arc<Runtime>,
    task: &'a str,
    jobs: Vec<NewJob>,
    depth: u32,
    wait: Duration,
) -> BoxFuture<'a, Result<Vec<Added>, AddError>> {
    Box::pin(async move {
        let runner = runner_for_adding(runtime, task, wait).await?;
        add_checked(runtime, &runner, jobs, depth).await
    })
}

/// Finds the task to add jobs to. If it has an id source, waits for at most `wait` until that is loaded.
async fn runner_for_adding(runtime: &Runtime, task: &str, wait: Duration) -> Result<Arc<TaskRunner>, AddError> {
    let runner = runtime.runner(task)?;
    if runner.is_ready() {
        return Ok(runner);
    }
    // Boxed, because it is seldom needed and would enlarge the future of every addition.
    match Box::pin(tokio::time::timeout(wait, runner.id_source_loaded())).await {
        Ok(Ok(())) => Ok(runner),
        Ok(Err(NotAdding::Broken(problem))) => Err(AddError::TaskBroken { task: task.to_owned(), problem }),
        Ok(Err(NotAdding::Stopped)) => Err(runtime.runner(task).err().map_or(AddError::Stopping, AddError::from)),
        Err(_) => Err(AddError::TaskPreparing { task: runner.queue.key().task.to_string() }),
    }
}

/// Adds all jobs or none, after checking their arguments.
async fn add_checked(
    runtime: &Arc<Runtime>,
    runner: &Arc<TaskRunner>,
    mut jobs: Vec<NewJob>,
    depth: u32,
) -> Result<Vec<Added>, AddError> {
    for (at, job) in jobs.iter().enumerate() {
        check_args(&job.args).map_err(|why| AddError::InvalidArgs { at, why })?;
    }
    runtime.tenant.take(RateQuota::AddsPerSecond, jobs.len() as u64)?;
    let adding = runtime.traces.adding(runner.queue.key(), &mut jobs);
    let added = add_with_ids(runtime, runner, jobs, depth).await;
    adding.end(&added);
    added
}

/// Adds checked jobs, with the ids that the task's id source gives them if it has one.
async fn add_with_ids(
    runtime: &Arc<Runtime>,
    runner: &Arc<TaskRunner>,
    mut jobs: Vec<NewJob>,
    depth: u32,
) -> Result<Vec<Added>, AddError> {
    let setup = runner.setup();
    if setup.task.handlers.next.is_none() {
        return Ok(add_shielded(runtime, runner, jobs).await?);
    }
    if depth >= MAX_DEPTH {
        return Err(AddError::TooDeep);
    }
    runtime.tenant.check_cpu()?;
    let time = setup.task.sandbox.event_timeout.max(NEXT_TIME);
    let (deadline, all) = (Instant::now() + time, jobs.len());
    let mut logs = Vec::with_capacity(all);
    let (mut script_ids, is_script) = (ScriptIds::default(), ScriptIds::are_given_to(&setup.task));
    for (at, job) in jobs.iter_mut().enumerate() {
        if job.id.is_some() {
            logs.push(Vec::new());
            script_ids.push(None);
            continue;
        }
        let (caller, trace_parent) = (runner.queue.key().clone(), job.trace_parent.clone());
        // `None` until its turn comes.
        let mut services: Option<Arc<CallServices>> = None;
        let begin = |granted: Arc<Granted>| -> Arc<dyn Services> {
            let begun = CallServices::of_id_source(runtime.clone(), caller, granted, trace_parent.clone(), depth + 1);
            services.insert(Arc::new(begun)).clone()
        };
        // Boxed, because it would enlarge the future of every addition.
        let id = timeout_at(deadline, Box::pin(next(runner, begin, trace_parent.as_ref(), depth))).await;
        if let Some(services) = &services {
            services.files.end().await;
        }
        let id = id.map_err(|_| AddError::NextTimeout { given: logs.len(), jobs: all, time })?;
        job.id = id.map_err(|problem| AddError::NextFailed { at, problem })?;
        script_ids.push(job.id.filter(|_| is_script));
        logs.push(services.map(|services| services.log.finish(&*runtime.clock)).unwrap_or_default());
    }
    let added = add_replacing(runtime, runner, jobs, &mut script_ids).await?;
    for (at, id) in script_ids.replaced() {
        let (Some(lines), Some(added)) = (logs.get_mut(*at), added.get(*at)) else { continue };
        tracing::warn!(task = %runner.queue.key(), %id, instead = %added.id, "the id of a script's `next` is taken");
        let text = format!("`next` returned the id {id}, which is taken; the task's counter gave {} instead", added.id);
        lines.push(runtime.line(LogSource::Host, text));
    }
    let logs = added.iter().zip(logs).filter(|(added, lines)| added.is_new && !lines.is_empty());
    append_logs(runtime, runner, logs.map(|(added, lines)| (added.id, lines)).collect()).await;
    Ok(added)
}

/// Adds the jobs; those with an id of a script that is taken get one of the task's counter.
async fn add_replacing(
    runtime: &Runtime,
    runner: &TaskRunner,
    mut jobs: Vec<NewJob>,
    script_ids: &mut ScriptIds,
) -> Result<Vec<Added>, saggar_queue::AddError> {
    while !script_ids.is_empty() {
        match add_shielded(runtime, runner, jobs.clone()).await {
            Err(error) if script_ids.replace(&error, &mut jobs) => {}
            result => return result,
        }
    }
    add_shielded(runtime, runner, jobs).await
}

fn add_shielded<'r>(
    runtime: &'r Runtime,
    runner: &TaskRunner,
    jobs: Vec<NewJob>,
) -> Shielded<'r, Result<Vec<Added>, saggar_queue::AddError>> {
    let queue = Arc::clone(&runner.queue);
    // The jobs of one call have one parent.
    let parent = jobs.first().and_then(|job| job.parent.clone()).map(|parent| (parent, Arc::clone(&runtime.families)));
    Shielded::new(&runtime.background, async move {
        let added = queue.add_many(jobs).await?;
        if let Some((parent, families)) = parent {
            families.note(&parent, queue.key(), &added);
        }
        Ok(added)
    })
}

/// Appends the lines that `next` wrote before the jobs existed. The jobs have been added, and the caller has to learn
/// that: if the disk has no room for the lines, they are appended in the background.
async fn append_logs(runtime: &Arc<Runtime>, runner: &Arc<TaskRunner>, logs: Vec<(JobId, Vec<LogLine>)>) {
    if logs.is_empty() {
        return;
    }
    let (inner, runner) = (Arc::clone(runtime), Arc::clone(runner));
    let appending = runtime.background.spawn(async move {
        for (id, lines) in logs {
            tokio::select! {
                biased;
                () = inner.append_log(&runner, id, lines) => {}
                () = inner.abort.cancelled() => {
                    tracing::error!(task = %runner.queue.key(), %id, "the lines of `next` were not stored before the host stopped");
                }
            }
        }
    });
    // After the timeout, the caller no longer waits, but the lines are still appended.
    drop(tokio::time::timeout(LOG_WAIT, appending).await);
}

/// Calls the task's id source; `None` if it leaves the id to the task's counter. `services` makes the services of the call.
async fn next(
    runner: &TaskRunner,
    services: impl FnOnce(Arc<Granted>) -> Arc<dyn Services>,
    trace_parent: Option<&Arc<str>>,
    depth: u32,
) -> Result<Option<JobId>, Problem> {
    let result = runner.id_sources().next(|| runner.setup(), &runner.meters, services, trace_parent, depth).await;
    match result {
        Some(Ok(Answer::Id(id))) => Ok(id),
        Some(Ok(_)) => Ok(None),
        // A reload unloaded the plugin meanwhile.
        None => Err(Problem::new("task-preparing", "the plugin of the id source is not loaded")),
        Some(Err(error)) => {
            let problem = error.problem().clone();
            runner.meters.handler_failed(Role::IdSource);
            let trace_id = trace_id(trace_parent);
            tracing::warn!(
                task = %runner.queue.key(),
                trace_id,
                code = problem.code,
                problem = problem.message,
                "next failed"
            );
            Err(problem)
        }
    }
}
