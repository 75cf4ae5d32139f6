//! Disks that do what a test likes.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use parking_lot::Mutex;

use super::super::disk::{Disk, Medium};
use super::*;

/// A disk that takes as long as the test likes.
struct SlowDisk {
    wal: File,
    is_slow: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
    syncs: Arc<AtomicUsize>,
    begun: mpsc::Sender<()>,
    may_end: Mutex<mpsc::Receiver<()>>,
}

/// What the test has of it.
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
    /// From now on each sync begins, and ends when the test says so.
    pub(super) fn slow_down(&self) {
        self.is_slow.store(true, Ordering::SeqCst);
    }

    /// Lets all syncs end that are under way.
    pub(super) fn speed_up(&self) {
        self.is_slow.store(false, Ordering::SeqCst);
        // There are two threads that wait for the disk.
        (0..2).for_each(|_| self.end_sync());
    }

    /// Waits until a sync is under way.
    pub(super) fn sync_begun(&self) {
        self.begun.recv().unwrap();
    }

    /// Lets the sync that is under way, or the next one, end.
    pub(super) fn end_sync(&self) {
        self.end.send(()).unwrap();
    }

    /// Lets it end in failure, and all that follow.
    pub(super) fn fail_sync(&self) {
        self.fails.store(true, Ordering::SeqCst);
        self.end_sync();
    }

    /// How many syncs are over.
    pub(super) fn syncs(&self) -> usize {
        self.syncs.load(Ordering::SeqCst)
    }
}

/// A store on a disk that is as fast as any until it is slowed down.
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
    let store = SqliteStore::open_on(&SqliteOptions::new(directory.path().join("saggar.db")), medium);
    (store.unwrap(), pace)
}
