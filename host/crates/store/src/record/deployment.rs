//! Deployments: which code an app runs since when, why and by whom; and versions: code that is kept under its digest.

use std::collections::BTreeSet;
use std::sync::Arc;

use saggar_job::Timestamp;

/// A deployment: from then on the app of a tenant ran this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its number among those of the tenant, from 1. The store assigns it.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What made it.
    pub cause: DeploymentCause,
    /// Who caused it: the name of a token, or what the host itself did.
    pub by: Arc<str>,
    /// The code, in the order of the names.
    pub code: Vec<DeployedCode>,
}

/// What made a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentCause {
    /// The host started, and found other code than the last deployment has.
    Start,
    /// A reload.
    Reload,
    /// A rollback to the deployment with this number.
    Rollback(u64),
}

/// The code of one plugin or script in a deployment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeployedCode {
    /// The name that tasks refer to: `plugins.mail.send` or `scripts.task`.
    pub name: Arc<str>,
    /// The digest that attempts show, in hexadecimal.
    pub digest: Arc<str>,
    /// The SHA-256 of the [version](Version) that is kept, in hexadecimal. For a script it differs from the digest, which
    /// also covers what runs scripts.
    pub content: Arc<str>,
    /// The size of the code in bytes.
    pub bytes: u64,
    /// The content of the file that it runs instead of, because a rollback has chosen it.
    pub instead_of: Option<Arc<str>>,
    /// Whether it runs only in tasks that pin it.
    pub pinned: bool,
}

/// A component or a script that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The digest that attempts show, in hexadecimal.
    pub digest: Arc<str>,
    /// The component, or the files of the script. The store does not look into it.
    pub bytes: Arc<[u8]>,
}

/// A query for deployments of a tenant, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentQuery {
    /// The tenant.
    pub tenant: Arc<str>,
    /// Only deployments with a lower number.
    pub before: Option<u64>,
    /// The most deployments of a page; 0 is taken as 1, and more than [`PAGE`](Self::PAGE) as `PAGE`.
    pub limit: usize,
}

/// A page of deployments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentPage {
    /// The newest first. At least one if there is any, each with all its code. A page ends early if they have much.
    pub deployments: Vec<Deployment>,
    /// The digests of their code that is kept as a version.
    pub kept: BTreeSet<Arc<str>>,
    /// Whether older ones follow.
    pub more: bool,
}

impl DeployedCode {
    /// Returns whether it may be nowhere but in the store, because its file can have other code.
    pub fn is_from_store(&self) -> bool {
        self.pinned || self.instead_of.is_some()
    }
}

impl Deployment {
    /// How many deployments of a tenant are kept. Older ones are removed.
    pub const MOST: u64 = 256;
}

impl DeploymentQuery {
    /// The most deployments of a page.
    pub const PAGE: usize = 100;
    /// A page ends after a deployment with which it has this much code or more.
    pub const MOST_CODE: usize = 2_000;

    /// Asks for the last deployment of a tenant.
    pub fn last(tenant: &Arc<str>) -> Self {
        Self { tenant: Arc::clone(tenant), before: None, limit: 1 }
    }

    /// Asks for one deployment of a tenant. The page has an older one if it is not kept.
    pub fn one(tenant: &Arc<str>, number: u64) -> Self {
        Self { before: Some(number.saturating_add(1)), ..Self::last(tenant) }
    }

    /// Returns the [`limit`](Self::limit) within its bounds.
    pub fn bounded_limit(&self) -> usize {
        self.limit.clamp(1, Self::PAGE)
    }
}
