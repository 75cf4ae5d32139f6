//! Disks that a test controls.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use parking_lot::Mutex;

use super::super::disk::{Disk, Medium};
use super::*;

/// A disk whose syncs take as long as the test wants.
struct SlowDisk {
    wal: File,
    is_slow: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
    syncs: Arc<AtomicUsize>,
    begun: mpsc::Sender<()>,
    may_end: Mutex<mpsc::Receiver<()>>,
}

/// The test's control of a [`SlowDisk`].
pub(super) struct Pace {
    is_slow: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
    syncs: Arc<AtomicUsize>,
    begun: mpsc::Receiver<()>,
    end: mpsc::Sender<()>,
}

impl Disk for SlowDisk {
    fn file(&self) -> &File {
        &self.wal
    }

    fn sync(&self) -> io::Result<()> {
        if self.is_slow.load(Ordering::SeqCst) {
            self.begun.send(()).unwrap();
            self.may_end.lock().recv().unwrap();
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.wal.sync_data()
    }
}

impl Pace {
    /// From now on each sync begins, and ends when the test calls for it.
    pub(super) fn slow_down(&self) {
        self.is_slow.store(true, Ordering::SeqCst);
    }

    /// Lets all syncs in progress end.
    pub(super) fn speed_up(&self) {
        self.is_slow.store(false, Ordering::SeqCst);
        // Two threads may be syncing.
        (0..2).for_each(|_| self.end_sync());
    }

    /// Waits until a sync is in progress.
    pub(super) fn sync_begun(&self) {
        self.begun.recv().unwrap();
    }

    /// Lets the sync in progress, or the next one, end.
    pub(super) fn end_sync(&self) {
        self.end.send(()).unwrap();
    }

    /// Lets the sync in progress fail, and all later ones.
    pub(super) fn fail_sync(&self) {
        self.fails.store(true, Ordering::SeqCst);
        self.end_sync();
    }

    /// Returns the number of completed syncs.
    pub(super) fn syncs(&self) -> usize {
        self.syncs.load(Ordering::SeqCst)
    }
}

/// Opens a store on a disk that is fast until it is slowed down.
pub(super) fn slow_store(directory: &TempDir) -> (SqliteStore, Pace) {
    let (is_slow, fails, syncs) = (Arc::default(), Arc::default(), Arc::default());
    let ((begun, has_begun), (end, may_end)) = (mpsc::channel(), mpsc::channel());
    let pace = Pace {
        is_slow: Arc::clone(&is_slow),
        fails: Arc::clone(&fails),
        syncs: Arc::clone(&syncs),
        begun: has_begun,
        end,
    };
    let medium = Medium::with_disk(|wal| {
        Arc::new(SlowDisk { wal, is_slow, fails, syncs, begun, may_end: Mutex::new(may_end) }) as Arc<dyn Disk>
    });
    let store =
        SqliteStore::open_on(&SqliteOptions::new(directory.path().join("saggar.db")), medium, Limits::for_tests());
    (store.unwrap(), pace)
}
