//! Why a job waits, and what its running attempt is bound by.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is known of a job beside what is stored of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobExplanation {
    /// Why it waits; null unless WAITING.
    pub wait: Option<JobWait>,
    /// Its running attempt; null unless RUNNING.
    pub running: Option<RunningAttempt>,
}

/// Why a job waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobWait {
    /// What for.
    pub reason: WaitReason,
    /// Since when it has been ready; null while it is not.
    #[schema(format = DateTime)]
    pub since: Option<String>,
    /// When the wait for `time` is over; null otherwise.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// The quota of the tenant that does not suffice; null unless the reason is `quota`.
    pub quota: Option<String>,
    /// How many jobs of the task with the same priority or a higher one wait and were added before it; null unless it is ready.
    pub ahead: Option<u64>,
    /// Whether exactly so many are before it. They are not if some of them are delayed, or were retried.
    pub ahead_exact: bool,
    /// How many attempts of the task may run at once.
    pub slots: u64,
    /// How many attempts of the task run.
    pub busy: u64,
    /// When a slot is free at the latest, because the timeout of its attempt is over; null if one is free.
    #[schema(format = DateTime)]
    pub next_free_by: Option<String>,
    /// Milliseconds until its attempt begins, if attempts go on beginning as in the last minute; null if none has begun.
    pub estimate_ms: Option<u64>,
}

/// What a job waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitReason {
    /// A free slot.
    Slot,
    /// The time of its first or next attempt.
    Time,
    /// The end of its add handler.
    AddHandler,
    /// That the task is resumed.
    Paused,
    /// A quota of the tenant.
    Quota,
    /// The plugins of the task: they are being compiled, or have an error.
    NotReady,
    /// The next start of the host, which drains.
    Stopping,
}

/// An attempt that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningAttempt {
    /// Grows with every attempt of the job.
    pub run: u64,
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it is stopped at the latest, by the present timeout of the task; null if the task has no definition.
    #[schema(format = DateTime)]
    pub deadline_at: Option<String>,
    /// The most bytes of memories and tables that it may have; null if the task has no definition.
    pub memory_limit: Option<u64>,
    /// The SHA-256 of the component that runs it, in hexadecimal; null if another host runs it.
    pub digest: Option<String>,
}
