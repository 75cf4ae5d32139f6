//! A job's log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The guest, on its standard output.
    Stdout,
    /// The guest, on its standard error.
    Stderr,
    /// The guest, through the contract's `log`.
    Log,
    /// The host.
    Host,
}

/// The level of a line of the contract's `log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the author of the plugin.
    Debug,
    /// Normal operation.
    Info,
    /// Unexpected, but the work goes on.
    Warn,
    /// Something failed.
    Error,
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When it was written.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who wrote it.
    pub source: Source,
    /// Its level; null unless the source is `log`.
    pub level: Option<Level>,
    /// The line, without its end.
    pub text: String,
    /// The `run` of the attempt that ran when it was written; null if none did, or if it is not recorded any more.
    #[serde(default)]
    pub run: Option<u64>,
}

/// A job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Logs {
    /// Its lines, oldest first; the last one says how many were dropped, if any were.
    pub lines: Vec<LogLine>,
}
