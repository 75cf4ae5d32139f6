//! Requests of admins and operators: tenants, the audit, and who the client is.

use saggar_wire::{Audit, AuditPageQuery, Me, RemovedTenant, Tenant, Tenants};

use crate::client::Client;
use crate::error::ClientError;
use crate::response::JsonBody;

impl Client {
    /// Returns who the client is to the host.
    pub async fn me(&self) -> Result<JsonBody<Me>, ClientError> {
        let url = self.host_url.join(&["v1", "me"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns all tenants, with their use of the host.
    pub async fn tenants(&self) -> Result<JsonBody<Tenants>, ClientError> {
        let url = self.host_url.join(&["v1", "tenants"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Returns one tenant, with its use of the host.
    pub async fn tenant(&self, tenant: &str) -> Result<JsonBody<Tenant>, ClientError> {
        let url = self.host_url.join(&["v1", "tenants", tenant])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone())).await).await
    }

    /// Removes data of a tenant that is not configured any more, for some seconds. If `more` of the answer is true, data
    /// remains.
    pub async fn remove_tenant(&self, tenant: &str) -> Result<JsonBody<RemovedTenant>, ClientError> {
        let url = self.host_url.join(&["v1", "tenants", tenant])?;
        self.with_retries(async || self.send_json(self.http.delete(url.clone())).await).await
    }

    /// Returns a page of the audit, the newest entry first.
    pub async fn audit(&self, query: &AuditPageQuery) -> Result<JsonBody<Audit>, ClientError> {
        let url = self.host_url.join(&["v1", "audit"])?;
        self.with_retries(async || self.send_json(self.http.get(url.clone()).query(query)).await).await
    }
}
