//! A job's log as a streaming answer, until the job has ended.

use std::sync::Arc;
use std::vec::IntoIter;

use saggar_job::JobId;
use saggar_queue::{AttemptTimes, LogLine, LogTail, TaskQueue};
use saggar_wire as wire;

use crate::show;
use crate::sse::{PIECE_BYTES, Piece, Pieces};
use crate::stream_permit::{StreamPermit, Waited};

/// Maximum bytes of lines that are read from a log at once: about two pieces. A client that reads nothing has no more
/// than this in memory.
const BATCH_BYTES: usize = 2 * PIECE_BYTES;

/// The log that a client follows.
pub(crate) struct LogLines {
    permit: StreamPermit,
    queue: Arc<TaskQueue>,
    id: JobId,
    piece: Piece,
    /// Number of lines that were written.
    written: usize,
    /// Lines that were read but not written yet.
    lines: IntoIter<LogLine>,
    times: AttemptTimes,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Lines may follow.
    Growing,
    /// All lines were read.
    Complete,
    /// The end was written, or cannot be.
    Ended,
}

impl LogLines {
    /// Follows the lines after the first `read` ones.
    pub(crate) fn new(permit: StreamPermit, queue: Arc<TaskQueue>, id: JobId, read: usize) -> Self {
        let lines = Vec::new().into_iter();
        let (piece, times) = (Piece::first(), AttemptTimes::default());
        Self { permit, queue, id, piece, written: read, lines, times, stage: Stage::Growing }
    }

    /// Reads the next lines after all were written; returns `None` if the answer ends before the log does.
    async fn read(&mut self) -> Option<()> {
        match self.permit.wait_for(self.queue.log_after(self.id, self.written)).await {
            Waited::Ready(Ok(Some(LogTail { mut lines, is_over, times }))) => {
                let has_more = truncate_batch(&mut lines);
                (self.lines, self.times) = (lines.into_iter(), times);
                if is_over && !has_more {
                    self.stage = Stage::Complete;
                }
            }
            // The job was deleted with its log.
            Waited::Ready(Ok(None)) => self.stage = Stage::Complete,
            Waited::Ready(Err(_)) | Waited::Stop => return None,
            Waited::Silence => self.piece.add_comment(),
        }
        Some(())
    }

    fn write_lines(&mut self) {
        while !self.piece.is_full()
            && let Some(line) = self.lines.next()
        {
            self.written += 1;
            // The line that reports dropped lines has no id: if the job is retried, other lines get its number.
            let id = (!line.is_of_dropped()).then_some(self.written);
            self.piece.add(id, "log", &show::log_line(line, &self.times));
        }
        if self.stage == Stage::Complete && self.lines.len() == 0 && !self.piece.is_full() {
            self.piece.add(None::<usize>, "end", &wire::LogEnd {});
            self.stage = Stage::Ended;
        }
    }
}

/// Truncates `lines` to the first [`BATCH_BYTES`]; returns whether lines were removed, which are read again later.
fn truncate_batch(lines: &mut Vec<LogLine>) -> bool {
    let mut bytes = 0;
    let fits = |line: &&LogLine| {
        let has_room = bytes < BATCH_BYTES;
        bytes += size_of::<LogLine>() + line.text.len();
        has_room
    };
    let (all, fitting) = (lines.len(), lines.iter().take_while(fits).count());
    lines.truncate(fitting);
    lines.shrink_to_fit();
    fitting < all
}

impl Pieces for LogLines {
    async fn next(&mut self) -> Option<Piece> {
        loop {
            self.write_lines();
            if let Some(piece) = self.piece.take() {
                return Some(piece);
            }
            if self.stage == Stage::Ended {
                return None;
            }
            self.read().await?;
        }
    }
}

#[cfg(test)]
mod tests;
