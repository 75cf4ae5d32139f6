//! Shares of room that requests hold while their clients are slow, such as that of their bodies and answers: a task with
//! slow additions leaves room for others, and so does a tenant.
//!
//! A tenant may take more while it has at most as much as is free, so some room is always left for those who have less.
//! Tenants that keep taking end up with equal parts; one with less weight than another that has some stops earlier, but
//! gets enough for a few requests whatever the weights are. A host of a single app has no limit for its one tenant.

use std::pin::pin;
use std::sync::{Arc, Weak};

use foldhash::HashMap;
use parking_lot::Mutex;
use saggar_tenant::{FairSemaphore, Flow};
use tokio::sync::Notify;

/// The units of one kind of room that each tenant and each task have.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Maximum units of one task.
    max_of_task: usize,
    /// Whether there can be several tenants.
    among_tenants: bool,
    /// Units that a tenant gets in spite of its weight, while that leaves as much free.
    least_of_tenant: usize,
    taken: Mutex<TakenUnits>,
    /// Notified when units are released.
    released: Notify,
    turns: Mutex<HashMap<Arc<str>, Weak<Turn>>>,
}

/// Locked by the request of a tenant that waits for its share; the tenant's later ones wait for the lock, so that they are
/// served in order and a release wakes one of them.
type Turn = tokio::sync::Mutex<()>;

#[derive(Debug, Default)]
struct TakenUnits {
    /// Empty if there can be only one.
    by_tenant: HashMap<Arc<str>, OfTenant>,
    /// By tenant and task.
    by_task: HashMap<(Arc<str>, Arc<str>), usize>,
}

#[derive(Debug)]
struct OfTenant {
    units: usize,
    weight: u32,
}

/// The units that one request has of its tenant's and its task's share. Released on drop.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    flow: Flow,
    units: usize,
}

impl Shares {
    /// Creates the shares. A tenant gets `least_of_tenant` units in spite of its weight, while that leaves as much free; it
    /// should suffice for the largest request.
    pub(crate) fn new(max_of_task: usize, among_tenants: bool, least_of_tenant: usize) -> Self {
        let (taken, released, turns) = (Mutex::default(), Notify::new(), Mutex::default());
        Self { max_of_task, among_tenants, least_of_tenant, taken, released, turns }
    }

    /// Creates an empty part of the share of a flow.
    pub(crate) fn of(self: &Arc<Self>, flow: Flow) -> Share {
        Share { shares: Arc::clone(self), flow, units: 0 }
    }

    /// Returns the turn of a tenant, which exists while requests of the tenant wait for it or have it.
    fn turn_of(&self, tenant: &Arc<str>) -> Arc<Turn> {
        let mut turns = self.turns.lock();
        if let Some(turn) = turns.get(tenant).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::<Turn>::default();
        turns.insert(Arc::clone(tenant), Arc::downgrade(&turn));
        turn
    }
}

impl TakenUnits {
    /// Returns whether a tenant may take more while so many units are free; up to `least` in spite of its weight.
    fn leaves_room(&self, flow: &Flow, more: usize, free: usize, least: usize) -> bool {
        let (tenant, weight) = (flow.tenant().name(), flow.tenant().weight());
        let has = self.by_tenant.get(tenant).map_or(0, |of| of.units);
        let heaviest = self.by_tenant.values().map(|of| of.weight).max().unwrap_or(0).max(weight);
        let part = free as u128 * u128::from(weight) / u128::from(heaviest.max(1));
        (has + more) as u128 <= part.max(least.min(free / 2) as u128)
    }

    /// Counts units of a tenant.
    fn count(&mut self, flow: &Flow, units: usize) {
        let new = || OfTenant { units: 0, weight: 0 };
        let of_tenant = self.by_tenant.entry(Arc::clone(flow.tenant().name())).or_insert_with(new);
        of_tenant.units += units;
        of_tenant.weight = flow.tenant().weight();
    }
}

impl Share {
    /// Takes more units, of which so many are `free`; returns whether there were enough in the shares.
    pub(crate) fn take(&mut self, units: usize, free: usize) -> bool {
        let Shares { max_of_task, among_tenants, least_of_tenant, ref taken, .. } = *self.shares;
        let mut taken = taken.lock();
        let (tenant, task) = (self.flow.tenant().name(), self.flow.task());
        let key = (Arc::clone(tenant), Arc::clone(task));
        let has = taken.by_task.get(&key).copied().unwrap_or(0);
        let leaves_room = !among_tenants || taken.leaves_room(&self.flow, units, free, least_of_tenant);
        if has + units > max_of_task || !leaves_room {
            return false;
        }
        self.units += units;
        *taken.by_task.entry(key).or_default() += units;
        if among_tenants {
            taken.count(&self.flow, units);
        }
        true
    }

    /// Takes units of `all` as soon as there are enough in the shares. The caller then takes them from `all`. Requests of one
    /// tenant are served in order. Cancel safe.
    pub(crate) async fn take_when_free(&mut self, units: usize, all: &FairSemaphore) {
        let shares = Arc::clone(&self.shares);
        let _turn = shares.turn_of(self.flow.tenant().name()).lock_owned().await;
        let mut released = pin!(shares.released.notified());
        loop {
            // Before the look at what is free, so that no release in between is missed.
            released.as_mut().enable();
            if self.take(units, all.free()) {
                return;
            }
            released.as_mut().await;
            released.set(shares.released.notified());
        }
    }

    /// Releases units, which have to be free already for those that wait for them.
    pub(crate) fn release(&mut self, units: usize) {
        let units = units.min(self.units);
        if units > 0 {
            self.give_back(units);
            self.shares.released.notify_waiters();
        }
    }

    fn give_back(&mut self, units: usize) {
        let mut taken = self.shares.taken.lock();
        self.units -= units;
        let (tenant, task) = (self.flow.tenant().name(), self.flow.task());
        let key = (Arc::clone(tenant), Arc::clone(task));
        if let Some(has) = taken.by_task.get_mut(&key) {
            *has -= units;
            if *has == 0 {
                taken.by_task.remove(&key);
            }
        }
        if let Some(of_tenant) = taken.by_tenant.get_mut(tenant) {
            of_tenant.units -= units;
            if of_tenant.units == 0 {
                taken.by_tenant.remove(tenant);
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release(self.units);
    }
}

#[cfg(test)]
mod tests {
    use saggar_tenant::Tenant;

    use super::*;

    /// Room that is shared.
    struct SharedRoom {
        shares: Arc<Shares>,
        free: usize,
    }

    impl SharedRoom {
        fn new(free: usize) -> Self {
            Self::with_least(free, 0)
        }

        fn with_least(free: usize, least: usize) -> Self {
            Self { shares: Arc::new(Shares::new(usize::MAX, true, least)), free }
        }

        /// Takes single units until no more are given; returns how many were.
        fn take_all(&mut self, share: &mut Share) -> usize {
            let mut count = 0;
            while share.take(1, self.free) {
                self.free -= 1;
                count += 1;
            }
            count
        }
    }

    #[test]
    fn a_task_is_limited_to_its_share() {
        let shares = Arc::new(Shares::new(3, false, 0));
        let tenant = Tenant::new("a");
        let of = |task: &str| shares.of(Flow::new(tenant.clone(), task));
        let (mut first, mut second, mut other) = (of("a"), of("a"), of("b"));
        assert!(first.take(2, 9) && second.take(1, 9) && !second.take(1, 9) && other.take(3, 9));
        first.release(1);
        assert!(second.take(1, 9) && !first.take(1, 9));
        drop(first);
        assert!(second.take(1, 9) && !second.take(1, 9));
        drop((second, other));
        let taken = shares.taken.lock();
        assert!(taken.by_task.is_empty() && taken.by_tenant.is_empty(), "a task without bodies still has an entry");
    }

    #[test]
    fn a_tenant_leaves_room_for_those_who_have_less() {
        let mut room = SharedRoom::new(1_000);
        let mut shares: Vec<_> = ["a", "b", "c"].map(|name| room.shares.of(Flow::new(Tenant::new(name), "it"))).into();
        let first: Vec<_> = shares.iter_mut().map(|share| room.take_all(share)).collect();
        assert_eq!(first, [500, 250, 125]);
        // As requests end and others begin, the parts become equal.
        for _ in 0..200 {
            for share in &mut shares {
                let released = share.units / 4;
                share.release(released);
                room.free += released;
                room.take_all(share);
            }
        }
        assert!(shares.iter().all(|share| (245..=255).contains(&share.units)), "{shares:?}");
    }

    #[test]
    fn a_tenant_gets_a_little_room_whatever_the_weights_are() {
        let mut room = SharedRoom::with_least(1_000, 10);
        let [light, heavy, other] = [(1, "light"), (10_000, "heavy"), (1, "other")].map(|(weight, name)| {
            let tenant = Tenant::new(name);
            tenant.set_weight(weight);
            tenant
        });
        let [mut light, mut heavy, mut other] =
            [light, heavy, other].map(|tenant| room.shares.of(Flow::new(tenant, "it")));
        assert!(heavy.take(1, room.free));
        room.free -= 1;
        assert_eq!(room.take_all(&mut light), 10);
        assert_eq!(room.take_all(&mut heavy), 494);
        // As much stays free as it gets.
        room.free = 8;
        assert_eq!(room.take_all(&mut other), 3);
    }

    #[test]
    fn a_tenant_with_more_weight_has_more_room() {
        let mut room = SharedRoom::new(1_000);
        let (light, heavy) = (Tenant::new("light"), Tenant::new("heavy"));
        heavy.set_weight(300);
        let mut light = room.shares.of(Flow::new(light, "it"));
        let mut heavy = room.shares.of(Flow::new(heavy, "it"));
        for _ in 0..200 {
            for share in [&mut heavy, &mut light] {
                let released = share.units / 4;
                share.release(released);
                room.free += released;
                room.take_all(share);
            }
        }
        assert!(heavy.units.abs_diff(3 * light.units) <= 15, "{} and {}", heavy.units, light.units);
    }
}
