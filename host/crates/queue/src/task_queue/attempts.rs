//! Attempts: claiming them, ending them, and ending those whose claim was dropped.

use std::sync::Arc;

use saggar_job::{Failure, Outcome, Status, Timestamp};

use super::running::Began;
use super::{AbandonedAttempt, Claim, Running, TaskQueue};
use crate::rates::Counted;
use crate::{ClaimedJob, End, Finish, JobEventKind, NextDue, StoreError};

/// Used as the random number where it decides nothing, because there is no retry.
const UNUSED_CHANCE: f64 = 0.5;

impl TaskQueue {
    /// Starts an attempt of the first job of the ready queue; waits until there is one. Cancel-safe: dropping the
    /// future loses no job and uses up no attempt.
    ///
    /// # Errors
    ///
    /// If the store fails. Nothing was claimed.
    pub async fn claim(self: &Arc<Self>) -> Result<Claim, StoreError> {
        let (claim, ()) = self.claim_with(|| std::future::ready(())).await?;
        Ok(claim)
    }

    /// Like [`claim`](Self::claim), but waits for a permit before it claims: `permit` is called when a job may be
    /// ready, and its result is dropped if there is none after all.
    ///
    /// # Errors
    ///
    /// As [`claim`](Self::claim).
    pub async fn claim_with<P, F: Future<Output = P>>(
        self: &Arc<Self>,
        permit: impl Fn() -> F,
    ) -> Result<(Claim, P), StoreError> {
        let claimer = self.observer.slots.register_idle();
        loop {
            let mut ring = std::pin::pin!(claimer.next_ring());
            ring.as_mut().enable();
            self.pick_up_attempts().await?;
            let mut next_due = NextDue::Nothing;
            let mut now = self.observer.context.clock.now();
            if self.store.may_claim() {
                let permit = permit().await;
                now = self.observer.context.clock.now();
                let mut claimed = self.store.claim(1, now).await?;
                next_due = claimed.next_due;
                // Nothing awaits from here to the creation of the claim, so the future cannot be dropped in between.
                if let Some(job) = claimed.jobs.pop() {
                    drop(claimer);
                    self.observer.slots.ring_for(next_due);
                    return Ok((self.begin(job, now), permit));
                }
            }
            claimer.sleep(ring, next_due, now).await;
        }
    }

    /// Ends an attempt; returns the status of its job when the end is committed. Waiters for the job, subscribers and
    /// handlers learn of the end when it is durable.
    ///
    /// Atomic. If the future is dropped before it returned, the attempt may be ended as lost instead.
    ///
    /// # Errors
    ///
    /// Waits while the store has no room, because the work is done, and its end is worth more than the slot's time.
    /// [`StoreError::Refused`] if the attempt was not the claim's any more: it is over, and the guest's work may be
    /// done again. If the store failed, the attempt will be ended as lost.
    pub async fn finish(self: &Arc<Self>, claim: Claim, outcome: Outcome) -> Result<Status, StoreError> {
        let (status, _) = self.end(claim, End::Outcome(outcome), false).await?;
        Ok(status)
    }

    /// Ends an attempt and starts the next job's in the same step, if one is ready; does not wait for one.
    ///
    /// Atomic. If the future is dropped before it returned, no attempt was started, and the attempt may be ended as
    /// lost instead.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish); then no attempt was started.
    pub async fn finish_and_claim(
        self: &Arc<Self>,
        claim: Claim,
        outcome: Outcome,
    ) -> Result<(Status, Option<Claim>), StoreError> {
        // An error here must not lose this end; the next caller of `claim` tries again and returns it.
        drop(self.pick_up_attempts().await);
        self.end(claim, End::Outcome(outcome), true).await
    }

    /// Undoes an attempt: the job waits again at its earlier position, and the attempt does not count. If the job was
    /// cancelled meanwhile, it ends.
    ///
    /// Atomic. Errors and dropping as for [`finish`](Self::finish).
    pub async fn requeue(self: &Arc<Self>, claim: Claim) -> Result<Status, StoreError> {
        let (status, _) = self.end(claim, End::Requeue, false).await?;
        Ok(status)
    }

    async fn end(
        self: &Arc<Self>,
        mut claim: Claim,
        end: End,
        claim_next: bool,
    ) -> Result<(Status, Option<Claim>), StoreError> {
        debug_assert!(Arc::ptr_eq(self, claim.queue()), "a claim is finished in its own queue");
        let chance = if matches!(end, End::Outcome(Outcome::Success(_))) {
            UNUSED_CHANCE
        } else {
            self.observer.context.chance()
        };
        let (progress, cost) = (claim.running().close(), claim.cost.take());
        let (id, run, now) = (claim.running().id(), claim.running().run(), self.observer.context.clock.now());
        let with_snapshot = self.observer.waiters.has(id);
        let finish = Finish { id, run, end, progress, cost, with_snapshot, chance };
        match self.store.finish(finish, claim_next, &self.rules.load(), now).await {
            Ok(finished) => {
                self.count_time(claim.running());
                claim.settle();
                Ok((finished.status, finished.next.map(|job| self.begin(job, now))))
            }
            Err(error) => {
                if matches!(error, StoreError::Refused { .. }) {
                    self.observer.running_jobs.leave(id, run);
                    claim.settle();
                }
                Err(error)
            }
        }
    }

    fn count_time(&self, running: &Running) {
        let took = self.observer.context.clock.elapsed().saturating_sub(running.began());
        self.observer.counters.attempt_times.count(took);
    }

    /// Creates the claim of an attempt that the store has started.
    pub(super) fn begin(self: &Arc<Self>, job: ClaimedJob, now: Timestamp) -> Claim {
        let ClaimedJob { id, run, attempt, args, origin, ready_at } = job;
        let began = Began { at: now, elapsed: self.observer.context.clock.elapsed() };
        let running = Arc::new(Running::new(Arc::clone(&self.observer), id, run, attempt, began));
        self.observer.running_jobs.enter(&running);
        self.observer.counters.count(Counted::Started, 1, now);
        let delay = now.since(ready_at);
        self.start_delay.record(delay.as_secs_f64());
        self.observer.counters.start_delays.count(delay);
        self.observer.emit(id, JobEventKind::Started { attempt }, now);
        Claim::new(Arc::clone(self), running, args, origin)
    }

    /// Records a claim that was dropped.
    pub(crate) fn abandon(&self, running: &Running) {
        self.observer.running_jobs.leave(running.id(), running.run());
        let attempt = AbandonedAttempt { id: running.id(), run: running.run(), progress: running.close() };
        self.abandoned_attempts.put(attempt);
        self.observer.slots.ring();
        if self.observer.is_closed() {
            self.observer.context.recheck_idle();
        }
    }

    /// Ends the attempts whose claims were dropped.
    async fn pick_up_attempts(self: &Arc<Self>) -> Result<(), StoreError> {
        while let Some(attempt) = self.abandoned_attempts.peek() {
            let AbandonedAttempt { id, run, progress } = attempt.clone();
            let end = End::Outcome(Outcome::Failure(Failure::lost()));
            let (with_snapshot, chance) = (self.observer.waiters.has(id), self.observer.context.chance());
            let finish = Finish { id, run, end, progress, cost: None, with_snapshot, chance };
            match self.store.finish(finish, false, &self.rules.load_full(), self.observer.context.clock.now()).await {
                Ok(_) => {
                    tracing::warn!(task = %self.key(), job = %id, "a claim was dropped; its attempt is ended as lost");
                }
                // Its `finish` was dropped after it had taken effect, or another caller handled it.
                Err(StoreError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
            self.abandoned_attempts.remove(&attempt);
        }
        Ok(())
    }
}
