//! Callbacks: claiming them, settling them, and postponing those that were dropped.

use std::sync::Arc;

use saggar_job::Problem;

use super::TaskQueue;
use crate::{Callback, CallbackNumber, CallbackPosition, Delivery, Lane, StoreError};

/// Callbacks that one step of [`TaskQueue::settle_unwanted`] reads: a few milliseconds of a database's writer.
const SETTLED_AT_ONCE: usize = 200;

/// Callbacks that were settled because the task's definition has no handler for them any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SettledCallbacks {
    /// Jobs that were on hold for an add handler, and are released.
    pub added: usize,
    /// Ended jobs, whose retention has begun.
    pub ended: usize,
}

impl TaskQueue {
    /// Claims the oldest callback of `lane` that can be claimed; waits until there is one. Cancel-safe: dropping the
    /// future loses no callback. At most one callback of each job is claimed at a time.
    ///
    /// # Errors
    ///
    /// If the store fails. Nothing was claimed.
    pub async fn next_callback(self: &Arc<Self>, lane: Lane) -> Result<Callback, StoreError> {
        let claimer = self.observer.lane(lane).register_idle();
        loop {
            let mut ring = std::pin::pin!(claimer.next_ring());
            ring.as_mut().enable();
            self.pick_up_callbacks().await?;
            let now = self.observer.context.clock.now();
            let mut claimed = self.store.claim_callbacks(lane, 1, now).await?;
            if let Some(callback) = claimed.callbacks.pop() {
                drop(claimer);
                self.observer.lane(lane).ring_for(claimed.next_due);
                return Ok(Callback::new(Arc::clone(self), callback));
            }
            claimer.sleep(ring, claimed.next_due, now).await;
        }
    }

    /// Removes a callback, because its handler was called or never will be. If it was the callback of an addition, the
    /// job is released in the same step.
    ///
    /// Atomic. If the future is dropped before it returned, or the store failed, the callback may be delivered again.
    pub async fn callback_done(self: &Arc<Self>, callback: Callback) -> Result<(), StoreError> {
        self.settle(callback, Delivery::Done).await
    }

    /// Schedules another delivery of a callback after `delay_ms` milliseconds because its handler failed; `None` gives
    /// it up. [`Callback::backoff`] returns which.
    ///
    /// Atomic. If the future is dropped before it returned, or the store failed, the callback may be delivered again.
    pub async fn callback_failed(
        self: &Arc<Self>,
        callback: Callback,
        problem: Problem,
        delay_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let now = self.observer.context.clock.now();
        let next_try_at = delay_ms.map(|delay_ms| now.plus_ms(delay_ms));
        self.settle(callback, Delivery::Failed { problem, next_try_at }).await
    }

    async fn settle(self: &Arc<Self>, callback: Callback, delivery: Delivery) -> Result<(), StoreError> {
        self.store.settle_callback(callback.number(), delivery, self.observer.context.clock.now()).await?;
        callback.settle();
        self.observer.context.recheck_idle();
        Ok(())
    }

    /// Settles the callbacks for which the current rules name no handler: jobs on hold are released, and the retention
    /// of ended ones begins. Skips callbacks that are claimed. Works in steps, each of which blocks other callers
    /// briefly. If the future is dropped, the steps that were completed stay done.
    pub async fn settle_unwanted(&self) -> Result<SettledCallbacks, StoreError> {
        let mut settled = SettledCallbacks::default();
        loop {
            let earlier = settled;
            for lane in Lane::ALL {
                let mut after = Some(CallbackPosition::START);
                while let Some(from) = after.filter(|_| self.may_have_unwanted()) {
                    let (rules, now) = (self.rules(), self.observer.context.clock.now());
                    let step = self.store.settle_unwanted(lane, from, SETTLED_AT_ONCE, &rules, now).await?;
                    settled.added += step.added;
                    settled.ended += step.ended;
                    after = step.next;
                    self.observer.context.recheck_idle();
                }
            }
            // An end that had to wait for the callback of an addition may be a new callback.
            if settled == earlier {
                return Ok(settled);
            }
        }
    }

    /// Returns whether callbacks are pending and the current rules lack some handler.
    pub fn may_have_unwanted(&self) -> bool {
        let rules = self.rules.load();
        let all_wanted = rules.add_handler && rules.success_handler && rules.error_handler;
        !all_wanted && self.store.may_have_callbacks()
    }

    /// Records a callback that was dropped.
    pub(crate) fn abandon_callback(&self, lane: Lane, number: CallbackNumber) {
        self.abandoned_callbacks.put((lane, number));
        self.observer.lane(lane).ring();
    }

    async fn pick_up_callbacks(&self) -> Result<(), StoreError> {
        while let Some((lane, number)) = self.abandoned_callbacks.peek() {
            let now = self.observer.context.clock.now();
            self.store.settle_callback(number, Delivery::Postponed(now), now).await?;
            self.abandoned_callbacks.remove(&(lane, number));
            self.observer.lane(lane).ring();
        }
        Ok(())
    }
}
