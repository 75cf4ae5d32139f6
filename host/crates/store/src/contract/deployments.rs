//! The contract of the part of a store that has the deployments and the versions of all tenants.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Deployment, DeploymentPage, DeploymentQuery, StoreError, Version};

/// The deployments and versions of a store. Each method is one atomic step, other than [`keep`](Self::keep).
///
/// Calls about one tenant that change something are made one after the other.
#[async_trait]
pub trait DeploymentStore: Send + Sync + 'static {
    /// Appends a deployment with the next number of the tenant, which it returns. Removes deployments of the tenant beyond
    /// the newest [`Deployment::MOST`]. Durable when it returns, in a store that outlives its process.
    ///
    /// Tests: `deploying::deployments_are_numbered_and_survive_a_restart`, `deploying::the_newest_deployments_are_kept`.
    async fn append(&self, tenant: &str, deployment: Deployment) -> Result<u64, StoreError>;

    /// Returns a page of a tenant's deployments. Reflects every step that was answered before the call.
    ///
    /// Tests: `deploying::deployments_are_numbered_and_survive_a_restart`, `deploying::pages_of_deployments_are_bounded`.
    async fn page(&self, query: &DeploymentQuery) -> Result<DeploymentPage, StoreError>;

    /// Keeps a version, or notes that it is used again. A large one is written in parts, so that no other step waits for
    /// long; it is found when all parts are durable. If the process dies before, the parts are removed with the next
    /// eviction.
    ///
    /// Tests: `deploying::versions_are_kept_whole_and_survive_a_restart`.
    async fn keep(&self, tenant: &str, version: Version) -> Result<(), StoreError>;

    /// Notes that a version is used again; returns whether it is kept.
    ///
    /// Tests: `deploying::versions_are_kept_whole_and_survive_a_restart`,
    /// `deploying::the_versions_that_were_not_used_for_longest_are_evicted`.
    async fn touch(&self, tenant: &str, digest: &str) -> Result<bool, StoreError>;

    /// Returns how many bytes a version of a tenant has, if it is kept.
    ///
    /// Tests: `deploying::versions_are_kept_whole_and_survive_a_restart`.
    async fn size(&self, tenant: &str, digest: &str) -> Result<Option<u64>, StoreError>;

    /// Returns a version of a tenant, if it is kept.
    ///
    /// Tests: `deploying::versions_are_kept_whole_and_survive_a_restart`.
    async fn version(&self, tenant: &str, digest: &str) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Removes some versions of a tenant if all have more than `most` bytes: those that were not used for longest, and
    /// code of the last deployment after all others. Code of it that [may be nowhere else](crate::DeployedCode::is_from_store)
    /// is not removed. Returns whether more is to be removed.
    ///
    /// Tests: `deploying::the_versions_that_were_not_used_for_longest_are_evicted`.
    async fn evict(&self, tenant: &str, most: u64) -> Result<bool, StoreError>;

    /// Removes some of the deployments and versions of a tenant; returns whether more remain.
    ///
    /// Tests: `deploying::the_deployments_of_a_tenant_are_removed`.
    async fn remove(&self, tenant: &str) -> Result<bool, StoreError>;
}
