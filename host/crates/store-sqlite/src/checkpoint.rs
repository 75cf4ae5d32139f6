//! Checkpoints: pages of the WAL are copied into the database, so that the WAL stays short. A dedicated thread does
//! most of this while the writer continues. But a WAL can be reset only when all of it has been copied, and under load
//! there is always one more commit. So when the thread is done, the writer itself copies the few pages that were added
//! meanwhile, between two batches.
//!
//! When the disk is full, a checkpoint may help: it lets the WAL be reset and reuse its allocated space.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode};
use saggar_job::{Clock, SystemClock, Timestamp};

use super::error::{Severity, severity_beside};
use super::failure::Failure;
use super::probe::Probe;

/// Further pages before the next attempt, after a checkpoint that a reader kept from finishing.
const PAGES_MORE: i32 = 1_024;

/// Intervals in milliseconds at which a full disk is logged, and at which a checkpoint is tried against it. All callers
/// retry refused steps, so the disk is found full many times a second.
const LOG_EVERY_MS: u64 = 5_000;
const TRY_EVERY_MS: u64 = 500;

/// Replaces the length of the WAL from a batch that found no room until the next successful write.
const NO_ROOM: i32 = -1;

/// Whether there is room for a commit, for other threads to query.
pub(super) struct Room {
    pages: Arc<AtomicI32>,
    probe: Arc<Probe>,
}

impl Room {
    /// Returns whether the last batch found no room and there still is none. An idle host writes nothing, so it would
    /// not notice by itself that space was freed.
    pub(super) fn is_none(&self) -> bool {
        self.pages.load(Ordering::Relaxed) == NO_ROOM && self.probe.finds_no_room()
    }
}

/// The writer's side.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    done: Arc<AtomicBool>,
    /// Pages in the WAL after the last commit.
    pages: Arc<AtomicI32>,
    /// The number of pages from which on a checkpoint is made.
    most: i32,
    next: i32,
    /// When the full disk was last logged, and whether its end has not been logged since: near the limit, small steps
    /// find room between large ones that do not.
    logged_at: Option<Timestamp>,
    is_logged: bool,
    tried_at: Option<Timestamp>,
    failure: Arc<Failure>,
    pub(super) probe: Arc<Probe>,
}

impl Checkpoints {
    /// Creates the writer's side, and the two ends for the checkpoint thread.
    pub(super) fn new(
        writer: &mut Connection,
        most: i32,
        failure: Arc<Failure>,
        probe: Arc<Probe>,
    ) -> rusqlite::Result<(Self, Receiver<()>, Arc<AtomicBool>)> {
        let (wake, woken) = sync_channel(1);
        let done = Arc::new(AtomicBool::new(false));
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok((
            Self {
                wake,
                done: Arc::clone(&done),
                pages,
                most,
                next: most,
                logged_at: None,
                is_logged: false,
                tried_at: None,
                failure,
                probe,
            },
            woken,
            done,
        ))
    }

    /// Returns a handle for other threads.
    pub(super) fn room(&self) -> Room {
        Room { pages: Arc::clone(&self.pages), probe: Arc::clone(&self.probe) }
    }

    /// Pages in the WAL after the last commit of this process; `None` while there is no room for a commit.
    pub(super) fn pages(&self) -> Option<u64> {
        u64::try_from(self.pages.load(Ordering::Relaxed)).ok()
    }

    /// Returns whether a write succeeded after a full disk was logged. To be called between two batches.
    pub(super) fn has_room_again(&mut self) -> bool {
        let has_room = self.pages.load(Ordering::Relaxed) != NO_ROOM && std::mem::take(&mut self.is_logged);
        if has_room {
            tracing::info!("the job store can be written again");
        }
        has_room
    }

    /// Wakes the checkpoint thread, or finishes its checkpoint. To be called between two batches.
    pub(super) fn maintain(&mut self, db: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.most {
            self.next = self.most;
            return;
        }
        if self.done.swap(false, Ordering::AcqRel) {
            run(db, &self.failure, &self.probe);
            self.next = pages.saturating_add(PAGES_MORE);
        } else if pages >= self.next {
            self.next = pages.saturating_add(PAGES_MORE);
            match self.wake.try_send(()) {
                // If the channel is full, the thread is already awake.
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
    }
}

impl Checkpoints {
    /// Logs the full disk and tries a checkpoint, both at limited rates. To be called when a batch was rolled back
    /// because the disk was full.
    pub(super) fn no_room(&mut self, db: &Connection, error: &rusqlite::Error) {
        let now = SystemClock.now();
        self.pages.store(NO_ROOM, Ordering::Relaxed);
        if is_due(self.logged_at, now, LOG_EVERY_MS) {
            (self.logged_at, self.is_logged) = (Some(now), true);
            tracing::error!(
                %error,
                "the disk with the job store is full; new jobs are refused, and finished jobs are kept in memory and \
                 written when there is room; make room"
            );
        }
        if is_due(self.tried_at, now, TRY_EVERY_MS) {
            self.tried_at = Some(now);
            run(db, &self.failure, &self.probe);
        }
    }
}

/// Returns whether the interval has passed, or the clock was set back meanwhile.
fn is_due(at: Option<Timestamp>, now: Timestamp, every_ms: u64) -> bool {
    at.is_none_or(|at| now < at || now >= at.plus_ms(every_ms))
}

/// Runs the checkpoint thread. If it panics, the store fails: otherwise the WAL would grow unnoticed until the disk is
/// full.
pub(super) fn run_thread(woken: &Receiver<()>, done: &AtomicBool, failure: &Failure, mut checkpoint: impl FnMut()) {
    failure.guard("made checkpoints", || {
        while woken.recv().is_ok() {
            checkpoint();
            done.store(true, Ordering::Release);
        }
    });
}

/// Copies all pages that no reader needs. Lack of room is not an error: the pages stay in the WAL. But a checkpoint
/// syncs the WAL and the database, and after a failed sync the content of the disk is unknown.
pub(super) fn run(db: &Connection, failure: &Failure, probe: &Probe) {
    if failure.check().is_err() {
        return;
    }
    let copied =
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)));
    match copied {
        Ok((pages, copied)) => tracing::debug!(pages, copied, "checkpoint"),
        // Logged by the step that finds no room, at a lower rate.
        Err(error) if severity_beside(&error, probe) == Severity::Full => {
            tracing::debug!(%error, "no room for a checkpoint")
        }
        // Another connection is making a checkpoint or will make one: the next one copies the pages.
        Err(error) if is_busy(&error) => {
            tracing::warn!(%error, "the WAL could not be checkpointed; it grows");
        }
        Err(error) => drop(failure.fail("the WAL could not be checkpointed", &error)),
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
    fn a_checkpoint_that_panics_fails_the_store() {
        let (failure, done) = (Failure::default(), AtomicBool::new(false));
        let (wake, woken) = sync_channel(2);
        wake.send(()).unwrap();
        // Later wake-ups must find a running thread.
        wake.send(()).unwrap();
        drop(wake);
        let mut checkpoints = 0;
        run_thread(&woken, &done, &failure, || {
            checkpoints += 1;
            assert!(checkpoints > 1, "on purpose");
        });
        assert!(failure.check().unwrap_err().to_string().contains("panicked"));
        assert_eq!((checkpoints, done.load(Ordering::Acquire)), (2, true));
    }

    #[test]
    fn a_failed_checkpoint_fails_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let db = database(&path);
        let (failure, probe) = (Failure::default(), Probe::beside(&path).unwrap());
        run(&db, &failure, &probe);
        assert!(failure.check().is_ok());
        // A read-only connection simulates a disk that cannot be written.
        let reading = Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        db.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        run(&reading, &failure, &probe);
        assert!(failure.check().is_err());
    }
}
