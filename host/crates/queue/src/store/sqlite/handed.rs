//! What a step hands out (claims, notices) on its way to whoever asked. If that one has gone meanwhile, it goes back, as if
//! it had never been taken.

use saggar_job::{JobId, Run, Timestamp};

use super::number::TaskNumber;
use super::workshop::Undo;
use super::writer::Undone;
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

pub(super) struct Handed<T: Handout> {
    what: Option<T>,
    task: TaskNumber,
    now: Timestamp,
    undone: Undone,
}

impl<T: Handout> Handed<T> {
    pub(super) fn new(what: T, task: TaskNumber, now: Timestamp, undone: Undone) -> Self {
        Self { what: Some(what), task, now, undone }
    }

    /// Whoever asked has it: it is theirs. None is never answered, for it can be taken once.
    pub(super) fn take(mut self) -> Option<T> {
        self.what.take()
    }
}

impl<T: Handout> Drop for Handed<T> {
    fn drop(&mut self) {
        let Some(what) = self.what.take() else { return };
        let (claims, notices) = (what.claims(), what.notices());
        if !claims.is_empty() || !notices.is_empty() {
            self.undone.put(Undo { task: self.task, claims, notices, now: self.now });
        }
    }
}
