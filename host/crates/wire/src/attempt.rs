//! The attempts of a job that are over.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::FailureProblem;

/// What an attempt cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    /// The digest of the component that ran, in hexadecimal.
    pub digest: String,
    /// Milliseconds that the guest, and the host on its behalf, spent on a processor.
    pub cpu_ms: f64,
    /// The most bytes of memories and tables that the instance had had by then.
    pub peak_memory: u64,
    /// Whether an instance had to be made for the attempt.
    pub fresh: bool,
}

/// An attempt that is over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its number, from 1; counts from 1 again after a retry by hand.
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
    /// What it said of its failing, without details.
    pub problem: Option<FailureProblem>,
    /// What it cost; null if that is not known.
    pub cost: Option<Cost>,
}

/// The attempts of a job that are over: the first ten and the latest ninety.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempts {
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}
