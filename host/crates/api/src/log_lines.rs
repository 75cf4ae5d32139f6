//! A job's log as a streaming answer, until the job has ended.

use std::sync::Arc;
use std::vec::IntoIter;

use saggar_job::JobId;
use saggar_queue::{LogLine, LogTail, TaskQueue};
use saggar_wire as wire;

use crate::show;
use crate::sse::{PIECE_BYTES, Piece, Pieces};
use crate::stream_permit::{StreamPermit, Waited};

/// Bytes of lines that are read from a log at once: about two pieces. A client that reads nothing has no more in memory.
const TAKEN_BYTES: usize = 2 * PIECE_BYTES;

/// The log that a client follows.
pub(crate) struct LogLines {
    permit: StreamPermit,
    queue: Arc<TaskQueue>,
    id: JobId,
    piece: Piece,
    /// How many lines were written.
    written: usize,
    /// What was read and is not written yet.
    lines: IntoIter<LogLine>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Lines may follow.
    Growing,
    /// All lines were read.
    Complete,
    /// The end was written, or cannot be.
    Over,
}

impl LogLines {
    /// Follows the lines after the first `read` ones.
    pub(crate) fn new(permit: StreamPermit, queue: Arc<TaskQueue>, id: JobId, read: usize) -> Self {
        let lines = Vec::new().into_iter();
        Self { permit, queue, id, piece: Piece::first(), written: read, lines, stage: Stage::Growing }
    }

    /// Reads the next lines, when all were written; `None` if the answer ends before the log does.
    async fn read(&mut self) -> Option<()> {
        match self.permit.wait_for(self.queue.log_after(self.id, self.written)).await {
            Waited::Came(Ok(Some(LogTail { mut lines, is_over }))) => {
                let has_more = cut(&mut lines);
                self.lines = lines.into_iter();
                if is_over && !has_more {
                    self.stage = Stage::Complete;
                }
            }
            // The job was deleted, and its log with it.
            Waited::Came(Ok(None)) => self.stage = Stage::Complete,
            Waited::Came(Err(_)) | Waited::Stop => return None,
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
            self.piece.add(id, "log", &show::log_line(line));
        }
        if self.stage == Stage::Complete && self.lines.len() == 0 && !self.piece.is_full() {
            self.piece.add(None::<usize>, "end", &wire::LogEnd {});
            self.stage = Stage::Over;
        }
    }
}

/// Keeps the lines that are written first; returns whether there are others, which are read again later.
fn cut(lines: &mut Vec<LogLine>) -> bool {
    let mut bytes = 0;
    let is_taken = |line: &&LogLine| {
        let has_room = bytes < TAKEN_BYTES;
        bytes += size_of::<LogLine>() + line.text.len();
        has_room
    };
    let (all, taken) = (lines.len(), lines.iter().take_while(is_taken).count());
    lines.truncate(taken);
    lines.shrink_to_fit();
    taken < all
}

impl Pieces for LogLines {
    async fn next(&mut self) -> Option<Piece> {
        loop {
            self.write_lines();
            if !self.piece.is_empty() {
                return Some(std::mem::take(&mut self.piece));
            }
            if self.stage == Stage::Over {
                return None;
            }
            self.read().await?;
        }
    }
}

#[cfg(test)]
mod tests;
