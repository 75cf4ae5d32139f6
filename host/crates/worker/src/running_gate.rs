//! The gate that every attempt passes before its job is claimed: the tenant's quotas of running attempts and of CPU time.
//! Waiting slots take turns by task, so that a task with many slots does not keep out one with few.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use saggar_tenant::{Charge, FairQueue, Flow, Quota, Tenant, Ticket};
use tokio::sync::oneshot;

/// What an attempt is expected to take, in microseconds, until it has ended.
const EXPECTED_COST: u64 = 1_000;

/// The gate of a tenant. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RunningGate(Arc<Inner>);

struct Inner {
    tenant: Arc<Tenant>,
    waiters: Mutex<FairQueue<oneshot::Sender<RunningPermit>>>,
}

/// The right of a slot to run one attempt after the other. Counted as running until it is dropped.
pub(crate) struct RunningPermit {
    gate: Arc<Inner>,
    /// `None` if the slot did not have to wait.
    charge: Option<(Charge, Instant)>,
}

/// Permits that are granted under the lock and sent after it is released.
type Grants = Vec<(oneshot::Sender<RunningPermit>, RunningPermit)>;

impl RunningGate {
    pub(crate) fn new(tenant: Arc<Tenant>) -> Self {
        Self(Arc::new(Inner { tenant, waiters: Mutex::default() }))
    }

    /// Waits until an attempt of `flow` may begin. Cancel safe.
    pub(crate) async fn pass(&self, flow: &Flow) -> RunningPermit {
        loop {
            self.cpu_available().await;
            let changed = self.0.tenant.quotas_changed();
            let (mut waiting, granted) = match self.0.permit_or_wait(flow) {
                Ok(permit) => return permit,
                Err(waiting) => waiting,
            };
            tokio::select! {
                biased;
                Ok(permit) = granted => {
                    waiting.ticket = None;
                    if self.0.tenant.check_cpu().is_ok() {
                        return permit;
                    }
                }
                // More may run now.
                () = changed => {}
            }
        }
    }

    /// Waits until guests may compute. Cancel safe.
    pub(crate) async fn cpu_available(&self) {
        loop {
            let changed = self.0.tenant.quotas_changed();
            let Err(exceeded) = self.0.tenant.check_cpu() else { return };
            tokio::select! {
                () = tokio::time::sleep(exceeded.retry_after.unwrap_or_default()) => {}
                () = changed => {}
            }
        }
    }

    /// Returns the quota because of which no more attempts begin now.
    pub(crate) fn held_by(&self) -> Option<&'static str> {
        let level = self.0.tenant.level(Quota::Running);
        let exceeded = self.0.tenant.check_cpu().err().map(|exceeded| exceeded.quota);
        exceeded.or_else(|| level.limit().is_some_and(|limit| level.used() >= limit).then(|| Quota::Running.name()))
    }

    /// Returns whether a slot has to pass the gate again before its next attempt.
    pub(crate) fn is_contended(&self) -> bool {
        let Inner { tenant, waiters } = &*self.0;
        let level = tenant.level(Quota::Running);
        let may_be_contended = level.limit().is_some_and(|limit| level.used() >= limit);
        let is_above = || level.limit().is_some_and(|limit| level.used() > limit);
        (may_be_contended && (is_above() || !waiters.lock().is_empty())) || tenant.check_cpu().is_err()
    }
}

impl Inner {
    /// Returns a permit, if there is one and no slot waits for it; else makes the slot wait.
    fn permit_or_wait(
        self: &Arc<Self>,
        flow: &Flow,
    ) -> Result<RunningPermit, (Waiting<'_>, oneshot::Receiver<RunningPermit>)> {
        let mut waiters = self.waiters.lock();
        let level = self.tenant.level(Quota::Running);
        if waiters.is_empty() && level.take(1).is_ok() {
            return Ok(RunningPermit { gate: Arc::clone(self), charge: None });
        }
        let (grant, granted) = oneshot::channel();
        let waiting = Waiting { gate: self, ticket: Some(waiters.push(flow, grant)) };
        // The quota may have been raised.
        let grants = self.grant(&mut waiters);
        drop(waiters);
        send(grants);
        Err((waiting, granted))
    }

    /// Grants what the quota allows, to the waiters whose turn it is.
    fn grant(self: &Arc<Self>, waiters: &mut FairQueue<oneshot::Sender<RunningPermit>>) -> Grants {
        let (level, mut grants) = (self.tenant.level(Quota::Running), Grants::new());
        while !waiters.is_empty() && level.take(1).is_ok() {
            match waiters.pop(EXPECTED_COST) {
                Some((grant, charge)) => {
                    let charge = Some((charge, Instant::now()));
                    grants.push((grant, RunningPermit { gate: Arc::clone(self), charge }));
                }
                None => {
                    level.give_back(1);
                    break;
                }
            }
        }
        grants
    }
}

fn send(grants: Grants) {
    // A slot that is gone drops its permit, which is then granted to the next one.
    grants.into_iter().for_each(|(grant, permit)| drop(grant.send(permit)));
}

impl Drop for RunningPermit {
    fn drop(&mut self) {
        let gate = &self.gate;
        let mut waiters = gate.waiters.lock();
        if let Some((charge, since)) = self.charge.take() {
            waiters.correct(&charge, u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        gate.tenant.level(Quota::Running).give_back(1);
        let grants = gate.grant(&mut waiters);
        drop(waiters);
        send(grants);
    }
}

/// Removes a slot that waits no longer.
struct Waiting<'a> {
    gate: &'a Arc<Inner>,
    ticket: Option<Ticket>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = &self.ticket {
            // The sender is dropped after the lock is released.
            let waiter = self.gate.waiters.lock().remove(ticket);
            drop(waiter);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use saggar_tenant::Quotas;

    use super::*;

    fn tenant(quotas: Quotas) -> (Arc<Tenant>, RunningGate) {
        let tenant = Tenant::new("acme");
        tenant.set_quotas(&quotas);
        (Arc::clone(&tenant), RunningGate::new(tenant))
    }

    fn running(most: u64) -> Quotas {
        Quotas { running: Some(most), ..Quotas::default() }
    }

    #[test]
    fn no_more_than_the_quota_run_and_tasks_take_turns() {
        let (tenant, gate) = tenant(running(2));
        let flows = ["one", "two"].map(|task| Flow::new(Arc::clone(&tenant), task));
        let pass = |task: usize| Box::pin(gate.pass(&flows[task]));
        let first = pass(0).now_or_never().unwrap();
        assert!(!gate.is_contended());
        let second = pass(0).now_or_never().unwrap();
        // Four slots of one task wait before one of the other.
        let mut waiting: Vec<_> = [0, 0, 0, 0, 1].map(pass).into();
        assert!(waiting.iter_mut().all(|pass| pass.as_mut().now_or_never().is_none()));
        assert!(gate.is_contended());
        assert_eq!((tenant.level(Quota::Running).used(), gate.held_by()), (2, Some("running")));
        drop((first, second));
        let permits: Vec<_> = waiting.iter_mut().map(|pass| pass.as_mut().now_or_never()).collect();
        let has_passed: Vec<_> = permits.iter().map(Option::is_some).collect();
        assert_eq!(has_passed, [true, false, false, false, true], "each task has its turn");
        assert_eq!(tenant.level(Quota::Running).used(), 2, "the permits of both were given to the next");
    }

    #[test]
    fn a_slot_that_gives_up_keeps_nobody_out() {
        let (tenant, gate) = tenant(running(1));
        let flow = Flow::new(Arc::clone(&tenant), "it");
        let held = gate.pass(&flow).now_or_never().unwrap();
        let mut waiting = [Box::pin(gate.pass(&flow)), Box::pin(gate.pass(&flow))];
        assert!(waiting.iter_mut().all(|pass| pass.as_mut().now_or_never().is_none()));
        let [gone, mut next] = waiting;
        drop(held);
        // It was granted the permit, but did not see it.
        drop(gone);
        let permit = next.as_mut().now_or_never().unwrap();
        drop((permit, next));
        assert_eq!(tenant.level(Quota::Running).used(), 0);
        assert!(gate.0.waiters.lock().is_empty());
    }

    #[test]
    fn a_changed_quota_holds_at_once() {
        let (tenant, gate) = tenant(running(1));
        let flow = Flow::new(Arc::clone(&tenant), "it");
        let held = gate.pass(&flow).now_or_never().unwrap();
        let mut waiting = Box::pin(gate.pass(&flow));
        assert!(waiting.as_mut().now_or_never().is_none());
        tenant.set_quotas(&running(2));
        let second = waiting.as_mut().now_or_never().unwrap();
        tenant.set_quotas(&running(1));
        assert!(gate.is_contended(), "one too many runs");
        drop(second);
        assert!(!gate.is_contended());
        assert!(gate.pass(&flow).now_or_never().is_none());
        drop(held);
        assert!(gate.pass(&flow).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_begins_while_the_cpu_time_is_used_up() {
        let (tenant, gate) = tenant(Quotas { cpu_seconds_per_hour: Some(10), ..Quotas::default() });
        let flow = Flow::new(Arc::clone(&tenant), "it");
        let held = gate.pass(&flow).now_or_never().unwrap();
        assert_eq!(gate.held_by(), None);
        tenant.count_cpu(Duration::from_secs(10), Instant::now());
        assert!(gate.is_contended());
        assert_eq!(gate.held_by(), Some("cpu_seconds_per_hour"));
        drop(held);
        let mut waiting = Box::pin(gate.pass(&flow));
        assert!(waiting.as_mut().now_or_never().is_none());
        tenant.set_quotas(&Quotas { cpu_seconds_per_hour: Some(11), ..Quotas::default() });
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
