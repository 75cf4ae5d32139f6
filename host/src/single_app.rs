//! A host of one app as the only tenant of the HTTP service: implements the trait [`Tenants`].

use std::sync::Arc;

use async_trait::async_trait;
use saggar_api::{HostFacts, Jobs, KnownTenant, Refusal, TenantRemoval, TenantState, Tenants};
use saggar_job::Timestamp;
use saggar_queue::{AuditEntry, AuditPage, AuditQuery, StoreError};
use saggar_tenant::Tenant;
use saggar_wire::{self as wire, Code};

use crate::host::Host;

/// The one tenant, which is not configured.
pub(crate) struct SingleApp {
    jobs: Arc<dyn Jobs>,
    host: Host,
    tenant: Arc<Tenant>,
}

impl SingleApp {
    pub(crate) fn new(host: Host, jobs: Arc<dyn Jobs>) -> Self {
        Self { jobs, tenant: host.tenant.clone(), host }
    }

    fn is_named(&self, tenant: &str) -> bool {
        tenant == &**self.tenant.name()
    }

    fn known(&self) -> KnownTenant {
        KnownTenant::new(self.tenant.clone(), TenantState::Ready, &*self.jobs)
    }
}

#[async_trait]
impl Tenants for SingleApp {
    fn are_configured(&self) -> bool {
        false
    }

    fn now(&self) -> Timestamp {
        self.jobs.now()
    }

    fn facts(&self) -> &HostFacts {
        &self.host.facts
    }

    fn why_not_ready(&self) -> Option<Code> {
        self.jobs.why_not_ready()
    }

    fn jobs(&self, tenant: &str) -> Option<Arc<dyn Jobs>> {
        self.is_named(tenant).then(|| self.jobs.clone())
    }

    fn all_jobs(&self) -> Vec<Arc<dyn Jobs>> {
        vec![self.jobs.clone()]
    }

    fn list(&self) -> Vec<KnownTenant> {
        vec![self.known()]
    }

    fn find(&self, tenant: &str) -> Option<KnownTenant> {
        self.is_named(tenant).then(|| self.known())
    }

    async fn remove(&self, tenant: &str) -> Result<TenantRemoval, Refusal> {
        let code = if self.is_named(tenant) { Code::TenantConfigured } else { Code::UnknownTenant };
        Err(Refusal::new(code, code.meaning()))
    }

    async fn reload(&self, by: Arc<str>) -> Result<wire::Reloaded, Refusal> {
        self.jobs.reload(by).await
    }

    fn reload_status(&self) -> wire::ReloadStatus {
        self.jobs.reload_status()
    }

    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.host.queue.store().append_audit(entries).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<AuditPage, StoreError> {
        self.host.queue.store().audit(&query).await
    }
}
