//! Who sends a request, and for which tenant. Module `access` finds that out.

use std::net::IpAddr;
use std::sync::Arc;

use saggar_tenant::Tenant;
use saggar_wire::Code;

use crate::grants::Grant;
use crate::problem::Refusal;
use crate::tokens::Role;

/// The authenticated sender of a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Its rights.
    pub(crate) grant: Arc<Grant>,
    /// `None` if it may ask for any tenant, and names none.
    pub(crate) tenant: Option<Arc<str>>,
    /// Where the request comes from; `None` in tests without a connection.
    pub(crate) address: Option<IpAddr>,
}

/// The tenant of a request, as an extension of the request. The extractors of its body read it.
#[derive(Debug, Clone)]
pub(crate) struct RequestTenant {
    pub(crate) tenant: Arc<Tenant>,
    /// Whether the request counts against its quotas and shares.
    pub(crate) is_charged: bool,
}

impl Caller {
    /// Returns `tenant`, which its request is about, if the request counts against its quotas and shares: only those with a
    /// token of the tenant do.
    pub(crate) fn charged<'a>(&self, tenant: &'a Arc<Tenant>) -> Option<&'a Arc<Tenant>> {
        self.grant.only_tenant().map(|_| tenant)
    }

    /// Returns who the sender is, for records that its tenant sees.
    pub(crate) fn author(&self) -> Arc<str> {
        self.grant.name().cloned().unwrap_or_else(|| "client".into())
    }

    /// Refuses a request with a lower role.
    pub(crate) fn require(&self, needed: Role) -> Result<(), Refusal> {
        if self.grant.role() >= needed {
            return Ok(());
        }
        let (has, needs) = (self.grant.role().name(), needed.name());
        Err(Refusal::new(Code::Forbidden, format!("the token's role is `{has}`, but this needs `{needs}`")))
    }
}
