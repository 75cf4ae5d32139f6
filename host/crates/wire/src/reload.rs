//! Reloads of the app: what they have changed, their problems, and their state.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ReloadedTenants;

/// What a reload has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Ids of the tasks that were added.
    pub added: Vec<String>,
    /// Ids of the tasks whose definition or plugins have changed.
    pub changed: Vec<String>,
    /// Ids of the tasks that were removed. Their jobs are orphaned.
    pub removed: Vec<String>,
    /// The number of the other tasks, which were not touched.
    pub unchanged: u64,
    /// Names of the plugins that are new or have another content; those of scripts begin with `scripts.`.
    pub plugins: Vec<String>,
    /// Configuration keys with a new value that applies only after a restart.
    pub needs_restart: Vec<String>,
    /// The first 100 problems that did not prevent the reload.
    pub warnings: Vec<Diagnostic>,
    /// How long the reload took.
    pub duration_ms: u64,
    /// The number of the deployment that runs now. Absent for a reload of the whole host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<u64>,
    /// What a reload of the whole host has done to its tenants; the tasks and plugins above are those of all of them, each
    /// with `TENANT/` before its name. Absent for a reload of one app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants: Option<ReloadedTenants>,
}

/// The severity of a problem of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It prevents that the app is loaded.
    Error,
    /// It does not.
    Warning,
}

/// A problem of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnostic {
    /// Its severity.
    pub severity: Severity,
    /// The path of the file, relative to the app's directory if it is inside.
    pub file: String,
    /// The line in the file, from 1; null for a problem of the whole file.
    pub line: Option<u32>,
    /// The column in the line, from 1; null for a problem of the whole file.
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// How to correct it.
    pub help: Option<String>,
}

/// The state of reloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadStatus {
    /// Whether a reload is running.
    pub running: bool,
    /// When the app was loaded that the host runs: at its start, or by the last reload that succeeded.
    #[schema(format = DateTime)]
    pub loaded_at: String,
    /// How many reloads have failed since then. If it is not 0, the host runs an app that differs from its files.
    pub failed_reloads: u64,
    /// The last reload that has ended; null if there was none.
    pub last: Option<LastReload>,
}

/// A reload that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastReload {
    /// When it began.
    #[schema(format = DateTime)]
    pub at: String,
    /// How long it took.
    pub duration_ms: u64,
    /// What it has changed; null if it failed.
    pub changes: Option<Reloaded>,
    /// Why it failed; null if it succeeded.
    pub detail: Option<String>,
    /// The first 100 problems of the app, if these are why it failed.
    pub problems: Vec<Diagnostic>,
}
