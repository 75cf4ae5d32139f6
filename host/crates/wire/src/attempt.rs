//! The attempts of a job that have ended.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::FailureProblem;

/// Resource usage of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    /// The SHA-256 of the component that ran, in hexadecimal.
    pub digest: String,
    /// CPU time of the guest, and of the host on its behalf, in milliseconds.
    pub cpu_ms: f64,
    /// Peak bytes of memories and tables of the instance so far.
    pub peak_memory: u64,
    /// Whether the attempt ran in a new instance.
    pub fresh: bool,
}

/// An attempt that has ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its number, from 1; starts at 1 again after a retry by hand.
    pub number: u32,
    /// Grows with every attempt of the job.
    pub run: u64,
    /// When it began.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub ended_at: String,
    /// How it ended: `success`, `retry`, `timeout` and the like.
    pub ending: String,
    /// Why it failed, without details.
    pub problem: Option<FailureProblem>,
    /// The number of the deployment whose code ran; null if unknown, for example after a crash, or in the first moments of a
    /// host, before its first deployment.
    #[serde(default)]
    pub deployment: Option<u64>,
    /// Resource usage; null if unknown, for example after a crash.
    pub cost: Option<Cost>,
}

/// The attempts of a job that have ended: the first ten and the latest ninety.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempts {
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}
