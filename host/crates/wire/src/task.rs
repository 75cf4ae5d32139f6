//! Tasks: their definitions, the counts of their jobs, and their rates.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Job counts of a task, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Jobs that wait, including delayed ones and those on hold.
    pub waiting: u64,
    /// Of these, jobs whose time has not come.
    pub delayed: u64,
    /// Of the waiting ones, jobs on hold until their add handler ran.
    pub on_hold: u64,
    /// Jobs with a running attempt.
    pub running: u64,
    /// Retained jobs with SUCCESS.
    pub success: u64,
    /// Retained jobs with FAILURE.
    pub failure: u64,
    /// Jobs ever added.
    pub added: u64,
    /// Bytes of the stored jobs: arguments, responses, problems, logs, records, and a fixed part for each job.
    pub bytes: u64,
}

/// A count and a rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rate {
    /// Since the host started.
    pub total: u64,
    /// Per second, over the last minute.
    pub per_second: f64,
}

/// The rates of a task.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rates {
    /// Jobs added.
    pub added: Rate,
    /// Attempts that began.
    pub started: Rate,
    /// Jobs that ended with SUCCESS.
    pub succeeded: Rate,
    /// Jobs that ended with FAILURE.
    pub failed: Rate,
    /// Failed attempts that are followed by another.
    pub retried: Rate,
}

/// Whether attempts of a task begin, unless it is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// They do.
    Ready,
    /// Its plugins are still being compiled: jobs can be added, and wait.
    Preparing,
    /// Its file or a plugin has to be corrected first: jobs are refused with `task-broken`.
    Broken,
}

/// A task in a list of tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskSummary {
    /// Its id.
    pub id: String,
    /// Its label for people.
    pub name: String,
    /// Whether attempts begin, unless the task is paused.
    pub state: TaskState,
    /// The first problem of a broken task.
    pub problem: Option<String>,
    /// Whether it is paused, so that no attempt begins.
    pub paused: bool,
    /// Its job counts.
    pub counts: Counts,
    /// Its rates.
    pub rates: Rates,
    /// Since when the first job in the ready queue has been ready.
    #[schema(format = DateTime)]
    pub first_ready_at: Option<String>,
}

/// All tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tasks {
    /// Those with a definition, in the order of their ids.
    pub tasks: Vec<TaskSummary>,
    /// Those without a usable one: their file is gone while the store has jobs of them, or has errors. In the order of their ids.
    pub orphans: Vec<OrphanedTask>,
}

/// A task without a usable definition. Its jobs can be looked up, cancelled and deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrphanedTask {
    /// Its id, in lower case.
    pub id: String,
    /// The first problem of its file; null without a file.
    pub problem: Option<String>,
    /// Its job counts.
    pub counts: Counts,
}

/// A host that takes jobs, and how many of its tasks run them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Always `ready`; a host that takes no jobs answers a problem.
    pub status: String,
    /// Task counts, by state.
    pub tasks: TaskStates,
    /// The first 100 tasks that are not ready. Empty on a host with tokens, where `/v1/tasks` shows them.
    pub not_ready: Vec<NotReady>,
}

/// Task counts, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct TaskStates {
    /// Tasks whose attempts begin, unless they are paused.
    pub ready: u64,
    /// Tasks whose plugins are still being compiled.
    pub preparing: u64,
    /// Tasks that cannot run until a file or a plugin is corrected, including those without a usable definition.
    pub broken: u64,
}

/// A task that is not ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotReady {
    /// Its id.
    pub task: String,
    /// Its state.
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
    /// Whether attempts begin, unless the task is paused.
    pub state: TaskState,
    /// The first problem of a broken task.
    pub problem: Option<String>,
    /// Whether it is paused, so that no attempt begins.
    pub paused: bool,
    /// Its job counts.
    pub counts: Counts,
    /// Its rates.
    pub rates: Rates,
    /// Since when the first job in the ready queue has been ready.
    #[schema(format = DateTime)]
    pub first_ready_at: Option<String>,
    /// Its current definition, with defaults filled in.
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
    /// How many delayed jobs and retries may wait.
    pub delayed_size: u32,
    /// The timeout of one attempt, in milliseconds.
    pub timeout_ms: u64,
    /// How failed attempts are retried.
    pub retry: Retry,
    /// The handlers of events.
    pub event: Events,
    /// The limits and capabilities of its sandboxes.
    pub sandbox: Sandbox,
    /// How long an ended job is retained.
    pub retention: Retention,
    /// How many bytes its jobs may take, including ended ones.
    pub keep_bytes: u64,
}

/// How failed attempts are retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Retry {
    /// Retries after the first failed attempt.
    pub attempts: u32,
    /// Milliseconds before the first retry.
    pub delay_ms: u64,
    /// How the delay grows with each retry.
    pub backoff: Backoff,
    /// The longest delay.
    pub max_delay_ms: u64,
    /// The share of the delay that is random.
    pub jitter: f64,
}

/// How a delay grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// It stays the same.
    Fixed,
    /// It grows by the first delay.
    Linear,
    /// It doubles.
    Exponential,
}

/// The handlers of a task's events; null for those without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TaskEvents)]
pub struct Events {
    /// Called for the id of a new job.
    pub next: Option<String>,
    /// Called when a job was added.
    pub add: Option<String>,
    /// Called with the progress of a job.
    pub progress: Option<String>,
    /// Called when a job ended with SUCCESS.
    pub success: Option<String>,
    /// Called when a job ended with FAILURE.
    pub error: Option<String>,
}

/// The limits and capabilities of a task's sandboxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sandbox {
    /// The limit of all memories and tables together, in bytes.
    pub memory_bytes: u64,
    /// How many jobs one instance may serve.
    pub reuse: u32,
    /// The timeout of one call of a handler, in milliseconds.
    pub event_timeout_ms: u64,
    /// Origins that it requests HTTP access to.
    pub http: Vec<String>,
    /// Environment variables that it requests.
    pub env: Vec<String>,
    /// Directories that it requests.
    pub dirs: Vec<Directory>,
}

/// A directory that a task requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Directory {
    /// As the task file names it.
    pub path: String,
    /// Whether it requests write access.
    pub write: bool,
}

/// How long an ended job is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// Milliseconds after SUCCESS.
    pub success_ms: u64,
    /// Milliseconds after FAILURE.
    pub failure_ms: u64,
}
