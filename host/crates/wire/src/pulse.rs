//! The pulse: what the tasks of a tenant do, second by second.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Counts;

/// The query parameters of the pulse.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PulseQuery {
    /// The seconds between two reports; 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 60)]
    pub every_s: Option<u64>,
}

/// A report of the pulse: the tasks that have changed since the report before. A large one comes in parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pulse {
    /// When it was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// Whether it, with its other parts, has all tasks: forget those of earlier reports.
    pub full: bool,
    /// Whether another part of the same report follows at once.
    pub more: bool,
    /// The code that adding jobs is refused with, such as `stopping`; null if the host takes jobs.
    pub not_ready: Option<String>,
    /// The tasks with a definition that have changed, in the order of their ids.
    pub tasks: Vec<PulseTask>,
}

/// A task in the pulse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PulseTask {
    /// Its id.
    pub id: String,
    /// Whether it is paused, so that no attempt begins.
    pub paused: bool,
    /// Its job counts.
    pub counts: Counts,
    /// How many attempts may run at once.
    pub slots: u64,
    /// How many attempts run.
    pub busy: u64,
    /// Since when the first job in the ready queue has been ready.
    #[schema(format = DateTime)]
    pub first_ready_at: Option<String>,
    /// What it did since the host's report before.
    pub second: ActivityCounts,
    /// How long attempts took that ended in the last 30 to 60 seconds; null if none did.
    pub duration_ms: Option<Percentiles>,
    /// How long jobs that could start waited for the attempts that began in the last 30 to 60 seconds; null if none did.
    pub start_delay_ms: Option<Percentiles>,
}

/// What a task did in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ActivityCounts {
    /// Jobs added.
    pub added: u64,
    /// Attempts that began.
    pub started: u64,
    /// Jobs that ended with SUCCESS.
    pub succeeded: u64,
    /// Jobs that ended with FAILURE.
    pub failed: u64,
    /// Failed attempts that are followed by another.
    pub retried: u64,
}

/// Percentiles of durations in milliseconds, each accurate to about an eighth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Percentiles {
    /// Half of them are not longer.
    pub p50: f64,
    /// 95 of a hundred are not longer.
    pub p95: f64,
    /// 99 of a hundred are not longer.
    pub p99: f64,
}
