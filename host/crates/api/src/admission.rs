//! Admission of connections: counts them, in total and by address, and chooses the one to evict when a new one has no
//! room.
//!
//! Evicting a connection without a request (its head is not complete, or it idles after an answer) costs its client
//! nothing, so only these are evicted: first the oldest one with an incomplete first head, then the idle one that has
//! been open longest.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How often a waiting admission checks for connections that have become idle. Becoming idle notifies no waiter, so
/// requests pay nothing for it.
const RECHECK_INTERVAL: Duration = Duration::from_millis(50);

/// How long a new connection without a request is not evicted, because its head may be in transit.
const FIRST_HEAD_GRACE: Duration = Duration::from_millis(100);

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Its first head is not complete.
    Fresh = 0,
    /// A request is being answered, or its body is in transit.
    Busy = 1,
    /// hyper has the whole answer but has not flushed it.
    Answered = 2,
    /// It is idle between two requests.
    Idle = 3,
}

/// The state of one connection, as admission sees it.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    state: AtomicU8,
    since: Instant,
    /// Cancelled when the connection is evicted.
    pub(crate) evicted: CancellationToken,
}

impl Default for ConnectionState {
    fn default() -> Self {
        Self { state: AtomicU8::new(State::Fresh as u8), since: Instant::now(), evicted: CancellationToken::new() }
    }
}

impl ConnectionState {
    /// Returns whether it is in this state and may be evicted.
    fn is_evictable_in(&self, state: State) -> bool {
        self.is(state) && (state != State::Fresh || self.since.elapsed() >= FIRST_HEAD_GRACE)
    }

    fn is(&self, state: State) -> bool {
        self.state.load(Ordering::Acquire) == state as u8
    }

    fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Returns whether it has had no request yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is(State::Fresh)
    }

    /// Returns since when it has been open, if it is idle between two requests.
    pub(crate) fn idle_since(&self) -> Option<std::time::Instant> {
        self.is(State::Idle).then(|| self.since.into_std())
    }

    /// Notes that the head of a request is complete.
    pub(crate) fn begin(&self) {
        self.set(State::Busy);
    }

    /// Notes that hyper has the whole answer.
    pub(crate) fn answered(&self) {
        self.set(State::Answered);
    }

    /// Notes that everything written was passed to the operating system.
    pub(crate) fn flushed(&self) {
        if self.is(State::Answered) {
            self.set(State::Idle);
        }
    }
}

/// Counts and admits connections.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Maximum open connections.
    max: usize,
    /// Maximum open connections from one address.
    max_of_address: usize,
    open: Mutex<OpenConnections>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct OpenConnections {
    /// In order of arrival.
    connections: BTreeMap<u64, (Network, Arc<ConnectionState>)>,
    of_network: HashMap<Network, usize>,
    last: u64,
}

/// An IPv4 address, or the first 64 bits of an IPv6 address, because one client commonly has that whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network(u128);

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u128::from(u32::from(address))),
            IpAddr::V6(address) => Self(u128::from(address) >> 64 << 64),
        }
    }
}

/// The right to have a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    number: u64,
    pub(crate) connection: Arc<ConnectionState>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.open.lock().remove(self.number);
        self.admission.closed.notify_one();
    }
}

impl Admission {
    /// Creates an admission of `max` connections; one address may have `share` of them, but at least one.
    pub(crate) fn new(max: usize, share: f64) -> Self {
        let max_of_address = ((max as f64 * share).ceil() as usize).clamp(1, max.max(1));
        Self { max, max_of_address, open: Mutex::default(), closed: Notify::new() }
    }

    /// Admits a connection from `address` as soon as there is room. Returns `None` if the address has its maximum of
    /// connections and all have requests. Must be called from one task at a time.
    pub(crate) async fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let network = Network::of(address);
        loop {
            {
                let mut open = self.open.lock();
                let has = open.of_network.get(&network).copied().unwrap_or(0);
                // If one address may have all connections, its clients wait for each other instead.
                let is_limited = self.max_of_address < self.max;
                if is_limited && has >= self.max_of_address && !open.evict(Some(network)) {
                    // A fresh connection soon has a request or becomes evictable.
                    if !open.has_fresh(network) {
                        return None;
                    }
                } else if open.connections.len() < self.max || open.evict(None) {
                    let (number, connection) = open.insert(network);
                    return Some(Admitted { admission: Arc::clone(self), number, connection });
                }
            }
            drop(timeout(RECHECK_INTERVAL, self.closed.notified()).await);
        }
    }
}

impl OpenConnections {
    fn insert(&mut self, network: Network) -> (u64, Arc<ConnectionState>) {
        self.last += 1;
        let connection = Arc::<ConnectionState>::default();
        self.connections.insert(self.last, (network, Arc::clone(&connection)));
        *self.of_network.entry(network).or_default() += 1;
        (self.last, connection)
    }

    /// Evicts a connection without a request, if there is one; returns whether it did.
    fn evict(&mut self, of: Option<Network>) -> bool {
        let candidates = || self.connections.iter().filter(|(_, (network, _))| of.is_none_or(|of| of == *network));
        let found = [State::Fresh, State::Idle].into_iter().find_map(|state| {
            candidates().find(|(_, (_, connection))| connection.is_evictable_in(state)).map(|(number, _)| *number)
        });
        let Some(number) = found else { return false };
        if let Some(connection) = self.remove(number) {
            connection.evicted.cancel();
        }
        true
    }

    fn has_fresh(&self, network: Network) -> bool {
        self.connections.values().any(|(of, connection)| *of == network && connection.is_fresh())
    }

    fn remove(&mut self, number: u64) -> Option<Arc<ConnectionState>> {
        let (network, connection) = self.connections.remove(&number)?;
        if let Some(count) = self.of_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.of_network.remove(&network);
            }
        }
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn admission(max: usize, share: f64) -> Arc<Admission> {
        Arc::new(Admission::new(max, share))
    }

    fn admit(admission: &Arc<Admission>, address: IpAddr) -> Option<Admitted> {
        admission.admit(address).now_or_never().expect("there is room, or none for this address")
    }

    fn busy(admission: &Arc<Admission>, address: IpAddr) -> Admitted {
        let admitted = admit(admission, address).unwrap();
        admitted.connection.begin();
        admitted
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_incomplete_head_is_evicted_before_an_idle_connection() {
        let admission = admission(4, 1.0);
        let idle = busy(&admission, A);
        idle.connection.answered();
        idle.connection.flushed();
        let (first, second, working) =
            (admit(&admission, A).unwrap(), admit(&admission, B).unwrap(), busy(&admission, B));
        tokio::time::advance(FIRST_HEAD_GRACE).await;
        let evicted = || [&idle, &first, &second, &working].map(|one| one.connection.evicted.is_cancelled());
        let _next = busy(&admission, B);
        assert_eq!(evicted(), [false, true, false, false]);
        let _next = busy(&admission, B);
        assert_eq!(evicted(), [false, true, true, false]);
        let _next = busy(&admission, B);
        assert_eq!(evicted(), [true, true, true, false]);
        let mut waiting = Box::pin(admission.admit(A));
        assert!((&mut waiting).now_or_never().is_none(), "a connection with a request was evicted");
        drop(working);
        assert!(waiting.now_or_never().is_some_and(|entered| entered.is_some()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_becomes_idle_is_evicted_for_a_waiting_one() {
        let admission = admission(1, 1.0);
        let first = busy(&admission, A);
        let mut waiting = Box::pin(admission.admit(B));
        assert!((&mut waiting).now_or_never().is_none());
        first.connection.answered();
        first.connection.flushed();
        assert!(waiting.await.is_some() && first.connection.evicted.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_limited_to_its_share() {
        let admission = admission(8, 0.5);
        let mut of_a: Vec<_> = (0..4).map(|_| busy(&admission, A)).collect();
        assert!(admit(&admission, A).is_none());
        let other = admit(&admission, B).unwrap();
        of_a.pop();
        let fresh = admit(&admission, A).unwrap();
        let mut waiting = Box::pin(admission.admit(A));
        assert!((&mut waiting).now_or_never().is_none(), "a connection was evicted while its head may be in transit");
        drop(waiting);
        tokio::time::advance(FIRST_HEAD_GRACE).await;
        let _next = admit(&admission, A).unwrap();
        assert!(
            fresh.connection.evicted.is_cancelled() && !other.connection.evicted.is_cancelled(),
            "the evicted connection is not of the same address"
        );
        drop((of_a, fresh, other, _next));
        assert!(admission.open.lock().connections.is_empty() && admission.open.lock().of_network.is_empty());
    }

    #[test]
    fn ipv6_addresses_of_one_network_count_as_one() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1:ffff::2"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn an_address_may_have_one_connection_whatever_the_share() {
        assert_eq!(Admission::new(2, 0.75).max_of_address, 2);
        assert_eq!(Admission::new(4_096, 0.75).max_of_address, 3_072);
        assert_eq!(Admission::new(1, 0.0).max_of_address, 1);
    }

    #[tokio::test]
    async fn a_connection_with_an_unflushed_answer_is_not_evicted() {
        let admission = admission(1, 1.0);
        let slow = busy(&admission, A);
        slow.connection.answered();
        let mut waiting = Box::pin(admission.admit(B));
        assert!((&mut waiting).now_or_never().is_none());
        slow.connection.begin();
        slow.connection.flushed();
        assert!(
            slow.connection.is(State::Busy),
            "the flush of the previous answer changed the state of the next request"
        );
    }
}
