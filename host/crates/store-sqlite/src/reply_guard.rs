//! Claims (of jobs, of callbacks) on their way from a step to its caller. If the caller is dropped before it has them,
//! they are undone before any later step: as if they had never been made.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobId, Run, Timestamp};

use super::inbox::UndoSender;
use super::task_state::{Stepped, TaskTx};
use super::writer_state::Undo;
use saggar_store::{CallbackNumber, Claimed, ClaimedCallbacks, ClaimedJob, Finished};

/// An answer whose claims can be undone.
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

/// The progress of a claiming step.
#[derive(Debug)]
enum GuardState {
    /// The step has not been done.
    Asked,
    /// The step was done, and this undoes it. The caller does not have the answer yet.
    Done(Undo),
    /// The caller has the answer, or was dropped.
    Gone,
}

/// The caller's side, owned while it waits for the answer. If it is dropped before, the claims are undone.
pub(super) struct ReplyGuard {
    state: Arc<Mutex<GuardState>>,
    undo_sender: UndoSender,
}

/// The writer's side.
pub(super) struct StepGuard(Arc<Mutex<GuardState>>);

impl ReplyGuard {
    pub(super) fn new(undo_sender: UndoSender) -> (Self, StepGuard) {
        let state = Arc::new(Mutex::new(GuardState::Asked));
        (Self { state: Arc::clone(&state), undo_sender }, StepGuard(state))
    }

    /// Waits for the answer; once it is there, whatever it is, nothing is undone any more.
    pub(super) async fn answered_by<T>(self, answer: impl Future<Output = T>) -> T {
        let answer = answer.await;
        *self.state.lock() = GuardState::Gone;
        answer
    }
}

impl Drop for ReplyGuard {
    fn drop(&mut self) {
        // All later steps of this caller are sent after this, and the writer undoes claims before it does steps.
        if let GuardState::Done(undo) = std::mem::replace(&mut *self.state.lock(), GuardState::Gone) {
            self.undo_sender.send(undo);
        }
    }
}

impl StepGuard {
    /// Does the step, whose second argument is whether the caller still waits for its claims.
    pub(super) fn run<T: Claims, E>(
        self,
        tx: &mut TaskTx<'_>,
        now: Timestamp,
        step: impl FnOnce(&mut TaskTx<'_>, bool) -> Stepped<T, E>,
    ) -> Stepped<T, E> {
        let mut state = self.0.lock();
        let is_awaited = matches!(*state, GuardState::Asked);
        let answer = step(tx, is_awaited)?;
        if let Ok(claimed) = &answer
            && is_awaited
        {
            let (claims, callbacks) = (claimed.claims(), claimed.callbacks());
            if !claims.is_empty() || !callbacks.is_empty() {
                let (task, batch) = (tx.state.task, tx.batch_context.batch.clone());
                *state = GuardState::Done(Undo { task, claims, callbacks, rules: None, now, batch });
            }
        }
        Ok(answer)
    }
}
