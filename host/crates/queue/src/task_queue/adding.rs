//! Adding jobs, and handing them to slots that wait for them.

use std::sync::Arc;

use saggar_job::{JobId, Timestamp};
use tokio::sync::oneshot;

use super::TaskQueue;
use super::handing::{Handed, Unanswered};
use super::hush::Hush;
use crate::rates::Counted;
use crate::{AddError, Added, AddingLasted, JobEventKind, Left, NewJob, StoreError};

impl TaskQueue {
    /// Adds a job, or finds the one that is answered instead of it ([`NewJob::key`], [`NewJob::unique`]); it has lasted
    /// when its id is answered. [`add_many`](Self::add_many) tells which of the two it was.
    ///
    /// Atomic. When the future is dropped the job may have been added.
    ///
    /// # Errors
    ///
    /// As [`TaskStore::add`](crate::TaskStore::add); then nothing was added.
    pub async fn add(self: &Arc<Self>, job: NewJob) -> Result<JobId, AddError> {
        let added = self.add_many(vec![job]).await?;
        // A store answers one id for each job; 0 is no job's.
        Ok(added.first().map_or(JobId(0), |added| added.id))
    }

    /// Adds all `jobs` or none; answers in order which job each of them is, and whether it is new.
    ///
    /// Atomic. When the future is dropped all of them or none may have been added.
    ///
    /// # Errors
    ///
    /// As [`TaskStore::add`](crate::TaskStore::add); then nothing was added.
    pub async fn add_many(self: &Arc<Self>, jobs: Vec<NewJob>) -> Result<Vec<Added>, AddError> {
        let rules = self.rules.load();
        let now = self.hub.now();
        let first_due = jobs.iter().map(|job| job.due_at(now)).min();
        // A job that is held cannot be begun.
        let are_held = rules.add_handler;
        let mut hands = self.hands.take(if are_held { 0 } else { jobs.len() });
        let asked = hands.len();
        let (tell, told) = oneshot::channel();
        let hush = (asked > 0).then(|| Arc::new(Hush::new()));
        let (task, lifted) = (Arc::clone(self), hush.clone());
        let lasted: AddingLasted = Box::new(move |added| {
            task.after_add(&added, are_held, now);
            if let Some(hush) = lifted {
                hush.lift();
            }
            // Whoever added may have gone.
            drop(tell.send(added));
        });
        let unanswered = Unanswered::step(self);
        let answer = self.store.add_and_claim(jobs, asked, &rules, now, lasted).await;
        unanswered.answered();
        let claimed = answer?;
        for job in claimed.jobs {
            let mut handed = Handed::new(self, job, now, hush.clone());
            // A slot that has gone takes nothing; if all have, the claim goes back.
            while let Some(hand) = hands.pop_front() {
                match hand.send(handed) {
                    Ok(()) => break,
                    Err(back) => handed = back,
                }
            }
        }
        self.hands.give_back(hands);
        // Whoever is woken wakes the next one if there is more.
        if asked > 0 {
            self.slots.ring_for(claimed.left);
        } else if let Some(due_at) = first_due.filter(|_| !are_held) {
            self.slots.ring_for(Left::due_at(due_at, now));
        }
        Ok(told.await.map_err(StoreError::not_lasted)?)
    }

    /// Tells everybody concerned that jobs were added, once that has lasted.
    fn after_add(&self, added: &[Added], are_held: bool, now: Timestamp) {
        if are_held {
            self.lanes.ring();
        }
        let new = added.iter().filter(|added| added.is_new);
        self.tally.count(Counted::Added, new.clone().count() as u64, now);
        if self.tells() {
            new.for_each(|added| self.tell(added.id, JobEventKind::Added, now));
        }
    }
}
