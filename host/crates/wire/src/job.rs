//! Jobs, as a look-up and as a list return them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::JobExplanation;

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It waits for an attempt.
    Waiting,
    /// An attempt runs.
    Running,
    /// Its processor succeeded.
    Success,
    /// It failed for good.
    Failure,
}

/// What a WAITING job is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// A free slot.
    Ready,
    /// The time of its first attempt.
    Delayed,
    /// The time of its next attempt.
    Retrying,
    /// The end of its add handler.
    OnHold,
}

/// Why a job is FAILURE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The processor failed on the last attempt.
    Failed,
    /// The processor rejected the job, so it is not retried.
    Rejected,
    /// The last attempt trapped.
    Trap,
    /// The last attempt exceeded its timeout.
    Timeout,
    /// The last attempt exceeded its memory limit.
    OutOfMemory,
    /// It was cancelled.
    Cancelled,
    /// The host died during the last attempt.
    Lost,
}

/// The order of a list of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The newest job first.
    Newest,
    /// The oldest job first.
    Oldest,
}

/// Why a job failed, or why its last attempt did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FailureProblem {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// Anything else, as the guest gave it. Absent in lists.
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

/// The state of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallbackState {
    /// The host will call the handler, perhaps again.
    Pending,
    /// The handler failed too often; only a redelivery calls it again.
    GivenUp,
}

/// A callback of a job that has not been delivered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Callback {
    /// Which handler it is for.
    pub event: CallbackEvent,
    /// Whether the host still tries to deliver it.
    pub state: CallbackState,
    /// How often the handler was called.
    pub tries: u32,
    /// When it is called again; null if it was never called or was given up.
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
    /// Its status.
    pub status: Status,
    /// What it waits for; null unless WAITING.
    pub waiting: Option<Waiting>,
    /// Whether it was cancelled while an attempt runs, which is being stopped.
    pub cancelling: bool,
    /// Progress: how much is done …
    pub current: u64,
    /// … of how much; 0 while nothing was reported.
    pub total: u64,
    /// The last progress message.
    pub message: String,
    /// The processor's response; null until SUCCESS.
    #[schema(value_type = serde_json::Value)]
    pub response: Option<Box<RawValue>>,
    /// Why it failed, or why its last attempt did while it waits for the next.
    pub problem: Option<FailureProblem>,
    /// Why it is FAILURE; null otherwise.
    pub reason: Option<FailureKind>,
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
    /// The W3C trace context that it belongs to: the caller's or, if the job is traced, that of its addition.
    pub trace_parent: Option<String>,
    /// Its arguments, as they were written.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub args: Box<RawValue>,
    /// Its callbacks that have not been delivered, in the order of their events.
    #[serde(default)]
    pub callbacks: Vec<Callback>,
    /// Why it waits, or what its running attempt is bound by; absent unless the request has `explain=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<JobExplanation>,
}

/// A job in a list: without arguments, response and details, which may be large.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListedJob {
    /// As for a job.
    #[schema(minimum = 1)]
    pub id: u64,
    /// As for a job.
    pub task: String,
    /// As for a job.
    pub status: Status,
    /// As for a job.
    pub waiting: Option<Waiting>,
    /// As for a job.
    pub cancelling: bool,
    /// As for a job.
    pub current: u64,
    /// As for a job.
    pub total: u64,
    /// As for a job.
    pub message: String,
    /// As for a job, without details.
    pub problem: Option<FailureProblem>,
    /// As for a job.
    pub reason: Option<FailureKind>,
    /// As for a job.
    pub attempt: u32,
    /// As for a job.
    #[schema(format = DateTime)]
    pub added_at: String,
    /// As for a job.
    #[schema(format = DateTime)]
    pub run_at: Option<String>,
    /// As for a job.
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// As for a job.
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// As for a job.
    pub priority: i16,
    /// The beginning of its arguments as text, up to 512 bytes; absent unless the list was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Jobs {
    /// The jobs. May be fewer than the limit, even none, although others follow.
    pub jobs: Vec<ListedJob>,
    /// The `after` of the next page; null if there are no more.
    pub next: Option<String>,
    /// How many jobs were looked at for it; those that an index excludes are not.
    #[serde(default)]
    pub looked_at: u64,
}
