//! Checkpoints: what stands in the WAL is brought into the database, so that the WAL stays short. Most of it is done by a
//! thread of its own while the writer goes on. But a WAL can begin anew only when all of it has been brought over, and under
//! load there is always a commit more; so when the thread is through, the writer itself brings over the few pages that came
//! meanwhile, between two batches.
//!
//! When the disk is full, a checkpoint may be what helps: it lets the WAL begin anew, in the room that it has already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode};
use saggar_job::{Clock, SystemClock, Timestamp};

use super::error::{Severity, severity_beside};
use super::failure::Failure;
use super::probe::Probe;

/// Pages in the WAL from which on it is to be brought over: 32 MiB. A checkpoint writes a page once however often it stands in
/// the WAL, so a long one saves writes; but it is read again after a crash, which takes a tenth of a second for this one.
pub(super) const PAGES: i32 = 8_192;
/// After a checkpoint that could not finish because somebody read, this many pages more before the next attempt.
const PAGES_MORE: i32 = 1_024;

/// How often it is said that the disk is full, and how often a checkpoint is tried against it: in milliseconds. Whatever was
/// refused is tried again by all who have it, so it is found full many times a second.
const SAID_EVERY_MS: u64 = 5_000;
const TRIED_EVERY_MS: u64 = 500;

/// Stands for the length of the WAL from when a batch found no room until something is written again.
const NO_ROOM: i32 = -1;

/// Whether there is room for a commit, for others to ask.
pub(super) struct Room {
    pages: Arc<AtomicI32>,
    probe: Arc<Probe>,
}

impl Room {
    /// Whether the last batch found no room, and there still is none: a host that has nothing to do writes nothing, by which it
    /// would notice that room was made.
    pub(super) fn is_none(&self) -> bool {
        self.pages.load(Ordering::Relaxed) == NO_ROOM && self.probe.finds_no_room()
    }
}

/// The writer's side.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    through: Arc<AtomicBool>,
    /// Pages in the WAL after the last commit.
    pages: Arc<AtomicI32>,
    /// How many it is to be.
    most: i32,
    next: i32,
    /// When it was last said that there is no room, and whether it was not taken back since: near the limit, small steps find
    /// room between large ones that do not.
    said_at: Option<Timestamp>,
    is_said: bool,
    tried_at: Option<Timestamp>,
    failure: Arc<Failure>,
    pub(super) probe: Arc<Probe>,
}

impl Checkpoints {
    /// The writer's side and the thread's.
    pub(super) fn new(
        writer: &mut Connection,
        most: i32,
        failure: Arc<Failure>,
        probe: Arc<Probe>,
    ) -> rusqlite::Result<(Self, Receiver<()>, Arc<AtomicBool>)> {
        let (wake, woken) = sync_channel(1);
        let through = Arc::new(AtomicBool::new(false));
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok((
            Self {
                wake,
                through: Arc::clone(&through),
                pages,
                most,
                next: most,
                said_at: None,
                is_said: false,
                tried_at: None,
                failure,
                probe,
            },
            woken,
            through,
        ))
    }

    /// What others may ask.
    pub(super) fn room(&self) -> Room {
        Room { pages: Arc::clone(&self.pages), probe: Arc::clone(&self.probe) }
    }

    /// Pages in the WAL after the last commit of this process; none while there is no room for a commit.
    pub(super) fn pages(&self) -> Option<u64> {
        u64::try_from(self.pages.load(Ordering::Relaxed)).ok()
    }

    /// Whether something was written again after it was said that there is no room. To be called between two batches.
    pub(super) fn has_room_again(&mut self) -> bool {
        let has_room = self.pages.load(Ordering::Relaxed) != NO_ROOM && std::mem::take(&mut self.is_said);
        if has_room {
            tracing::info!("the job store can be written again");
        }
        has_room
    }

    /// To be called between two batches.
    pub(super) fn tend(&mut self, db: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.most {
            self.next = self.most;
            return;
        }
        if self.through.swap(false, Ordering::AcqRel) {
            run(db, &self.failure, &self.probe);
            self.next = pages.saturating_add(PAGES_MORE);
        } else if pages >= self.next {
            self.next = pages.saturating_add(PAGES_MORE);
            match self.wake.try_send(()) {
                // It is at it.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
    }
}

impl Checkpoints {
    /// To be called when a batch was undone for want of room.
    pub(super) fn no_room(&mut self, db: &Connection, error: &rusqlite::Error) {
        let now = SystemClock.now();
        self.pages.store(NO_ROOM, Ordering::Relaxed);
        if is_due(self.said_at, now, SAID_EVERY_MS) {
            (self.said_at, self.is_said) = (Some(now), true);
            tracing::error!(
                %error,
                "the disk with the job store is full; new jobs are refused, and what has ended is kept in memory and written \
                 when there is room; make room"
            );
        }
        if is_due(self.tried_at, now, TRIED_EVERY_MS) {
            self.tried_at = Some(now);
            run(db, &self.failure, &self.probe);
        }
    }
}

/// Whether it is so long ago, or the clock was set back meanwhile.
fn is_due(at: Option<Timestamp>, now: Timestamp, every_ms: u64) -> bool {
    at.is_none_or(|at| now < at || now >= at.plus_ms(every_ms))
}

/// The thread's life. If it panics the store fails: else the WAL would grow, unnoticed, until the disk is full.
pub(super) fn attend(woken: &Receiver<()>, through: &AtomicBool, failure: &Failure, mut checkpoint: impl FnMut()) {
    failure.guard("brought the WAL into the database", || {
        while woken.recv().is_ok() {
            checkpoint();
            through.store(true, Ordering::Release);
        }
    });
}

/// Brings over as much as nobody reads. That there is no room for it is no error: it stays in the WAL. But it syncs the WAL and
/// the database, and after a failed sync nobody knows what is on the disk.
pub(super) fn run(db: &Connection, failure: &Failure, probe: &Probe) {
    if failure.check().is_err() {
        return;
    }
    let brought =
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)));
    match brought {
        Ok((pages, brought)) => tracing::debug!(pages, brought, "checkpoint"),
        // Said by whoever finds no room for a step, and less often.
        Err(error) if severity_beside(&error, probe) == Severity::Full => {
            tracing::debug!(%error, "no room for a checkpoint")
        }
        // Another connection is at it, or will be: the next checkpoint brings it over.
        Err(error) if is_busy(&error) => {
            tracing::warn!(%error, "the WAL could not be brought into the database; it grows");
        }
        Err(error) => drop(failure.fail("the WAL could not be brought into the database", &error)),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(path: &std::path::Path) -> Connection {
        let db = Connection::open(path).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        db
    }

    #[test]
    fn a_checkpoint_that_panics_ends_the_store() {
        let (failure, through) = (Failure::default(), AtomicBool::new(false));
        let (wake, woken) = sync_channel(2);
        wake.send(()).unwrap();
        // Whoever wakes it later is not left with a thread that is gone.
        wake.send(()).unwrap();
        drop(wake);
        let mut checkpoints = 0;
        attend(&woken, &through, &failure, || {
            checkpoints += 1;
            assert!(checkpoints > 1, "on purpose");
        });
        assert!(failure.check().unwrap_err().to_string().contains("panicked"));
        assert_eq!((checkpoints, through.load(Ordering::Acquire)), (2, true));
    }

    #[test]
    fn a_checkpoint_that_fails_ends_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let db = database(&path);
        let (failure, probe) = (Failure::default(), Probe::beside(&path).unwrap());
        run(&db, &failure, &probe);
        assert!(failure.check().is_ok());
        // One that cannot write stands for a disk that does not.
        let reading = Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        db.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        run(&reading, &failure, &probe);
        assert!(failure.check().is_err());
    }
}
