//! Job events as a streaming answer. Nothing is queued for the client: it has a position among the stored events, and
//! gets a `gap` if it reads so slowly that some were evicted.

use std::sync::Arc;
use std::time::Duration;
use std::vec::IntoIter;

use saggar_job::JobId;
use saggar_queue::{Followed, Gap, KeptEvent, TaskQueue};
use saggar_wire as wire;

use crate::show;
use crate::sse::{Piece, Pieces};
use crate::stream_permit::{StreamPermit, Waited};

/// Events that are read at once: few enough for a short time under the lock, and about as many as fill a piece.
const BATCH: usize = 64;

/// Far longer than the time between the end of a job in the store and its event.
const SOON: Duration = Duration::from_millis(250);

type ReadEvents = Result<Vec<KeptEvent>, Gap>;

/// The events that a client follows.
pub(crate) struct JobEvents {
    permit: StreamPermit,
    followed: Followed,
    /// The next piece to send.
    piece: Piece,
    /// A batch that was read in advance.
    read: Option<ReadEvents>,
    /// What was read and is not written yet.
    batch: IntoIter<KeptEvent>,
    one: Option<OneJob>,
}

/// The job whose events are followed, until it has ended.
struct OneJob {
    queue: Arc<TaskQueue>,
    id: JobId,
    /// Something indicates that it has ended, so it has to be looked up.
    perhaps_over: bool,
}

impl JobEvents {
    /// Follows events without an end.
    pub(crate) fn of_many(permit: StreamPermit, followed: Followed) -> Self {
        let mut piece = Piece::first();
        // A client that is disconnected before its first event comes back for what happened since now.
        reached(&followed, &mut piece);
        Self { permit, followed, piece, read: None, batch: Vec::new().into_iter(), one: None }
    }

    /// Follows the events of one job. The answer ends when the job has ended and all its stored events were sent.
    pub(crate) fn of_one(permit: StreamPermit, followed: Followed, queue: Arc<TaskQueue>, id: JobId) -> Self {
        let one = OneJob { queue, id, perhaps_over: false };
        Self { one: Some(one), ..Self::of_many(permit, followed) }
    }

    /// Whether there are events to send of the job, which has ended.
    pub(crate) fn has_more_of_ended(&mut self) -> bool {
        let read = self.followed.read_kept(BATCH);
        let is_empty = read.as_ref().is_ok_and(Vec::is_empty);
        self.read = Some(read);
        if let Some(one) = &mut self.one {
            one.perhaps_over = true;
        }
        !is_empty
    }

    /// Whether the job, which has ended, emits its last event soon: the store has the end a moment before its event.
    pub(crate) async fn hears_soon(&mut self) -> bool {
        let Ok(read) = tokio::time::timeout(SOON, self.followed.next_batch(BATCH)).await else { return false };
        self.read = Some(read);
        true
    }

    /// Reads the next events; `None` if the answer ends.
    async fn read(&mut self) -> Option<Waited<ReadEvents>> {
        if let Some(read) = self.read.take() {
            return Some(Waited::Came(read));
        }
        if let Some(one) = &mut self.one
            && one.perhaps_over
        {
            // Looked up first, so that no event before the end is missed.
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
                // The end may be among the evicted events.
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
    /// Whether the job has ended, is gone, or cannot be looked up.
    async fn is_over(&self) -> bool {
        self.queue.peek(self.id, 0).await.map_or(true, |found| found.is_none_or(|job| job.has_ended()))
    }
}

/// Reports the client's position, so that it comes back without a gap even if no event was for it.
fn reached(followed: &Followed, piece: &mut Piece) {
    match followed.reached() {
        Some(id) => piece.add(Some(id), "reached", &wire::Reached {}),
        // A gap is due, and comes next.
        None => piece.add_comment(),
    }
}

#[cfg(test)]
mod tests;
