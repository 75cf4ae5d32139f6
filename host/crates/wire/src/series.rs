//! Series: what tasks did in the last hours.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The query parameters of a series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeriesQuery {
    /// Of this task; of all tasks together by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// From the step on that has this time (RFC 3339); all two hours by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(format = DateTime)]
    pub from: Option<String>,
}

/// What one task or all tasks did, in steps of time. All lists have one item for each step, the present step last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// When the first step began.
    #[schema(format = DateTime)]
    pub from: String,
    /// How long a step is.
    pub step_ms: u64,
    /// Jobs added.
    pub added: Vec<u64>,
    /// Attempts started.
    pub started: Vec<u64>,
    /// Jobs that ended with SUCCESS.
    pub succeeded: Vec<u64>,
    /// Jobs that ended with FAILURE.
    pub failed: Vec<u64>,
    /// Failed attempts that are followed by another.
    pub retried: Vec<u64>,
    /// How long the attempts took that ended in each step; null for all tasks together.
    pub duration_ms: Option<PercentileSeries>,
    /// How long the jobs that could start waited for the attempts that started in each step; null for all tasks together.
    pub start_delay_ms: Option<PercentileSeries>,
}

/// Percentiles of durations in milliseconds, each accurate to about an eighth, and null for a step without any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PercentileSeries {
    /// Half of them are not longer.
    pub p50: Vec<Option<f64>>,
    /// 95 of a hundred are not longer.
    pub p95: Vec<Option<f64>>,
    /// 99 of a hundred are not longer.
    pub p99: Vec<Option<f64>>,
}
