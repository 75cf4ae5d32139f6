//! Callbacks: taking them, finishing them, and putting off those that were dropped.

use std::sync::Arc;

use saggar_job::Problem;

use super::TaskQueue;
use crate::{Callback, CallbackNumber, CallbackPosition, Delivery, Lane, StoreError};

/// Callbacks that one step of [`TaskQueue::settle_unwanted`] looks at: a few milliseconds of a database's writer.
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
    /// Takes the oldest callback of `lane` that can be taken; waits until there is one. Cancel-safe: dropping the future loses no
    /// callback. Only callbacks of different jobs are out at once.
    ///
    /// # Errors
    ///
    /// If the store fails. Nothing was taken.
    pub async fn next_callback(self: &Arc<Self>, lane: Lane) -> Result<Callback, StoreError> {
        let attendant = self.observer.lane(lane).attend();
        loop {
            let mut ring = std::pin::pin!(attendant.next_ring());
            ring.as_mut().enable();
            self.pick_up_callbacks().await?;
            let now = self.context().now();
            let mut claimed = self.store.claim_callbacks(lane, 1, now).await?;
            if let Some(callback) = claimed.callbacks.pop() {
                drop(attendant);
                self.observer.lane(lane).ring_for(claimed.next_due);
                return Ok(Callback::new(Arc::clone(self), callback));
            }
            attendant.sleep(ring, claimed.next_due, now).await;
        }
    }

    /// Removes a callback, because its handler was told of it or never will be. If it was of a job's adding, the job is
    /// released in the same step.
    ///
    /// Atomic. When the future is dropped before it answered, or the store failed, the callback may be told again.
    pub async fn callback_done(self: &Arc<Self>, callback: Callback) -> Result<(), StoreError> {
        self.settle(callback, Delivery::Done).await
    }

    /// Has a callback delivered again after `delay_ms` milliseconds because its handler failed; `None` gives it up.
    /// [`Callback::backoff`] says which.
    ///
    /// Atomic. When the future is dropped before it answered, or the store failed, the callback may be told again.
    pub async fn callback_failed(
        self: &Arc<Self>,
        callback: Callback,
        problem: Problem,
        delay_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let now = self.context().now();
        let next_try_at = delay_ms.map(|delay_ms| now.plus_ms(delay_ms));
        self.settle(callback, Delivery::Failed { problem, next_try_at }).await
    }

    async fn settle(self: &Arc<Self>, callback: Callback, delivery: Delivery) -> Result<(), StoreError> {
        self.store.settle_callback(callback.number(), delivery, self.context().now()).await?;
        callback.settle();
        self.observer.quiet_perhaps();
        Ok(())
    }

    /// Settles the callbacks for which the present rules name no handler: jobs on hold are released, and the retention of ended
    /// ones begins. Leaves those alone that are out. Works in steps that hold up others for a moment at most; when the future
    /// is dropped, the steps that were answered are done.
    pub async fn settle_unwanted(&self) -> Result<SettledCallbacks, StoreError> {
        let mut settled = SettledCallbacks::default();
        loop {
            let earlier = settled;
            for lane in Lane::ALL {
                let mut after = Some(CallbackPosition::START);
                while let Some(from) = after.filter(|_| self.may_have_unwanted()) {
                    let (rules, now) = (self.rules(), self.context().now());
                    let step = self.store.settle_unwanted(lane, from, SETTLED_AT_ONCE, &rules, now).await?;
                    settled.added += step.added;
                    settled.ended += step.ended;
                    after = step.next;
                    self.observer.quiet_perhaps();
                }
            }
            // An end that had to wait for an adding may be a new callback.
            if settled == earlier {
                return Ok(settled);
            }
        }
    }

    /// Whether callbacks are pending and the present rules lack some handler.
    pub fn may_have_unwanted(&self) -> bool {
        let rules = self.rules.load();
        let all_wanted = rules.add_handler && rules.success_handler && rules.error_handler;
        !all_wanted && self.store.may_have_callbacks()
    }

    /// Takes note of a callback that was dropped.
    pub(crate) fn abandon_callback(&self, lane: Lane, number: CallbackNumber) {
        self.abandoned_callbacks.put((lane, number));
        self.observer.lane(lane).ring();
    }

    async fn pick_up_callbacks(&self) -> Result<(), StoreError> {
        while let Some((lane, number)) = self.abandoned_callbacks.look() {
            let now = self.context().now();
            self.store.settle_callback(number, Delivery::Postponed(now), now).await?;
            self.abandoned_callbacks.remove(&(lane, number));
            self.observer.lane(lane).ring();
        }
        Ok(())
    }
}
