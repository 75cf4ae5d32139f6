//! Whose connection it is: the client's address, and the tenant whose token its last request had. It counts among the
//! connections of that tenant.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use saggar_tenant::{Idle, Quota, QuotaExceeded, Taken, Tenant};

use crate::admission::ConnectionState;

/// The tenant and the client of a connection, as an extension of its requests.
pub(crate) struct ConnectionTenant {
    address: IpAddr,
    connection: Arc<ConnectionState>,
    membership: Mutex<Option<Arc<Membership>>>,
}

/// The time in which a connection belongs to one tenant. The tenant knows it, and not the connection, so it cannot close a
/// connection that belongs to another one now.
struct Membership {
    connection: Arc<ConnectionState>,
    tenant: Arc<Tenant>,
    /// `None` when the connection is closed or belongs to another tenant.
    taken: Mutex<Option<Taken>>,
}

impl ConnectionTenant {
    /// Creates the state of a connection without requests.
    pub(crate) fn of(connection: Arc<ConnectionState>, address: IpAddr) -> Arc<Self> {
        Arc::new(Self { address, connection, membership: Mutex::default() })
    }

    /// Notes a request with a token of `tenant`, or of an operator. If the tenant has as many connections as it may, an
    /// idle one is closed.
    ///
    /// # Errors
    ///
    /// If all of them have requests. The connection still belongs to the tenant of an earlier request, if any.
    pub(crate) fn belongs_to(&self, tenant: Option<&Arc<Tenant>>) -> Result<(), QuotaExceeded> {
        let mut own = self.membership.lock();
        if own.as_ref().map(|own| &own.tenant).zip(tenant).is_some_and(|(own, tenant)| Arc::ptr_eq(own, tenant)) {
            return Ok(());
        }
        let new = tenant.map(|tenant| Membership::new(&self.connection, tenant)).transpose()?;
        if let Some(old) = std::mem::replace(&mut *own, new) {
            old.end();
        }
        Ok(())
    }

    /// Returns the address of the client.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Returns the tenant of the last request.
    pub(crate) fn tenant(&self) -> Option<Arc<Tenant>> {
        self.membership.lock().as_ref().map(|own| Arc::clone(&own.tenant))
    }
}

impl Drop for ConnectionTenant {
    fn drop(&mut self) {
        // A tenant that looks for idle connections may keep the membership for a moment longer.
        if let Some(own) = self.membership.get_mut() {
            own.end();
        }
    }
}

impl Membership {
    fn new(connection: &Arc<ConnectionState>, tenant: &Arc<Tenant>) -> Result<Arc<Self>, QuotaExceeded> {
        let taken = Mutex::new(Some(tenant.hold_from_idle(Quota::Connections, 1)?));
        let new = Arc::new(Self { connection: Arc::clone(connection), tenant: Arc::clone(tenant), taken });
        let weak = Arc::downgrade(&new);
        tenant.may_be_idle(Quota::Connections, weak);
        Ok(new)
    }

    /// Gives the place among the tenant's connections back; returns whether it had one.
    fn end(&self) -> bool {
        self.taken.lock().take().is_some()
    }
}

impl Idle for Membership {
    fn idle_since(&self) -> Option<Instant> {
        let has_place = self.taken.lock().is_some();
        has_place.then(|| self.connection.idle_since()).flatten()
    }

    fn give_up(&self) {
        // The place is free at once, whenever the task of the connection notices that it is closed.
        if self.connection.idle_since().is_some() && self.end() {
            self.connection.evicted.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use saggar_tenant::Quotas;

    use super::*;

    fn busy() -> Arc<ConnectionTenant> {
        let connection = Arc::<ConnectionState>::default();
        connection.begin();
        ConnectionTenant::of(connection, std::net::Ipv4Addr::LOCALHOST.into())
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
            first.belongs_to(Some(&acme)).unwrap();
        }
        let used = |tenant: &Tenant| tenant.level(Quota::Connections).used();
        assert_eq!(second.belongs_to(Some(&acme)).unwrap_err(), QuotaExceeded::of(Quota::Connections, 1, 1));
        second.belongs_to(Some(&other)).unwrap();
        assert_eq!((used(&acme), used(&other)), (1, 1));
        first.belongs_to(Some(&other)).unwrap();
        second.belongs_to(Some(&acme)).unwrap();
        assert_eq!((used(&acme), used(&other)), (1, 1));
        assert_eq!(second.tenant().map(|tenant| tenant.name().to_string()).as_deref(), Some("acme"));
        second.belongs_to(None).unwrap();
        assert_eq!((used(&acme), second.tenant().is_none()), (0, true));
        drop((first, second));
        assert_eq!((used(&acme), used(&other)), (0, 0));
    }

    #[test]
    fn an_idle_connection_that_belonged_to_the_tenant_earlier_stays_open() {
        let (acme, other) = (tenant(1), Tenant::new("other"));
        let shared = busy();
        shared.belongs_to(Some(&acme)).unwrap();
        shared.belongs_to(Some(&other)).unwrap();
        let last = busy();
        last.belongs_to(Some(&acme)).unwrap();
        shared.connection.answered();
        shared.connection.flushed();
        assert_eq!(busy().belongs_to(Some(&acme)).unwrap_err(), QuotaExceeded::of(Quota::Connections, 1, 1));
        assert!(!shared.connection.evicted.is_cancelled());
        // Back at the tenant, it is one of its idle connections again.
        drop(last);
        shared.belongs_to(Some(&acme)).unwrap();
        let new = busy();
        new.belongs_to(Some(&acme)).unwrap();
        assert!(shared.connection.evicted.is_cancelled());
        assert_eq!(acme.level(Quota::Connections).used(), 1);
    }

    #[test]
    fn an_idle_connection_of_the_tenant_is_closed_for_a_new_one() {
        let (acme, other) = (tenant(2), Tenant::new("other"));
        let (idle, working, foreign, new) = (busy(), busy(), busy(), busy());
        idle.belongs_to(Some(&acme)).unwrap();
        working.belongs_to(Some(&acme)).unwrap();
        foreign.belongs_to(Some(&other)).unwrap();
        for connection in [&idle, &foreign] {
            connection.connection.answered();
            connection.connection.flushed();
        }
        new.belongs_to(Some(&acme)).unwrap();
        let closed = [&idle, &working, &foreign, &new].map(|one| one.connection.evicted.is_cancelled());
        assert_eq!(closed, [true, false, false, false]);
        drop(idle);
        assert_eq!(acme.level(Quota::Connections).used(), 2);
        busy().belongs_to(Some(&acme)).unwrap_err();
    }
}
