//! What a step hands out (claims, callbacks) on its way to whoever asked. If that one goes before it has it, it goes back, and
//! before anything that is asked for later is done: as if it had never been taken.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobId, Run, Timestamp};

use super::inbox::Undone;
use super::task_state::{Stepped, TaskTx};
use super::writer_state::Undo;
use saggar_store::{CallbackNumber, Claimed, ClaimedCallbacks, ClaimedJob, Finished};

/// What can be taken back.
pub(super) trait Claims {
    fn claims(&self) -> Vec<(JobId, Run)> {
        Vec::new()
    }

    fn callbacks(&self) -> Vec<CallbackNumber> {
        Vec::new()
    }
}

impl Claims for Claimed {
    fn claims(&self) -> Vec<(JobId, Run)> {
        self.jobs.iter().map(fence).collect()
    }
}

impl Claims for Finished {
    fn claims(&self) -> Vec<(JobId, Run)> {
        self.next.iter().map(fence).collect()
    }
}

impl Claims for ClaimedCallbacks {
    fn callbacks(&self) -> Vec<CallbackNumber> {
        self.callbacks.iter().map(|callback| callback.number).collect()
    }
}

fn fence(job: &ClaimedJob) -> (JobId, Run) {
    (job.id, job.run)
}

/// How far a handing out is.
#[derive(Debug)]
enum GuardState {
    /// The step has not been done.
    Asked,
    /// It has, and this is how to undo it. Nobody has the answer yet.
    Done(Undo),
    /// Whoever asked has gone.
    Gone,
}

/// Held by whoever waits for the answer. Dropped before that is there, it takes back what it hands out.
pub(super) struct ReplyGuard {
    hands: Arc<Mutex<GuardState>>,
    undone: Undone,
}

/// The writer's side.
pub(super) struct StepGuard(Arc<Mutex<GuardState>>);

impl ReplyGuard {
    pub(super) fn new(undone: Undone) -> (Self, StepGuard) {
        let hands = Arc::new(Mutex::new(GuardState::Asked));
        (Self { hands: Arc::clone(&hands), undone }, StepGuard(hands))
    }

    /// Waits for the answer; when it is there, whatever it is, nothing is taken back any more.
    pub(super) async fn answered_by<T>(self, answer: impl Future<Output = T>) -> T {
        let answer = answer.await;
        *self.hands.lock() = GuardState::Gone;
        answer
    }
}

impl Drop for ReplyGuard {
    fn drop(&mut self) {
        // Whatever this caller asks for later is asked for after this, and the writer takes back before it does anything.
        if let GuardState::Done(undo) = std::mem::replace(&mut *self.hands.lock(), GuardState::Gone) {
            self.undone.put(undo);
        }
    }
}

impl StepGuard {
    /// Does the step, which is told whether somebody is still there to take what it hands out.
    pub(super) fn give<T: Claims, E>(
        self,
        tx: &mut TaskTx<'_>,
        now: Timestamp,
        step: impl FnOnce(&mut TaskTx<'_>, bool) -> Stepped<T, E>,
    ) -> Stepped<T, E> {
        let mut hands = self.0.lock();
        let is_there = matches!(*hands, GuardState::Asked);
        let answer = step(tx, is_there)?;
        if let Ok(what) = &answer
            && is_there
        {
            let (claims, callbacks) = (what.claims(), what.callbacks());
            if !claims.is_empty() || !callbacks.is_empty() {
                let (task, batch) = (tx.state.task, tx.batch_context.batch.clone());
                *hands = GuardState::Done(Undo { task, claims, callbacks, rules: None, now, batch });
            }
        }
        Ok(answer)
    }
}
