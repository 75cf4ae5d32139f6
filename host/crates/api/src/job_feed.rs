//! A job's events and its log in one streaming answer, until the job has ended: a client that shows a job has one connection.
//! Nothing is queued for the client: it has a position among the stored events, and one in the log.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use std::vec::IntoIter;

use saggar_job::JobId;
use saggar_queue::{
    AttemptTimes, BadEventId, EventId, Followed, Gap, KeptEvent, LogLine, LogTail, StoreError, TaskQueue,
};
use saggar_wire as wire;

use crate::show;
use crate::sse::{Piece, Pieces};
use crate::stream_permit::{StreamPermit, Waited};

/// Events that are read at once.
const BATCH: usize = 64;

/// How long to wait for the last event of an ended job: far longer than the time between the commit and the event.
const LAST_EVENT_WAIT: Duration = Duration::from_millis(250);

/// How far a client has read: an event and, after a point, how many lines of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FeedId {
    pub(crate) event: EventId,
    pub(crate) lines: usize,
}

/// The feed that a client follows.
pub(crate) struct JobFeed {
    permit: StreamPermit,
    followed: Followed,
    queue: Arc<TaskQueue>,
    id: JobId,
    piece: Piece,
    /// Events and lines that were read but not written yet.
    events: IntoIter<KeptEvent>,
    lines: IntoIter<LogLine>,
    times: AttemptTimes,
    /// Lines that were written.
    written: usize,
    stage: FeedStage,
    /// The event of the job's end was read.
    has_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FeedStage {
    /// Events and lines may follow.
    Running,
    /// The job has ended, and all its lines were read; the last events may not be.
    Ended,
    /// The end was written.
    Closed,
}

/// What a feed has read.
enum FeedRead {
    Events(Result<Vec<KeptEvent>, Gap>),
    Log(Result<Option<LogTail>, StoreError>),
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.event, self.lines)
    }
}

impl FromStr for FeedId {
    type Err = BadEventId;

    fn from_str(text: &str) -> Result<Self, BadEventId> {
        let (event, lines) = text.split_once('.').ok_or(BadEventId)?;
        Ok(Self { event: event.parse()?, lines: lines.parse().map_err(|_| BadEventId)? })
    }
}

impl JobFeed {
    /// Follows a job after its first `read` lines and the events that `followed` has read.
    pub(crate) fn new(
        permit: StreamPermit,
        followed: Followed,
        (queue, id): (Arc<TaskQueue>, JobId),
        read: usize,
    ) -> Self {
        Self {
            permit,
            followed,
            queue,
            id,
            piece: Piece::first(),
            events: Vec::new().into_iter(),
            lines: Vec::new().into_iter(),
            times: AttemptTimes::default(),
            written: read,
            stage: FeedStage::Running,
            has_end: false,
        }
    }

    /// Returns whether there is anything to send of the ended job.
    pub(crate) async fn has_more_of_ended(&mut self) -> Result<bool, StoreError> {
        let read = self.followed.read_kept(BATCH);
        let has_events = !read.as_ref().is_ok_and(Vec::is_empty);
        self.take_events(read);
        if let Some(LogTail { lines, times, .. }) = self.queue.log_after(self.id, self.written).await? {
            (self.lines, self.times) = (lines.into_iter(), times);
        }
        self.stage = FeedStage::Ended;
        Ok(has_events || self.lines.len() > 0)
    }

    /// Reads what comes next; returns `None` if the answer ends before the job does.
    async fn read(&mut self) -> Option<()> {
        let Self { permit, followed, queue, id, written, .. } = self;
        let next = async {
            tokio::select! {
                events = followed.next_batch(BATCH) => FeedRead::Events(events),
                tail = queue.log_after(*id, *written) => FeedRead::Log(tail),
            }
        };
        match permit.wait_for(next).await {
            Waited::Ready(FeedRead::Events(read)) => self.take_events(read),
            Waited::Ready(FeedRead::Log(Ok(Some(LogTail { lines, is_over, times })))) => {
                (self.lines, self.times) = (lines.into_iter(), times);
                if is_over {
                    self.stage = FeedStage::Ended;
                }
            }
            // The job was deleted with its log.
            Waited::Ready(FeedRead::Log(Ok(None))) => self.stage = FeedStage::Ended,
            Waited::Ready(FeedRead::Log(Err(_))) | Waited::Stop => return None,
            Waited::Silence => self.piece.add_comment(),
        }
        Some(())
    }

    fn take_events(&mut self, read: Result<Vec<KeptEvent>, Gap>) {
        match read {
            Ok(batch) => {
                self.has_end |= batch.iter().any(|event| show::event_kind(&event.event.kind).is_end());
                self.events = batch.into_iter();
            }
            Err(gap) => self.piece.add(None::<FeedId>, "gap", &wire::EventGap { events: gap.events }),
        }
    }

    fn write(&mut self) {
        while !self.piece.is_full()
            && let Some(event) = self.events.next()
        {
            let shown = show::event(&event);
            let id = FeedId { event: event.id, lines: self.written };
            self.piece.add(Some(id), shown.kind.name(), &shown);
        }
        while !self.piece.is_full()
            && let Some(line) = self.lines.next()
        {
            self.written += 1;
            // Not after lines whose events were not written yet.
            let event = self.followed.reached().filter(|_| self.events.len() == 0);
            // The line that reports dropped lines has no id: if the job is retried, other lines get its number.
            let id = event.filter(|_| !line.is_of_dropped()).map(|event| FeedId { event, lines: self.written });
            self.piece.add(id, "log", &show::log_line(line, &self.times));
        }
    }

    /// Reads the last events of the ended job after everything else was written; writes the end if there are none.
    async fn read_last(&mut self) {
        let read = if self.has_end {
            self.followed.read_kept(BATCH)
        } else {
            let last = tokio::time::timeout(LAST_EVENT_WAIT, self.followed.next_batch(BATCH)).await;
            last.unwrap_or_else(|_| Ok(Vec::new()))
        };
        if read.as_ref().is_ok_and(Vec::is_empty) {
            self.piece.add(None::<FeedId>, "end", &wire::LogEnd {});
            self.stage = FeedStage::Closed;
        } else {
            self.take_events(read);
        }
    }
}

impl Pieces for JobFeed {
    async fn next(&mut self) -> Option<Piece> {
        loop {
            self.write();
            if let Some(piece) = self.piece.take() {
                return Some(piece);
            }
            match self.stage {
                FeedStage::Closed => return None,
                FeedStage::Running => self.read().await?,
                FeedStage::Ended => self.read_last().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_round_trips_through_text() {
        let id = FeedId { event: EventId { epoch: 5, number: 0xab }, lines: 17 };
        assert_eq!(id.to_string(), "e5-ab.17");
        assert_eq!("e5-ab.17".parse(), Ok(id));
        for bad in ["", "e5-ab", "e5-ab.", "17", ".17", "e5-ab.x"] {
            assert!(bad.parse::<FeedId>().is_err(), "{bad}");
        }
    }
}
