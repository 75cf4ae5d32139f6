//! The records of attempts, as they are listed.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Records of attempts of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Records {
    /// The last recorded first.
    pub records: Vec<ListedRecord>,
    /// Where the next page begins, for the parameter `before`; null if there is none.
    pub next: Option<u64>,
}

/// A record of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedRecord {
    /// The job.
    pub id: u64,
    /// The run of the attempt, for the parameter `run` of its record.
    pub run: u64,
    /// The size of the record in bytes.
    pub bytes: u64,
}

/// The query parameters of a list of records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordsQuery {
    /// The `next` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 18_446_744_073_709_551_615_u64)]
    pub before: Option<u64>,
    /// At most this many records; 100 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}
