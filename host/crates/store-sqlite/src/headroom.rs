//! Room ahead of the WAL's end, made of real zeros. A commit that makes the file longer costs the disk two writes, the pages
//! and the new length; one that overwrites what is there costs one. So the writer, which alone appends to the WAL, keeps some
//! zeros ahead of itself.
//!
//! Zeros are no frame: SQLite reads the WAL of a dead process up to the first frame without the salt and the checksum of the
//! WAL's head, and takes one whose head is not valid for empty (`walIndexRecover`). It shortens the file only where
//! `journal_size_limit` is set, which it is not here, and removes it when the last connection is closed.

use std::io::ErrorKind;
use std::sync::Arc;

use rusqlite::Connection;

use super::disk::Disk;

/// Bytes that are written at once: a millisecond's work, once for some forty jobs that come alone, and no more when the WAL
/// has been as long as it becomes.
const STEP: u64 = 1024 * 1024;
/// When there are fewer than this many, more are made: what a batch under load writes, or several that come alone.
const LOW: u64 = STEP / 2;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// The head of the WAL and of each frame, in bytes.
const HEAD: u64 = 32;
const FRAME_HEAD: u64 = 24;

/// The byte of the WAL behind its first `frames`.
pub(super) fn end_of(frames: u64, page_size: u64) -> u64 {
    HEAD + frames * (FRAME_HEAD + page_size)
}

/// The writer's own.
pub(super) struct Headroom {
    wal: Arc<dyn Disk>,
    page_size: u64,
    /// No byte of the file before this one has to be made. None while there is no room: then SQLite makes them as it goes.
    length: Option<u64>,
}

impl Headroom {
    /// Ahead of the WAL of the database `db`.
    pub(super) fn of(wal: Arc<dyn Disk>, db: &Connection) -> rusqlite::Result<Self> {
        let page_size: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        Ok(Self { wal, page_size: page_size.into(), length: Some(0) })
    }

    /// To be called between two batches, with the number of pages that are in the WAL.
    pub(super) fn tend(&mut self, pages: u64) {
        let end = end_of(pages, self.page_size);
        let Some(length) = self.length.filter(|length| end + LOW > *length) else { return };
        match self.extend(end) {
            Ok(length) => self.length = Some(length),
            Err(error) => {
                self.length = None;
                match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                        tracing::debug!(%error, length, "no room to be kept ahead of the WAL's end");
                    }
                    _ => {
                        tracing::warn!(%error, length, "no room can be kept ahead of the WAL's end; commits will be slower")
                    }
                }
            }
        }
    }

    /// There is room again, so it is worth another try.
    pub(super) fn try_again(&mut self) {
        self.length.get_or_insert(0);
    }

    /// Makes sure that the file goes on behind `end`; answers its length.
    fn extend(&self, end: u64) -> std::io::Result<u64> {
        // What comes before was written by SQLite, if only by a transaction that was undone, and stays.
        let from = self.wal.file().metadata()?.len();
        let to = end + STEP;
        let mut at = from;
        while at < to {
            let zeros = &ZEROS[..ZEROS.len().min(usize::try_from(to - at).unwrap_or(usize::MAX))];
            if let Err(error) = self.wal.write_all_at(zeros, at) {
                // The little that was left is worth more to a commit.
                self.wal.set_len(from)?;
                return Err(error);
            }
            at += zeros.len() as u64;
        }
        Ok(at.max(from))
    }
}

#[cfg(test)]
mod tests;
