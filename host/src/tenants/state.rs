//! What is known of tenants, and removing those that are not configured any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use saggar_api::{KnownTenant, TenantRemoval, TenantState};
use saggar_queue::{AuditQuery, DeploymentQuery, StoreError};
use saggar_tenant::Tenant;

use super::{RunningTenant, Tenants, start};
use crate::reload_view;

/// How many entries of the audit one call removes.
const AUDIT_REMOVED_AT_ONCE: usize = 500;

/// Why a tenant is not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveTenantError {
    /// There is no such tenant.
    #[error("there is no tenant `{0}`, neither in the configuration nor in the store")]
    Unknown(String),
    /// It is configured.
    #[error("the tenant `{0}` is configured: remove it from the configuration and reload, then remove its data")]
    Configured(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenants {
    /// Returns all tenants in the order of their names: those that are configured, and those that are not and have tasks
    /// in the store.
    pub fn list(&self) -> Vec<KnownTenant> {
        let running = self.0.running.load();
        let mut all: BTreeMap<Arc<str>, KnownTenant> =
            running.iter().map(|(name, tenant)| (name.clone(), tenant.known())).collect();
        for name in self.unknown() {
            all.insert(name.clone(), self.not_configured(name));
        }
        all.into_values().collect()
    }

    /// Returns one of these tenants.
    pub fn find(&self, tenant: &str) -> Option<KnownTenant> {
        if let Some(tenant) = self.0.running.load().get(tenant) {
            return Some(tenant.known());
        }
        let is_known = !self.0.parts.queue.known_of(tenant).is_empty();
        is_known.then(|| self.not_configured(tenant.into()))
    }

    /// Removes data of a tenant that is not configured. After the first call its tasks, jobs, logs, records, events, key-value
    /// store, deployments and kept code are gone; each call also removes some of its audit. Call it until it returns that there
    /// is no more. The room in the store is freed in the background, if need be after the next start. The call continues if
    /// the returned future is dropped.
    pub async fn remove(&self, tenant: &str) -> Result<TenantRemoval, RemoveTenantError> {
        let (tenants, name) = (self.clone(), tenant.to_owned());
        // If it stopped in the middle, the queue would still have tasks that the store has not.
        let removal = self.0.background.spawn(async move { tenants.remove_now(&name).await });
        match removal.await {
            Ok(removed) => removed,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn remove_now(&self, tenant: &str) -> Result<TenantRemoval, RemoveTenantError> {
        let _changing = self.0.changing.lock().await;
        if self.0.running.load().contains_key(tenant) {
            return Err(RemoveTenantError::Configured(tenant.to_owned()));
        }
        let queue = &self.0.parts.queue;
        let has_tasks = !queue.known_of(tenant).is_empty() || !queue.store().tasks_of(tenant).await?.is_empty();
        let audit = AuditQuery { tenant: Some(tenant.into()), limit: 1, ..AuditQuery::default() };
        let deployments = queue.store().deployments();
        let last = DeploymentQuery::last(&tenant.into());
        if !has_tasks
            && queue.store().audit(&audit).await?.entries.is_empty()
            && deployments.page(&last).await?.deployments.is_empty()
        {
            return Err(RemoveTenantError::Unknown(tenant.to_owned()));
        }
        let mut jobs = 0;
        if has_tasks {
            jobs = queue.remove_tenant(tenant).await?;
            tracing::info!(tenant, jobs, "removed all jobs of a tenant");
            self.spawn_until_stop(start::free_removed(queue.clone()));
        }
        // In small steps, and bounded by what is kept for an app.
        while deployments.remove(tenant).await? {}
        let more = queue.store().remove_audit(tenant, AUDIT_REMOVED_AT_ONCE).await?;
        Ok(TenantRemoval { jobs, more })
    }

    fn not_configured(&self, name: Arc<str>) -> KnownTenant {
        let tasks = self.0.parts.queue.known_of(&name);
        let counts = KnownTenant::sum(tasks.iter().map(|task| task.counts()));
        KnownTenant { tenant: Tenant::new(name), state: TenantState::Removed, tasks: tasks.len(), counts }
    }
}

impl RunningTenant {
    fn known(&self) -> KnownTenant {
        KnownTenant::new(self.host.tenant.clone(), self.state(), &*self.jobs)
    }

    fn state(&self) -> TenantState {
        let host = &self.host;
        if !host.opened.is_finished() {
            return TenantState::Loading;
        }
        let failed = host.reloads.status().last.and_then(|last| last.result.err());
        if let Some(error) = failed {
            return TenantState::Broken(reload_view::detail(&error).into());
        }
        let app = host.app();
        if app.tasks.is_empty() && app.preparing.is_empty() {
            return TenantState::Broken(app.first_problem().unwrap_or_else(|| "its app has no tasks".into()));
        }
        TenantState::Ready
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use saggar_job::TaskKey;
    use saggar_queue::Rules;
    use saggar_sandbox::Allocator;

    use super::*;
    use crate::host::Host;
    use crate::store::StoreChoice;
    use crate::tenants::TenantsConfiguration;

    #[tokio::test]
    async fn a_removal_continues_without_its_caller() {
        let dir = tempfile::tempdir().unwrap();
        let store: StoreChoice = "sqlite".parse().unwrap();
        let builder = Host::builder(dir.path()).allocator(Allocator::OnDemand).store(store);
        let tenants = builder.build_tenants(Arc::new(|| Ok(TenantsConfiguration::default()))).await.unwrap();
        let queue = &tenants.0.parts.queue;
        queue.open(TaskKey::new("gone", "echo"), Rules::default()).await.unwrap();
        assert!(tenants.find("gone").is_some());
        assert!(tenants.remove("gone").now_or_never().is_none(), "the store is asked");
        tenants.shutdown(Duration::ZERO).await;
        assert!(queue.known_of("gone").is_empty(), "also in the queue");
        assert!(queue.store().tasks_of("gone").await.unwrap().is_empty());
    }
}
