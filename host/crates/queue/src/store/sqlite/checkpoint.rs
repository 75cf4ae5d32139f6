//! Checkpoints: what stands in the WAL is brought into the database, so that the WAL stays short. Most of it is done by a
//! thread of its own while the writer goes on. But a WAL can begin anew only when all of it has been brought over, and under
//! load there is always a commit more; so when the thread is through, the writer itself brings over the few pages that came
//! meanwhile, between two batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rusqlite::Connection;
use rusqlite::hooks::Wal;

/// Pages in the WAL from which on it is to be brought over: 32 MiB. A checkpoint writes a page once however often it stands in
/// the WAL, so a long one saves writes; but it is read again after a crash, which takes a tenth of a second for this one.
const PAGES: i32 = 8_192;
/// After a checkpoint that could not finish because somebody read, this many pages more before the next attempt.
const PAGES_MORE: i32 = 1_024;

/// The writer's side.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    through: Arc<AtomicBool>,
    /// Pages in the WAL after the last commit.
    pages: Arc<AtomicI32>,
    next: i32,
}

impl Checkpoints {
    /// The writer's side and the thread's.
    pub(super) fn new(writer: &mut Connection) -> rusqlite::Result<(Self, Receiver<()>, Arc<AtomicBool>)> {
        let (wake, woken) = sync_channel(1);
        let through = Arc::new(AtomicBool::new(false));
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut Wal, pages| {
            seen.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok((Self { wake, through: Arc::clone(&through), pages, next: PAGES }, woken, through))
    }

    /// To be called between two batches.
    pub(super) fn tend(&mut self, db: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < PAGES {
            self.next = PAGES;
            return;
        }
        if self.through.swap(false, Ordering::AcqRel) {
            run(db);
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

/// The thread's life.
pub(super) fn attend(db: &Connection, woken: &Receiver<()>, through: &AtomicBool) {
    while woken.recv().is_ok() {
        run(db);
        through.store(true, Ordering::Release);
    }
}

/// Brings over as much as nobody reads. That there is no room for it is no error: it stays in the WAL.
pub(super) fn run(db: &Connection) {
    let brought =
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)));
    match brought {
        Ok((pages, brought)) => tracing::debug!(pages, brought, "checkpoint"),
        Err(error) => tracing::warn!(%error, "the WAL could not be brought into the database; it grows"),
    }
}
