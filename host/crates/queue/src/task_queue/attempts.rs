//! Attempts: claiming them, ending them, and ending those whose claim was dropped.

use std::sync::Arc;

use saggar_job::{Ending, JobId, Outcome, Reason, Status, Timestamp};

use super::hush::Hush;
use super::{AbandonedAttempt, Handed, TaskQueue, Unanswered};
use crate::rates::Counted;
use crate::{Claim, ClaimedJob, End, Ended, Finish, JobEventKind, Left, Running, StoreError};

/// Stands for a random number where it decides nothing, because there is no retry.
const NO_CHANCE: f64 = 0.5;

impl TaskQueue {
    /// Begins an attempt of the first job of the line; waits until there is one that is ready. Cancel-safe: dropping the
    /// future loses no job and no attempt.
    ///
    /// The adding of the job may not have lasted yet: then a power cut may undo both, and give the job's id to another one. So
    /// whatever the attempt does is not to be seen outside of the queue before something that was asked of the queue after this
    /// is answered.
    ///
    /// # Errors
    ///
    /// If the store fails. Nothing was claimed.
    pub async fn claim(self: &Arc<Self>) -> Result<Claim, StoreError> {
        let attendant = self.slots.attend();
        loop {
            let mut ring = std::pin::pin!(attendant.next_ring());
            ring.as_mut().enable();
            self.pick_up_attempts().await?;
            let now = self.hub().now();
            let mut left = Left::Nothing;
            // If nothing waits for whatever, there is no need to look at the line: whoever adds something later rings.
            if self.hands.must_look() || self.store.counts().waiting > 0 {
                let unanswered = Unanswered::step(self);
                let mut claimed = self.store.claim(1, now).await?;
                unanswered.answered();
                left = claimed.left;
                // From here to the claim's making nothing waits, so there is no moment to drop it unmade.
                if let Some(job) = claimed.jobs.pop() {
                    drop(attendant);
                    self.slots.ring_for(left);
                    return Ok(self.begin(job, now, None));
                }
            }
            let mut hand = self.hands.hold_out();
            let handed = tokio::select! {
                biased;
                handed = hand.filled() => handed,
                () = attendant.sleep(ring, left, now) => hand.draw_back(),
            };
            if let Some(claim) = handed.and_then(Handed::begin) {
                return Ok(claim);
            }
        }
    }

    /// Ends an attempt; answers where its job stands now.
    ///
    /// Atomic. When the future is dropped before it answered, the attempt may be ended as lost instead.
    ///
    /// # Errors
    ///
    /// Waits while the store has no room: the work is done, and its end is worth more than the slot's time.
    /// [`StoreError::Refused`] if the attempt was not the claim's any more: it is over, and what the guest did may be done
    /// again. If the store failed, the attempt will be ended as lost.
    pub async fn finish(self: &Arc<Self>, claim: Claim, outcome: Outcome) -> Result<Status, StoreError> {
        let (status, _) = self.end(claim, End::Outcome(outcome), false).await?;
        Ok(status)
    }

    /// Ends an attempt and begins the next job's in the same step, if one is ready; does not wait for one. With a next one,
    /// this may answer before the end has lasted: whoever waits for the job, listens to events or is told as a handler hears
    /// of the end only then.
    ///
    /// Atomic. When the future is dropped before it answered, nothing new was begun, and the attempt may be ended as lost
    /// instead.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish); then nothing was begun.
    pub async fn finish_and_claim(
        self: &Arc<Self>,
        claim: Claim,
        outcome: Outcome,
    ) -> Result<(Status, Option<Claim>), StoreError> {
        // If it fails, that is no reason to lose this end; whoever claims next tries again and tells.
        drop(self.pick_up_attempts().await);
        self.end(claim, End::Outcome(outcome), true).await
    }

    /// Undoes an attempt: the job waits again, at the position that it had, and the attempt does not count. If the job was
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
        debug_assert!(Arc::ptr_eq(self, claim.running().task()), "a claim is finished in its own queue");
        let chance = if matches!(end, End::Outcome(Outcome::Success(_))) { NO_CHANCE } else { self.hub().chance() };
        let ending = match &end {
            End::Outcome(outcome) => outcome.ending(),
            End::Requeue => Ending::Requeued,
        };
        let (progress, cost) = (claim.running().close(), claim.take_cost());
        let id = claim.id();
        // Whoever adds it waits for that, and cannot wait for its end yet.
        let shows = claim.running().is_hushed() || self.waiters.has(id);
        let finish = Finish { id, run: claim.run(), end, progress, cost, shows, chance };
        let (now, task, running) = (self.hub().now(), Arc::clone(self), Arc::clone(claim.running()));
        let lasted = Arc::new(move |ended| {
            task.roster.leave(&running);
            task.after_finish(running.id(), ending, ended, now);
        });
        match self.store.finish(finish, claim_next, &self.rules.load(), now, lasted).await {
            Ok(finished) => {
                self.slots.ring_for(finished.left);
                claim.settle();
                Ok((finished.ended.status, finished.next.map(|job| self.begin(job, now, None))))
            }
            Err(error) => {
                if matches!(error, StoreError::Refused { .. }) {
                    self.roster.leave(claim.running());
                    claim.settle();
                }
                Err(error)
            }
        }
    }

    /// Tells everybody concerned that an attempt has ended, once that has lasted.
    fn after_finish(&self, id: JobId, ending: Ending, ended: Ended, now: Timestamp) {
        if ended.noticed {
            self.ends.ring();
        }
        self.count_end(ending, &ended, now);
        if self.tells() {
            self.tell(id, kind_of(&ended, ending), now);
        }
        if matches!(ended.status, Status::Success | Status::Failure) {
            self.ended(id, ended.job);
        } else {
            // An attempt that was lost leaves a line in the log.
            self.readers.wake(id, None);
            if self.is_closed() {
                self.perhaps_quiet();
            }
        }
    }

    fn count_end(&self, ending: Ending, ended: &Ended, now: Timestamp) {
        if ending != Ending::Success {
            self.tally.endings.count_attempt(ending);
        }
        match ended.status {
            Status::Success => self.tally.count(Counted::Succeeded, 1, now),
            Status::Failure => {
                self.tally.count(Counted::Failed, 1, now);
                self.tally.endings.count_job(ended.reason.unwrap_or(Reason::Failed));
            }
            _ if ending == Ending::Requeued => {}
            _ => self.tally.count(Counted::Retried, 1, now),
        }
    }

    /// Makes the claim of an attempt that the store has begun. With a `hush`, nobody hears of it before that is lifted.
    pub(super) fn begin(self: &Arc<Self>, job: ClaimedJob, now: Timestamp, hush: Option<&Hush>) -> Claim {
        let ClaimedJob { id, run, attempt, args, origin, ready_at } = job;
        let running = Arc::new(Running::new(Arc::clone(self), id, run, attempt));
        self.roster.enter(&running);
        self.tally.count(Counted::Started, 1, now);
        self.start_delay.record(now.since(ready_at).as_secs_f64());
        if !hush.is_some_and(|hush| hush.keep(&running, now)) {
            running.speak(now);
        }
        Claim::new(running, args, origin)
    }

    /// Takes note of a claim that was dropped.
    pub(crate) fn abandon(&self, running: &Running) {
        self.roster.leave(running);
        let attempt = AbandonedAttempt { id: running.id(), run: running.run(), progress: running.close() };
        self.abandoned_attempts.put(attempt);
        self.slots.ring();
        if self.is_closed() {
            self.perhaps_quiet();
        }
    }

    /// Ends the attempts whose claims were dropped.
    async fn pick_up_attempts(self: &Arc<Self>) -> Result<(), StoreError> {
        while let Some(attempt) = self.abandoned_attempts.look() {
            let AbandonedAttempt { id, run, progress } = attempt.clone();
            let end = End::Outcome(Outcome::Lost);
            let finish =
                Finish { id, run, end, progress, cost: None, shows: self.waiters.has(id), chance: self.hub().chance() };
            let (now, task) = (self.hub().now(), Arc::clone(self));
            let lasted = Arc::new(move |ended| task.after_finish(id, Ending::Lost, ended, now));
            match self.store.finish(finish, false, &self.rules.load_full(), now, lasted).await {
                Ok(finished) => {
                    tracing::warn!(task = %self.key(), job = %id, "a claim was dropped; its attempt is ended as lost");
                    self.slots.ring_for(finished.left);
                }
                // Its finishing was dropped after it had been done, or another one picked it up.
                Err(StoreError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
            self.abandoned_attempts.remove(&attempt);
        }
        Ok(())
    }
}

fn kind_of(ended: &Ended, ending: Ending) -> JobEventKind {
    match (ended.status, ended.run_at) {
        (Status::Success, _) => JobEventKind::Succeeded,
        (Status::Failure, _) => JobEventKind::Failed { reason: ended.reason.unwrap_or(Reason::Failed) },
        (_, Some(run_at)) if ending != Ending::Requeued => JobEventKind::Retrying { run_at },
        _ => JobEventKind::Requeued,
    }
}
