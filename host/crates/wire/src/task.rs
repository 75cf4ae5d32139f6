//! Tasks: their definitions as they hold, how many jobs stand where, and how much they do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many jobs of a task stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Jobs that wait, delayed ones and those on hold included.
    pub waiting: u64,
    /// Of these, those whose time has not come.
    pub delayed: u64,
    /// Of the waiting ones, those on hold until their add handler ran.
    pub on_hold: u64,
    /// Jobs of which an attempt runs.
    pub running: u64,
    /// Jobs kept that ended well.
    pub success: u64,
    /// Jobs kept that ended otherwise.
    pub failure: u64,
    /// Jobs ever added.
    pub added: u64,
    /// Bytes that the jobs kept take: arguments, responses, problems, logs, records, and a fixed part for each job.
    pub bytes: u64,
}

/// How often something happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// Since the host started.
    pub total: u64,
    /// In a second, over the last minute.
    pub per_second: f64,
}

/// How much a task does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rates {
    /// Jobs added.
    pub added: Rate,
    /// Attempts begun.
    pub started: Rate,
    /// Jobs that ended well.
    pub succeeded: Rate,
    /// Jobs that ended otherwise.
    pub failed: Rate,
    /// Failed attempts that are followed by another one.
    pub retried: Rate,
}

/// Whether attempts of a task begin, if it is not paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// They do.
    Ready,
    /// Its plugins are still being compiled: jobs can be added, and wait.
    Preparing,
    /// Something has to be corrected first: jobs are refused with `task-broken`.
    Broken,
}

/// A task in a list of tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskSummary {
    /// Its id.
    pub id: String,
    /// Its label for people.
    pub name: String,
    /// Whether attempts begin, if it is not paused.
    pub state: TaskState,
    /// The first problem of a broken task.
    pub problem: Option<String>,
    /// Whether no attempt may begin.
    pub paused: bool,
    /// How many jobs stand where.
    pub counts: Counts,
    /// How much it does.
    pub rates: Rates,
    /// Since when the first job of the line has been ready.
    #[schema(format = DateTime)]
    pub first_ready_at: Option<String>,
}

/// All tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tasks {
    /// Those with a definition, in the order of their ids.
    pub tasks: Vec<TaskSummary>,
    /// Those without a usable one: their file is gone while jobs are kept, or has errors. In the order of their ids.
    pub orphans: Vec<OrphanedTask>,
}

/// A task without a usable definition. Its jobs can be looked up, cancelled and deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrphanedTask {
    /// Its id, in lower case.
    pub id: String,
    /// The first problem of its file; null if there is no file.
    pub problem: Option<String>,
    /// How many of its jobs are kept.
    pub counts: Counts,
}

/// That a host takes jobs, and how many of its tasks run them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Always `ready`; a host that takes no jobs answers a problem.
    pub status: String,
    /// How many tasks are in which state.
    pub tasks: TaskStates,
    /// The first 100 tasks that are not ready. Empty on a host with tokens, where `/v1/tasks` shows them.
    pub not_ready: Vec<NotReady>,
}

/// How many tasks are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct TaskStates {
    /// Tasks whose attempts begin, unless they are paused.
    pub ready: u64,
    /// Tasks whose plugins are still being compiled.
    pub preparing: u64,
    /// Tasks that cannot run until something is corrected, those without a usable definition included.
    pub broken: u64,
}

/// A task that is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotReady {
    /// Its id.
    pub task: String,
    /// Why it is not.
    pub state: TaskState,
    /// The first problem of a broken task.
    pub problem: Option<String>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Its label for people.
    pub name: String,
    /// Whether attempts begin, if it is not paused.
    pub state: TaskState,
    /// The first problem of a broken task.
    pub problem: Option<String>,
    /// Whether no attempt may begin.
    pub paused: bool,
    /// How many jobs stand where.
    pub counts: Counts,
    /// How much it does.
    pub rates: Rates,
    /// Since when the first job of the line has been ready.
    #[schema(format = DateTime)]
    pub first_ready_at: Option<String>,
    /// Its definition as it holds, defaults filled in.
    pub definition: Definition,
}

/// A task's definition, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Definition {
    /// Its file, relative to the app's directory.
    pub file: String,
    /// The processor.
    pub process: String,
    /// Slots.
    pub worker_nums: u32,
    /// How many jobs may be ready or on hold.
    pub size: u32,
    /// How many jobs may wait for their time, retries included.
    pub delayed_size: u32,
    /// Milliseconds that one attempt may take.
    pub timeout_ms: u64,
    /// When a failed attempt is tried again.
    pub retry: Retry,
    /// The handlers of events.
    pub event: Events,
    /// What the task asks of its sandbox.
    pub sandbox: Sandbox,
    /// How long an ended job can be looked up.
    pub retention: Retention,
    /// How many bytes its jobs may take, ended ones included.
    pub keep_bytes: u64,
}

/// When a failed attempt is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Retry {
    /// Retries after the first failed attempt.
    pub attempts: u32,
    /// Milliseconds before the first retry.
    pub delay_ms: u64,
    /// How the delay grows.
    pub backoff: Backoff,
    /// No delay is longer.
    pub max_delay_ms: u64,
    /// The share of the delay by which chance moves it.
    pub jitter: f64,
}

/// How a delay grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// Not at all.
    Fixed,
    /// By itself.
    Linear,
    /// It doubles.
    Exponential,
}

/// The handlers of a task's events; null where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TaskEvents)]
pub struct Events {
    /// Gives a new job its id.
    pub next: Option<String>,
    /// Is told that a job was added.
    pub add: Option<String>,
    /// Is told how far a job is.
    pub progress: Option<String>,
    /// Is told that a job ended well.
    pub success: Option<String>,
    /// Is told that a job ended otherwise.
    pub error: Option<String>,
}

/// What a task asks of its sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sandbox {
    /// Bytes of all memories and tables together.
    pub memory_bytes: u64,
    /// How many jobs one instance may serve.
    pub reuse: u32,
    /// Milliseconds that one call of a handler may take.
    pub event_timeout_ms: u64,
    /// Origins that it wants to reach over HTTP.
    pub http: Vec<String>,
    /// Environment variables that it wants to see.
    pub env: Vec<String>,
    /// Directories that it wants to use.
    pub dirs: Vec<Directory>,
}

/// A directory that a task wants to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directory {
    /// As the task file names it.
    pub path: String,
    /// Whether the task wants to change what is in it.
    pub write: bool,
}

/// How long an ended job can be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// Milliseconds after SUCCESS.
    pub success_ms: u64,
    /// Milliseconds after FAILURE.
    pub failure_ms: u64,
}
