//! A semaphore whose units go to waiting flows in the order of a [`FairQueue`]: the one mechanism by which tenants share
//! turns, room, threads and places in a batch.
//!
//! While units are free and no flow waits, taking and releasing them is one atomic operation each, and is not charged.
//! So a flow may take all of it while no other flow wants any.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::fair_queue::{Charge, Ticket};
use crate::{FairQueue, Flow};

/// A counting semaphore for flows. Cheap to clone; clones share the units.
#[derive(Debug, Clone)]
pub struct FairSemaphore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The free units, shifted by one bit, and [`WAITED_FOR`].
    state: AtomicUsize,
    units: usize,
    unit_cost: u64,
    waiters: Mutex<FairQueue<Waiter>>,
}

/// Set in the state while callers wait. Then units are granted only under the lock of the waiters.
const WAITED_FOR: usize = 1;

#[derive(Debug)]
struct Waiter {
    units: usize,
    grant: oneshot::Sender<FairPermit>,
}

/// Units of a semaphore, released on drop.
#[derive(Debug)]
pub struct FairPermit {
    inner: Arc<Inner>,
    units: usize,
    /// `None` if it was free at once.
    spending: Option<Box<Spending>>,
}

#[derive(Debug)]
struct Spending {
    charge: Charge,
    /// What the use did cost; `None` if it is what was charged.
    cost: Option<u64>,
}

/// Permits that are granted under the lock and sent after it is released.
type Grants = Vec<(oneshot::Sender<FairPermit>, FairPermit)>;

impl FairSemaphore {
    /// Creates a semaphore with `units`, at least one. A flow is charged `unit_cost` for each unit that it is granted,
    /// until [`FairPermit::set_cost`] says otherwise.
    pub fn new(units: usize, unit_cost: u64) -> Self {
        let units = units.clamp(1, usize::MAX >> 1);
        Self(Arc::new(Inner { state: AtomicUsize::new(units << 1), units, unit_cost, waiters: Mutex::default() }))
    }

    /// Creates a semaphore whose costs are times: a flow is charged `unit_time` for each unit that it is granted, until
    /// [`FairPermit::set_time`] says otherwise.
    pub fn by_time(units: usize, unit_time: Duration) -> Self {
        Self::new(units, nanos(unit_time))
    }

    /// Waits for `units`; for all units if there are fewer. Cancel safe.
    pub async fn acquire(&self, flow: &Flow, units: usize) -> FairPermit {
        let units = units.min(self.0.units);
        if let Some(permit) = self.try_acquire(units) {
            return permit;
        }
        // Boxed, because most callers do not wait, and would have room for it in their futures.
        Box::pin(self.wait(flow, units)).await
    }

    /// Takes `units` if they are free and no flow waits for any.
    pub fn try_acquire(&self, units: usize) -> Option<FairPermit> {
        self.0.try_take(units).then(|| FairPermit { inner: Arc::clone(&self.0), units, spending: None })
    }

    /// Like [`acquire`](Self::acquire), without a permit: returns how many units the caller has to
    /// [release](Self::release). So many units can be released at once. If the future is dropped, there is nothing to
    /// release.
    pub async fn take(&self, flow: &Flow, units: usize) -> usize {
        let units = units.min(self.0.units);
        if self.0.try_take(units) { units } else { Box::pin(self.wait(flow, units)).await.forget() }
    }

    /// Releases units that were [taken](Self::take).
    pub fn release(&self, units: usize) {
        self.0.release(units);
    }

    /// Returns how many units are free.
    pub fn free(&self) -> usize {
        self.0.state.load(Ordering::Relaxed) >> 1
    }

    /// Returns how many units there are.
    pub fn units(&self) -> usize {
        self.0.units
    }

    /// Returns whether callers wait.
    pub fn is_waited_for(&self) -> bool {
        self.0.state.load(Ordering::Relaxed) & WAITED_FOR != 0
    }

    /// Returns how many callers wait.
    pub fn waiting(&self) -> usize {
        if self.is_waited_for() { self.0.waiters.lock().len() } else { 0 }
    }

    async fn wait(&self, flow: &Flow, units: usize) -> FairPermit {
        loop {
            let (grant, granted) = oneshot::channel();
            let (ticket, grants) = self.0.enqueue(flow, Waiter { units, grant });
            let mut waiting = Waiting { inner: &self.0, ticket: Some(ticket) };
            send(grants);
            if let Ok(permit) = granted.await {
                waiting.ticket = None;
                return permit;
            }
            // A waiter is dropped with its permit only by the caller itself, so this is not reached.
        }
    }
}

/// Removes a caller that waits no longer.
struct Waiting<'a> {
    inner: &'a Arc<Inner>,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(ticket) = &self.ticket else { return };
        let grants = {
            let mut waiters = self.inner.waiters.lock();
            waiters.remove(ticket);
            // A caller that waited for many units may have held up others.
            self.inner.grant(&mut waiters)
        };
        send(grants);
    }
}

impl Inner {
    fn try_take(&self, units: usize) -> bool {
        let take = |state: usize| match state & WAITED_FOR {
            0 => state.checked_sub(units << 1),
            _ => None,
        };
        self.state.try_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    fn enqueue(self: &Arc<Self>, flow: &Flow, waiter: Waiter) -> (Ticket, Grants) {
        let mut waiters = self.waiters.lock();
        let ticket = waiters.push(flow, waiter);
        // Before the free units are read, so that every later release sees it.
        self.state.fetch_or(WAITED_FOR, Ordering::AcqRel);
        let grants = self.grant(&mut waiters);
        (ticket, grants)
    }

    fn release(self: &Arc<Self>, units: usize) {
        if units > 0 && self.state.fetch_add(units << 1, Ordering::AcqRel) & WAITED_FOR != 0 {
            let grants = self.grant(&mut self.waiters.lock());
            send(grants);
        }
    }

    /// Grants free units to waiters in order. A waiter that wants more than are free holds up the others, so that it
    /// does not starve.
    fn grant(self: &Arc<Self>, waiters: &mut FairQueue<Waiter>) -> Grants {
        let mut grants = Grants::new();
        while let Some(units) = waiters.peek().map(|waiter| waiter.units) {
            if self.state.load(Ordering::Acquire) >> 1 < units {
                return grants;
            }
            // Only under the lock are units taken while there are waiters.
            self.state.fetch_sub(units << 1, Ordering::AcqRel);
            let cost = self.unit_cost.saturating_mul(units as u64);
            if let Some((waiter, charge)) = waiters.pop(cost) {
                let spending = Some(Box::new(Spending { charge, cost: None }));
                let permit = FairPermit { inner: Arc::clone(self), units, spending };
                grants.push((waiter.grant, permit));
            }
        }
        self.state.fetch_and(!WAITED_FOR, Ordering::AcqRel);
        grants
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn send(grants: Grants) {
    for (grant, permit) in grants {
        // The caller may have been dropped meanwhile; then the permit is, too.
        drop(grant.send(permit));
    }
}

impl FairPermit {
    /// Sets the cost of its use, in the unit of the semaphore's `unit_cost`. Does nothing if the permit was free at
    /// once.
    pub fn set_cost(&mut self, cost: u64) {
        if let Some(spending) = &mut self.spending {
            spending.cost = Some(cost);
        }
    }

    /// Returns how many units it has.
    pub fn units(&self) -> usize {
        self.units
    }

    /// Adds the units of another permit of the same semaphore.
    pub fn merge(&mut self, mut other: Self) {
        debug_assert!(Arc::ptr_eq(&self.inner, &other.inner), "permits of two semaphores are merged");
        self.units += std::mem::take(&mut other.units);
    }

    /// Takes `units` out of the permit; `None` if it has fewer.
    pub fn split(&mut self, units: usize) -> Option<Self> {
        self.units = self.units.checked_sub(units)?;
        Some(Self { inner: Arc::clone(&self.inner), units, spending: None })
    }

    /// Gives the permit up without releasing its units, and returns how many they are.
    fn forget(mut self) -> usize {
        std::mem::take(&mut self.units)
    }

    /// Sets the time that its use took, if the costs of the semaphore are times.
    pub fn set_time(&mut self, time: Duration) {
        self.set_cost(nanos(time));
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        let inner = &self.inner;
        if let Some(Spending { charge, cost: Some(cost) }) = self.spending.as_deref() {
            inner.waiters.lock().correct(charge, *cost);
        }
        inner.release(self.units);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::Tenant;

    fn flow(tenant: &Arc<Tenant>) -> Flow {
        Flow::new(Arc::clone(tenant), "it")
    }

    #[tokio::test]
    async fn waiters_are_served_by_weight_and_not_in_the_order_of_their_coming() {
        let (a, b) = (Tenant::new("a"), Tenant::new("b"));
        a.set_weight(300);
        let semaphore = FairSemaphore::new(1, 1);
        let first = semaphore.acquire(&flow(&a), 1).await;
        let mut waiting: Vec<_> = [&a; 12]
            .into_iter()
            .chain([&b; 4])
            .map(|tenant| {
                let (semaphore, flow) = (semaphore.clone(), flow(tenant));
                Some(Box::pin(async move { (semaphore.acquire(&flow, 1).await, flow) }))
            })
            .collect();
        let mut poll = |order: &mut Vec<String>| {
            for waiter in &mut waiting {
                if let Some((permit, flow)) = waiter.as_mut().and_then(FutureExt::now_or_never) {
                    *waiter = None;
                    order.push(flow.tenant().name().to_string());
                    return Some(permit);
                }
            }
            None
        };
        let mut order = Vec::new();
        assert!(poll(&mut order).is_none());
        drop(first);
        while let Some(permit) = poll(&mut order) {
            drop(permit);
        }
        assert_eq!(order.len(), 16);
        for four in order.chunks(4) {
            assert_eq!(four.iter().filter(|name| *name == "b").count(), 1, "{order:?}");
        }
        assert_eq!((semaphore.free(), semaphore.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_holds_up_nobody() {
        let tenant = Tenant::new("a");
        let (semaphore, flow) = (FairSemaphore::new(2, 1), flow(&tenant));
        let one = semaphore.acquire(&flow, 1).await;
        let mut both = Box::pin(semaphore.acquire(&flow, 2));
        assert!(both.as_mut().now_or_never().is_none());
        let mut small = Box::pin(semaphore.acquire(&flow, 1));
        assert!(small.as_mut().now_or_never().is_none(), "a small request overtook a large one");
        drop(both);
        let small = small.now_or_never().unwrap();
        drop((one, small));
        assert_eq!((semaphore.free(), semaphore.waiting()), (2, 0));
        let all = semaphore.acquire(&flow, 9).now_or_never().unwrap();
        let granted = {
            let mut waiting = Box::pin(semaphore.acquire(&flow, 1));
            assert!(waiting.as_mut().now_or_never().is_none());
            drop(all);
            waiting
        };
        // It was granted, and the caller is dropped before it is polled again.
        drop(granted);
        assert_eq!((semaphore.free(), semaphore.waiting()), (2, 0));
    }

    #[tokio::test]
    async fn what_a_use_did_cost_replaces_the_estimate() {
        let (a, b) = (Tenant::new("a"), Tenant::new("b"));
        let semaphore = FairSemaphore::new(1, 10);
        let mut waiting = Vec::new();
        let held = semaphore.acquire(&flow(&a), 1).await;
        for tenant in [&a, &a, &b, &b, &b, &b] {
            let (semaphore, flow) = (semaphore.clone(), flow(tenant));
            waiting.push(Box::pin(async move {
                let mut permit = semaphore.acquire(&flow, 1).await;
                permit.set_cost(if &**flow.tenant().name() == "a" { 25 } else { 10 });
                flow.tenant().name().to_string()
            }));
        }
        let mut order = Vec::new();
        assert!(waiting.iter_mut().all(|waiter| waiter.as_mut().now_or_never().is_none()));
        drop(held);
        while !waiting.is_empty() {
            waiting.retain_mut(|waiter| waiter.as_mut().now_or_never().map(|name| order.push(name)).is_none());
        }
        assert_eq!(order.concat(), "abbbab");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_unit_is_lost_when_many_take_wait_and_give_up() {
        let tenants = [Tenant::new("a"), Tenant::new("b"), Tenant::new("c")];
        let semaphore = FairSemaphore::new(3, 1);
        let inside = Arc::new(AtomicUsize::new(0));
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..24 {
            let (semaphore, inside) = (semaphore.clone(), Arc::clone(&inside));
            let flow = Flow::new(Arc::clone(&tenants[caller % 3]), format!("task {}", caller % 5));
            callers.spawn(async move {
                for step in 0..500 {
                    let units = 1 + (caller + step) % 3;
                    let mut acquiring = Box::pin(semaphore.acquire(&flow, units));
                    if step % 7 == 0 {
                        drop(acquiring.as_mut().now_or_never());
                        continue;
                    }
                    let mut permit = acquiring.await;
                    assert!(inside.fetch_add(units, Ordering::SeqCst) + units <= 3);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(units, Ordering::SeqCst);
                    permit.set_cost(step as u64);
                }
            });
        }
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        assert_eq!((semaphore.free(), semaphore.waiting()), (3, 0));
    }
}
