//! A job as it is looked up, and as a list shows it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It waits.
    Waiting,
    /// An attempt runs.
    Running,
    /// It ended well.
    Success,
    /// It ended otherwise.
    Failure,
}

/// What a WAITING job is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// A free slot: its time has come.
    Ready,
    /// Its time, before the first attempt.
    Delayed,
    /// The time of its next attempt.
    Retrying,
    /// Its add handler.
    OnHold,
}

/// In which way a job failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The processor failed, and no attempt is left.
    Failed,
    /// The processor failed for good.
    Rejected,
    /// The processor trapped.
    Trap,
    /// The attempt took longer than it may.
    Timeout,
    /// The instance wanted more memory than it may have.
    OutOfMemory,
    /// Somebody cancelled it.
    Cancelled,
    /// The host died while it ran, too often.
    Lost,
}

/// In which order of their adding jobs are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// What was added last comes first.
    Newest,
    /// What was added first comes first.
    Oldest,
}

/// Why a job failed, or why its last attempt did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FailureProblem {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// Anything else, as the guest gave it. Lists leave it out.
    #[schema(value_type = Option<serde_json::Value>)]
    pub details: Option<Box<RawValue>>,
}

/// The job whose guest added this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParentJob {
    /// Its task.
    pub task: String,
    /// Its number there.
    pub id: u64,
}

/// Which handler a callback is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallbackEvent {
    /// `event.add`.
    Add,
    /// `event.success`.
    Success,
    /// `event.error`.
    Error,
}

/// What becomes of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallbackState {
    /// The host calls the handler, or calls it again.
    Pending,
    /// The handler failed too often; only a redelivery calls it again.
    GivenUp,
}

/// A callback of a job that was not delivered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Callback {
    /// Which handler it is for.
    pub event: CallbackEvent,
    /// Whether the host goes on trying.
    pub state: CallbackState,
    /// How often the handler was called.
    pub tries: u32,
    /// When it is called again; null if it was never called, and if it was given up.
    #[schema(format = DateTime)]
    pub next_try_at: Option<String>,
    /// Why the last call failed.
    pub problem: Option<FailureProblem>,
}

/// A job as it was when it was looked up.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its number within its task.
    #[schema(minimum = 1)]
    pub id: u64,
    /// Its task, in lower case.
    pub task: String,
    /// Where it stands.
    pub status: Status,
    /// What it is waiting for; null unless WAITING.
    pub waiting: Option<Waiting>,
    /// Whether it was cancelled while an attempt runs, which is being stopped.
    pub cancelling: bool,
    /// How much is done …
    pub current: u64,
    /// … of how much; 0 while nothing was reported.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// What the processor answered; null until SUCCESS.
    #[schema(value_type = serde_json::Value)]
    pub response: Option<Box<RawValue>>,
    /// Why it failed, or why its last attempt did while it waits for the next one.
    pub problem: Option<FailureProblem>,
    /// In which way it failed; null unless FAILURE.
    pub reason: Option<Reason>,
    /// How many attempts have begun.
    pub attempt: u32,
    /// How many attempts it may have.
    pub max_attempts: u32,
    /// When it was added.
    #[schema(format = DateTime)]
    pub added_at: String,
    /// The time before which no attempt begins; null unless WAITING.
    #[schema(format = DateTime)]
    pub run_at: Option<String>,
    /// When the running attempt began; null unless RUNNING.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// When it ended; null until then.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// Its priority.
    pub priority: i16,
    /// The `Idempotency-Key` that it was added with.
    pub key: Option<String>,
    /// The job whose guest added it.
    pub parent: Option<ParentJob>,
    /// The W3C trace context that it belongs to: the caller's or, where the job is traced, that of its adding.
    pub trace_parent: Option<String>,
    /// Its arguments, as they were written.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub args: Box<RawValue>,
    /// Its callbacks that were not delivered, in the order of their events.
    #[serde(default)]
    pub callbacks: Vec<Callback>,
}

/// A job as a list shows it: without arguments, response and details, which may be large.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListedJob {
    /// As of a job.
    #[schema(minimum = 1)]
    pub id: u64,
    /// As of a job.
    pub task: String,
    /// As of a job.
    pub status: Status,
    /// As of a job.
    pub waiting: Option<Waiting>,
    /// As of a job.
    pub cancelling: bool,
    /// As of a job.
    pub current: u64,
    /// As of a job.
    pub total: u64,
    /// As of a job.
    pub message: String,
    /// As of a job, without details.
    pub problem: Option<FailureProblem>,
    /// As of a job.
    pub reason: Option<Reason>,
    /// As of a job.
    pub attempt: u32,
    /// As of a job.
    #[schema(format = DateTime)]
    pub added_at: String,
    /// As of a job.
    #[schema(format = DateTime)]
    pub run_at: Option<String>,
    /// As of a job.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// As of a job.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// As of a job.
    pub priority: i16,
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Jobs {
    /// The jobs. May be fewer than asked for, even none, though others follow.
    pub jobs: Vec<ListedJob>,
    /// What to give as `after` to go on; null if nothing follows.
    pub next: Option<String>,
}
