//! Deployments of an app: which code it runs since when, and why.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Deployments of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployments {
    /// The newest first; the first one of the first page is the one that runs.
    pub deployments: Vec<Deployment>,
    /// Where the next page begins, for the parameter `before`; null if there is none.
    pub next: Option<u64>,
}

/// A deployment: from then on the app ran this code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// Its number among those of the app, from 1.
    pub number: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// What made it.
    pub cause: DeploymentCause,
    /// The deployment that a rollback has gone back to; null for other causes.
    pub rolled_back_to: Option<u64>,
    /// Who made it: the name of a token, `client` on a host without tokens, or `start`, `signal`, `watch` or `host` for what the
    /// host itself did.
    pub by: String,
    /// How many plugins and scripts it has.
    pub code_count: u64,
    /// The first 1,000 of them, in the order of their names.
    pub code: Vec<DeployedCode>,
}

/// What made a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentCause {
    /// The host started, and found other code than the last deployment had.
    Start,
    /// A reload.
    Reload,
    /// A rollback.
    Rollback,
}

/// The code of a plugin or script in a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployedCode {
    /// The name that tasks refer to: `plugins.mail.send` or `scripts.task`.
    pub name: String,
    /// The digest that attempts have in `cost`: of a component its SHA-256, in hexadecimal.
    pub digest: String,
    /// The size in bytes.
    pub bytes: u64,
    /// Whether it is kept, so that a rollback or a pin can use it.
    pub kept: bool,
    /// Whether it runs only in tasks that pin it.
    pub pinned: bool,
    /// The SHA-256 of what its file has, which does not run because a rollback has chosen this code; of a script, of all its
    /// files; empty if the file is missing. Null if the code of the file runs.
    pub instead_of: Option<String>,
}

/// The query parameters of the deployments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeploymentsQuery {
    /// Only deployments with a lower number: the `next` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(maximum = 18_446_744_073_709_551_615_u64)]
    pub before: Option<u64>,
    /// At most this many deployments; 20 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
}

/// The query parameters of a rollback.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RollbackQuery {
    /// The number of the deployment to go back to; by default the one before the running one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 18_446_744_073_709_551_615_u64)]
    pub to: Option<u64>,
}
