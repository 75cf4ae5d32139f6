//! Preallocated space after the WAL's end, made of real zeros. A commit that extends the file costs the disk two
//! writes, the pages and the new length; one that overwrites existing bytes costs one. So the writer, the only thread
//! that appends to the WAL, keeps some zeros ahead of its end.
//!
//! Zeros are not a frame: SQLite reads the WAL of a dead process up to the first frame without the salt and the
//! checksum of the WAL's header, and treats a WAL with an invalid header as empty (`walIndexRecover`). It truncates the
//! file only where `journal_size_limit` is set, which it is not here, and removes it when the last connection is
//! closed.

use std::io::ErrorKind;
use std::sync::Arc;

use rusqlite::Connection;

use super::disk::Disk;

/// Bytes written at once. This takes a millisecond, once for some forty single jobs, and is not needed again when the
/// WAL has reached its maximum length.
const STEP: u64 = 1024 * 1024;
/// More zeros are written when fewer than this many bytes are left: the bytes that a batch under load writes, or
/// several single jobs.
const LOW: u64 = STEP / 2;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Sizes of the WAL's header and of each frame's header, in bytes.
const HEAD: u64 = 32;
const FRAME_HEAD: u64 = 24;

/// Returns the offset after the first `frames` frames of the WAL.
pub(super) fn end_of(frames: u64, page_size: u64) -> u64 {
    HEAD + frames * (FRAME_HEAD + page_size)
}

/// The writer's preallocation of the WAL.
pub(super) struct Headroom {
    wal: Arc<dyn Disk>,
    page_size: u64,
    /// The file needs no zeros before this offset. `None` while there is no room: then SQLite extends the file as it
    /// writes.
    length: Option<u64>,
}

impl Headroom {
    /// Creates the headroom for the WAL of the database `db`.
    pub(super) fn of(wal: Arc<dyn Disk>, db: &Connection) -> rusqlite::Result<Self> {
        let page_size: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        Ok(Self { wal, page_size: page_size.into(), length: Some(0) })
    }

    /// Writes zeros if few are left. To be called between two batches, with the number of pages in the WAL.
    pub(super) fn maintain(&mut self, pages: u64) {
        let end = end_of(pages, self.page_size);
        let Some(length) = self.length.filter(|length| end + LOW > *length) else { return };
        match self.extend(end) {
            Ok(length) => self.length = Some(length),
            Err(error) => {
                self.length = None;
                match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                        tracing::debug!(%error, length, "no room to preallocate the WAL");
                    }
                    _ => {
                        tracing::warn!(%error, length, "the WAL cannot be preallocated; commits will be slower")
                    }
                }
            }
        }
    }

    /// Allows another attempt, because there is room again.
    pub(super) fn try_again(&mut self) {
        self.length.get_or_insert(0);
    }

    /// Extends the file beyond `end`; returns its length.
    fn extend(&self, end: u64) -> std::io::Result<u64> {
        // The bytes before the file's end are SQLite's, possibly of a transaction that was rolled back, and are not
        // touched.
        let from = self.wal.file().metadata()?.len();
        let to = end + STEP;
        let mut at = from;
        while at < to {
            let zeros = &ZEROS[..ZEROS.len().min(usize::try_from(to - at).unwrap_or(usize::MAX))];
            if let Err(error) = self.wal.write_all_at(zeros, at) {
                // Leaves the little space that remains for a commit.
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
