//! The repair of the WAL after a crash, before its content is trusted.
//!
//! A page of the WAL may be in the kernel's cache and not on the disk. Either it has not been synced yet, or a sync
//! failed: then ext4 and XFS mark the page as clean, report the error once, and show the new content until the machine
//! is restarted. A sync alone would return success and write nothing. All commits after such a page are lost with it in
//! the next power cut, because SQLite reads a WAL up to the first incomplete frame. A checkpoint does not help either:
//! the power may fail after some pages are in the database, and the WAL then ends before them.
//!
//! So the valid part of the WAL is written again, the same bytes at the same offsets, which makes its pages dirty, and
//! then synced. If the power fails meanwhile, the disk has a prefix of what the kernel shows. Pages of the database
//! need no repair: those that a failed checkpoint wrote are still in the WAL, and the WAL's index, rebuilt on opening,
//! makes SQLite checkpoint all of them again.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::connect;
use super::disk::Disk;
use super::error::SqliteError;
use super::headroom::end_of;
use super::open::beside;
use super::probe::is_no_room;

/// Bytes that are read and written at once.
const CHUNK: usize = 256 * 1024;

/// Makes all commits in the WAL durable. Other programs cannot commit meanwhile.
pub(super) fn make_durable(db: &Connection, path: &Path, wal: &dyn Disk) -> Result<(), SqliteError> {
    let not_opened = |source| connect::not_opened(path, source);
    let end = end_of_wal(db).map_err(not_opened)?;
    if end == 0 {
        return Ok(());
    }
    db.execute_batch("BEGIN IMMEDIATE").map_err(not_opened)?;
    let written = rewrite(wal, end).and_then(|()| wal.sync());
    let ended = db.execute_batch("ROLLBACK").map_err(not_opened);
    written.map_err(|error| match is_no_room(error.kind()) {
        true => SqliteError::Full { source: Arc::new(full(&error)) },
        false => SqliteError::Path { path: beside(path, "-wal"), source: Arc::new(error) },
    })?;
    ended
}

/// Returns the offset after the last commit in the WAL; 0 if there are none.
fn end_of_wal(db: &Connection) -> rusqlite::Result<u64> {
    // Only reports the frames.
    let frames: i64 = db.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    let page_size: u32 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(u64::try_from(frames).ok().filter(|frames| *frames > 0).map_or(0, |frames| end_of(frames, page_size.into())))
}

/// Writes the first `end` bytes of the file again.
fn rewrite(wal: &dyn Disk, end: u64) -> std::io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    let mut at = 0;
    while at < end {
        let most = usize::try_from(end - at).map_or(CHUNK, |rest| rest.min(CHUNK));
        let read = wal.file().read_at(&mut bytes[..most], at)?;
        if read == 0 {
            // Another program has truncated it after a checkpoint that it synced.
            return Ok(());
        }
        wal.write_all_at(&bytes[..read], at)?;
        at += read as u64;
    }
    Ok(())
}

fn full(error: &std::io::Error) -> rusqlite::Error {
    let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    rusqlite::Error::SqliteFailure(full, Some(error.to_string()))
}
