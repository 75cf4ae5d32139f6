//! Tasks: their definitions, the counts of their jobs, and their rates.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::Ref;

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
    /// The quota of the tenant because of which no more attempts begin now, such as `running`; null if attempts begin.
    pub held_by: Option<String>,
    /// Its job counts.
    pub counts: Counts,
    /// Its rates.
    pub rates: Rates,
    /// Since when the first job in the ready queue has been ready.
    #[schema(format = DateTime)]
    pub first_ready_at: Option<String>,
    /// How many attempts may run at once.
    pub slots: u64,
    /// How many attempts run.
    pub busy: u64,
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
    /// The quota of the tenant because of which no more attempts begin now, such as `running`; null if attempts begin.
    pub held_by: Option<String>,
    /// Its job counts.
    pub counts: Counts,
    /// Its rates.
    pub rates: Rates,
    /// Since when the first job in the ready queue has been ready.
    #[schema(format = DateTime)]
    pub first_ready_at: Option<String>,
    /// How many attempts may run at once.
    pub slots: u64,
    /// How many attempts run.
    pub busy: u64,
    /// Its file, relative to the app's directory.
    pub file: String,
    /// Its effective definition: the task file that an author would write, with all defaults filled in.
    #[schema(schema_with = task_file)]
    pub definition: Value,
}

/// The slots of a task, in each of which one attempt runs at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slots {
    /// How many there are.
    pub slots: u64,
    /// The attempts that have one, the one that began first first. More than there are slots while attempts go on that began
    /// before there were fewer.
    pub attempts: Vec<SlotAttempt>,
}

/// An attempt that has a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlotAttempt {
    /// The id of its job.
    pub id: u64,
    /// Its fence, as in the attempts of its job.
    pub run: u64,
    /// Its number among the attempts of its job, from 1.
    pub number: u32,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When its timeout ends it.
    #[schema(format = DateTime)]
    pub deadline_at: String,
    /// Whether its job was cancelled, so that it is being stopped.
    pub cancelling: bool,
    /// The digest of the component that runs; null until it is known.
    pub digest: Option<String>,
}

/// Refers to the JSON Schema of task files, which the document has under this name.
fn task_file() -> Ref {
    Ref::from_schema_name("TaskFile")
}
