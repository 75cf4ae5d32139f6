//! The tenant that a connection belongs to: the one of its last request. It counts among the connections of that tenant.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use saggar_tenant::{Idle, Quota, QuotaExceeded, Taken, Tenant};

use crate::admission::ConnectionState;

/// The tenant of a connection, as an extension of its requests.
pub(crate) struct ConnectionTenant {
    connection: Arc<ConnectionState>,
    tenant: Mutex<Option<(Arc<Tenant>, Taken)>>,
}

impl ConnectionTenant {
    /// Creates the state of a connection without requests.
    pub(crate) fn of(connection: Arc<ConnectionState>) -> Arc<Self> {
        Arc::new(Self { connection, tenant: Mutex::default() })
    }

    /// Notes a request for `tenant`. If the tenant has as many connections as it may, an idle one is closed.
    ///
    /// # Errors
    ///
    /// If all of them have requests. The connection still belongs to the tenant of an earlier request, if any.
    pub(crate) fn belongs_to(self: &Arc<Self>, tenant: &Arc<Tenant>) -> Result<(), QuotaExceeded> {
        let mut own = self.tenant.lock();
        if own.as_ref().is_some_and(|(own, _)| Arc::ptr_eq(own, tenant)) {
            return Ok(());
        }
        let taken = tenant.hold_from_idle(Quota::Connections, 1)?;
        *own = Some((Arc::clone(tenant), taken));
        let weak = Arc::downgrade(self);
        tenant.may_be_idle(Quota::Connections, weak);
        Ok(())
    }

    /// Returns the tenant of the last request.
    pub(crate) fn tenant(&self) -> Option<Arc<Tenant>> {
        self.tenant.lock().as_ref().map(|(tenant, _)| Arc::clone(tenant))
    }
}

impl Idle for ConnectionTenant {
    fn idle_since(&self) -> Option<Instant> {
        // A state that is locked is that of a connection with a request.
        let is_counted = self.tenant.try_lock()?.is_some();
        is_counted.then(|| self.connection.idle_since()).flatten()
    }

    fn give_up(&self) {
        if self.connection.idle_since().is_none() {
            return;
        }
        self.connection.evicted.cancel();
        // It is not open any more, whenever its task notices.
        let taken = self.tenant.try_lock().and_then(|mut tenant| tenant.take());
        drop(taken);
    }
}

#[cfg(test)]
mod tests {
    use saggar_tenant::Quotas;

    use super::*;

    fn busy() -> Arc<ConnectionTenant> {
        let connection = Arc::<ConnectionState>::default();
        connection.begin();
        ConnectionTenant::of(connection)
    }

    fn tenant(connections: u64) -> Arc<Tenant> {
        let tenant = Tenant::new("acme");
        tenant.set_quotas(&Quotas { connections: Some(connections), ..Quotas::default() });
        tenant
    }

    #[test]
    fn a_connection_belongs_to_the_tenant_of_its_last_request() {
        let (acme, other) = (tenant(1), Tenant::new("other"));
        let (first, second) = (busy(), busy());
        for _ in 0..2 {
            first.belongs_to(&acme).unwrap();
        }
        let used = |tenant: &Tenant| tenant.level(Quota::Connections).used();
        assert_eq!(second.belongs_to(&acme).unwrap_err(), QuotaExceeded::of(Quota::Connections, 1, 1));
        second.belongs_to(&other).unwrap();
        assert_eq!((used(&acme), used(&other)), (1, 1));
        first.belongs_to(&other).unwrap();
        second.belongs_to(&acme).unwrap();
        assert_eq!((used(&acme), used(&other)), (1, 1));
        assert_eq!(second.tenant().map(|tenant| tenant.name().to_string()).as_deref(), Some("acme"));
        drop((first, second));
        assert_eq!((used(&acme), used(&other)), (0, 0));
    }

    #[test]
    fn an_idle_connection_of_the_tenant_is_closed_for_a_new_one() {
        let (acme, other) = (tenant(2), Tenant::new("other"));
        let (idle, working, foreign, new) = (busy(), busy(), busy(), busy());
        idle.belongs_to(&acme).unwrap();
        working.belongs_to(&acme).unwrap();
        foreign.belongs_to(&other).unwrap();
        for connection in [&idle, &foreign] {
            connection.connection.answered();
            connection.connection.flushed();
        }
        new.belongs_to(&acme).unwrap();
        let closed = [&idle, &working, &foreign, &new].map(|one| one.connection.evicted.is_cancelled());
        assert_eq!(closed, [true, false, false, false]);
        drop(idle);
        assert_eq!(acme.level(Quota::Connections).used(), 2);
        busy().belongs_to(&acme).unwrap_err();
    }
}
