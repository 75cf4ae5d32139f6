//! Plugins and scripts of the app that runs, and the problems of its files.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Diagnostic;

/// The plugins and scripts of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plugins {
    /// Those that can be used, in the order of their names. A plugin of which tasks pin a version is in it several times.
    pub plugins: Vec<PluginSummary>,
}

/// A plugin or a script in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginSummary {
    /// The name that tasks refer to: `plugins.mail.send` or `scripts.task`.
    pub name: String,
    /// The digest that attempts have in `cost`.
    pub digest: String,
    /// The size in bytes.
    pub bytes: u64,
    /// Whether it runs only in tasks that pin it.
    pub pinned: bool,
    /// The roles that it can have, such as `processor`.
    pub roles: Vec<String>,
    /// The ids of the tasks that use it and can run.
    pub tasks: Vec<String>,
}

/// A plugin or a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// The name that tasks refer to.
    pub name: String,
    /// What the tasks use of it: one version, and those that tasks pin.
    pub in_use: Vec<UsedPlugin>,
    /// The versions of its file that the app has run, the newest first, as far as the last 20 deployments tell.
    pub versions: Vec<PluginVersion>,
}

/// A version of a plugin or a script that tasks use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsedPlugin {
    /// The digest that attempts have in `cost`.
    pub digest: String,
    /// The size in bytes.
    pub bytes: u64,
    /// Whether it runs only in tasks that pin it.
    pub pinned: bool,
    /// The roles that it can have, such as `processor`.
    pub roles: Vec<String>,
    /// The interfaces that it imports: all that it can ask of the host.
    pub imports: Vec<String>,
    /// The tasks that use it and can run.
    pub tasks: Vec<PluginUse>,
}

/// A task that uses a plugin or a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginUse {
    /// The id of the task.
    pub task: String,
    /// The roles that it has in the task.
    pub roles: Vec<String>,
    /// What it may do there: the capabilities that the task has in force, by their names.
    #[schema(value_type = Object)]
    pub granted: Value,
}

/// A version of a plugin or a script that the app has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginVersion {
    /// The digest that attempts have in `cost`.
    pub digest: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The number of the deployment since which it ran.
    pub deployment: u64,
    /// When that was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// Whether it is kept, so that a rollback or a pin can use it.
    pub kept: bool,
}

/// The problems of the app that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppProblems {
    /// How many there are.
    pub count: u64,
    /// The first 100 of them, in the order of the files.
    pub problems: Vec<Diagnostic>,
}
