//! Adding a job: what is checked, and where its id comes from.

use std::sync::Arc;
use std::time::Duration;

use saggar_job::{JobId, Problem, Role};
use saggar_queue::{Added, LogLine, NewJob};
use saggar_sandbox::Answer;
use tokio::time::{Instant, timeout_at};

use crate::LookupError;
use crate::services::CallServices;
use crate::shielded::Shielded;
use crate::task_runner::TaskRunner;
use crate::trace::trace_id;
use crate::worker::Inner;

/// Bytes of a job's arguments.
const MAX_ARGS: usize = 4 << 20;

/// How long the ids of one addition may take, waiting for other calls of `next` included; but not less than one call may. Until
/// then its jobs are held in memory.
const NEXT_TIME: Duration = Duration::from_secs(30);

/// How deep calls of `next` that add jobs may nest.
const MAX_DEPTH: u32 = 4;

/// How long an answer waits for what `next` wrote to stand in the jobs' logs. Only a full disk ever takes as long.
const LOG_WAIT: Duration = Duration::from_secs(1);

/// Why a job was not added. Nothing was: no id is used up, no handler was told.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// There is no such task.
    #[error("there is no task `{task}`{}", nearest.as_ref().map(|n| format!("; is `{n}` meant?")).unwrap_or_default())]
    UnknownTask {
        /// What was asked for.
        task: String,
        /// The task with the most similar id.
        nearest: Option<String>,
    },
    /// The task is there, but cannot run.
    #[error("{}", crate::worker::broken(task, problem))]
    TaskBroken {
        /// Its id.
        task: String,
        /// Its first problem.
        problem: Arc<str>,
    },
    /// The task's id source is not loaded yet.
    #[error(
        "the plugins of the task `{task}` are still being compiled, and its ids come from one of them; try again in a moment"
    )]
    TaskPreparing {
        /// Its id.
        task: String,
    },
    /// The arguments are not a JSON array that is small enough.
    #[error("the arguments of a job are one JSON array, each item one argument: {why}")]
    InvalidArgs {
        /// The position of the job among those that were to be added.
        at: usize,
        /// What is wrong, and where in the arguments.
        why: String,
    },
    /// The task's id source did not answer.
    #[error("the task's `event.next` handler failed, so the job has no id: {}: {}", .problem.code, .problem.message)]
    NextFailed {
        /// The position of the job among those that were to be added.
        at: usize,
        /// What the handler answered, or how its call ended.
        problem: Problem,
    },
    /// The task's id source did not answer for all jobs in time.
    #[error(
        "the task's `event.next` handler gave {given} of {jobs} ids within {} s; add fewer jobs at a time, or make it faster",
        time.as_secs()
    )]
    NextTimeout {
        /// Ids that it gave.
        given: usize,
        /// Jobs that were to be added.
        jobs: usize,
        /// How long it had.
        time: Duration,
    },
    /// Id sources that add jobs to each other.
    #[error("`event.next` handlers that add jobs are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// The host is about to stop.
    #[error("the host is stopping and takes no more jobs; add it again when it is back")]
    Stopping,
    /// The queue refused it.
    #[error(transparent)]
    Queue(#[from] saggar_queue::AddError),
}

impl AddError {
    /// A stable name in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTask { .. } => "unknown-task",
            Self::TaskBroken { .. } => "task-broken",
            Self::TaskPreparing { .. } => "task-preparing",
            Self::InvalidArgs { .. } => "invalid-args",
            Self::NextFailed { .. } => "next-failed",
            Self::NextTimeout { .. } => "next-timeout",
            Self::TooDeep => "too-deep",
            Self::Stopping => "stopping",
            // 0 as an answer of `next` is a duplicate of nothing: the contract knows one code for ids that cannot be.
            Self::Queue(saggar_queue::AddError::InvalidId { .. }) => "duplicate-id",
            Self::Queue(error) => error.code(),
        }
    }

    /// The position of the job that is to blame, among those that were to be added; none if it is not one of them.
    pub fn job(&self) -> Option<usize> {
        match self {
            Self::InvalidArgs { at, .. } | Self::NextFailed { at, .. } => Some(*at),
            Self::Queue(error) => error.job(),
            Self::UnknownTask { .. }
            | Self::TaskBroken { .. }
            | Self::TaskPreparing { .. }
            | Self::NextTimeout { .. }
            | Self::TooDeep
            | Self::Stopping => None,
        }
    }
}

impl From<LookupError> for AddError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::UnknownTask { task, nearest } => Self::UnknownTask { task, nearest },
            LookupError::TaskBroken { task, problem } => Self::TaskBroken { task, problem },
            LookupError::Store(error) => Self::Queue(error.into()),
            // A task is looked up, not a job.
            LookupError::Stopping | LookupError::UnknownJob { .. } | LookupError::Change(_) => Self::Stopping,
        }
    }
}

/// Checks `args`: a JSON array, not too large, not too deep.
fn check_args(args: &str) -> Result<(), String> {
    if args.len() > MAX_ARGS {
        return Err(format!("{} bytes are too many; the most are {MAX_ARGS}", args.len()));
    }
    if !args.trim_ascii_start().starts_with('[') {
        return Err("this does not start with `[`".into());
    }
    saggar_json::check(args).map_err(|error| error.to_string())
}

/// Adds `jobs` to the task of `runner`, all or none, from inside `depth` calls of `next`.
pub(crate) async fn add(
    worker: &Arc<Inner>,
    runner: &Arc<TaskRunner>,
    mut jobs: Vec<NewJob>,
    depth: u32,
) -> Result<Vec<Added>, AddError> {
    for (at, job) in jobs.iter().enumerate() {
        check_args(&job.args).map_err(|why| AddError::InvalidArgs { at, why })?;
    }
    let adding = worker.traces.adding(runner.queue.key(), &mut jobs);
    let added = put(worker, runner, jobs, depth).await;
    adding.end(&added);
    added
}

/// Puts checked jobs into the queue, with the ids that the task's id source gives them if it has one.
async fn put(
    worker: &Arc<Inner>,
    runner: &Arc<TaskRunner>,
    mut jobs: Vec<NewJob>,
    depth: u32,
) -> Result<Vec<Added>, AddError> {
    let setup = runner.setup();
    if setup.task.handlers.next.is_none() {
        return Ok(add_shielded(worker, runner, jobs).await?);
    }
    if depth >= MAX_DEPTH {
        return Err(AddError::TooDeep);
    }
    let time = setup.task.sandbox.event_timeout.max(NEXT_TIME);
    let (deadline, all) = (Instant::now() + time, jobs.len());
    let mut said = Vec::with_capacity(all);
    for (at, job) in jobs.iter_mut().enumerate() {
        if job.id.is_some() {
            said.push(Vec::new());
            continue;
        }
        let services = Arc::new(CallServices::of_id_source(worker.clone(), job.trace_parent.clone(), depth + 1));
        // Apart from the adding, which would be moved with room for it each time.
        let id = timeout_at(deadline, Box::pin(next(runner, services.clone(), depth))).await;
        let id = id.map_err(|_| AddError::NextTimeout { given: said.len(), jobs: all, time })?;
        job.id = id.map_err(|problem| AddError::NextFailed { at, problem })?;
        said.push(services.log.finish(worker.clock()));
    }
    let added = add_shielded(worker, runner, jobs).await?;
    let said = added.iter().zip(said).filter(|(added, lines)| added.is_new && !lines.is_empty());
    append_logs(worker, runner, said.map(|(added, lines)| (added.id, lines)).collect()).await;
    Ok(added)
}

fn add_shielded(
    worker: &Inner,
    runner: &TaskRunner,
    jobs: Vec<NewJob>,
) -> Shielded<Result<Vec<Added>, saggar_queue::AddError>> {
    let queue = Arc::clone(&runner.queue);
    // The jobs of one call have one parent.
    let parent = jobs.first().and_then(|job| job.parent.clone()).map(|parent| (parent, Arc::clone(&worker.families)));
    Shielded::new(&worker.keeping, async move {
        let added = queue.add_many(jobs).await?;
        if let Some((parent, families)) = parent {
            families.note(&parent, queue.key(), &added);
        }
        Ok(added)
    })
}

/// Keeps what `next` wrote while there was no job yet. The jobs are added, and whoever added them is to hear of it: if there
/// is no room for the lines, they are kept when there is.
async fn append_logs(worker: &Arc<Inner>, runner: &Arc<TaskRunner>, said: Vec<(JobId, Vec<LogLine>)>) {
    if said.is_empty() {
        return;
    }
    let (inner, runner) = (Arc::clone(worker), Arc::clone(runner));
    let keeping = worker.keeping.spawn(async move {
        for (id, lines) in said {
            tokio::select! {
                biased;
                () = inner.append_log(&runner, id, lines) => {}
                () = inner.abort.cancelled() => {
                    tracing::error!(task = %runner.queue.key(), %id, "the lines of `next` were not kept before the host stopped");
                }
            }
        }
    });
    // Too late for the answer is not too late for the log.
    drop(tokio::time::timeout(LOG_WAIT, keeping).await);
}

/// What the task's id source answers.
async fn next(runner: &TaskRunner, services: Arc<CallServices>, depth: u32) -> Result<Option<JobId>, Problem> {
    match runner.id_sources.next(runner, services.clone(), depth).await {
        Some(Ok(Answer::Id(id))) => Ok(id),
        Some(Ok(_)) => Ok(None),
        // A reload took the plugin away in this moment.
        None => Err(Problem::new("task-preparing", "the plugin of the id source is not loaded")),
        Some(Err(error)) => {
            let problem = error.problem();
            runner.meters.handler_failed(Role::IdSource);
            let trace_id = trace_id(services.trace_parent.as_ref());
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
