//! Connections that are kept for the next request of the same tenant to the same server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use saggar_grant::Scheme;

use crate::connection::Connection;
use crate::target::Target;

/// Maximum connections that one tenant keeps.
const MAX_OF_TENANT: usize = 16;

/// Maximum connections that all tenants keep.
const MAX_OF_HOST: usize = 256;

/// How long a connection is kept. Servers close theirs after a minute or so, and a request that meets the close fails.
const MAX_IDLE: Duration = Duration::from_secs(15);

/// How many connections all tenants keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdleTotal(Arc<AtomicUsize>);

/// The connections that a tenant keeps, the longest idle one first.
pub(crate) struct IdleConnections {
    kept: Mutex<Vec<Kept>>,
    total: IdleTotal,
}

struct Kept {
    server: Server,
    connection: Connection,
    since: Instant,
    _counted: Counted,
}

/// Which requests a connection can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    scheme: Scheme,
    host: String,
    port: u16,
}

impl Server {
    fn of(target: &Target) -> Self {
        Self { scheme: target.scheme, host: target.host.clone(), port: target.port }
    }
}

impl Kept {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < MAX_IDLE
    }
}

impl IdleConnections {
    pub(crate) fn new(total: IdleTotal) -> Self {
        Self { kept: Mutex::default(), total }
    }

    /// Takes a connection that can serve a request to `target` and is still open. Asks `allows` for its address, because
    /// another task with other grants may have made it.
    pub(crate) fn take(&self, target: &Target, allows: impl Fn(std::net::IpAddr) -> bool) -> Option<Connection> {
        let server = Server::of(target);
        let mut kept = self.kept.lock();
        let now = Instant::now();
        kept.retain(|one| one.is_fresh(now));
        loop {
            let fits = |one: &Kept| one.server == server && allows(one.connection.address());
            let at = kept.iter().rposition(fits)?;
            let mut connection = kept.remove(at).connection;
            if !connection.is_dead() {
                return Some(connection);
            }
        }
    }

    /// Closes the connections that were kept for too long at `now`, and those that their servers have closed.
    pub(crate) fn close_stale(&self, now: Instant) {
        self.kept.lock().retain_mut(|one| one.is_fresh(now) && !one.connection.is_dead());
    }

    /// Keeps a connection for later requests.
    pub(crate) fn put(&self, target: &Target, connection: Connection) {
        let mut kept = self.kept.lock();
        let now = Instant::now();
        kept.retain(|one| one.is_fresh(now));
        if kept.len() >= MAX_OF_TENANT {
            kept.remove(0);
        }
        if let Some(counted) = self.total.count() {
            kept.push(Kept { server: Server::of(target), connection, since: now, _counted: counted });
        }
    }
}

impl IdleTotal {
    /// Counts one more; `None` if there are too many.
    fn count(&self) -> Option<Counted> {
        let counted = Counted(self.0.clone());
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        (before < MAX_OF_HOST).then_some(counted)
    }
}

/// One of the kept connections, until it is dropped.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
