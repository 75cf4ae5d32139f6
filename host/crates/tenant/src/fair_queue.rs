//! Who is served next: by weight between tenants, then equally between the tasks of a tenant. This is start-time fair
//! queueing on two levels. It knows no threads and no clock; [`FairSemaphore`](crate::FairSemaphore) waits with it.
//!
//! Each competitor has a *virtual time*: what it was charged so far, divided by its weight. Among those that wait, the
//! one with the smallest virtual time is next. So over any period in which two competitors always wait, their charges
//! differ from the ratio of their weights by one charge each at most, and none starves. A competitor that did not wait
//! for a while continues at the time of the one that was served last: it has saved nothing, and it owes nothing for what
//! it used while it was alone.

mod round;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::Flow;
use round::Round;

/// Fixed-point factor of virtual times, so that large weights lose no precision.
const SCALE: u128 = 1 << 32;

/// Waiters of several flows, in the order in which they are served. Each operation takes logarithmic time. The memory is
/// that of the waiters, and of one entry for each flow that was served lately.
#[derive(Debug)]
pub struct FairQueue<T> {
    tenants: Round<Tasks<T>>,
    last_number: u64,
    len: usize,
}

/// The tasks of a tenant, each with its waiters in order.
type Tasks<T> = Round<BTreeMap<u64, (Flow, T)>>;

/// The place of a waiter in a queue.
#[derive(Debug)]
pub struct Ticket {
    flow: Flow,
    number: u64,
}

/// What a flow was charged when it was served.
#[derive(Debug)]
pub struct Charge {
    flow: Flow,
    cost: u64,
    of_tenant: u128,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { tenants: Round::default(), last_number: 0, len: 0 }
    }
}

impl<T> FairQueue<T> {
    /// Appends a waiter; the waiters of one flow are served in this order.
    pub fn push(&mut self, flow: &Flow, waiter: T) -> Ticket {
        self.last_number += 1;
        self.len += 1;
        let number = self.last_number;
        self.tenants.join(flow.tenant().name()).join(flow.task()).insert(number, (flow.clone(), waiter));
        Ticket { flow: flow.clone(), number }
    }

    /// Removes a waiter; `None` if it was served already.
    pub fn remove(&mut self, ticket: &Ticket) -> Option<T> {
        let (tenant, task) = (ticket.flow.tenant().name(), ticket.flow.task());
        let waiters = self.tenants.get_mut(tenant)?.get_mut(task)?;
        let (_, waiter) = waiters.remove(&ticket.number)?;
        self.removed(&ticket.flow);
        Some(waiter)
    }

    /// Returns the waiter that is served next.
    pub fn peek(&self) -> Option<&T> {
        let (_, tasks) = self.tenants.first()?;
        let (_, waiters) = tasks.first()?;
        waiters.first_key_value().map(|(_, (_, waiter))| waiter)
    }

    /// Serves the next waiter and charges its flow `cost`, or what is known of it so far.
    pub fn pop(&mut self, cost: u64) -> Option<(T, Charge)> {
        let tenant = self.tenants.serve()?;
        let tasks = self.tenants.get_mut(&tenant)?;
        let task = tasks.serve()?;
        let (_, (flow, waiter)) = tasks.get_mut(&task)?.pop_first()?;
        tasks.charge(&task, 0, of_task(cost));
        let of_tenant = of_tenant(&flow, cost);
        self.tenants.charge(&tenant, 0, of_tenant);
        self.removed(&flow);
        Some((waiter, Charge { flow, cost, of_tenant }))
    }

    /// Replaces what a flow was charged by what its service did cost.
    pub fn correct(&mut self, charge: &Charge, cost: u64) {
        let flow = &charge.flow;
        self.tenants.charge(flow.tenant().name(), charge.of_tenant, of_tenant(flow, cost));
        // A tenant without an entry has no task that waits, so its tasks need no correction.
        if let Some(tasks) = self.tenants.get_mut(flow.tenant().name()) {
            tasks.charge(flow.task(), of_task(charge.cost), of_task(cost));
        }
    }

    /// Returns how many wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Notes that a waiter of `flow` is gone.
    fn removed(&mut self, flow: &Flow) {
        self.len -= 1;
        let (tenant, task) = (flow.tenant().name(), flow.task());
        let Some(tasks) = self.tenants.get_mut(tenant) else { return };
        if tasks.get_mut(task).is_some_and(|waiters| waiters.is_empty()) {
            tasks.leave(task);
        }
        if tasks.first().is_none() {
            self.tenants.leave(tenant);
        }
    }
}

/// Returns the virtual time of a cost for the tenant of a flow.
fn of_tenant(flow: &Flow, cost: u64) -> u128 {
    of_task(cost) / u128::from(flow.tenant().weight())
}

/// Returns the virtual time of a cost for a task; all tasks of a tenant have the same weight.
fn of_task(cost: u64) -> u128 {
    u128::from(cost) * SCALE
}
