//! Admission of connections: counts them, in all and by address, and chooses the one to close when there is no room for another.
//!
//! A connection without a request (its head is not complete, or it idles after an answer) costs its client nothing, so such
//! connections make room: the one with the oldest incomplete first head, then the idle one that has been open longest.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How often a full door looks for a connection that has become idle. Becoming idle wakes nothing, so that requests pay nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long a new connection keeps its place without a request, because its head may be on its way.
const FIRST_HEAD: Duration = Duration::from_millis(100);

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Its first head is not complete.
    Fresh = 0,
    /// A request is being answered, or its body is on its way.
    Busy = 1,
    /// hyper has the whole answer, and has to flush it.
    Answered = 2,
    /// It idles between two requests.
    Idle = 3,
}

/// The state of one connection, as the door sees it.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    state: AtomicU8,
    since: Instant,
    /// Cancelled when it has to make room.
    pub(crate) evicted: CancellationToken,
}

impl Default for ConnectionState {
    fn default() -> Self {
        Self { state: AtomicU8::new(State::Fresh as u8), since: Instant::now(), evicted: CancellationToken::new() }
    }
}

impl ConnectionState {
    /// Whether it makes room when it is in this state.
    fn makes_room_as(&self, state: State) -> bool {
        self.is(state) && (state != State::Fresh || self.since.elapsed() >= FIRST_HEAD)
    }

    fn is(&self, state: State) -> bool {
        self.state.load(Ordering::Acquire) == state as u8
    }

    fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Whether it has had no request yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is(State::Fresh)
    }

    /// A head is complete.
    pub(crate) fn begin(&self) {
        self.set(State::Busy);
    }

    /// hyper has the whole answer.
    pub(crate) fn answered(&self) {
        self.set(State::Answered);
    }

    /// Everything written is with the operating system.
    pub(crate) fn flushed(&self) {
        if self.is(State::Answered) {
            self.set(State::Idle);
        }
    }
}

/// Counts and admits connections.
#[derive(Debug)]
pub(crate) struct Door {
    /// Connections at a time.
    most: usize,
    /// Of these, from one address.
    most_of_address: usize,
    inside: Mutex<Inside>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    /// In the order of arrival.
    places: BTreeMap<u64, (Network, Arc<ConnectionState>)>,
    of_network: HashMap<Network, usize>,
    last: u64,
}

/// An IPv4 address, or the first 64 bits of an IPv6 address, because a client has that network for itself.
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
    door: Arc<Door>,
    number: u64,
    pub(crate) place: Arc<ConnectionState>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.door.inside.lock().remove(self.number);
        self.door.left.notify_one();
    }
}

impl Door {
    /// One address may have `share` of the connections, and one in any case.
    pub(crate) fn new(most: usize, share: f64) -> Self {
        let most_of_address = ((most as f64 * share).ceil() as usize).clamp(1, most.max(1));
        Self { most, most_of_address, inside: Mutex::default(), left: Notify::new() }
    }

    /// Admits a connection from `address`, when there is room. `None` if that address has as many as it may have, all
    /// with requests. Call it from one task at a time.
    pub(crate) async fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let network = Network::of(address);
        loop {
            {
                let mut inside = self.inside.lock();
                let has = inside.of_network.get(&network).copied().unwrap_or(0);
                // With a share of all connections, clients of one address wait for each other.
                let is_limited = self.most_of_address < self.most;
                if is_limited && has >= self.most_of_address && !inside.evict(Some(network)) {
                    // A new one will have a request or make room soon.
                    if !inside.has_fresh(network) {
                        return None;
                    }
                } else if inside.places.len() < self.most || inside.evict(None) {
                    let (number, place) = inside.enter(network);
                    return Some(Admitted { door: Arc::clone(self), number, place });
                }
            }
            drop(timeout(LOOK_AGAIN, self.left.notified()).await);
        }
    }
}

impl Inside {
    fn enter(&mut self, network: Network) -> (u64, Arc<ConnectionState>) {
        self.last += 1;
        let place = Arc::<ConnectionState>::default();
        self.places.insert(self.last, (network, Arc::clone(&place)));
        *self.of_network.entry(network).or_default() += 1;
        (self.last, place)
    }

    /// Evicts a connection without a request; returns whether there was one.
    fn evict(&mut self, of: Option<Network>) -> bool {
        let candidates = || self.places.iter().filter(|(_, (network, _))| of.is_none_or(|of| of == *network));
        let found = [State::Fresh, State::Idle].into_iter().find_map(|state| {
            candidates().find(|(_, (_, place))| place.makes_room_as(state)).map(|(number, _)| *number)
        });
        let Some(number) = found else { return false };
        if let Some(place) = self.remove(number) {
            place.evicted.cancel();
        }
        true
    }

    fn has_fresh(&self, network: Network) -> bool {
        self.places.values().any(|(of, place)| *of == network && place.is_fresh())
    }

    fn remove(&mut self, number: u64) -> Option<Arc<ConnectionState>> {
        let (network, place) = self.places.remove(&number)?;
        if let Some(count) = self.of_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.of_network.remove(&network);
            }
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn door(most: usize, share: f64) -> Arc<Door> {
        Arc::new(Door::new(most, share))
    }

    fn enter(door: &Arc<Door>, address: IpAddr) -> Option<Admitted> {
        door.enter(address).now_or_never().expect("there is room, or none for this address")
    }

    fn busy(door: &Arc<Door>, address: IpAddr) -> Admitted {
        let admitted = enter(door, address).unwrap();
        admitted.place.begin();
        admitted
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_incomplete_head_makes_room_then_an_idle_connection() {
        let door = door(4, 1.0);
        let idle = busy(&door, A);
        idle.place.answered();
        idle.place.flushed();
        let (first, second, at_work) = (enter(&door, A).unwrap(), enter(&door, B).unwrap(), busy(&door, B));
        tokio::time::advance(FIRST_HEAD).await;
        let gone = || [&idle, &first, &second, &at_work].map(|one| one.place.evicted.is_cancelled());
        let _next = busy(&door, B);
        assert_eq!(gone(), [false, true, false, false]);
        let _next = busy(&door, B);
        assert_eq!(gone(), [false, true, true, false]);
        let _next = busy(&door, B);
        assert_eq!(gone(), [true, true, true, false]);
        let mut waiting = Box::pin(door.enter(A));
        assert!((&mut waiting).now_or_never().is_none(), "connections with requests stay");
        drop(at_work);
        assert!(waiting.now_or_never().is_some_and(|entered| entered.is_some()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_becomes_idle_makes_room_for_one_that_waits() {
        let door = door(1, 1.0);
        let first = busy(&door, A);
        let mut waiting = Box::pin(door.enter(B));
        assert!((&mut waiting).now_or_never().is_none());
        first.place.answered();
        first.place.flushed();
        assert!(waiting.await.is_some() && first.place.evicted.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_has_its_share() {
        let door = door(8, 0.5);
        let mut theirs: Vec<_> = (0..4).map(|_| busy(&door, A)).collect();
        assert!(enter(&door, A).is_none());
        let other = enter(&door, B).unwrap();
        theirs.pop();
        let fresh = enter(&door, A).unwrap();
        let mut waiting = Box::pin(door.enter(A));
        assert!((&mut waiting).now_or_never().is_none(), "its head may be on its way");
        drop(waiting);
        tokio::time::advance(FIRST_HEAD).await;
        let _next = enter(&door, A).unwrap();
        assert!(fresh.place.evicted.is_cancelled() && !other.place.evicted.is_cancelled(), "its own makes room");
        drop((theirs, fresh, other, _next));
        assert!(door.inside.lock().places.is_empty() && door.inside.lock().of_network.is_empty());
    }

    #[test]
    fn a_client_has_a_whole_network_of_ipv6_addresses() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1:ffff::2"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn there_is_room_for_one_whatever_the_share() {
        assert_eq!(Door::new(2, 0.75).most_of_address, 2);
        assert_eq!(Door::new(4_096, 0.75).most_of_address, 3_072);
        assert_eq!(Door::new(1, 0.0).most_of_address, 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_not_flushed_is_no_idle_connection() {
        let door = door(1, 1.0);
        let slow = busy(&door, A);
        slow.place.answered();
        let mut waiting = Box::pin(door.enter(B));
        assert!((&mut waiting).now_or_never().is_none());
        slow.place.begin();
        slow.place.flushed();
        assert!(slow.place.is(State::Busy), "another request has come meanwhile");
    }
}
