//! Events of jobs as an answer that lasts. Nothing is queued for its client: it has a place among the events that are
//! kept, and is told if it is so slow that some are not kept any more.

use std::sync::Arc;
use std::time::Duration;
use std::vec::IntoIter;

use saggar_job::JobId;
use saggar_queue::{Followed, Gap, KeptEvent, TaskQueue};
use saggar_wire as wire;

use crate::show;
use crate::sse::{Piece, Pieces};
use crate::stream_permit::{StreamPermit, Waited};

/// Events that are read at once: their time under the lock is short, and what they become is about one piece.
const BATCH: usize = 64;

/// Far longer than the end of a job is seen before it is told.
const SOON: Duration = Duration::from_millis(250);

type ReadEvents = Result<Vec<KeptEvent>, Gap>;

/// The events that a client follows.
pub(crate) struct JobEvents {
    permit: StreamPermit,
    followed: Followed,
    /// What is sent next.
    piece: Piece,
    /// What was read beforehand.
    read: Option<ReadEvents>,
    /// What was read and is not written yet.
    batch: IntoIter<KeptEvent>,
    one: Option<OneJob>,
}

/// The one job of which events are followed, until it has ended.
struct OneJob {
    queue: Arc<TaskQueue>,
    id: JobId,
    /// Something indicates that it has ended, so it has to be looked up.
    perhaps_over: bool,
}

impl JobEvents {
    /// Events without an end.
    pub(crate) fn of_many(permit: StreamPermit, followed: Followed) -> Self {
        let mut piece = Piece::first();
        // Whoever is cut off before his first event comes back for what happened since now.
        reached(&followed, &mut piece);
        Self { permit, followed, piece, read: None, batch: Vec::new().into_iter(), one: None }
    }

    /// Events of one job. They end when it has ended and everything was sent that is kept of it.
    pub(crate) fn of_one(permit: StreamPermit, followed: Followed, queue: Arc<TaskQueue>, id: JobId) -> Self {
        let one = OneJob { queue, id, perhaps_over: false };
        Self { one: Some(one), ..Self::of_many(permit, followed) }
    }

    /// Whether there is something to be sent of the job, which has ended.
    pub(crate) fn has_more_of_ended(&mut self) -> bool {
        let read = self.followed.read_kept(BATCH);
        let is_empty = read.as_ref().is_ok_and(Vec::is_empty);
        self.read = Some(read);
        if let Some(one) = &mut self.one {
            one.perhaps_over = true;
        }
        !is_empty
    }

    /// Whether the end of the job, which has ended, is told now: its row shows it a moment before whoever listens hears of it.
    pub(crate) async fn hears_soon(&mut self) -> bool {
        let Ok(read) = tokio::time::timeout(SOON, self.followed.next_batch(BATCH)).await else { return false };
        self.read = Some(read);
        true
    }

    /// Reads on; none if the answer ends.
    async fn read(&mut self) -> Option<Waited<ReadEvents>> {
        if let Some(read) = self.read.take() {
            return Some(Waited::Came(read));
        }
        if let Some(one) = &mut self.one
            && one.perhaps_over
        {
            // Looked at first, so that nothing is left out that happened before it ended.
            one.perhaps_over = one.is_over().await;
            if one.perhaps_over {
                let read = self.followed.read_kept(BATCH);
                return read.as_ref().map_or(true, |batch| !batch.is_empty()).then_some(Waited::Came(read));
            }
        }
        match self.permit.wait_for(self.followed.next_batch(BATCH)).await {
            Waited::Stop => None,
            waited => Some(waited),
        }
    }

    fn take(&mut self, read: ReadEvents) {
        let (batch, is_end) = match read {
            Ok(batch) => {
                let is_end = batch.iter().any(|event| show::event_kind(&event.event.kind).is_end());
                (batch, is_end)
            }
            Err(gap) => {
                // Its end may be among what was missed.
                self.piece.add(self.followed.reached(), "gap", &wire::EventGap { events: gap.events });
                (Vec::new(), true)
            }
        };
        self.batch = batch.into_iter();
        if let Some(one) = &mut self.one {
            one.perhaps_over |= is_end;
        }
    }
}

impl Pieces for JobEvents {
    async fn next(&mut self) -> Option<Piece> {
        loop {
            while !self.piece.is_full()
                && let Some(event) = self.batch.next()
            {
                let shown = show::event(&event);
                self.piece.add(Some(event.id), shown.kind.name(), &shown);
            }
            if !self.piece.is_empty() {
                return Some(std::mem::take(&mut self.piece));
            }
            match self.read().await? {
                Waited::Came(read) => self.take(read),
                Waited::Silence => reached(&self.followed, &mut self.piece),
                Waited::Stop => return None,
            }
        }
    }
}

impl OneJob {
    /// Whether the job has ended, or is gone, or cannot be looked at.
    async fn is_over(&self) -> bool {
        self.queue.peek(self.id, 0).await.map_or(true, |found| found.is_none_or(|job| job.has_ended()))
    }
}

/// Says where the client stands, so that it comes back without a gap though nothing was for it.
fn reached(followed: &Followed, piece: &mut Piece) {
    match followed.reached() {
        Some(id) => piece.add(Some(id), "reached", &wire::Reached {}),
        // A gap is due, and told next.
        None => piece.add_sign_of_life(),
    }
}

#[cfg(test)]
mod tests;
