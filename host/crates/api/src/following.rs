//! Job events as a streaming answer. No events are queued for a client: it has a position among the stored events, and
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

/// Events that are read at once: few enough for a short time under the lock, and about enough to fill a piece.
const BATCH: usize = 64;

/// How long to wait for the last event of an ended job: far longer than the time between the commit and the event.
const LAST_EVENT_WAIT: Duration = Duration::from_millis(250);

type ReadEvents = Result<Vec<KeptEvent>, Gap>;

/// The events that a client follows.
pub(crate) struct JobEvents {
    permit: StreamPermit,
    followed: Followed,
    /// The next piece to send.
    piece: Piece,
    /// A batch that was read ahead.
    read: Option<ReadEvents>,
    /// Events that were read but not written yet.
    batch: IntoIter<KeptEvent>,
    one: Option<OneJob>,
}

/// The job whose events are followed, until it has ended.
struct OneJob {
    queue: Arc<TaskQueue>,
    id: JobId,
    /// Whether it may have ended, so it has to be looked up.
    may_have_ended: bool,
}

impl JobEvents {
    /// Follows events without an end.
    pub(crate) fn of_many(permit: StreamPermit, followed: Followed) -> Self {
        let mut piece = Piece::first();
        // A client that is disconnected before its first event can continue from here.
        reached(&followed, &mut piece);
        Self { permit, followed, piece, read: None, batch: Vec::new().into_iter(), one: None }
    }

    /// Follows the events of one job. The answer ends when the job has ended and all its stored events were sent.
    pub(crate) fn of_one(permit: StreamPermit, followed: Followed, queue: Arc<TaskQueue>, id: JobId) -> Self {
        let one = OneJob { queue, id, may_have_ended: false };
        Self { one: Some(one), ..Self::of_many(permit, followed) }
    }

    /// Returns whether there are events of the ended job to send.
    pub(crate) fn has_more_of_ended(&mut self) -> bool {
        let read = self.followed.read_kept(BATCH);
        let is_empty = read.as_ref().is_ok_and(Vec::is_empty);
        self.read = Some(read);
        if let Some(one) = &mut self.one {
            one.may_have_ended = true;
        }
        !is_empty
    }

    /// Waits briefly for events of the ended job; returns whether any were emitted. The end is committed shortly before
    /// its event is emitted.
    pub(crate) async fn has_event_soon(&mut self) -> bool {
        let Ok(read) = tokio::time::timeout(LAST_EVENT_WAIT, self.followed.next_batch(BATCH)).await else {
            return false;
        };
        self.read = Some(read);
        true
    }

    /// Reads the next events; returns `None` if the answer ends.
    async fn read(&mut self) -> Option<Waited<ReadEvents>> {
        if let Some(read) = self.read.take() {
            return Some(Waited::Ready(read));
        }
        if let Some(one) = &mut self.one
            && one.may_have_ended
        {
            // Looked up before reading, so that no event before the end is missed.
            one.may_have_ended = one.has_ended().await;
            if one.may_have_ended {
                let read = self.followed.read_kept(BATCH);
                return read.as_ref().map_or(true, |batch| !batch.is_empty()).then_some(Waited::Ready(read));
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
            one.may_have_ended |= is_end;
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
            if let Some(piece) = self.piece.take() {
                return Some(piece);
            }
            match self.read().await? {
                Waited::Ready(read) => self.take(read),
                Waited::Silence => reached(&self.followed, &mut self.piece),
                Waited::Stop => return None,
            }
        }
    }
}

impl OneJob {
    /// Returns whether the job has ended, was deleted, or cannot be looked up.
    async fn has_ended(&self) -> bool {
        self.queue.peek(self.id, 0).await.map_or(true, |found| found.is_none_or(|job| job.has_ended()))
    }
}

/// Reports the client's position, so that it can reconnect without a gap even if no event matched its filter.
fn reached(followed: &Followed, piece: &mut Piece) {
    match followed.reached() {
        Some(id) => piece.add(Some(id), "reached", &wire::Reached {}),
        // A gap comes next.
        None => piece.add_comment(),
    }
}

#[cfg(test)]
mod tests;
