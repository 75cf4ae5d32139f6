//! The tenants as the backend of the HTTP service: implements the trait [`saggar_api::Tenants`].

use std::sync::Arc;

use async_trait::async_trait;
use saggar_api::{HostFacts, Jobs, KnownTenant, Refusal, Service, TenantRemoval, Tokens};
use saggar_job::Timestamp;
use saggar_queue::{AuditEntry, AuditPage, AuditQuery, StoreError};
use saggar_wire::{self as wire, Code};

use super::{RemoveTenantError, Tenants};
use crate::reload_view;
use crate::reloads::ReloadError;
use crate::service::{self, reload_refused};

impl Tenants {
    /// Creates the HTTP service of the host, for a [`Listener`](saggar_api::Listener). Reloads replace its tokens.
    pub fn service(&self, tokens: Tokens) -> Service {
        let service = Service::new(Arc::new(self.clone()), tokens);
        *self.0.service.lock() = service.downgrade();
        service
    }

    /// Replaces the tokens of the service.
    pub(super) fn replace_tokens(&self, tokens: Tokens) -> Result<(), ReloadError> {
        let service = self.0.service.lock().upgrade();
        match service {
            Some(service) => Ok(service.set_tokens(tokens).map(drop)?),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl saggar_api::Tenants for Tenants {
    fn are_configured(&self) -> bool {
        true
    }

    fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    fn facts(&self) -> &HostFacts {
        &self.0.parts.facts
    }

    fn why_not_ready(&self) -> Option<Code> {
        service::why_not_ready(self.health())
    }

    fn jobs(&self, tenant: &str) -> Option<Arc<dyn Jobs>> {
        Some(self.0.running.load().get(tenant)?.jobs.clone())
    }

    fn all_jobs(&self) -> Vec<Arc<dyn Jobs>> {
        self.0.running.load().values().map(|tenant| tenant.jobs.clone()).collect()
    }

    fn list(&self) -> Vec<KnownTenant> {
        Self::list(self)
    }

    fn find(&self, tenant: &str) -> Option<KnownTenant> {
        Self::find(self, tenant)
    }

    async fn remove(&self, tenant: &str) -> Result<TenantRemoval, Refusal> {
        match Self::remove(self, tenant).await {
            Ok(removed) => Ok(removed),
            Err(RemoveTenantError::Store(error)) => Err(error.into()),
            Err(error @ RemoveTenantError::Unknown(_)) => Err(Refusal::new(Code::UnknownTenant, error.to_string())),
            Err(error @ RemoveTenantError::Configured(_)) => {
                Err(Refusal::new(Code::TenantConfigured, error.to_string()))
            }
        }
    }

    async fn reload(&self, by: Arc<str>) -> Result<wire::Reloaded, Refusal> {
        match self.reload_by(by).await {
            Ok(reloaded) => Ok(reload_view::reloaded(&reloaded)),
            Err(error) => Err(reload_refused(&error)),
        }
    }

    fn reload_status(&self) -> wire::ReloadStatus {
        reload_view::status(Self::reload_status(self))
    }

    async fn append_audit(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        self.0.parts.queue.store().append_audit(entries).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<AuditPage, StoreError> {
        self.0.parts.queue.store().audit(&query).await
    }
}
