//! What a step hands out (claims, notices) on its way to whoever asked. If that one goes before it has it, it goes back, and
//! before anything that is asked for later is done: as if it had never been taken.

use std::sync::Arc;

use parking_lot::Mutex;
use saggar_job::{JobId, Run, Timestamp};

use super::inbox::Undone;
use super::shelf::{Desk, Stepped};
use super::workshop::Undo;
use crate::{Claimed, ClaimedJob, ClaimedNotices, Finished, NoticeNumber};

/// What can be taken back.
pub(super) trait Handout {
    fn claims(&self) -> Vec<(JobId, Run)> {
        Vec::new()
    }

    fn notices(&self) -> Vec<NoticeNumber> {
        Vec::new()
    }
}

impl Handout for Claimed {
    fn claims(&self) -> Vec<(JobId, Run)> {
        self.jobs.iter().map(fence).collect()
    }
}

impl Handout for Finished {
    fn claims(&self) -> Vec<(JobId, Run)> {
        self.next.iter().map(fence).collect()
    }
}

impl Handout for ClaimedNotices {
    fn notices(&self) -> Vec<NoticeNumber> {
        self.notices.iter().map(|notice| notice.number).collect()
    }
}

fn fence(job: &ClaimedJob) -> (JobId, Run) {
    (job.id, job.run)
}

/// How far a handing out is.
#[derive(Debug)]
enum Hands {
    /// The step has not been done.
    Asked,
    /// It has, and this is how to undo it. Nobody has the answer yet.
    Done(Undo),
    /// Whoever asked has gone.
    Gone,
}

/// Held by whoever waits for the answer. Dropped before that is there, it takes back what it hands out.
pub(super) struct Asking {
    hands: Arc<Mutex<Hands>>,
    undone: Undone,
}

/// The writer's side.
pub(super) struct Giving(Arc<Mutex<Hands>>);

impl Asking {
    pub(super) fn new(undone: Undone) -> (Self, Giving) {
        let hands = Arc::new(Mutex::new(Hands::Asked));
        (Self { hands: Arc::clone(&hands), undone }, Giving(hands))
    }

    /// Waits for the answer; when it is there, whatever it is, nothing is taken back any more.
    pub(super) async fn answered_by<T>(self, answer: impl Future<Output = T>) -> T {
        let answer = answer.await;
        *self.hands.lock() = Hands::Gone;
        answer
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // Whatever this caller asks for later is asked for after this, and the writer takes back before it does anything.
        if let Hands::Done(undo) = std::mem::replace(&mut *self.hands.lock(), Hands::Gone) {
            self.undone.put(undo);
        }
    }
}

impl Giving {
    /// Does the step, which is told whether somebody is still there to take what it hands out.
    pub(super) fn give<T: Handout, E>(
        self,
        desk: &mut Desk<'_>,
        now: Timestamp,
        step: impl FnOnce(&mut Desk<'_>, bool) -> Stepped<T, E>,
    ) -> Stepped<T, E> {
        let mut hands = self.0.lock();
        let is_there = matches!(*hands, Hands::Asked);
        let answer = step(desk, is_there)?;
        if let Ok(what) = &answer
            && is_there
        {
            let (claims, notices) = (what.claims(), what.notices());
            if !claims.is_empty() || !notices.is_empty() {
                let (task, batch) = (desk.shelf.task, desk.ledger.batch.clone());
                *hands = Hands::Done(Undo { task, claims, notices, rules: None, now, batch });
            }
        }
        Ok(answer)
    }
}
